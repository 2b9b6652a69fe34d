/* SPDX-License-Identifier: MIT */
#include "core/dns/resolver.h"

#include "core/base/clock.h"
#include "t/unit/fake_dns.h"

#include <arpa/nameser.h>

#define TIMEOUT_MS 4000

typedef struct Fixture {
    WnLoop *loop;
    FakeDns server;
    WnResolver *resolver;
    GString *trace; /* one result after the other */
    unsigned n_answers;
    unsigned n_found;
    bool free_inside;
    WnQuestion *cancel_inside;
} Fixture;

static void
set_up(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    (void)data;
    wn_clock_fake(1000000, 0);
    f->loop = wn_loop_new();
    f->trace = g_string_new(NULL);
    fake_dns_start(&f->server, f->loop);
    f->resolver = wn_resolver_new(f->loop, f->server.place, TIMEOUT_MS, &error);
    g_assert_no_error(error);
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    (void)data;
    wn_resolver_free(f->resolver);
    fake_dns_stop(&f->server);
    wn_loop_free(f->loop);
    g_string_free(f->trace, TRUE);
}

static void
trace_record(GString *trace, const WnRecord *record)
{
    char address[WN_NETADDR_TEXT_MAX];

    g_string_append_c(trace, ' ');
    switch (record->type) {
    case WN_RR_A:
    case WN_RR_AAAA:
        wn_netaddr_format(&record->address, address);
        g_string_append(trace, address);
        break;
    case WN_RR_MX:
        g_string_append_printf(trace, "%u/%s", record->preference,
            record->text);
        break;
    default:
        g_string_append_len(trace, record->text, (gssize)record->text_len);
    }
}

static void
on_resolved(void *user, const WnResolution *resolution)
{
    static const char *const words[] = { "found", "no-data", "no-name",
        "failed" };
    Fixture *f = user;

    f->n_answers++;
    f->n_found += resolution->status == WN_RESOLVED_FOUND;
    if (f->trace->len > 0)
        g_string_append(f->trace, "; ");
    g_string_append(f->trace, words[resolution->status]);
    for (uint32_t i = 0; i < resolution->n_records; i++)
        trace_record(f->trace, &resolution->records[i]);
    if (f->cancel_inside != NULL)
        wn_question_cancel(g_steal_pointer(&f->cancel_inside));
    if (f->free_inside)
        g_clear_pointer(&f->resolver, wn_resolver_free);
}

static void
wait_for(Fixture *f, unsigned n)
{
    for (int i = 0; i < 2000 && f->n_answers < n; i++)
        wn_loop_turn(f->loop);
    g_assert_cmpuint(f->n_answers, ==, n);
}

/* Asks, waits, and compares all that came back. */
static void
check(Fixture *f, const char *name, WnRrType type, const char *expected)
{
    unsigned n = f->n_answers + 1;

    g_string_truncate(f->trace, 0);
    wn_resolver_ask(f->resolver, name, type, on_resolved, f);
    g_assert_cmpuint(f->n_answers, ==, n - 1);
    wait_for(f, n);
    g_assert_cmpstr(f->trace->str, ==, expected);
}

static void
test_types(Fixture *f, gconstpointer data)
{
    FakeDns *server = &f->server;

    (void)data;
    fake_dns_add_address(server, "a.test", 60, "192.0.2.1");
    fake_dns_add_address(server, "a.test", 60, "192.0.2.2");
    fake_dns_add_address(server, "a.test", 60, "2001:db8::1");
    fake_dns_add(server, "a.test", WN_RR_MX, 60, "\0\012\2MX\4test\0", 11);
    fake_dns_add(server, "a.test", WN_RR_TXT, 60, "\2ab\0\3c\0d", 8);
    fake_dns_add_name(server, "a.test", WN_RR_NS, 60, "NS.Test");
    fake_dns_add_name(server, "p.test", WN_RR_PTR, 60, "Host.Test");
    fake_dns_add_name(server, "alias.test", FAKE_CNAME, 60, "a.test");
    check(f, "a.test", WN_RR_A, "found 192.0.2.1 192.0.2.2");
    check(f, "A.TEST.", WN_RR_AAAA, "found 2001:db8::1");
    check(f, "a.test", WN_RR_MX, "found 10/mx.test");
    check(f, "a.test", WN_RR_NS, "found ns.test");
    check(f, "p.test", WN_RR_PTR, "found host.test");
    check(f, "alias.test", WN_RR_A, "found 192.0.2.1 192.0.2.2");
    check(f, "alias.test", WN_RR_PTR, "no-data");
    check(f, "p.test", WN_RR_A, "no-data");
    check(f, "nobody.test", WN_RR_A, "no-name");
}

