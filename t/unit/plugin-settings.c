/* SPDX-License-Identifier: MIT */
#include "core/plugin/settings.h"

#include "core/conf/setting.h"
#include "core/plugin/sdk.h"

enum {
    AT_BOOL,
    AT_INT,
    AT_DURATION,
    AT_SIZE,
    AT_SCORE,
    AT_ENUM,
    AT_STRING,
    AT_ADDRESS,
    AT_LIST,
    AT_NETS,
    AT_FILE,
    AT_FILES
};

static void
add_spec(WnPluginInfo *info, const char *name, WnOptionKind kind,
    uint32_t flags, const char *fallback)
{
    static const char *const choices[] = { "low", "high", NULL };
    WnOptionSpec spec = { .name = g_strdup(name),
        .kind = kind,
        .flags = flags,
        .fallback = g_strdup(fallback) };

    if (kind == WN_OPTION_ENUM)
        spec.choices = g_strdupv((char **)(uintptr_t)choices);
    g_array_append_val(info->options, spec);
}

static WnPluginInfo *
make_info(void)
{
    WnPluginInfo *info = wn_plugin_info_new("test", WN_PLUGIN_FILTER);

    add_spec(info, "bool", WN_OPTION_BOOL, 0, "yes");
    add_spec(info, "int", WN_OPTION_INT, 0, "-7");
    add_spec(info, "duration", WN_OPTION_DURATION, 0, "30s");
    add_spec(info, "size", WN_OPTION_SIZE, 0, "64k");
    add_spec(info, "score", WN_OPTION_SCORE, 0, "2.5");
    add_spec(info, "enum", WN_OPTION_ENUM, 0, "high");
    add_spec(info, "string", WN_OPTION_STRING, 0, "text");
    add_spec(info, "address", WN_OPTION_ADDRESS, WN_OPTION_REQUIRED, NULL);
    add_spec(info, "list", WN_OPTION_STRING_LIST, 0, "a; b ;c");
    add_spec(info, "nets", WN_OPTION_NET_LIST, 0,
        "10.0.0.0/8; 10.1.0.0/16; 2001:db8::/32");
    add_spec(info, "file", WN_OPTION_STRING, WN_OPTION_FILE, "");
    add_spec(info, "files", WN_OPTION_STRING_LIST, WN_OPTION_FILE, "");
    return info;
}

static WnSettings *
make(const WnPluginInfo *info, const char *const *base,
    const WnSettingPair *pairs, size_t n_pairs)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(wn_setting_free);
    g_autoptr(GError) error = NULL;
    WnSettings *settings;

    for (int i = 0; base != NULL && base[i] != NULL; i += 2)
        g_ptr_array_add(list,
            wn_setting_new(base[i], base[i + 1], "x.conf", "/etc/w", 1));
    settings = wn_settings_new(info, list, pairs, n_pairs, &error);
    g_assert_no_error(error);
    return settings;
}

static void
test_fallbacks(void)
{
    static const struct {
        uint32_t option;
        int64_t value;
    } numbers[] = { { AT_BOOL, 1 }, { AT_INT, -7 }, { AT_DURATION, 30000 },
        { AT_SIZE, 65536 }, { AT_SCORE, 2500 }, { AT_ENUM, 1 }, { 99, 0 } };
    g_autoptr(WnSettings) settings = NULL;
    WnPluginInfo *info = make_info();
    const WnSettingsApi *api = wn_settings_api();

    settings = make(info, NULL, NULL, 0);
    for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++)
        g_assert_cmpint(api->integer(settings, numbers[i].option), ==,
            numbers[i].value);
    g_assert_cmpstr(api->string(settings, AT_STRING).ptr, ==, "text");
    g_assert_cmpuint(api->string(settings, AT_STRING).len, ==, 4);
    g_assert_cmpstr(api->string(settings, AT_ADDRESS).ptr, ==, "");
    g_assert_cmpstr(api->string(settings, 99).ptr, ==, "");
    g_assert_cmpuint(api->count(settings, AT_LIST), ==, 3);
    g_assert_cmpstr(api->item(settings, AT_LIST, 1).ptr, ==, "b");
    g_assert_cmpstr(api->item(settings, AT_LIST, 3).ptr, ==, "");
    g_assert_cmpuint(api->count(settings, AT_STRING), ==, 0);
    wn_settings_free(g_steal_pointer(&settings));
    wn_plugin_info_free(info);
}

