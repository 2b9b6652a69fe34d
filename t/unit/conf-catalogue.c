/* SPDX-License-Identifier: MIT */
#include "core/conf/catalogue.h"

#include "t/unit/conf-fixture.h"

static WnCatalogue *
example(void)
{
    WnCatalogue *self = catalogue_of_plugins();
    WnPluginInfo *info = wn_plugin_info_new("geoip", WN_PLUGIN_FILTER);
    WnOptionSpec spec = {
        .name = g_strdup("mode"),
        .help = g_strdup("How to look."),
        .kind = WN_OPTION_ENUM,
        .flags = WN_OPTION_PER_DOMAIN,
        .fallback = g_strdup("fast"),
        .min = -5,
        .max = INT64_MAX,
        .choices = g_strsplit("fast exact", " ", 0),
    };

    info->version = g_strdup("1.2");
    info->summary = g_strdup("Countries.");
    info->path = g_strdup("/usr/lib/x/geoip.so");
    info->abi_minor = 3;
    g_array_append_val(info->options, spec);
    wn_catalogue_take(self, info);
    return self;
}

static void
test_round_trip(void)
{
    g_autoptr(WnCatalogue) catalogue = example();
    g_autoptr(WnCatalogue) copy = NULL;
    g_autoptr(GError) error = NULL;
    g_auto(WnWriter) writer;
    const WnPluginInfo *info;
    const WnOptionSpec *spec;
    unsigned index = 9;

    wn_writer_init(&writer);
    wn_catalogue_write(catalogue, &writer);
    copy = wn_catalogue_read(wn_writer_span(&writer), &error);
    g_assert_no_error(error);
    g_assert_cmpuint(wn_catalogue_count(copy), ==,
        wn_catalogue_count(catalogue));
    info = wn_catalogue_find(copy, "geoip");
    g_assert_cmpstr(info->version, ==, "1.2");
    g_assert_null(info->author);
    g_assert_cmpuint(info->abi_minor, ==, 3);
    spec = wn_plugin_info_option(info, "mode", &index);
    g_assert_cmpuint(index, ==, 0);
    g_assert_cmpint(spec->min, ==, -5);
    g_assert_cmpint(spec->max, ==, INT64_MAX);
    g_assert_cmpstr(spec->choices[1], ==, "exact");
    g_assert_null(spec->choices[2]);
    info = wn_catalogue_find(copy, "modify_subject");
    g_assert_cmpint(info->kind, ==, WN_PLUGIN_ACTION);
    g_assert_cmpuint(info->flags, ==, WN_PLUGIN_NEVER_REFUSES);
    g_assert_null(wn_plugin_info_option(info, "tag", NULL)->fallback);
    g_assert_null(wn_plugin_info_option(info, "mode", NULL));
    g_assert_null(wn_catalogue_find(copy, "nothing"));
}

static void
test_truncated_is_refused(void)
{
    g_autoptr(WnCatalogue) catalogue = example();
    g_auto(WnWriter) writer;
    WnSpan whole;

    wn_writer_init(&writer);
    wn_catalogue_write(catalogue, &writer);
    whole = wn_writer_span(&writer);
    for (size_t len = 0; len < whole.len; len++) {
        g_autofree char *exact = g_memdup2(whole.ptr, len);
        g_autoptr(GError) error = NULL;

        g_assert_null(wn_catalogue_read(wn_span(exact, len), &error));
        g_assert_error(error, WN_CONF_ERROR, WN_CONF_ERROR_DAMAGED);
    }
}

/* Whatever one byte says, reading ends well or in an error. */
static void
test_damaged_does_no_harm(void)
{
    static const uint8_t values[] = { 0x00, 0x01, 0x7f, 0x80, 0xff };
    g_autoptr(WnCatalogue) catalogue = example();
    g_auto(WnWriter) writer;
    WnSpan whole;

    wn_writer_init(&writer);
    wn_catalogue_write(catalogue, &writer);
    whole = wn_writer_span(&writer);
    for (size_t at = 0; at < whole.len; at++) {
        g_autofree uint8_t *bytes = g_memdup2(whole.ptr, whole.len);

        for (size_t i = 0; i < sizeof(values); i++) {
            g_autoptr(GError) error = NULL;
            g_autoptr(WnCatalogue) copy = NULL;

            bytes[at] = values[i];
            copy = wn_catalogue_read(wn_span(bytes, whole.len), &error);
            g_assert_cmpint(copy == NULL, ==, error != NULL);
        }
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/conf/catalogue/round-trip", test_round_trip);
    g_test_add_func("/conf/catalogue/truncated", test_truncated_is_refused);
    g_test_add_func("/conf/catalogue/damaged", test_damaged_does_no_harm);
    return g_test_run();
}
