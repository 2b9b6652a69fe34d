/* SPDX-License-Identifier: MIT */
#include "core/sync/mirror.h"

#include "core/base/publish.h"
#include "core/conf/setting.h"

#include <glib/gstdio.h>
#include <string.h>

typedef struct Stage {
    char *state;
    char *path;
} Stage;

static void
set_up(Stage *self, const void *data)
{
    (void)data;
    self->state = g_dir_make_tmp("winnow-XXXXXX", NULL);
    self->path = g_build_filename(self->state, "mirror", "domains", NULL);
}

static void
tear_down(Stage *self, const void *data)
{
    (void)data;
    wn_folder_remove(self->state, NULL);
    g_free(self->state);
    g_free(self->path);
}

static WnDomainSetting *
make_domain(const char *name)
{
    WnDomainSetting *domain = wn_domain_setting_new(name);
    WnFilterSetting *filter = wn_filter_setting_new("rbl");

    domain->line = 7;
    domain->delivery = WN_DELIVERY_ORDERED;
    domain->mailboxes = WN_MAILBOXES_LISTED;
    domain->tls = WN_TLS_POLICY_DANE;
    domain->status = WN_DOMAIN_SUSPENDED;
    domain->firewall = true;
    domain->max_message_size = 123456;
    domain->queue_lifetime_ms = 86400000;
    domain->reject_text = g_strdup("");
    wn_domain_setting_add_server(domain, "mx.example.net", 2525, 3);
    wn_domain_setting_add_server(domain, "192.0.2.1", 25, 65535)
        ->own_tls = WN_OWN_TLS(WN_TLS_POLICY_VERIFY);
    filter->enabled = 0;
    filter->position = 1000000;
    filter->on_match = WN_ON_MATCH_CONTINUE;
    filter->line = 9;
    g_ptr_array_add(filter->settings,
        wn_setting_new("zones", "a.example; b.example", NULL, "/", 11));
    g_ptr_array_add(filter->settings,
        wn_setting_new("allow_clients", "192.0.2.0/24",
            WN_MIRROR_PLACE "access_entry/x", "/", 0));
    domain->filter_settings = g_ptr_array_new_with_free_func(
        wn_filter_setting_free);
    g_ptr_array_add(domain->filter_settings, filter);
    wn_domain_setting_add_mailbox(domain, "john.doe", WN_FILTERING_OFF);
    return domain;
}

static WnMirror *
make_mirror(unsigned n)
{
    WnMirror *mirror = wn_mirror_new();

    for (unsigned i = 0; i < n; i++) {
        g_autofree char *name = g_strdup_printf("d%u.example", i);
        g_autoptr(WnDomainSetting) domain = make_domain(name);

        wn_mirror_put(mirror, domain, NULL);
    }
    wn_mirror_set_revision(mirror, UINT64_C(0x123456789));
    return mirror;
}

static void
write_mirror(const Stage *self, const WnMirror *mirror)
{
    g_autoptr(GError) error = NULL;

    g_assert_true(wn_mirror_write(mirror, self->state, &error));
    g_assert_no_error(error);
}

static void
assert_domain(const WnDomainSetting *domain, const char *name)
{
    const WnServerSetting *server = domain->servers->pdata[1];
    const WnFilterSetting *filter = domain->filter_settings->pdata[0];
    const WnSetting *zones = filter->settings->pdata[0];
    const WnSetting *entries = filter->settings->pdata[1];
    g_autofree char *place = g_strdup_printf(WN_MIRROR_PLACE
        "domain_filter_option/%s/rbl/zones",
        name);

    g_assert_cmpstr(domain->name, ==, name);
    g_assert_cmpuint(domain->line, ==, 7);
    g_assert_cmpint(domain->delivery, ==, WN_DELIVERY_ORDERED);
    g_assert_cmpint(domain->tls, ==, WN_TLS_POLICY_DANE);
    g_assert_cmpint(domain->status, ==, WN_DOMAIN_SUSPENDED);
    g_assert_true(domain->enabled && domain->firewall && !domain->faulty);
    g_assert_cmpint(domain->queue_lifetime_ms, ==, 86400000);
    g_assert_cmpstr(domain->reject_text, ==, "");
    g_assert_null(domain->egress_pool);
    g_assert_cmpuint(domain->servers->len, ==, 2);
    g_assert_cmpstr(server->host, ==, "192.0.2.1");
    g_assert_cmpuint(server->own_tls, ==, WN_OWN_TLS(WN_TLS_POLICY_VERIFY));
    g_assert_cmpuint(server->weight, ==, 65535);
    g_assert_cmpint(filter->enabled, ==, 0);
    g_assert_cmpint(filter->position, ==, 1000000);
    g_assert_cmpint(filter->on_match, ==, WN_ON_MATCH_CONTINUE);
    g_assert_cmpint(filter->on_error, ==, -1);
    g_assert_null(filter->action);
    g_assert_cmpstr(zones->value, ==, "a.example; b.example");
    g_assert_cmpstr(zones->file, ==, place);
    g_assert_cmpuint(zones->line, ==, 11);
    g_assert_true(
        g_str_has_prefix(entries->file, WN_MIRROR_PLACE "access_entry/"));
    g_assert_cmpint(g_array_index(domain->mailbox_list, WnMailboxSetting, 0)
                        .filtering,
        ==, WN_FILTERING_OFF);
}