static void
test_other_types(void)
{
    static const char *const plain[] = { "bool", "int", "duration", "size",
        "score", "enum", "list", "nets", "files" };
    g_autoptr(WnSettings) settings = NULL;
    WnPluginInfo *info = make_info();
    const WnSettingsApi *api = wn_settings_api();
    WnSettingPair address = { WN_SPAN("address"), WN_SPAN("a@b.example") };
    unsigned n;

    settings = make(info, NULL, &address, 1);
    for (size_t i = 0; i < G_N_ELEMENTS(plain); i++) {
        g_assert_nonnull(wn_plugin_info_option(info, plain[i], &n));
        g_assert_cmpstr(api->string(settings, n).ptr, ==, "");
    }
    g_assert_nonnull(wn_plugin_info_option(info, "address", &n));
    g_assert_cmpstr(api->string(settings, n).ptr, ==, "a@b.example");
    g_assert_cmpint(api->integer(settings, n), ==, 0);
    g_assert_cmpuint(api->count(settings, n), ==, 0);
    g_assert_cmpstr(api->item(settings, n, 0).ptr, ==, "");
    g_assert_cmpint(api->net_match(settings, n, (const uint8_t *)"\1\1\1\1", 4),
        ==, WN_E_NOT_FOUND);
    wn_settings_free(g_steal_pointer(&settings));
    wn_plugin_info_free(info);
}

static void
test_networks(void)
{
    static const uint8_t inner[] = { 10, 1, 2, 3 };
    static const uint8_t outer[] = { 10, 2, 0, 1 };
    static const uint8_t foreign[] = { 192, 0, 2, 1 };
    static const uint8_t six[16] = { 0x20, 0x01, 0x0d, 0xb8 };
    const WnSettingsApi *api = wn_settings_api();
    WnPluginInfo *info = make_info();
    WnSettings *settings = make(info, NULL, NULL, 0);

    g_assert_cmpint(api->net_match(settings, AT_NETS, inner, 4), ==, 1);
    g_assert_cmpint(api->net_match(settings, AT_NETS, outer, 4), ==, 0);
    g_assert_cmpint(api->net_match(settings, AT_NETS, six, 16), ==, 2);
    g_assert_cmpint(api->net_match(settings, AT_NETS, foreign, 4), ==,
        WN_E_NOT_FOUND);
    g_assert_cmpint(api->net_match(settings, AT_NETS, inner, 5), ==,
        WN_E_INVALID);
    g_assert_cmpint(api->net_match(settings, AT_LIST, inner, 4), ==,
        WN_E_NOT_FOUND);
    wn_settings_free(settings);
    wn_plugin_info_free(info);
}

/* Fallback, then conf.d, then the domain; what is of no option is not looked
 * at; files start in the folder of the file that names them. */
static void
test_layers(void)
{
    static const char *const base[] = { "int", "1", "string", "conf.d", "file",
        "lists/a", "files", "b; /c", "action.text", "no", NULL };
    static const WnSettingPair pairs[] = {
        { { "string", 6 }, { "domainX", 6 } },
        { { "unknown", 7 }, { "x", 1 } },
    };
    const WnSettingsApi *api = wn_settings_api();
    WnPluginInfo *info = make_info();
    WnSettings *settings = make(info, base, pairs, G_N_ELEMENTS(pairs));

    g_assert_cmpint(api->integer(settings, AT_INT), ==, 1);
    g_assert_cmpint(api->integer(settings, AT_SIZE), ==, 65536);
    g_assert_cmpstr(api->string(settings, AT_STRING).ptr, ==, "domain");
    g_assert_cmpstr(api->string(settings, AT_FILE).ptr, ==, "/etc/w/lists/a");
    g_assert_cmpstr(api->item(settings, AT_FILES, 0).ptr, ==, "/etc/w/b");
    g_assert_cmpstr(api->item(settings, AT_FILES, 1).ptr, ==, "/c");
    wn_settings_free(settings);
    wn_plugin_info_free(info);
}

static void
test_content(void)
{
    static const WnSettingPair same[] = { { { "int", 3 }, { "-7", 2 } } };
    static const WnSettingPair other[] = { { { "int", 3 }, { "8", 1 } } };
    WnPluginInfo *info = make_info();
    WnSettings *one = make(info, NULL, NULL, 0);
    WnSettings *two = make(info, NULL, same, 1);
    WnSettings *three = make(info, NULL, other, 1);

    g_assert_cmpstr(wn_settings_content(one), ==, wn_settings_content(two));
    g_assert_cmpstr(wn_settings_content(one), !=, wn_settings_content(three));
    wn_settings_free(one);
    wn_settings_free(two);
    wn_settings_free(three);
    wn_plugin_info_free(info);
}

static void
test_bad_value(void)
{
    static const WnSettingPair pairs[] = { { { "int", 3 }, { "many", 4 } } };
    WnPluginInfo *info = make_info();
    g_autoptr(GError) error = NULL;

    g_assert_null(wn_settings_new(info, NULL, pairs, 1, &error));
    g_assert_cmpstr(error->message, ==,
        "option \"int\": \"many\" is not a number (like 10)");
    wn_plugin_info_free(info);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/plugin/settings/fallbacks", test_fallbacks);
    g_test_add_func("/plugin/settings/other-types", test_other_types);
    g_test_add_func("/plugin/settings/networks", test_networks);
    g_test_add_func("/plugin/settings/layers", test_layers);
    g_test_add_func("/plugin/settings/content", test_content);
    g_test_add_func("/plugin/settings/bad-value", test_bad_value);
    return g_test_run();
}
