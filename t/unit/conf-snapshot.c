/* SPDX-License-Identifier: MIT */
#include "core/conf/snapshot.h"

#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/crc32c.h"
#include "core/conf/snapshot_format.h"
#include "t/unit/conf-build.h"

#define BUILT 1795328898

static const char
    filters[] = "[egress main]\naddresses = 192.0.2.9\n"
                "[filter urlphone]\nposition = 20\naction = reject\n"
                "[filter rbl]\nposition = 60\naction = modify_subject\n"
                "action.tag = [Blacklisted Sender]\n";

static void
write_example(Fixture *fixture)
{
    fixture_init(fixture);
    fixture_write(fixture, "winnow.conf", filters);
    fixture_write(fixture, "domains.d/a.conf",
        "[domain example.com]\n"
        "servers = 10.1.2.3:2525; mail2.example.com\n"
        "delivery = ordered\n"
        "mailboxes = listed\n"
        "filter_default = off\n"
        "firewall = true\n"
        "egress_pool = main\n"
        "tls = require\n"
        "max_message_size = 10M\n"
        "status = suspended\n"
        "queue_lifetime = 1d\n"
        "delay_notice = 2h\n"
        "technical_contact = t@example.com\n"
        "reject_text = no\n");
    fixture_write(fixture, "domains.d/example.com.mailboxes",
        "john\njo filtering=on\njohn.doe filtering=off\nzoe\nAl\n");
    fixture_write(fixture, "domains.d/b.conf",
        "[domain b.example]\nservers = 10.0.0.1\n"
        "[domain c.example]\nservers = 10.0.0.1\n");
    fixture_write(fixture, "domains.d/d.conf",
        "[domain plain.example]\nservers = 10.0.0.1\nfilters =\n");
}

static WnSnapshot *
example(Fixture *fixture)
{
    WnSnapshot *snapshot;

    wn_clock_fake(0, INT64_C(1000) * BUILT);
    write_example(fixture);
    snapshot = build(fixture);
    assert_problems(fixture->problems, "");
    return snapshot;
}

static void
test_domain(void)
{
    g_auto(Fixture) fixture = { 0 };
    g_autoptr(WnSnapshot) snapshot = example(&fixture);
    WnDomain domain;
    WnServer server;

    g_assert_cmpuint(wn_snapshot_generation(snapshot), ==, 42);
    g_assert_cmpint(wn_snapshot_built(snapshot), ==, BUILT);
    g_assert_cmpuint(wn_snapshot_n_domains(snapshot), ==, 4);
    g_assert_true(
        wn_snapshot_domain(snapshot, WN_SPAN("example.com"), &domain));
    g_assert_true(wn_span_eq(domain.name, WN_SPAN("example.com")));
    g_assert_cmpint(domain.status, ==, WN_DOMAIN_SUSPENDED);
    g_assert_cmpint(domain.delivery, ==, WN_DELIVERY_ORDERED);
    g_assert_cmpint(domain.mailboxes, ==, WN_MAILBOXES_LISTED);
    g_assert_false(domain.filter_default);
    g_assert_true(domain.firewall);
    g_assert_cmpint(domain.tls, ==, WN_TLS_POLICY_REQUIRE);
    g_assert_cmpint(domain.max_message_size, ==, 10 << 20);
    g_assert_cmpint(domain.queue_lifetime_ms, ==, 86400000);
    g_assert_cmpint(domain.delay_notice_ms, ==, 7200000);
    g_assert_true(wn_span_eq(domain.egress_pool, WN_SPAN("main")));
    g_assert_true(
        wn_span_eq(domain.technical_contact, WN_SPAN("t@example.com")));
    g_assert_cmpuint(domain.n_servers, ==, 2);
    server = wn_snapshot_server(snapshot, &domain, 0);
    g_assert_true(wn_span_eq(server.host, WN_SPAN("10.1.2.3")));
    g_assert_cmpuint(server.port, ==, 2525);
    server = wn_snapshot_server(snapshot, &domain, 1);
    g_assert_cmpstr(server.host.ptr, ==, "mail2.example.com");
    g_assert_cmpuint(server.port, ==, 25);
    g_assert_cmpuint(server.weight, ==, 1);
}