static void
on_text(void *user, const WnResolution *resolution)
{
    Fixture *f = user;

    f->n_answers++;
    g_assert_cmpuint(resolution->n_records, ==, 1);
    g_assert_cmpmem(resolution->records[0].text,
        resolution->records[0].text_len, "abc\0d", 5);
    g_assert_cmpint(resolution->records[0].text[5], ==, '\0');
}

static void
test_text_keeps_nul(Fixture *f, gconstpointer data)
{
    (void)data;
    fake_dns_add(&f->server, "a.test", WN_RR_TXT, 60, "\2ab\0\3c\0d", 8);
    wn_resolver_ask(f->resolver, "a.test", WN_RR_TXT, on_text, f);
    wait_for(f, 1);
}

static void
test_invalid_names(Fixture *f, gconstpointer data)
{
    g_autofree char *label = g_strnfill(64, 'x');
    g_autofree char *name = g_strnfill(254, 'x');
    const char *const names[] = { "", ".", "..", "a..b", ".a", "a b", "a\\.b",
        "a\x01", "\xc3\xa4", label, name };

    (void)data;
    for (size_t i = 4; i < 254; i += 5)
        name[i] = '.';
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        check(f, names[i], WN_RR_A, "no-name");
    g_assert_cmpuint(f->server.n_queries, ==, 0);
    name[253] = '\0';
    check(f, name, WN_RR_A, "no-name");
    g_assert_cmpuint(f->server.n_queries, ==, 1);
}

typedef struct Ttl {
    const char *name;
    uint32_t ttl;
    int64_t kept_ms;
} Ttl;

static const Ttl ttls[] = {
    { "as-told.test", 60, 60000 },
    { "zero.test", 0, 1000 },
    { "long.test", 86400, 3600000 },
    { "negative.test", 0x80000000u, 1000 },
};

static void
check_kept(Fixture *f, const char *name, int64_t kept_ms)
{
    unsigned n = f->server.n_queries;
    unsigned n_answers = f->n_answers;

    for (int i = 0; i < 3; i++) {
        wn_resolver_ask(f->resolver, name, WN_RR_A, on_resolved, f);
        wait_for(f, ++n_answers);
        if (i == 0)
            n = f->server.n_queries;
        g_assert_cmpuint(f->server.n_queries, ==, n + (i == 2));
        wn_clock_fake_step(i == 0 ? kept_ms - 1 : 1);
    }
}

static void
test_cache(Fixture *f, gconstpointer data)
{
    (void)data;
    for (size_t i = 0; i < G_N_ELEMENTS(ttls); i++) {
        g_test_message("%s", ttls[i].name);
        fake_dns_add_address(&f->server, ttls[i].name, ttls[i].ttl,
            "192.0.2.1");
        check_kept(f, ttls[i].name, ttls[i].kept_ms);
    }
    check_kept(f, "nobody.test", FAKE_NEGATIVE_TTL * 1000);
    /* The shortest TTL on the way counts. */
    fake_dns_add_name(&f->server, "alias.test", FAKE_CNAME, 7, "as-told.test");
    check_kept(f, "alias.test", 7000);
}

