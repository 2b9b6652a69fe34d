/* SPDX-License-Identifier: MIT */
#include "core/message/url_parse.h"

#define NO WN_MESSAGE_URL_NO_SCHEME
#define IP WN_MESSAGE_URL_IP_HOST
#define HID WN_MESSAGE_URL_DISGUISED
#define MAIL WN_MESSAGE_URL_ADDRESS
#define LABEL_63 \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* host NULL: no URL. */
static const struct {
    const char *url, *host, *registered, *path, *query;
    uint16_t port;
    uint32_t flags;
} cases[] = {
    /* Plain */
    { "http://www.example.com/a/b?c=d#e", "www.example.com", "example.com",
        "/a/b", "c=d", 0, 0 },
    { "https://example.com", "example.com", "example.com", "/", "", 0, 0 },
    { "HTTP://EXAMPLE.COM/Path", "example.com", "example.com", "/Path", "", 0,
        0 },
    { "ftp://ftp.example.org/x", "ftp.example.org", "example.org", "/x", "", 0,
        0 },
    { "http://example.com:8080/", "example.com", "example.com", "/", "", 8080,
        0 },
    { "http://example.com:/", "example.com", "example.com", "/", "", 0, 0 },
    { "http://example.com:99999/", "example.com", "example.com", "/", "", 0,
        0 },
    { "http://example.com?x", "example.com", "example.com", "/", "x", 0, 0 },
    { "http://example.com#x", "example.com", "example.com", "/", "", 0, 0 },
    { "http://example.com./", "example.com", "example.com", "/", "", 0, 0 },
    { "http://a_b.example.com/", "a_b.example.com", "example.com", "/", "", 0,
        0 },
    { "http://localhost/x", "localhost", "", "/x", "", 0, 0 },
    { "  http://example.com/ ", "example.com", "example.com", "/", "", 0, 0 },
    { "ht\ntp://exam\r\nple.com/a\tb", "example.com", "example.com", "/ab", "",
        0, 0 },
    /* Without a scheme */
    { "www.example.com", "www.example.com", "example.com", "/", "", 0, NO },
    { "//example.com/x", "example.com", "example.com", "/x", "", 0, NO },
    { "\\\\example.com/x", "example.com", "example.com", "/x", "", 0,
        NO | HID },
    { "example.com:81/x", "example.com", "example.com", "/x", "", 81, NO },
    /* Other slashes */
    { "http:/example.com/x", "example.com", "example.com", "/x", "", 0, 0 },
    { "http:example.com/x", "example.com", "example.com", "/x", "", 0, 0 },
    { "http:////example.com/x", "example.com", "example.com", "/x", "", 0, 0 },
    { "http:\\\\example.com\\x\\y", "example.com", "example.com", "/x/y", "", 0,
        HID },
    /* Spoiled schemes */
    { "hxxp://example.com/", "example.com", "example.com", "/", "", 0, HID },
    { "hXXps://example.com/", "example.com", "example.com", "/", "", 0, HID },
    { "h**p://example.com/", "example.com", "example.com", "/", "", 0, HID },
    /* Users */
    { "http://paypal.com@example.com/", "example.com", "example.com", "/", "",
        0, HID },
    { "http://a:b@example.com:8/", "example.com", "example.com", "/", "", 8,
        HID },
    { "http://a@b@example.com/", "example.com", "example.com", "/", "", 0,
        HID },
    { "http://www.bank.com%40www.example.com/", "www.example.com",
        "example.com", "/", "", 0, HID },
    { "http://example.com/@x", "example.com", "example.com", "/@x", "", 0, 0 },
    { "http://bank.com\\@example.com/", "bank.com", "bank.com",
        "/@example.com/", "", 0, 0 },
    /* Addresses */
    { "http://192.0.2.1/x", "192.0.2.1", "", "/x", "", 0, IP },
    { "http://0x7f.1/", "127.0.0.1", "", "/", "", 0, IP | HID },
    { "http://0xC0000201/", "192.0.2.1", "", "/", "", 0, IP | HID },
    { "http://3221225985/", "192.0.2.1", "", "/", "", 0, IP | HID },
    { "http://0300.0.02.01/", "192.0.2.1", "", "/", "", 0, IP | HID },
    { "http://192.0.513/", "192.0.2.1", "", "/", "", 0, IP | HID },
    { "http://192.513/", "192.0.2.1", "", "/", "", 0, IP | HID },
    { "http://192.0.2.1./", "192.0.2.1", "", "/", "", 0, IP },
    { "http://0x.0x.0/", "0.0.0.0", "", "/", "", 0, IP | HID },
    { "http://%31%392.0.2.1/", "192.0.2.1", "", "/", "", 0, IP | HID },
    { "http://192。0。2。1/", "192.0.2.1", "", "/", "", 0, IP | HID },
    { "http://256.0.0.1/", NULL, NULL, NULL, NULL, 0, 0 },
    { "http://1.2.3.4.5/", NULL, NULL, NULL, NULL, 0, 0 },
    { "http://4294967296/", NULL, NULL, NULL, NULL, 0, 0 },
    { "http://1.2.3.08/", NULL, NULL, NULL, NULL, 0, 0 },
    { "http://[2001:DB8:0::1]/", "2001:db8::1", "", "/", "", 0, IP },
    { "http://[2001:db8::1]:8080/x", "2001:db8::1", "", "/x", "", 8080, IP },
    { "http://[::ffff:7f00:1]/", "127.0.0.1", "", "/", "", 0, IP | HID },
    { "http://[::1/", NULL, NULL, NULL, NULL, 0, 0 },
    { "http://[192.0.2.1]/", NULL, NULL, NULL, NULL, 0, 0 },
    /* Percent signs in hosts */
    { "http://%65xample.com/", "example.com", "example.com", "/", "", 0, HID },
    { "http://example%2ecom/", "example.com", "example.com", "/", "", 0, HID },
    { "http://example.com%2fx/", "example.com", "example.com", "/", "", 0,
        HID },
    { "http://exam%00ple.com/", NULL, NULL, NULL, NULL, 0, 0 },
    { "http://exam%ffple.com/", NULL, NULL, NULL, NULL, 0, 0 },
    { "http://exam%ple.com/", NULL, NULL, NULL, NULL, 0, 0 },
    /* Other alphabets */
    { "http://bücher.example.de/", "xn--bcher-kva.example.de", "example.de",
        "/", "", 0, 0 },
    { "http://BÜCHER.de/", "xn--bcher-kva.de", "xn--bcher-kva.de", "/", "", 0,
        0 },
    { "http://xn--bcher-kva.de/", "xn--bcher-kva.de", "xn--bcher-kva.de", "/",
        "", 0, 0 },
    { "http://b%C3%BCcher.de/", "xn--bcher-kva.de", "xn--bcher-kva.de", "/", "",
        0, HID },
    { "http://пример.рф/", "xn--e1afmkfd.xn--p1ai", "xn--e1afmkfd.xn--p1ai",
        "/", "", 0, 0 },
    { "http://食狮.公司.cn/", "xn--85x722f.xn--55qx5d.cn",
        "xn--85x722f.xn--55qx5d.cn", "/", "", 0, 0 },
    { "http://faß.de/", "xn--fa-hia.de", "xn--fa-hia.de", "/", "", 0, 0 },
    { "http://ｅｘａｍｐｌｅ．ｃｏｍ/", "example.com", "example.com", "/", "",
        0, HID },
    { "http://example。com/", "example.com", "example.com", "/", "", 0, HID },
    { "http://𝐞𝐱𝐚𝐦𝐩𝐥𝐞.com/", "example.com", "example.com", "/", "", 0, HID },
    { "http://ⓔⓧample.com/", "example.com", "example.com", "/", "", 0, HID },
    { "http://exam\xc2\xadple.com/", "example.com", "example.com", "/", "", 0,
        HID },
    { "http://exam\xe2\x80\x8bple.com/", "example.com", "example.com", "/", "",
        0, HID },
    { "http://\xe2\x80\xae"
      "example.com/",
        "example.com", "example.com", "/", "", 0, HID },
    { "http://p\xd0\xb0ypal.com/", "xn--pypal-4ve.com", "xn--pypal-4ve.com",
        "/", "", 0, HID },
    { "http://i❤.ws/", "xn--i-7iq.ws", "xn--i-7iq.ws", "/", "", 0, 0 },
    /* Registered domains */
    { "http://a.b.example.co.uk/", "a.b.example.co.uk", "example.co.uk", "/",
        "", 0, 0 },
    { "http://www.city.kobe.jp/", "www.city.kobe.jp", "city.kobe.jp", "/", "",
        0, 0 },
    { "http://a.b.kobe.jp/", "a.b.kobe.jp", "a.b.kobe.jp", "/", "", 0, 0 },
    { "http://user.github.io/", "user.github.io", "user.github.io", "/", "", 0,
        0 },
    { "http://github.io/", "github.io", "", "/", "", 0, 0 },
    { "http://co.uk/", "co.uk", "", "/", "", 0, 0 },
    { "http://a.unknownsuffix/", "a.unknownsuffix", "a.unknownsuffix", "/", "",
        0, 0 },
    /* Paths */
    { "http://example.com/%41%2e%2E/b", "example.com", "example.com", "/A../b",
        "", 0, 0 },
    { "http://example.com/a/../b/./c", "example.com", "example.com", "/b/c", "",
        0, 0 },
    { "http://example.com/../../x/..", "example.com", "example.com", "/", "", 0,
        0 },
    { "http://example.com/%2541", "example.com", "example.com", "/%41", "", 0,
        0 },
    { "http://example.com/a%00b%0a", "example.com", "example.com", "/a%00b%0a",
        "", 0, 0 },
    { "http://example.com/%ff", "example.com", "example.com", "/\xef\xbf\xbd",
        "", 0, 0 },
    { "http://example.com/%zz%4", "example.com", "example.com", "/%zz%4", "", 0,
        0 },
    { "http://example.com/?%41=/x?y", "example.com", "example.com", "/",
        "%41=/x?y", 0, 0 },
    { "http://example.com/a//b", "example.com", "example.com", "/a//b", "", 0,
        0 },
    /* Hosts that are none or odd */
    { "http://", NULL, NULL, NULL, NULL, 0, 0 },
    { "http:///", NULL, NULL, NULL, NULL, 0, 0 },
    { "http://.", NULL, NULL, NULL, NULL, 0, 0 },
    { "http://a b.com/", NULL, NULL, NULL, NULL, 0, 0 },
    { "http://a<b.com/", NULL, NULL, NULL, NULL, 0, 0 },
    { "http://a$b.example.com/", "a$b.example.com", "example.com", "/", "", 0,
        0 },
    { "http://a..example.com/", "a.example.com", "example.com", "/", "", 0, 0 },
    { "http://" LABEL_63 ".com/", LABEL_63 ".com", LABEL_63 ".com", "/", "", 0,
        0 },
    { "http://" LABEL_63 "a.com/", NULL, NULL, NULL, NULL, 0, 0 },
    { "javascript:alert(1)", NULL, NULL, NULL, NULL, 0, 0 },
    { "data:text/html,x", NULL, NULL, NULL, NULL, 0, 0 },
    { "cid:a@b.example", NULL, NULL, NULL, NULL, 0, 0 },
    { "tel:+15551234", NULL, NULL, NULL, NULL, 0, 0 },
    { "", NULL, NULL, NULL, NULL, 0, 0 },
    { "#top", NULL, NULL, NULL, NULL, 0, 0 },
    /* Mail */
    { "mailto:u@example.com", "example.com", "example.com", "", "", 0, MAIL },
    { "MAILTO:u@EXAMPLE.com?subject=x", "example.com", "example.com", "",
        "subject=x", 0, MAIL },
    { "mailto:u@example.com,v@example.org", "example.com", "example.com", "",
        "", 0, MAIL },
    { "mailto:u%40example.com", "example.com", "example.com", "", "", 0,
        MAIL | HID },
    { "mailto:?body=x", NULL, NULL, NULL, NULL, 0, 0 },
};

