/* SPDX-License-Identifier: MIT */

/* Lines of lists: what they mean, what is refused and why, and that their form
 * is that of core/message. */

#include "core/message/url_parse.h"
#include "t/unit/urlphone_lists.h"

typedef struct Case {
    const char *text;
    const char *form; /* kind, host, path */
} Case;

static const Case urls[] = {
    { "example.com", "host example.com" },
    { " Example.COM.\r", "host example.com" },
    { ".example.com", "host example.com" },
    { "example.com/", "host example.com" },
    { "example.com#top", "host example.com" },
    { "example.com?", "host example.com" },
    { "a.b.example.co.uk", "host a.b.example.co.uk" },
    { "*.example.com", "below example.com" },
    { "*.example.com/", "below example.com" },
    { "me.blogspot.com", "host me.blogspot.com" },
    { "blogspot.com", "host blogspot.com" },
    { "b\xC3\xBC"
      "cher.example",
        "host xn--bcher-kva.example" },
    { "XN--BCHER-KVA.example", "host xn--bcher-kva.example" },
    { "\xEF\xBD\x85xample.com", "host example.com" },
    { "\xE4\xBE\x8B\xE3\x81\x88.jp", "host xn--r8jz45g.jp" },
    { "_dmarc.example.com", "host _dmarc.example.com" },
    { "example[.]com", "host example.com" },
    { "a[.]example(.)com/x", "prefix a.example.com /x" },
    { "example.com:8080", "host example.com:8080" },
    { "example.com:443", "host example.com" },
    { "example.com:80/x", "prefix example.com /x" },
    { "example.com/shop", "prefix example.com /shop" },
    { "example.com/shop/", "prefix example.com /shop" },
    { "example.com\\shop", "prefix example.com /shop" },
    { "Example.com/Shop", "prefix example.com /Shop" },
    { "example.com/a%20b", "prefix example.com /a b" },
    { "example.com/%73hop", "prefix example.com /shop" },
    { "example.com/%2573", "prefix example.com /%73" },
    { "example.com/a/../b/./c", "prefix example.com /b/c" },
    { "example.com/../..", "host example.com" },
    { "example.com/x#y", "prefix example.com /x" },
    { "example.com/\xC3\xBC", "prefix example.com /\xC3\xBC" },
    { "example.com/%C3%BC", "prefix example.com /\xC3\xBC" },
    { "example.com/x?id=1", "page example.com /x?id=1" },
    { "example.com?id=1", "page example.com /?id=1" },
    { "example.com/x?id=1&", "page example.com /x?id=1" },
    { "example.com/x?a=%41", "page example.com /x?a=A" },
    { "http://example.com", "page example.com /" },
    { "http://example.com/", "page example.com /" },
    { "https://www.example.com/x", "page example.com /x" },
    { "www.example.com/x", "prefix www.example.com /x" },
    { "http://www.com/", "page www.com /" },
    { "http://example.com/x/", "page example.com /x" },
    { "HTTP://EXAMPLE.com/X", "page example.com /X" },
    { "http:\\\\example.com\\x", "page example.com /x" },
    { "http:///example.com/x", "page example.com /x" },
    { "hxxps://example[.]com/x", "page example.com /x" },
    { "http://user:pass@example.com/", "page example.com /" },
    { "http://ex%61mple.com/", "page example.com /" },
    { "http://gov.uk/x", "page gov.uk /x" },
    { "http://example.com:8080/x", "page example.com:8080 /x" },
    { "http://example.com/a b", "page example.com /a b" },
    { "192.0.2.1", "host 192.0.2.1" },
    { "0xC0.0.2.1", "host 192.0.2.1" },
    { "0300.0.02.01", "host 192.0.2.1" },
    { "192.0.513", "host 192.0.2.1" },
    { "http://3221225985/", "page 192.0.2.1 /" },
    { "192.0.2.1/x", "prefix 192.0.2.1 /x" },
    { "192.0.2.1:8080/x", "prefix 192.0.2.1:8080 /x" },
    { "[2001:DB8::1]", "host 2001:db8::1" },
    { "[2001:0db8:0:0::0:1]/x", "prefix 2001:db8::1 /x" },
    { "http://[2001:db8::1]:8080/x", "page 2001:db8::1:8080 /x" },
    { "[::ffff:192.0.2.1]", "host 192.0.2.1" },
    { "abc.de/24", "prefix abc.de /24" },
};

