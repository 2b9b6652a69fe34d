/* SPDX-License-Identifier: MIT */
#include "core/base/clock.h"
#include "core/dns/resolver.h"
#include "t/unit/fake_dns.h"

#include <arpa/nameser.h>

#define PTR_1 "1.2.0.192.in-addr.arpa"

typedef struct Fixture {
    WnLoop *loop;
    FakeDns server;
    WnResolver *resolver;
    unsigned n_answers;
    GString *trace;
} Fixture;

static void
set_up(Fixture *f, gconstpointer data)
{
    (void)data;
    wn_clock_fake(1000000, 0);
    f->loop = wn_loop_new();
    f->trace = g_string_new(NULL);
    fake_dns_start(&f->server, f->loop);
    f->resolver = wn_resolver_new(f->loop, f->server.place, 4000, NULL);
    g_assert_nonnull(f->resolver);
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
on_ptr(void *user, WnPtrStatus status, const char *name)
{
    static const char *const words[] = { "none", "verified", "mismatch",
        "unknown" };
    Fixture *f = user;

    f->n_answers++;
    g_string_printf(f->trace, "%s %s", words[status],
        name != NULL ? name : "-");
}

static WnNetaddr
parse(const char *text)
{
    WnNetaddr address;

    g_assert_true(wn_netaddr_parse(wn_span_str(text), &address));
    return address;
}

static void
check(Fixture *f, const char *text, const char *expected)
{
    WnNetaddr address = parse(text);
    unsigned n = f->n_answers + 1;

    address.port = 4711; /* as the socket's peer has it */
    wn_ptr_lookup(f->resolver, &address, on_ptr, f);
    g_assert_cmpuint(f->n_answers, ==, n - 1);
    for (int i = 0; i < 100 && f->n_answers < n; i++)
        wn_loop_turn(f->loop);
    g_assert_cmpuint(f->n_answers, ==, n);
    g_assert_cmpstr(f->trace->str, ==, expected);
}

static void
test_reverse_names(void)
{
    const WnNetaddr v4 = parse("192.0.2.1");
    const WnNetaddr v6 = parse("2001:db8::abcd");
    g_autofree char *name4 = wn_resolver_reverse_name(&v4);
    g_autofree char *name6 = wn_resolver_reverse_name(&v6);

    g_assert_cmpstr(name4, ==, PTR_1);
    g_assert_cmpstr(name6, ==,
        "d.c.b.a.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0."
        "8.b.d.0.1.0.0.2.ip6.arpa");
}

static void
test_verified(Fixture *f, gconstpointer data)
{
    WnNetaddr v6 = parse("2001:db8::25");
    g_autofree char *name6 = wn_resolver_reverse_name(&v6);

    (void)data;
    fake_dns_add_name(&f->server, PTR_1, WN_RR_PTR, 60, "MX.Test");
    fake_dns_add_name(&f->server, name6, WN_RR_PTR, 60, "MX.Test");
    fake_dns_add_address(&f->server, "mx.test", 60, "192.0.2.9");
    fake_dns_add_address(&f->server, "mx.test", 60, "192.0.2.1");
    fake_dns_add_address(&f->server, "mx.test", 60, "2001:db8::25");
    check(f, "192.0.2.1", "verified mx.test");
    check(f, "2001:db8::25", "verified mx.test");
}

static void
test_none(Fixture *f, gconstpointer data)
{
    (void)data;
    check(f, "192.0.2.1", "none -");
}

static void
test_mismatch(Fixture *f, gconstpointer data)
{
    (void)data;
    fake_dns_add_name(&f->server, PTR_1, WN_RR_PTR, 60, "liar.test");
    fake_dns_add_name(&f->server, PTR_1, WN_RR_PTR, 60, "gone.test");
    fake_dns_add_address(&f->server, "liar.test", 60, "192.0.2.2");
    check(f, "192.0.2.1", "mismatch liar.test");
}

static void
test_second_name(Fixture *f, gconstpointer data)
{
    (void)data;
    fake_dns_add_name(&f->server, PTR_1, WN_RR_PTR, 60, "liar.test");
    fake_dns_add_name(&f->server, PTR_1, WN_RR_PTR, 60, "mx.test");
    fake_dns_add_address(&f->server, "mx.test", 60, "192.0.2.1");
    check(f, "192.0.2.1", "verified mx.test");
}

/* A thousand names would be a thousand questions. */
static void
test_names_are_bounded(Fixture *f, gconstpointer data)
{
    (void)data;
    for (int i = 0; i < 20; i++) {
        g_autofree char *name = g_strdup_printf("n%d.test", i);

        fake_dns_add_name(&f->server, PTR_1, WN_RR_PTR, 60, name);
        if (i == 19)
            fake_dns_add_address(&f->server, name, 60, "192.0.2.1");
    }
    check(f, "192.0.2.1", "mismatch n0.test");
    g_assert_cmpuint(f->server.n_queries, ==, 6);
}

static void
test_unsafe_name(Fixture *f, gconstpointer data)
{
    (void)data;
    fake_dns_add(&f->server, PTR_1, WN_RR_PTR, 60, "\6a(\r\n b\4test\0", 13);
    check(f, "192.0.2.1", "none -");
}

static void
test_unknown(Fixture *f, gconstpointer data)
{
    (void)data;
    f->server.rcode = ns_r_servfail;
    check(f, "192.0.2.1", "unknown -");
}

static void
test_cancel(Fixture *f, gconstpointer data)
{
    WnNetaddr address = parse("192.0.2.1");

    (void)data;
    fake_dns_add_name(&f->server, PTR_1, WN_RR_PTR, 60, "mx.test");
    for (int turns = 0; turns < 4; turns++) {
        WnPtrLookup *lookup = wn_ptr_lookup(f->resolver, &address, on_ptr, f);

        for (int i = 0; i < turns && f->n_answers == 0; i++)
            wn_loop_turn(f->loop);
        if (f->n_answers > 0)
            break;
        wn_ptr_lookup_cancel(lookup);
    }
    f->n_answers = 0;
    wn_loop_turn(f->loop);
    g_assert_cmpuint(f->n_answers, ==, 0);
}

static void
add(const char *name, void (*test)(Fixture *, gconstpointer))
{
    g_autofree char *path = g_strconcat("/dns/ptr/", name, NULL);

    g_test_add(path, Fixture, NULL, set_up, test, tear_down);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/dns/ptr/reverse-names", test_reverse_names);
    add("verified", test_verified);
    add("none", test_none);
    add("mismatch", test_mismatch);
    add("second-name", test_second_name);
    add("names-are-bounded", test_names_are_bounded);
    add("unsafe-name", test_unsafe_name);
    add("unknown", test_unknown);
    add("cancel", test_cancel);
    return g_test_run();
}