static void
test_unknown_domains(void)
{
    static const char *const names[] = { "", "example.co", "example.comm",
        "EXAMPLE.COM", "com", ".example.com", "a.example.com" };
    g_auto(Fixture) fixture = { 0 };
    g_autoptr(WnSnapshot) snapshot = example(&fixture);
    WnDomain domain;

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        g_assert_false(
            wn_snapshot_domain(snapshot, wn_span_str(names[i]), &domain));
    g_assert_false(
        wn_snapshot_domain(snapshot, WN_SPAN("example.com\0"), &domain));
    g_assert_false(wn_snapshot_domain_at(snapshot, 4, &domain));
}

static void
test_index_is_sorted(void)
{
    static const char *const names[] = { "b.example", "c.example",
        "example.com", "plain.example" };
    g_auto(Fixture) fixture = { 0 };
    g_autoptr(WnSnapshot) snapshot = example(&fixture);

    for (uint32_t i = 0; i < G_N_ELEMENTS(names); i++) {
        WnDomain domain;

        g_assert_true(wn_snapshot_domain_at(snapshot, i, &domain));
        g_assert_cmpstr(domain.name.ptr, ==, names[i]);
        g_assert_cmpuint(domain.index, ==, i);
    }
}

static void
test_mailboxes(void)
{
    static const struct {
        const char *local_part;
        bool listed, filtered;
    } cases[] = {
        { "john", true, false },
        { "jo", true, true },
        { "john.doe", true, false },
        { "zoe", true, false },
        { "al", true, false },
        { "joh", false, false },
        { "john.do", false, false },
        { "zz", false, false },
        { "", false, false },
    };
    g_auto(Fixture) fixture = { 0 };
    g_autoptr(WnSnapshot) snapshot = example(&fixture);
    WnFiltering filtering;
    WnDomain domain;
    bool filtered;

    g_assert_true(
        wn_snapshot_domain(snapshot, WN_SPAN("example.com"), &domain));
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_assert_cmpint(wn_snapshot_mailbox(snapshot, &domain,
                            wn_span_str(cases[i].local_part), &filtered),
            ==, cases[i].listed);
        g_assert_cmpint(filtered, ==, cases[i].filtered);
    }
    g_assert_cmpuint(domain.n_mailboxes, ==, 5);
    g_assert_cmpstr(wn_snapshot_mailbox_at(snapshot, &domain, 0, &filtering)
                        .ptr,
        ==, "al");
    g_assert_true(wn_snapshot_domain(snapshot, WN_SPAN("b.example"), &domain));
    g_assert_true(
        wn_snapshot_mailbox(snapshot, &domain, WN_SPAN("any"), &filtered));
    g_assert_true(filtered);
}

static void
test_classes(void)
{
    g_auto(Fixture) fixture = { 0 };
    g_autoptr(WnSnapshot) snapshot = example(&fixture);
    g_autofree char *chain = dump_domain(snapshot, "example.com");
    WnDomain b, c, example_com, plain;
    WnClass class_;

    g_assert_true(wn_snapshot_domain(snapshot, WN_SPAN("b.example"), &b));
    g_assert_true(wn_snapshot_domain(snapshot, WN_SPAN("c.example"), &c));
    g_assert_true(
        wn_snapshot_domain(snapshot, WN_SPAN("example.com"), &example_com));
    g_assert_true(
        wn_snapshot_domain(snapshot, WN_SPAN("plain.example"), &plain));
    g_assert_cmpuint(wn_snapshot_n_classes(snapshot), ==, 3);
    g_assert_cmpuint(b.class_id, ==, c.class_id);
    g_assert_cmpuint(b.class_id, !=, example_com.class_id);
    g_assert_cmpuint(plain.class_id, ==, 0);
    g_assert_cmpstr(chain, ==,
        "urlphone>reject stop skip action.text=no|rbl>modify_subject continue "
        "skip action.tag=[Blacklisted Sender]");
    g_assert_true(wn_snapshot_class(snapshot, 0, &class_));
    g_assert_cmpuint(class_.n_links, ==, 0);
    g_assert_false(class_.may_refuse || class_.has_early);
    g_assert_true(wn_snapshot_class(snapshot, example_com.class_id, &class_));
    g_assert_true(wn_span_eq(class_.reject_text, WN_SPAN("no")));
    g_assert_false(wn_snapshot_class(snapshot, 3, &class_));
}

