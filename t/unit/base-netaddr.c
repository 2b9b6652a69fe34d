/* SPDX-License-Identifier: MIT */
#include "core/base/netaddr.h"

#include <netinet/in.h>

static void
test_parse(void)
{
    static const struct {
        WnSpan text;
        const char *expected; /* NULL: refused */
    } cases[] = {
        { { "192.0.2.1", 9 }, "192.0.2.1" },
        { { "0.0.0.0", 7 }, "0.0.0.0" },
        { { "2001:DB8:0:0::1", 15 }, "2001:db8::1" },
        { { "::", 2 }, "::" },
        { { "::ffff:192.0.2.1", 16 }, "192.0.2.1" },
        { { "::ffff:c000:201", 15 }, "192.0.2.1" },
        { { "", 0 }, NULL },
        { { "192.0.2", 7 }, NULL },
        { { "192.0.2.256", 11 }, NULL },
        { { "192.0.02.1", 10 }, NULL },
        { { "0x7f.0.0.1", 10 }, NULL },
        { { " 192.0.2.1", 10 }, NULL },
        { { "192.0.2.1\0", 10 }, NULL },
        { { "192.0.2.1\0x", 11 }, NULL },
        { { "fe80::1%eth0", 12 }, NULL },
        { { "[::1]", 5 }, NULL },
        { { "1::2::3", 7 }, NULL },
        { { "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000", 49 }, NULL },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        char text[WN_NETADDR_TEXT_MAX];
        WnNetaddr address = { .len = 99 };
        bool ok = wn_netaddr_parse(cases[i].text, &address);

        g_test_message("%s", cases[i].text.ptr);
        g_assert_cmpint(ok, ==, cases[i].expected != NULL);
        if (!ok) {
            g_assert_cmpuint(address.len, ==, 99);
            continue;
        }
        wn_netaddr_format(&address, text);
        g_assert_cmpstr(text, ==, cases[i].expected);
    }
}

static void
test_parse_port(void)
{
    static const struct {
        const char *text;
        uint16_t default_port;
        const char *expected;
    } cases[] = {
        { "192.0.2.1:25", 0, "192.0.2.1:25" },
        { "192.0.2.1:65535", 25, "192.0.2.1:65535" },
        { "127.0.0.1:0", 25, "127.0.0.1:0" },
        { "192.0.2.1", 25, "192.0.2.1:25" },
        { "192.0.2.1", 0, NULL },
        { "[2001:db8::1]:25", 0, "[2001:db8::1]:25" },
        { "[2001:db8::1]", 24, "[2001:db8::1]:24" },
        { "2001:db8::1", 24, "[2001:db8::1]:24" },
        { "2001:db8::1", 0, NULL },
        { "[::ffff:192.0.2.1]:25", 0, "192.0.2.1:25" },
        { "192.0.2.1:", 25, NULL },
        { "192.0.2.1:65536", 25, NULL },
        { "192.0.2.1:-1", 25, NULL },
        { "192.0.2.1:25x", 25, NULL },
        { "192.0.2.1:000025", 25, NULL },
        { "[192.0.2.1]:25", 0, NULL },
        { "[::1]25", 0, NULL },
        { "[::1", 25, NULL },
        { "[", 25, NULL },
        { "[]", 25, NULL },
        { "[]:25", 25, NULL },
        { ":25", 25, NULL },
        { ":", 25, NULL },
        { "", 25, NULL },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        char text[WN_NETADDR_TEXT_MAX];
        WnNetaddr address;
        bool ok = wn_netaddr_parse_port(wn_span_str(cases[i].text),
            cases[i].default_port, &address);

        g_test_message("%s", cases[i].text);
        g_assert_cmpint(ok, ==, cases[i].expected != NULL);
        if (!ok)
            continue;
        wn_netaddr_format_port(&address, text);
        g_assert_cmpstr(text, ==, cases[i].expected);
    }
}

static void
test_longest_text_fits(void)
{
    WnNetaddr address = { .len = 16, .port = 65535 };
    char text[WN_NETADDR_TEXT_MAX];

    memset(address.bytes, 0xff, 16);
    wn_netaddr_format_port(&address, text);
    g_assert_cmpstr(text, ==,
        "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535");
}