static void
test_failures_are_kept(Fixture *f, gconstpointer data)
{
    (void)data;
    f->server.rcode = ns_r_servfail;
    check(f, "a.test", WN_RR_A, "failed");
    f->server.rcode = 0;
    fake_dns_add_address(&f->server, "a.test", 60, "192.0.2.1");
    wn_clock_fake_step(4999);
    check(f, "a.test", WN_RR_A, "failed");
    wn_clock_fake_step(1);
    check(f, "a.test", WN_RR_A, "found 192.0.2.1");
}

static void
test_refused(Fixture *f, gconstpointer data)
{
    (void)data;
    f->server.rcode = ns_r_refused;
    check(f, "a.test", WN_RR_A, "failed");
}

typedef struct Spoiled {
    const char *name;
    const char *bytes;
    size_t len;
    const char *expected;
} Spoiled;

#define SPOILED(name, bytes, expected)           \
    {                                            \
        name, bytes, sizeof(bytes) - 1, expected \
    }

/* One answer as it should never come.  0xc00c points to the question. */
static const Spoiled spoiled[] = {
    SPOILED("good", "\xc0\x0c\0\1\0\1\0\0\0\1\0\4\1\2\3\4", "found 1.2.3.4"),
    SPOILED("nothing", "", "failed"),
    SPOILED("cut-in-name", "\5ab", "failed"),
    SPOILED("cut-in-pointer", "\xc0", "failed"),
    SPOILED("cut-in-header", "\xc0\x0c\0\1\0\1\0\0", "failed"),
    SPOILED("cut-in-data", "\xc0\x0c\0\1\0\1\0\0\0\1\0\4\1\2", "failed"),
    SPOILED("reserved-label", "\x80\0\0\1\0\1\0\0\0\1\0\4\1\2\3\4", "failed"),
    SPOILED("short-address", "\xc0\x0c\0\1\0\1\0\0\0\1\0\3\1\2\3", "failed"),
    SPOILED("other-class", "\xc0\x0c\0\1\0\3\0\0\0\1\0\4\1\2\3\4", "no-data"),
    SPOILED("other-name", "\5other\4test\0\0\1\0\1\0\0\0\1\0\4\1\2\3\4",
        "no-data"),
    SPOILED("upper-case", "\1A\4TEST\0\0\1\0\1\0\0\0\1\0\4\1\2\3\4",
        "found 1.2.3.4"),
    SPOILED("own-alias", "\xc0\x0c\0\5\0\1\0\0\0\1\0\2\xc0\x0c", "no-data"),
    SPOILED("broken-alias", "\xc0\x0c\0\5\0\1\0\0\0\1\0\2\xff\xff", "failed"),
    SPOILED("other-type", "\xc0\x0c\0\x63\0\1\0\0\0\1\0\4\1\2\3\4", "no-data"),
};

static void
test_spoiled(Fixture *f, gconstpointer data)
{
    const Spoiled *answer = data;

    f->server.spoil = answer->bytes;
    f->server.spoil_len = answer->len;
    check(f, "a.test", WN_RR_A, answer->expected);
}

static const Spoiled spoiled_names[] = {
    SPOILED("loop", "\xc0\x0c\0\x0c\0\1\0\0\0\1\0\2\xc0\x24", "failed"),
    SPOILED("beyond", "\xc0\x0c\0\x0c\0\1\0\0\0\1\0\2\xff\xff", "failed"),
    SPOILED("empty", "\xc0\x0c\0\x0c\0\1\0\0\0\1\0\0", "failed"),
    SPOILED("longer-than-data", "\xc0\x0c\0\x0c\0\1\0\0\0\1\0\2\1a\0",
        "failed"),
    SPOILED("root", "\xc0\x0c\0\x0c\0\1\0\0\0\1\0\1\0", "found "),
};

static void
test_spoiled_name(Fixture *f, gconstpointer data)
{
    const Spoiled *answer = data;

    f->server.spoil = answer->bytes;
    f->server.spoil_len = answer->len;
    check(f, "a.test", WN_RR_PTR, answer->expected);
}