/* The names of the files change the order in which domains are added. */
static void
test_same_bytes_in_any_order(void)
{
    g_autoptr(GByteArray) first = NULL;

    wn_clock_fake(0, INT64_C(1000) * BUILT);
    for (unsigned turn = 0; turn < 4; turn++) {
        g_auto(Fixture) fixture = { 0 };
        g_autoptr(GByteArray) bytes = NULL;

        fixture_init(&fixture);
        fixture_write(&fixture, "winnow.conf", filters);
        for (unsigned i = 0; i < 100; i++) {
            g_autofree char *name = g_strdup_printf("domains.d/%03u.conf",
                (i + 1) * 37 % 101 * (turn + 1) % 101);
            g_autofree char *text =
                g_strdup_printf("[domain d%u.example]\nservers = 10.0.0.%u\n"
                                "[filter rbl]\naction.tag = [%u]\n",
                    i, i % 7 + 1, i % 13);

            fixture_write(&fixture, name, text);
        }
        bytes = build_bytes(&fixture, NULL);
        assert_problems(fixture.problems, "");
        if (first == NULL)
            first = g_steal_pointer(&bytes);
        else
            g_assert_cmpmem(first->data, first->len, bytes->data, bytes->len);
    }
}

static void
test_truncated_is_refused(void)
{
    g_auto(Fixture) fixture = { 0 };
    g_autoptr(GByteArray) bytes = NULL;

    write_example(&fixture);
    bytes = build_bytes(&fixture, NULL);
    for (unsigned len = 0; len < bytes->len; len++) {
        g_autoptr(GError) error = NULL;

        g_assert_null(open_bytes(wn_span(bytes->data, len), &error));
        g_assert_error(error, WN_CONF_ERROR, WN_CONF_ERROR_DAMAGED);
    }
}

static void
test_flipped_bit_is_refused(void)
{
    g_auto(Fixture) fixture = { 0 };
    g_autoptr(GByteArray) bytes = NULL;

    write_example(&fixture);
    bytes = build_bytes(&fixture, NULL);
    for (unsigned at = 0; at < bytes->len; at++) {
        g_autoptr(GError) error = NULL;

        bytes->data[at] ^= (uint8_t)(1u << at % 8);
        g_assert_null(open_bytes(wn_span(bytes->data, bytes->len), &error));
        g_assert_error(error, WN_CONF_ERROR, WN_CONF_ERROR_DAMAGED);
        bytes->data[at] ^= (uint8_t)(1u << at % 8);
    }
}

static void
set_checksum(GByteArray *bytes)
{
    const size_t at = offsetof(WnSnapHeader, crc);
    uint32_t crc;

    memset(bytes->data + at, 0, sizeof(crc));
    crc = wn_crc32c(0, wn_span(bytes->data, bytes->len));
    memcpy(bytes->data + at, &crc, sizeof(crc));
}

static void
use_everything(const WnSnapshot *snapshot)
{
    for (uint32_t i = 0; i < wn_snapshot_n_domains(snapshot); i++) {
        WnDomain domain, again;
        bool filtered;

        g_assert_true(wn_snapshot_domain_at(snapshot, i, &domain));
        wn_snapshot_domain(snapshot, domain.name, &again);
        wn_snapshot_mailbox(snapshot, &domain, domain.technical_contact,
            &filtered);
        for (uint32_t n = 0; n < domain.n_servers; n++)
            g_assert_cmpuint(strlen(wn_snapshot_server(snapshot, &domain, n)
                                        .host.ptr),
                <=, 70000);
    }
    for (uint32_t i = 0; i < wn_snapshot_n_classes(snapshot); i++)
        g_free(dump_chain(snapshot, i));
}

/* A writer's mistake with a right checksum: refused, or harmless to read. */
static void
test_bad_records_do_no_harm(void)
{
    static const uint8_t values[] = { 0x00, 0x01, 0x7f, 0xff };
    g_auto(Fixture) fixture = { 0 };
    g_autoptr(GByteArray) bytes = NULL;
    unsigned n_refused = 0;

    write_example(&fixture);
    bytes = build_bytes(&fixture, NULL);
    for (unsigned at = 0; at < bytes->len; at++) {
        uint8_t saved = bytes->data[at];

        for (size_t i = 0; i < sizeof(values); i++) {
            g_autoptr(WnSnapshot) snapshot = NULL;

            bytes->data[at] = values[i];
            set_checksum(bytes);
            snapshot = open_bytes(wn_span(bytes->data, bytes->len), NULL);
            if (snapshot != NULL)
                use_everything(snapshot);
            else
                n_refused++;
        }
        bytes->data[at] = saved;
    }
    g_assert_cmpuint(n_refused, >, 1000);
}