static const Case bad_urls[] = {
    { "", "empty" },
    { " \t", "empty" },
    { "# example.com", "a comment" },
    { "com", "a host has a dot" },
    { "localhost", "a host has a dot" },
    { "http://localhost/x", "a host has a dot" },
    { "co.uk", "all of co.uk: a public suffix, which is nobody's own" },
    { "*.co.uk", "all of co.uk: a public suffix, which is nobody's own" },
    { "*.com", "a host has a dot" },
    { "co.uk/shop", "all of co.uk: a public suffix, which is nobody's own" },
    { "xn--55qx5d.cn",
        "all of xn--55qx5d.cn: a public suffix, which is nobody's own" },
    { "user@example.com", "a mail address is neither a host nor a URL" },
    { "mailto:user@example.com", "a mail address is neither a host nor a URL" },
    { "example com", "has a space" },
    { "example..com", "not the name of a host" },
    { "*.*.example.com", "not the name of a host" },
    { "a*.example.com", "not the name of a host" },
    { "ex<am>ple.com", "not the name of a host" },
    { "http:///", "no host" },
    { "/path", "no host" },
    { "*.example.com/x", "a wildcard has no path" },
    { "*.192.0.2.1", "nothing is below an address" },
    { "192.0.2.0/24", "networks cannot be listed, only addresses" },
    { "192.0.2.300", "neither a host nor an address" },
    { "3221225985", "a host has a dot" },
    { "18005550100", "neither a host nor an address" },
    { "[2001:db8::1", "not an IPv6 address in brackets" },
    { "[2001:db8::x]", "not an IPv6 address in brackets" },
    { "example.com:99999", "behind the colon stands no port" },
    { "example.com:x", "behind the colon stands no port" },
    { "gopher://example.com/", "only web addresses can be listed" },
    { "a\x01.example.com", "has a control character" },
    { "a\xff.example.com", "not UTF-8" },
};

static const Case phones[] = {
    { "+1 (800) 555-0100", "18005550100" },
    { "1-800-555-0100", "18005550100" },
    { "1.800.555.0100", "18005550100" },
    { "tel:+18005550100", "18005550100" },
    { "+44 (0)20 7946 0958", "442079460958" },
    { "0044 20 7946 0958", "442079460958" },
    { "011 44 20 7946 0958", "442079460958" },
    { "+49\xC2\xA0"
      "30/1234567",
        "49301234567" },
    { "+1\xE2\x80\x93"
      "800\xE2\x80\x93"
      "555\xE2\x80\x93"
      "0100",
        "18005550100" },
    { "\xEF\xBC\x8B\xEF\xBC\x91 800 555 0100", "18005550100" },
    { "+3728001", "3728001" },
    { "800-555-0100", "8005550100" },
    { "123456789012345", "123456789012345" },
};

static const Case bad_phones[] = {
    { "", "empty" },
    { "911", "fewer than 7 digits" },
    { "+123456", "fewer than 7 digits" },
    { "00123456", "fewer than 7 digits" },
    { "1234567890123456", "more than 15 digits" },
    { "12345678901234567890", "more than 15 digits" },
    { "030 12345678", "a 0 is no country code: write +CODE NUMBER" },
    { "1-800-FLOWERS", "a telephone number has digits, + - . / ( ) and spaces"
                       " only" },
    { "+1 800 555 0100 x5", "a telephone number has digits, + - . / ( ) and"
                            " spaces only" },
    { "1+800 555 0100", "a telephone number has digits, + - . / ( ) and"
                        " spaces only" },
    { "example.com", "a telephone number has digits, + - . / ( ) and spaces"
                     " only" },
};

static const char *const kinds[] = { "host", "below", "prefix", "page" };