static void
test_flights_are_joined(Fixture *f, gconstpointer data)
{
    (void)data;
    fake_dns_add_address(&f->server, "a.test", 60, "192.0.2.1");
    for (int i = 0; i < 10; i++)
        wn_resolver_ask(f->resolver, i % 2 ? "a.test" : "A.test.", WN_RR_A,
            on_resolved, f);
    wait_for(f, 10);
    g_assert_cmpuint(f->n_found, ==, 10);
    g_assert_cmpuint(f->server.n_queries, ==, 1);
}

/* Far more than may be in flight at a time; every answer comes. */
static void
test_many(Fixture *f, gconstpointer data)
{
    enum { MANY = 1000 };

    (void)data;
    for (int i = 0; i < MANY; i++) {
        g_autofree char *name = g_strdup_printf("n%d.test", i);

        if (i % 2)
            fake_dns_add_address(&f->server, name, 60, "192.0.2.1");
        wn_resolver_ask(f->resolver, name, WN_RR_A, on_resolved, f);
    }
    wait_for(f, MANY);
    g_assert_cmpuint(f->n_found, ==, MANY / 2);
    g_assert_cmpuint(f->server.n_queries, ==, MANY);
}

static void
test_silence(Fixture *f, gconstpointer data)
{
    (void)data;
    f->server.silent = true;
    for (int i = 0; i < 150; i++) {
        g_autofree char *name = g_strdup_printf("n%d.test", i);

        wn_resolver_ask(f->resolver, name, WN_RR_A, on_resolved, f);
    }
    for (int i = 0; i < 110; i++)
        wn_loop_turn(f->loop);
    g_assert_cmpuint(f->server.n_queries, ==, 100);
    wn_clock_fake_step(TIMEOUT_MS - 1);
    wn_loop_turn(f->loop);
    g_assert_cmpuint(f->n_answers, ==, 0);
    wn_clock_fake_step(1);
    wn_loop_turn(f->loop);
    g_assert_cmpuint(f->n_answers, ==, 150);
    g_assert_cmpuint(f->n_found, ==, 0);
}

static void
test_cancel(Fixture *f, gconstpointer data)
{
    WnQuestion *flying;
    WnQuestion *joined;
    WnQuestion *cached;

    (void)data;
    fake_dns_add_address(&f->server, "a.test", 60, "192.0.2.1");
    flying = wn_resolver_ask(f->resolver, "a.test", WN_RR_A, on_resolved, f);
    joined = wn_resolver_ask(f->resolver, "a.test", WN_RR_A, on_resolved, f);
    wn_question_cancel(flying);
    wn_question_cancel(joined);
    for (int i = 0; i < 5; i++)
        wn_loop_turn(f->loop);
    /* Nobody waited, but the answer is known now. */
    check(f, "a.test", WN_RR_A, "found 192.0.2.1");
    g_assert_cmpuint(f->server.n_queries, ==, 1);
    cached = wn_resolver_ask(f->resolver, "a.test", WN_RR_A, on_resolved, f);
    wn_question_cancel(cached);
    wn_loop_turn(f->loop);
    g_assert_cmpuint(f->n_answers, ==, 1);
}

static void
test_cancel_other_inside(Fixture *f, gconstpointer data)
{
    (void)data;
    wn_resolver_ask(f->resolver, "a.test", WN_RR_A, on_resolved, f);
    f->cancel_inside = wn_resolver_ask(f->resolver, "a.test", WN_RR_A,
        on_resolved, f);
    wn_resolver_ask(f->resolver, "a.test", WN_RR_A, on_resolved, f);
    wait_for(f, 2);
}

static void
test_freed_inside(Fixture *f, gconstpointer data)
{
    (void)data;
    f->free_inside = true;
    for (int i = 0; i < 3; i++)
        wn_resolver_ask(f->resolver, "a.test", WN_RR_A, on_resolved, f);
    wn_resolver_ask(f->resolver, "b.test", WN_RR_A, on_resolved, f);
    wait_for(f, 1);
    wn_loop_turn(f->loop);
    g_assert_cmpuint(f->n_answers, ==, 1);
}