static void
test_many_domains(void)
{
    enum { N = 20000 };
    g_auto(Fixture) fixture = { 0 };
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(WnSnapshot) snapshot = NULL;
    WnDomain domain;

    fixture_init(&fixture);
    fixture_write(&fixture, "winnow.conf", filters);
    for (unsigned i = 0; i < N; i++)
        g_string_append_printf(text,
            "[domain d%u.example]\nservers = 10.0.%u.%u\n", i, i >> 8, i & 255);
    fixture_write(&fixture, "domains.d/all.conf", text->str);
    snapshot = build(&fixture);
    assert_problems(fixture.problems, "");
    g_assert_cmpuint(wn_snapshot_n_domains(snapshot), ==, N);
    g_assert_cmpuint(wn_snapshot_n_classes(snapshot), ==, 2);
    for (unsigned i = 0; i < N; i++) {
        g_autofree char *name = g_strdup_printf("d%u.example", i);
        g_autofree char *other = g_strdup_printf("e%u.example", i);
        g_autofree char *host = g_strdup_printf("10.0.%u.%u", i >> 8, i & 255);

        g_assert_true(wn_snapshot_domain(snapshot, wn_span_str(name), &domain));
        g_assert_cmpstr(wn_snapshot_server(snapshot, &domain, 0).host.ptr, ==,
            host);
        g_assert_false(
            wn_snapshot_domain(snapshot, wn_span_str(other), &domain));
    }
}

static void
test_empty(void)
{
    g_auto(Fixture) fixture = { 0 };
    g_autoptr(WnSnapshot) snapshot = NULL;
    WnDomain domain;

    fixture_init(&fixture);
    fixture_write(&fixture, "winnow.conf", "");
    snapshot = build(&fixture);
    g_assert_cmpuint(wn_snapshot_n_domains(snapshot), ==, 0);
    g_assert_cmpuint(wn_snapshot_n_classes(snapshot), ==, 1);
    g_assert_false(
        wn_snapshot_domain(snapshot, WN_SPAN("example.com"), &domain));
}

static void
publish(const Fixture *fixture, const char *name, GByteArray *bytes)
{
    fixture_write_bytes(fixture, name, bytes->data, bytes->len);
}

static void
test_current_and_generation(void)
{
    g_auto(Fixture) fixture = { 0 };
    g_autoptr(GByteArray) bytes = NULL;
    g_autoptr(WnSnapshot) current = NULL;
    g_autoptr(WnSnapshot) generation = NULL;
    g_autoptr(WnSnapshot) second_owner = NULL;
    g_autoptr(GError) error = NULL;
    g_autofree char *link = NULL;

    write_example(&fixture);
    g_assert_null(wn_snapshot_open_current(fixture.folder, &error));
    g_assert_no_error(error);
    bytes = build_bytes(&fixture, NULL);
    publish(&fixture, "snapshots/42/settings", bytes);
    link = fixture_path(&fixture, "snapshots/current");
    g_assert_cmpint(symlink("42", link), ==, 0);
    current = wn_snapshot_open_current(fixture.folder, &error);
    g_assert_no_error(error);
    generation = wn_snapshot_open_generation(fixture.folder, 42, &error);
    g_assert_no_error(error);
    second_owner = wn_snapshot_ref(generation);
    g_assert_cmpuint(wn_snapshot_generation(second_owner), ==, 42);
    g_assert_null(wn_snapshot_open_generation(fixture.folder, 43, &error));
    g_assert_error(error, WN_CONF_ERROR, WN_CONF_ERROR_UNREADABLE);
}

static void
test_dangling_current_is_an_error(void)
{
    g_auto(Fixture) fixture = { 0 };
    g_autoptr(GError) error = NULL;
    g_autofree char *folder = NULL;
    g_autofree char *link = NULL;

    fixture_init(&fixture);
    folder = fixture_path(&fixture, "snapshots");
    g_assert_cmpint(g_mkdir(folder, 0700), ==, 0);
    link = fixture_path(&fixture, "snapshots/current");
    g_assert_cmpint(symlink("42", link), ==, 0);
    g_assert_null(wn_snapshot_open_current(fixture.folder, &error));
    g_assert_error(error, WN_CONF_ERROR, WN_CONF_ERROR_UNREADABLE);
}

