/* SPDX-License-Identifier: MIT */
#include "core/smtp/proxy_header.h"

#define BYTES(literal)               \
    {                                \
        literal, sizeof(literal) - 1 \
    }
#define V2 "\r\n\r\n\0\r\nQUIT\n"
#define A16 "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
#define MAPPED "\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\x01\x02\x03"

typedef struct Case {
    const char *name;
    WnSpan input;
    WnProxyStatus status;
    size_t consumed;
    const char *client;
} Case;

static const Case cases[] = {
    { "v1-tcp4", BYTES("PROXY TCP4 10.1.2.3 10.0.0.1 5000 25\r\nEHLO"),
        WN_PROXY_OK, 38, "10.1.2.3:5000" },
    { "v1-tcp6", BYTES("PROXY TCP6 2001:db8::1 ::1 65535 25\r\n"), WN_PROXY_OK,
        37, "[2001:db8::1]:65535" },
    { "v1-unknown", BYTES("PROXY UNKNOWN\r\n"), WN_PROXY_LOCAL, 15, NULL },
    { "v1-unknown-more", BYTES("PROXY UNKNOWN a b c d\r\n"), WN_PROXY_LOCAL, 23,
        NULL },
    { "v1-partial", BYTES("PROXY TCP4 10.1.2.3"), WN_PROXY_MORE, 0, NULL },
    { "v1-begin", BYTES("PRO"), WN_PROXY_MORE, 0, NULL },
    { "v1-lf", BYTES("PROXY TCP4 10.1.2.3 10.0.0.1 5000 25\n"), WN_PROXY_BROKEN,
        0, NULL },
    { "v1-only", BYTES("PROXY \r\n"), WN_PROXY_BROKEN, 0, NULL },
    { "v1-no-space", BYTES("PROXY\r\n"), WN_PROXY_BROKEN, 0, NULL },
    { "v1-port", BYTES("PROXY TCP4 10.1.2.3 10.0.0.1 65536 25\r\n"),
        WN_PROXY_BROKEN, 0, NULL },
    { "v1-port-sign", BYTES("PROXY TCP4 10.1.2.3 10.0.0.1 -1 25\r\n"),
        WN_PROXY_BROKEN, 0, NULL },
    { "v1-family", BYTES("PROXY TCP6 10.1.2.3 10.0.0.1 1 25\r\n"),
        WN_PROXY_BROKEN, 0, NULL },
    { "v1-more-words", BYTES("PROXY TCP4 10.1.2.3 10.0.0.1 1 25 x\r\n"),
        WN_PROXY_BROKEN, 0, NULL },
    { "v1-two-spaces", BYTES("PROXY TCP4  10.1.2.3 10.0.0.1 1 25\r\n"),
        WN_PROXY_BROKEN, 0, NULL },
    { "v1-107-without-end",
        BYTES("PROXY UNKNOWN aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
              "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
        WN_PROXY_BROKEN, 0, NULL },
    { "v2-tcp4",
        BYTES(V2 "\x21\x11\0\x0c\x0a\x01\x02\x03\x0a\0\0\x01\x13\x88\0\x19"),
        WN_PROXY_OK, 28, "10.1.2.3:5000" },
    { "v2-tlv",
        BYTES(V2
            "\x21\x11\0\x0f\x0a\x01\x02\x03\x0a\0\0\x01\x13\x88\0\x19\x04\0\0"),
        WN_PROXY_OK, 31, "10.1.2.3:5000" },
    { "v2-tcp6", BYTES(V2 "\x21\x21\0\x24" A16 A16 "\x13\x88\0\x19"),
        WN_PROXY_OK, 52, "[2001:db8::1]:5000" },
    { "v2-mapped", BYTES(V2 "\x21\x21\0\x24" MAPPED A16 "\x13\x88\0\x19"),
        WN_PROXY_OK, 52, "10.1.2.3:5000" },
    { "v2-local", BYTES(V2 "\x20\0\0\0"), WN_PROXY_LOCAL, 16, NULL },
    { "v2-unspecified", BYTES(V2 "\x21\0\0\x02xx"), WN_PROXY_LOCAL, 18, NULL },
    { "v2-short-address",
        BYTES(V2 "\x21\x11\0\x0b\x0a\x01\x02\x03\x0a\0\0"
                 "\x01\x13\x88\0"),
        WN_PROXY_BROKEN, 0, NULL },
    { "v2-udp",
        BYTES(V2 "\x21\x12\0\x0c\x0a\x01\x02\x03\x0a\0\0\x01\x13\x88\0\x19"),
        WN_PROXY_BROKEN, 0, NULL },
    { "v2-version-1", BYTES(V2 "\x11\x11\0\x0c"), WN_PROXY_BROKEN, 0, NULL },
    { "v2-command", BYTES(V2 "\x22\x11\0\x0c"), WN_PROXY_BROKEN, 0, NULL },
    { "v2-length-65535", BYTES(V2 "\x21\x11\xff\xff"), WN_PROXY_BROKEN, 0,
        NULL },
    { "v2-length-521", BYTES(V2 "\x21\x11\x02\x09"), WN_PROXY_BROKEN, 0, NULL },
    { "v2-length-520", BYTES(V2 "\x21\x11\x02\x08"), WN_PROXY_MORE, 0, NULL },
    { "v2-begin", BYTES("\r\n\r\n"), WN_PROXY_MORE, 0, NULL },
    { "smtp", BYTES("EHLO x\r\n"), WN_PROXY_BROKEN, 0, NULL },
    { "nothing", BYTES(""), WN_PROXY_MORE, 0, NULL },
};

static void
test_whole(gconstpointer data)
{
    const Case *c = data;
    WnNetaddr client = { 0 };
    size_t consumed;
    char text[WN_NETADDR_TEXT_MAX];

    g_assert_cmpint(wn_proxy_header_parse(c->input, &client, &consumed), ==,
        c->status);
    if (c->status != WN_PROXY_BROKEN)
        g_assert_cmpuint(consumed, ==, c->consumed);
    if (c->client == NULL) {
        g_assert_cmpuint(client.len, ==, 0);
        return;
    }
    wn_netaddr_format_port(&client, text);
    g_assert_cmpstr(text, ==, c->client);
}

/* Every beginning asks for more or gives the final answer. */
static void
test_prefixes(gconstpointer data)
{
    const Case *c = data;
    WnProxyStatus status = WN_PROXY_MORE;

    for (size_t len = 0; len <= c->input.len && status == WN_PROXY_MORE;
         len++) {
        g_autofree char *copy = g_memdup2(c->input.ptr, len);
        WnNetaddr client;
        size_t consumed;

        status = wn_proxy_header_parse(wn_span(copy, len), &client, &consumed);
    }
    g_assert_cmpint(status, ==, c->status);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *whole = g_strconcat("/smtp/proxy-header/whole/",
            cases[i].name, NULL);
        g_autofree char *prefixes = g_strconcat("/smtp/proxy-header/prefixes/",
            cases[i].name, NULL);

        g_test_add_data_func(whole, &cases[i], test_whole);
        g_test_add_data_func(prefixes, &cases[i], test_prefixes);
    }
    return g_test_run();
}