static void
test_freed_in_flight(Fixture *f, gconstpointer data)
{
    (void)data;
    f->server.silent = true;
    wn_resolver_ask(f->resolver, "a.test", WN_RR_A, on_resolved, f);
    wn_resolver_ask(f->resolver, "..", WN_RR_A, on_resolved, f);
    g_clear_pointer(&f->resolver, wn_resolver_free);
    wn_loop_turn(f->loop);
    g_assert_cmpuint(f->n_answers, ==, 0);
}

/* A dead first server does not keep the second from being asked. */
static void
test_second_server(Fixture *f, gconstpointer data)
{
    g_autofree char *servers = NULL;
    g_autoptr(GError) error = NULL;
    FakeDns dead;

    (void)data;
    fake_dns_start(&dead, f->loop);
    servers = g_strdup_printf("%s ; %s", dead.place, f->server.place);
    fake_dns_stop(&dead);
    wn_resolver_free(f->resolver);
    f->resolver = wn_resolver_new(f->loop, servers, TIMEOUT_MS, &error);
    g_assert_no_error(error);
    fake_dns_add_address(&f->server, "a.test", 60, "192.0.2.1");
    check(f, "a.test", WN_RR_A, "found 192.0.2.1");
}

/* An answer too large for a datagram comes over TCP. */
static void
test_large_answer(Fixture *f, gconstpointer data)
{
    g_autofree char *text = g_strnfill(256, 'x');

    (void)data;
    f->server.truncate = true;
    fake_dns_listen(&f->server);
    if (f->server.listener == NULL) {
        g_test_skip("the port is taken for TCP");
        return;
    }
    text[0] = (char)255;
    for (int i = 0; i < 100; i++)
        fake_dns_add(&f->server, "a.test", WN_RR_TXT, 60, text, 256);
    wn_resolver_ask(f->resolver, "a.test", WN_RR_TXT, on_resolved, f);
    wait_for(f, 1);
    g_assert_cmpuint(f->trace->len, ==, strlen("found") + 64 * 256);
    g_assert_cmpuint(f->server.n_queries, ==, 1);
}

static void
test_bad_servers(Fixture *f, gconstpointer data)
{
    const char *const bad[] = { "", " ; ", "ns.example", "127.0.0.1:0x35" };

    (void)data;
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_null(wn_resolver_new(f->loop, bad[i], 1000, &error));
        g_assert_nonnull(error);
    }
}

static void
add(const char *name, gconstpointer data,
    void (*test)(Fixture *, gconstpointer))
{
    g_autofree char *path = g_strconcat("/dns/resolver/", name, NULL);

    g_test_add(path, Fixture, data, set_up, test, tear_down);
}

static void
add_table(const char *prefix, const Spoiled *table, size_t n,
    void (*test)(Fixture *, gconstpointer))
{
    for (size_t i = 0; i < n; i++) {
        g_autofree char *name = g_strconcat(prefix, table[i].name, NULL);

        add(name, &table[i], test);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add("types", NULL, test_types);
    add("text-keeps-nul", NULL, test_text_keeps_nul);
    add("invalid-names", NULL, test_invalid_names);
    add("cache", NULL, test_cache);
    add("failures-are-kept", NULL, test_failures_are_kept);
    add("refused", NULL, test_refused);
    add_table("spoiled/", spoiled, G_N_ELEMENTS(spoiled), test_spoiled);
    add_table("spoiled-name/", spoiled_names, G_N_ELEMENTS(spoiled_names),
        test_spoiled_name);
    add("flights-are-joined", NULL, test_flights_are_joined);
    add("many", NULL, test_many);
    add("silence", NULL, test_silence);
    add("cancel", NULL, test_cancel);
    add("cancel-other-inside", NULL, test_cancel_other_inside);
    add("freed-inside", NULL, test_freed_inside);
    add("freed-in-flight", NULL, test_freed_in_flight);
    add("second-server", NULL, test_second_server);
    add("large-answer", NULL, test_large_answer);
    add("bad-servers", NULL, test_bad_servers);
    return g_test_run();
}