#define DATABASE_FILTERS "hostname = relay.example\n[filter urlphone]\n"

typedef struct DatabaseFileCase {
    const char *value; /* "%s" is the folder */
    bool ok;
} DatabaseFileCase;

static const DatabaseFileCase database_files[] = {
    { "/etc/shadow", false },
    { "/proc/self/mem", false },
    { "%s/state/lists/a.txt", true },
    { "%s/state/lists/sub/not-there.txt", true },
    { "%s/lists/b.txt", true },
    { "%s/lists/b.txt; %s/state/lists/a.txt", true },
    { "%s/lists/b.txt; /etc/shadow", false },
    { "%s/state/lists", false },
    { "%s/state/lists-of-others/a.txt", false },
    { "%s/state/mirror/domains", false },
    { "%s/winnow.conf", false },
    { "%s/state/lists/../../winnow.conf", false },
    { "%s/state/lists/link", false },
    { "%s/state/lists/folder/winnow.conf", false },
    { "lists/b.txt", false },
    { "", true },
};

/* A row of the database cannot name any file that the relay may read. */
static void
test_files_of_database(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(database_files); i++) {
        const DatabaseFileCase *c = &database_files[i];
        g_auto(Fixture) fixture = { 0 };
        g_autoptr(WnSnapshot) snapshot = NULL;
        g_autofree char *config = NULL;
        g_autofree char *domain = NULL;
        g_autofree char *link = NULL;
        g_autofree char *folder_link = NULL;
        g_auto(GStrv) parts = g_strsplit(c->value, "%s", -1);
        g_autofree char *value = NULL;

        fixture_init(&fixture);
        value = g_strjoinv(fixture.folder, parts);
        config = g_strdup_printf("[server]\nstate = "
                                 "state\n%s[settings]\nsource = mariadb\n"
                                 "[mariadb]\nhosts = db.example\ndatabase = "
                                 "w\nuser = w\n",
            DATABASE_FILTERS);
        fixture_write(&fixture, "winnow.conf", config);
        fixture_write(&fixture, "state/lists/a.txt", "");
        fixture_write(&fixture, "lists/b.txt", "");
        link = fixture_path(&fixture, "state/lists/link");
        folder_link = fixture_path(&fixture, "state/lists/folder");
        g_assert_cmpint(symlink("/etc/passwd", link), ==, 0);
        g_assert_cmpint(symlink("../..", folder_link), ==, 0);
        domain = g_strdup_printf("[domain a.example]\nservers = 10.0.0.1\n"
                                 "[filter urlphone]\nurls = %s\n",
            value);
        fixture_write(&fixture, "domains.d/a.conf", domain);
        snapshot = build(&fixture);
        g_test_message("%s", c->value);
        g_assert_cmpuint(wn_problems_count(fixture.problems), ==, !c->ok);
        if (!c->ok)
            g_assert_nonnull(strstr(wn_problems_get(fixture.problems, 0)->text,
                "is not a file that the database may name; the operator puts "
                "lists below "));
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/conf/snapshot/domain", test_domain);
    g_test_add_func("/conf/snapshot/unknown-domains", test_unknown_domains);
    g_test_add_func("/conf/snapshot/sorted", test_index_is_sorted);
    g_test_add_func("/conf/snapshot/mailboxes", test_mailboxes);
    g_test_add_func("/conf/snapshot/classes", test_classes);
    g_test_add_func("/conf/snapshot/any-order", test_same_bytes_in_any_order);
    g_test_add_func("/conf/snapshot/truncated", test_truncated_is_refused);
    g_test_add_func("/conf/snapshot/flipped-bit", test_flipped_bit_is_refused);
    g_test_add_func("/conf/snapshot/bad-records", test_bad_records_do_no_harm);
    g_test_add_func("/conf/snapshot/many-domains", test_many_domains);
    g_test_add_func("/conf/snapshot/empty", test_empty);
    g_test_add_func("/conf/snapshot/current", test_current_and_generation);
    g_test_add_func("/conf/snapshot/dangling",
        test_dangling_current_is_an_error);
    g_test_add_func("/conf/snapshot/files-of-database", test_files_of_database);
    return g_test_run();
}