static void
assert_span(WnSpan span, const char *text)
{
    g_assert_cmpstr(span.ptr, ==, text);
    g_assert_cmpuint(span.len, ==, strlen(text));
}

static void
test_case(gconstpointer data)
{
    size_t i = (size_t)GPOINTER_TO_UINT(data);
    g_autoptr(WnArena) arena = wn_arena_new(0);
    WnMessageUrl url;
    bool is_url = wn_url_parse(wn_span_str(cases[i].url), arena, &url);

    g_assert_cmpint(is_url, ==, cases[i].host != NULL);
    if (!is_url)
        return;
    assert_span(url.host, cases[i].host);
    assert_span(url.registered, cases[i].registered);
    assert_span(url.path, cases[i].path);
    assert_span(url.query, cases[i].query);
    g_assert_cmpuint(url.port, ==, cases[i].port);
    g_assert_cmpuint(url.flags, ==, cases[i].flags);
}

/* A host in its normal form is its own normal form. */
static void
test_idempotent(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(WnArena) arena = wn_arena_new(0);
        g_autofree char *again = NULL;
        WnMessageUrl url;

        if (cases[i].host == NULL)
            continue;
        again = g_strdup_printf(strchr(cases[i].host, ':') ? "http://[%s]/"
                                                           : "http://%s/",
            cases[i].host);
        g_assert_true(wn_url_parse(wn_span_str(again), arena, &url));
        assert_span(url.host, cases[i].host);
        assert_span(url.registered, cases[i].registered);
        g_assert_cmpuint(url.flags & HID, ==, 0);
    }
}

static void
test_long(void)
{
    g_autoptr(WnArena) arena = wn_arena_new(0);
    g_autoptr(GString) text = g_string_new("http://example.com/");
    WnMessageUrl url;

    while (text->len < 100 * 1024)
        g_string_append(text, "ä%41/../");
    g_assert_true(wn_url_parse(wn_span(text->str, text->len), arena, &url));
    g_assert_cmpuint(url.text.len, <=, WN_URL_TEXT_MAX);
    g_assert_true(g_utf8_validate_len(url.text.ptr, url.text.len, NULL));
    g_assert_true(g_utf8_validate_len(url.path.ptr, url.path.len, NULL));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_set_nonfatal_assertions();
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *name = g_strdup_printf("/url_parse/%03u", i);

        g_test_add_data_func(name, GUINT_TO_POINTER(i), test_case);
    }
    g_test_add_func("/url_parse/idempotent", test_idempotent);
    g_test_add_func("/url_parse/long", test_long);
    return g_test_run();
}