/* The form, or the reason. */
static char *
form_of_url(const char *text)
{
    WnError err = { .struct_size = sizeof err };
    UrlEntry entry;
    char *form;

    url_entry_init(&entry);
    if (!url_entry_parse(&entry, (WnStr){ text, strlen(text) }, &err))
        form = g_strdup(err.text);
    else if (entry.kind == URL_HOST || entry.kind == URL_BELOW)
        form = g_strdup_printf("%s %s", kinds[entry.kind], entry.host->str);
    else
        form = g_strdup_printf("%s %s %s", kinds[entry.kind], entry.host->str,
            entry.path->str);
    url_entry_clear(&entry);
    return form;
}

static char *
form_of_phone(const char *text)
{
    char digits[ENTRY_PHONE_MAX + 1];
    WnError err = { .struct_size = sizeof err };

    return g_strdup(
        phone_entry_parse((WnStr){ text, strlen(text) }, digits, &err)
            ? digits
            : err.text);
}

static void
test_url(const void *data)
{
    const Case *one = data;
    g_autofree char *form = form_of_url(one->text);

    g_assert_cmpstr(form, ==, one->form);
}

static void
test_phone(const void *data)
{
    const Case *one = data;
    g_autofree char *form = form_of_phone(one->text);

    g_assert_cmpstr(form, ==, one->form);
}

/* An entry with a scheme and the same text as a URL of a message come to the
 * same host, path and port. */
static void
test_same_as_message(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(urls); i++) {
        g_autoptr(WnArena) arena = wn_arena_new(0);
        bool has_scheme = strcasestr(urls[i].text, "ttp") != NULL
                          || g_str_has_prefix(urls[i].text, "hxxp");
        g_autofree char *bare = g_strstrip(g_strdup(urls[i].text));
        g_autofree char *text = g_strconcat(has_scheme ? "" : "http://", bare,
            NULL);
        g_autofree char *plain = NULL, *form = NULL, *same = NULL;
        WnMessageUrl url;

        if (strpbrk(text, "*(") != NULL || strstr(text, "[.]") != NULL
            || urls[i].text[0] == '.' || strchr(text, '?') != NULL)
            continue;
        g_assert_true(wn_url_parse(wn_span_str(text), arena, &url));
        plain = url.port == 0 || url.port == 80 || url.port == 443
                    ? g_strdup(url.host.ptr)
                    : g_strdup_printf("%s:%u", url.host.ptr, url.port);
        same = g_strdup_printf("page %s %s",
            g_str_has_prefix(plain, "www.e") ? plain + 4 : plain, url.path.ptr);
        if (url.path.len > 1 && g_str_has_suffix(same, "/"))
            same[strlen(same) - 1] = '\0';
        form = form_of_url(text);
        g_assert_cmpstr(form, ==, same);
    }
}

/* Any bytes are an entry or refused with a reason. */
static void
test_noise(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(1);
    static const char letters[] = "ab.:/?#@[]*%0x1\\ \xC3\xBC&+()-";

    for (int i = 0; i < 50000; i++) {
        char text[24] = "";
        g_autofree char *form = NULL, *phone = NULL;

        for (int n = g_rand_int_range(rand, 0, sizeof text - 1); n-- > 0;)
            text[n] = letters[g_rand_int_range(rand, 0,
                (gint32)sizeof letters - 1)];
        form = form_of_url(text);
        phone = form_of_phone(text);
        g_assert_cmpuint(strlen(form), >, 0);
        g_assert_cmpuint(strlen(phone), >, 0);
    }
}

static void
add_cases(const char *group, const Case *cases, size_t n, GTestDataFunc test)
{
    for (size_t i = 0; i < n; i++) {
        g_autofree char *name = g_strescape(cases[i].text, NULL);
        g_autofree char *path = NULL;

        g_strdelimit(name, "/", '|');
        path = g_strdup_printf("/urlphone/%s/%zu %s", group, i, name);
        g_test_add_data_func(path, &cases[i], test);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add_cases("url", urls, G_N_ELEMENTS(urls), test_url);
    add_cases("bad-url", bad_urls, G_N_ELEMENTS(bad_urls), test_url);
    add_cases("phone", phones, G_N_ELEMENTS(phones), test_phone);
    add_cases("bad-phone", bad_phones, G_N_ELEMENTS(bad_phones), test_phone);
    g_test_add_func("/urlphone/entry/same-as-message", test_same_as_message);
    g_test_add_func("/urlphone/entry/noise", test_noise);
    return g_test_run();
}