static void
test_round_trip(Stage *self, const void *data)
{
    g_autoptr(WnMirror) mirror = make_mirror(20);
    g_autoptr(GError) error = NULL;
    g_autoptr(WnMirror) read = NULL;
    g_autoptr(WnDomainSetting) domain = NULL;

    (void)data;
    write_mirror(self, mirror);
    read = wn_mirror_read(self->state, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(wn_mirror_revision(read), ==, UINT64_C(0x123456789));
    g_assert_cmpuint(wn_mirror_n_domains(read), ==, 20);
    domain = wn_mirror_domain(read, "d13.example", NULL);
    assert_domain(domain, "d13.example");
    g_assert_null(wn_mirror_domain(read, "d20.example", NULL));
}

static void
note_name(void *user, WnDomainSetting *take_domain)
{
    g_string_append_printf(user, "%s%s ", take_domain->name,
        take_domain->faulty ? "!" : "");
    wn_domain_setting_free(take_domain);
}

static void
test_order_and_faults(Stage *self, const void *data)
{
    g_autoptr(WnMirror) mirror = wn_mirror_new();
    g_autoptr(WnProblems) problems = wn_problems_new();
    g_autoptr(GString) names = g_string_new(NULL);
    g_autoptr(GPtrArray) faults = g_ptr_array_new();
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(WnMirror) read = NULL;
    static const char *const order[] = { "b.example", "a.example",
        "a-b.example" };

    (void)data;
    g_ptr_array_add(faults, (char[]){ "domain_server/b.example/1: port: no" });
    for (unsigned i = 0; i < G_N_ELEMENTS(order); i++) {
        g_autoptr(WnDomainSetting) domain = make_domain(order[i]);

        domain->faulty = i == 0;
        wn_mirror_put(mirror, domain, i == 0 ? faults : NULL);
    }
    wn_mirror_add_fault(mirror, "domain/?: name is NULL");
    write_mirror(self, mirror);
    read = wn_mirror_read(self->state, NULL);
    wn_mirror_each(read, problems, note_name, names);
    g_assert_cmpstr(names->str, ==, "a-b.example a.example b.example! ");
    wn_problems_print(problems, text);
    g_assert_cmpstr(text->str, ==,
        "database:domain/?: name is NULL\n"
        "database:domain_server/b.example/1: port: no\n");
}

static void
test_changes(Stage *self, const void *data)
{
    g_autoptr(WnMirror) before = make_mirror(10);
    g_autoptr(WnMirror) after = make_mirror(10);
    g_autoptr(WnDomainSetting) off = make_domain("d4.example");

    (void)self;
    (void)data;
    g_assert_true(wn_mirror_remove(after, "d3.example"));
    g_assert_false(wn_mirror_remove(after, "d3.example"));
    off->enabled = false;
    wn_mirror_put(after, off, NULL);
    g_assert_cmpuint(wn_mirror_n_domains(after), ==, 9);
    g_assert_cmpuint(wn_mirror_n_enabled(after), ==, 8);
    g_assert_cmpuint(wn_mirror_n_lost(before, after), ==, 2);
    g_assert_cmpuint(wn_mirror_n_lost(after, before), ==, 0);
}

static void
test_absent(Stage *self, const void *data)
{
    g_autoptr(GError) error = NULL;

    (void)data;
    g_assert_null(wn_mirror_read(self->state, &error));
    g_assert_no_error(error);
}

static void
assert_refused(const Stage *self, const char *bytes, size_t len)
{
    g_autoptr(GError) error = NULL;

    g_assert_true(g_file_set_contents(self->path, bytes, (gssize)len, NULL));
    g_assert_null(wn_mirror_read(self->state, &error));
    g_assert_error(error, WN_CONF_ERROR, WN_CONF_ERROR_DAMAGED);
}

static void
test_truncated(Stage *self, const void *data)
{
    g_autoptr(WnMirror) mirror = make_mirror(2);
    g_autofree char *bytes = NULL;
    size_t len;

    (void)data;
    write_mirror(self, mirror);
    g_assert_true(g_file_get_contents(self->path, &bytes, &len, NULL));
    for (size_t n = 0; n < len; n += 1 + n / 64)
        assert_refused(self, bytes, n);
}

static void
test_flipped(Stage *self, const void *data)
{
    g_autoptr(WnMirror) mirror = make_mirror(2);
    g_autofree char *bytes = NULL;
    size_t len;

    (void)data;
    write_mirror(self, mirror);
    g_assert_true(g_file_get_contents(self->path, &bytes, &len, NULL));
    for (size_t i = 0; i < len; i++) {
        bytes[i] ^= (char)(1 << i % 8);
        assert_refused(self, bytes, len);
        bytes[i] ^= (char)(1 << i % 8);
    }
}

#define TEST(name, fn) \
    g_test_add("/sync/mirror/" name, Stage, NULL, set_up, fn, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    TEST("round-trip", test_round_trip);
    TEST("order-and-faults", test_order_and_faults);
    TEST("changes", test_changes);
    TEST("absent", test_absent);
    TEST("truncated", test_truncated);
    TEST("flipped", test_flipped);
    return g_test_run();
}
