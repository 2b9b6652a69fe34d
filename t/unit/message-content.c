/* SPDX-License-Identifier: MIT */
#include "core/message/content.h"

#include "core/message/charset.h"

static const struct {
    const char *raw, *data;
    WnEncoding encoding;
    bool sound;
} contents[] = {
    { "a=3Db", "a=3Db", WN_ENCODING_NONE, true },
    { "aGVsbG8=", "hello", WN_ENCODING_BASE64, true },
    { "aGVs\r\nbG8=\r\n", "hello", WN_ENCODING_BASE64, true },
    { "aGVs*bG8=", "hello", WN_ENCODING_BASE64, false },
    { "aGVsbG8", "hello", WN_ENCODING_BASE64, false },
    { "aGVsbA", "hell", WN_ENCODING_BASE64, false },
    { "aGVsb", "hel", WN_ENCODING_BASE64, false },
    { "", "", WN_ENCODING_BASE64, true },
    { "a=3Db=\r\nc", "a=bc", WN_ENCODING_QUOTED, true },
    { "a=3db= \t\r\nc", "a=bc", WN_ENCODING_QUOTED, true },
    { "a=zzb", "a=zzb", WN_ENCODING_QUOTED, false },
    { "a=4", "a=4", WN_ENCODING_QUOTED, false },
    { "=\r\n=\r\n==41= ", "=A", WN_ENCODING_QUOTED, false },
    { "a=\nb=\rc", "ab=\rc", WN_ENCODING_QUOTED, false },
    { "a=", "a", WN_ENCODING_QUOTED, true },
    { "x\r\nbegin 644 f\r\n%:&5L;&\\\r\n`\r\nend\r\n", "hello", WN_ENCODING_UU,
        true },
    { "no uu here", "", WN_ENCODING_UU, false },
    { "begin ", "", WN_ENCODING_UU, false },
};

static void
test_decode(void)
{
    g_autoptr(WnArena) arena = wn_arena_new(0);

    for (size_t i = 0; i < G_N_ELEMENTS(contents); i++) {
        WnSpan raw = wn_span_str(contents[i].raw);
        WnSpan data = wn_content_decode(raw, contents[i].encoding, arena);
        g_autofree char *text = wn_span_dup(data);

        g_assert_true(wn_content_is_sound(raw, contents[i].encoding)
                      == contents[i].sound);
        g_assert_cmpstr(text, ==, contents[i].data);
    }
}

static void
test_find(void)
{
    g_assert_cmpint(wn_encoding_find(WN_SPAN(" Base64\r\n")), ==,
        WN_ENCODING_BASE64);
    g_assert_cmpint(wn_encoding_find(WN_SPAN("quoted-printable (x)")), ==,
        WN_ENCODING_QUOTED);
    g_assert_cmpint(wn_encoding_find(WN_SPAN("base64;")), ==,
        WN_ENCODING_BASE64);
    g_assert_cmpint(wn_encoding_find(WN_SPAN("x-uuencode")), ==,
        WN_ENCODING_UU);
    g_assert_cmpint(wn_encoding_find(WN_SPAN("8bit")), ==, WN_ENCODING_NONE);
    g_assert_cmpint(wn_encoding_find(WN_SPAN("")), ==, WN_ENCODING_NONE);
    g_assert_cmpint(wn_encoding_find(WN_SPAN("base641")), ==, WN_ENCODING_NONE);
}

static void
test_unify_lines(void)
{
    static const char *const pairs[][2] = { { "", "" }, { "a\nb", "a\nb" },
        { "a\r\nb\r\n", "a\nb\n" }, { "a\rb", "a\nb" },
        { "\r\r\n\r", "\n\n\n" }, { "a\r", "a\n" }, { "\n\r", "\n\n" } };

    for (size_t i = 0; i < G_N_ELEMENTS(pairs); i++) {
        g_autoptr(GString) text = g_string_new(pairs[i][0]);

        wn_content_unify_lines(text);
        g_assert_cmpstr(text->str, ==, pairs[i][1]);
        g_assert_cmpuint(text->len, ==, strlen(pairs[i][1]));
    }
}