static void
test_sockaddr(void)
{
    static const char *const texts[] = { "192.0.2.1:25", "[2001:db8::1]:4660" };
    struct sockaddr_in6 mapped = { .sin6_family = AF_INET6,
        .sin6_port = 0x1234,
        .sin6_scope_id = 7 };
    struct sockaddr_storage storage;
    WnNetaddr address;
    WnNetaddr back;
    socklen_t len;

    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        const struct sockaddr *sa = (const struct sockaddr *)&storage;

        g_assert_true(
            wn_netaddr_parse_port(wn_span_str(texts[i]), 0, &address));
        len = wn_netaddr_to_sockaddr(&address, &storage);
        g_assert_true(wn_netaddr_from_sockaddr(sa, len, &back));
        g_assert_true(wn_netaddr_eq(&address, &back));
        g_assert_false(wn_netaddr_from_sockaddr(sa, len - 1, &back));
        g_assert_false(wn_netaddr_from_sockaddr(sa, 0, &back));
    }
    memcpy(mapped.sin6_addr.s6_addr, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\1",
        16);
    g_assert_true(wn_netaddr_from_sockaddr((const struct sockaddr *)&mapped,
        sizeof mapped, &back));
    g_assert_cmpuint(back.len, ==, 4);
    storage.ss_family = AF_UNIX;
    g_assert_false(wn_netaddr_from_sockaddr((const struct sockaddr *)&storage,
        sizeof storage, &back));
    address = (WnNetaddr){ 0 };
    g_assert_cmpuint(wn_netaddr_to_sockaddr(&address, &storage), ==, 0);
}

static void
test_network_parse(void)
{
    static const struct {
        const char *text;
        bool ok;
        const char *meant; /* NULL: nothing */
        uint8_t prefix;
    } cases[] = {
        { "192.0.2.0/24", true, "192.0.2.0", 24 },
        { "192.0.2.1", true, "192.0.2.1", 32 },
        { "0.0.0.0/0", true, "0.0.0.0", 0 },
        { "192.0.2.128/25", true, "192.0.2.128", 25 },
        { "192.0.2.1/24", false, "192.0.2.0", 24 },
        { "192.0.2.0/33", false, NULL, 0 },
        { "192.0.2.0/", false, NULL, 0 },
        { "192.0.2.0/024", false, NULL, 0 },
        { "192.0.2.0/-1", false, NULL, 0 },
        { "192.0.2.0/24/8", false, NULL, 0 },
        { "2001:db8::/32", true, "2001:db8::", 32 },
        { "2001:db8::1/32", false, "2001:db8::", 32 },
        { "::/0", true, "::", 0 },
        { "::1/129", false, NULL, 0 },
        { "::ffff:192.0.2.0/120", true, "192.0.2.0", 24 },
        { "::ffff:0:0/96", true, "0.0.0.0", 0 },
        { "::ffff:192.0.2.0/24", false, NULL, 0 },
        { "/24", false, NULL, 0 },
        { "", false, NULL, 0 },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        char text[WN_NETADDR_TEXT_MAX];
        WnNetwork network;

        g_test_message("%s", cases[i].text);
        g_assert_cmpint(wn_network_parse(wn_span_str(cases[i].text), &network),
            ==, cases[i].ok);
        wn_netaddr_format(&network.address, text);
        g_assert_cmpstr(text, ==, cases[i].meant != NULL ? cases[i].meant : "");
        g_assert_cmpuint(network.prefix, ==, cases[i].prefix);
    }
}

static void
test_network_holds(void)
{
    static const struct {
        const char *network;
        const char *address;
        bool holds;
    } cases[] = {
        { "192.0.2.0/24", "192.0.2.255", true },
        { "192.0.2.0/24", "192.0.3.0", false },
        { "192.0.2.128/25", "192.0.2.127", false },
        { "192.0.2.128/25", "192.0.2.128", true },
        { "192.0.2.1", "192.0.2.1", true },
        { "192.0.2.1", "192.0.2.0", false },
        { "0.0.0.0/0", "255.255.255.255", true },
        { "0.0.0.0/0", "::1", false },
        { "::/0", "192.0.2.1", false },
        { "::/0", "ffff::", true },
        { "2001:db8::/33", "2001:db8:7fff::", true },
        { "2001:db8::/33", "2001:db8:8000::", false },
        { "192.0.2.0/24", "::ffff:192.0.2.9", true },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        WnNetwork network;
        WnNetaddr address;

        g_test_message("%s %s", cases[i].network, cases[i].address);
        g_assert_true(
            wn_network_parse(wn_span_str(cases[i].network), &network));
        g_assert_true(
            wn_netaddr_parse(wn_span_str(cases[i].address), &address));
        address.port = 25; /* counts for nothing */
        g_assert_cmpint(wn_network_holds(&network, &address), ==,
            cases[i].holds);
    }
}

static void
test_nothing_is_held(void)
{
    WnNetwork none = { 0 };
    WnNetaddr address = { 0 };

    g_assert_false(wn_network_holds(&none, &address));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/base/netaddr/parse", test_parse);
    g_test_add_func("/base/netaddr/parse-port", test_parse_port);
    g_test_add_func("/base/netaddr/longest-text-fits", test_longest_text_fits);
    g_test_add_func("/base/netaddr/sockaddr", test_sockaddr);
    g_test_add_func("/base/netaddr/network-parse", test_network_parse);
    g_test_add_func("/base/netaddr/network-holds", test_network_holds);
    g_test_add_func("/base/netaddr/nothing-is-held", test_nothing_is_held);
    return g_test_run();
}