static void
assert_converted(const char *charset, WnSpan bytes, const char *expected)
{
    WnCharset found = wn_charset_find(wn_span_str(charset));
    g_autoptr(GString) out = g_string_new(NULL);

    g_assert_true(wn_charset_append(out, &found, bytes, 1000));
    g_assert_cmpstr(out->str, ==, expected);
    g_assert_cmpuint(out->len, ==, strlen(expected));
}

static void
test_charsets(void)
{
    assert_converted("", WN_SPAN("h\xc3\xa4"), "hä");
    assert_converted("", WN_SPAN("h\xe4"), "hä");
    assert_converted("US-ASCII", WN_SPAN("h\xe4"), "hä");
    assert_converted("utf-8", WN_SPAN("h\xe4 o"), "h\xef\xbf\xbd o");
    assert_converted("UTF-8", WN_SPAN("a\0b"), "ab");
    assert_converted("", WN_SPAN("a\0b"), "ab");
    assert_converted("iso-8859-1", WN_SPAN("\x80\x81\0\xe4"), "€\xc2\x81ä");
    assert_converted("iso-8859-15", WN_SPAN("\xa4"), "€");
    assert_converted("windows-1251", WN_SPAN("\xcf"), "П");
    assert_converted("KOI8-R", WN_SPAN("\xf0"), "П");
    assert_converted("utf-16le", WN_SPAN("h\0i\0\0\0"), "hi");
    assert_converted("utf-16be", WN_SPAN("\xd8\0\0x"), "\xef\xbf\xbdx");
    assert_converted("shift_jis", WN_SPAN("\x82\xa0"), "あ");
    assert_converted("euc-kr", WN_SPAN("\xb0\xa1"), "가");
    assert_converted("gbk", WN_SPAN("\xc4\xe3"), "你");
    assert_converted("big5", WN_SPAN("\xa7\x41"), "你");
    assert_converted("nonsense", WN_SPAN("h\xe4"), "hä");
    assert_converted("INTERNAL", WN_SPAN("abcd"), "abcd");
    assert_converted("iso-2022-cn-ext", WN_SPAN("abcd"), "abcd");
    assert_converted("utf-8//translit", WN_SPAN("h\xe4"), "hä");
    assert_converted("utf-16", WN_SPAN(""), "");
    assert_converted("euc-jp", WN_SPAN("a\xa4"), "a\xef\xbf\xbd");
}

static void
test_charset_limit(void)
{
    static const char *const names[] = { "", "utf-8", "iso-8859-1", "koi8-r",
        "utf-16be" };
    g_autofree char *bytes = g_malloc(10001);

    for (int i = 0; i < 10000; i += 2)
        memcpy(bytes + i, "\xc3\xa4", 2);
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        WnCharset charset = wn_charset_find(wn_span_str(names[i]));

        for (size_t max = 990; max < 1000; max++) {
            g_autoptr(GString) out = g_string_new("x");

            g_assert_false(
                wn_charset_append(out, &charset, wn_span(bytes, 10000), max));
            g_assert_cmpuint(out->len, <=, max);
            g_assert_true(g_utf8_validate(out->str, (gssize)out->len, NULL));
            if (i < 2)
                g_assert_cmpuint(out->len, >=, max - 2);
            if (i < 2)
                g_assert_null(strstr(out->str, "\xef\xbf\xbd"));
        }
    }
}

static void
test_ascii_prefix(void)
{
    char bytes[40];

    for (size_t at = 0; at < sizeof bytes; at++) {
        memset(bytes, 'a', sizeof bytes);
        g_assert_cmpuint(wn_ascii_prefix(wn_span(bytes, at)), ==, at);
        bytes[at] = '\0';
        g_assert_cmpuint(wn_ascii_prefix(wn_span(bytes, 40)), ==, at);
        bytes[at] = '\x80';
        g_assert_cmpuint(wn_ascii_prefix(wn_span(bytes, 40)), ==, at);
        bytes[at] = '\x7f';
        g_assert_cmpuint(wn_ascii_prefix(wn_span(bytes, 40)), ==, 40);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/message/content/decode", test_decode);
    g_test_add_func("/message/content/find", test_find);
    g_test_add_func("/message/content/unify-lines", test_unify_lines);
    g_test_add_func("/message/charset/charsets", test_charsets);
    g_test_add_func("/message/charset/limit", test_charset_limit);
    g_test_add_func("/message/charset/ascii-prefix", test_ascii_prefix);
    return g_test_run();
}
