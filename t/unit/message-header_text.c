/* SPDX-License-Identifier: MIT */
#include "core/message/header_text.h"

#include <time.h>

#include "core/base/text.h"

static const struct {
    const char *name, *raw, *value;
} decoded[] = {
    { "plain", " hello world\r\n", "hello world" },
    { "empty", "\r\n", "" },
    { "folded", " a\r\n b\r\n\tc\r\n", "a b c" },
    { "bare CR and LF", " a\rb\nc\r\n", "a b c" },
    { "controls",
        " a\x01\x7f"
        "b\r\n",
        "a  b" },
    { "q", " =?utf-8?Q?a_b=C3=A4?=\r\n", "a bä" },
    { "b", " =?UTF-8?b?w6TDtg==?=\r\n", "äö" },
    { "adjacent words join",
        "=?utf-8?Q?a?= =?utf-8?Q?b?=\r\n =?utf-8?Q?c?=", "abc" },
    { "words and text", "x =?utf-8?Q?a?= y =?utf-8?Q?b?= z", "x a y b z" },
    { "inside of a word", "Re:=?utf-8?Q?_ab?=x", "Re: abx" },
    { "character split between words",
        "=?utf-8?B?w6Q=?= =?utf-8?Q?=C3?= =?utf-8?Q?=A4?=", "ää" },
    { "split in base64", "=?utf-8?B?ww==?= =?utf-8?B?pA==?=", "ä" },
    { "two charsets", "=?utf-8?Q?=C3=A4?= =?iso-8859-1?Q?=E4?=", "ää" },
    { "language", "=?utf-8*en?Q?a?=", "a" },
    { "missing padding", "=?utf-8?B?w6TDtg?=", "äö" },
    { "latin1 is windows-1252", "=?iso-8859-1?Q?=80=E4?=", "€ä" },
    { "koi8-r", "=?koi8-r?B?8NLJ18XU?=", "Привет" },
    { "gb2312", "=?gb2312?B?xOO6ww==?=", "你好" },
    { "iso-2022-jp", "=?iso-2022-jp?B?GyRCJDMbKEI=?=", "こ" },
    { "utf-7", "=?utf-7?Q?+AOQ-?=", "ä" },
    { "unknown charset", "=?x-foo?Q?h=E4llo?=", "hällo" },
    { "converter options", "=?utf-16//IGNORE?Q?ab?=", "ab" },
    { "encoded newline", "=?utf-8?Q?a=0D=0ABcc:_x?=", "a Bcc: x" },
    { "encoded NUL", "=?utf-8?Q?a=00b?=", "ab" },
    { "encoded escape", "=?utf-8?Q?a=1B[31mb?=", "a [31mb" },
    { "encoded C1", "=?utf-8?Q?a=C2=85b?=", "a b" },
    { "overlong", "=?utf-8?Q?=C0=AF?=", "\xef\xbf\xbd\xef\xbf\xbd" },
    { "surrogate",
        "=?utf-8?Q?=ED=A0=80x?=", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdx" },
    { "broken: no end", "=?utf-8?B?", "=?utf-8?B?" },
    { "broken: no text", "=?utf-8?", "=?utf-8?" },
    { "broken: encoding", "=?utf-8?X?a?=", "=?utf-8?X?a?=" },
    { "broken, then a word", "=?utf-8?Q?a =?utf-8?Q?b?=", "=?utf-8?Q?a b" },
    { "empty word", "a =?utf-8?Q?\?= b", "a  b" },
    { "only an empty word", "=?utf-8?Q?\?=", "" },
    { "question mark in text", "=?utf-8?Q?why?_=41?=", "why? A" },
    { "spaces in text", "=?utf-8?Q?a b?=", "a b" },
    { "half an escape", "=?utf-8?Q?a=4?=", "a=4" },
    { "equals first", "=?utf-8?Q?=41?=", "A" },
    { "raw UTF-8", " h\xc3\xa4llo\r\n", "hällo" },
    { "raw latin1", " h\xe4llo\r\n", "hällo" },
};

static WnSpan
span_of(const GString *text)
{
    return wn_span(text->str, text->len);
}

static void
test_decode(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(decoded); i++) {
        g_autoptr(GString) value = g_string_new("^");

        g_test_message("%s", decoded[i].name);
        g_assert_true(
            wn_header_text_decode(value, wn_span_str(decoded[i].raw)));
        g_assert_cmpstr(value->str + 1, ==, decoded[i].value);
    }
}

/* Each took quadratic time somewhere, or would without a bound. */
static void
test_decode_is_linear(void)
{
    static const char *const repeated[] = { "=?a?Q?b",
        "=?utf-8?Q?a?= ", "=?utf-8?Q?a?= =?koi8-r?Q?a?= ", "=?", "?=", "=?q?",
        "=?a?b?", " ", "=?iso-2022-jp?B?GyRC?= =?gbk?Q?a?= ", "\xe4",
        "=?utf-8?Q?=E4?=", "=?utf-8?B?w?= " };
    clock_t start = clock();

    for (size_t i = 0; i < G_N_ELEMENTS(repeated); i++) {
        g_autoptr(GString) raw = g_string_new(NULL);
        g_autoptr(GString) value = g_string_new(NULL);

        while (raw->len < 2 * WN_HEADER_TEXT_MAX)
            g_string_append(raw, repeated[i]);
        g_assert_false(wn_header_text_decode(value, span_of(raw)));
        g_assert_cmpuint(value->len, <=, 3 * WN_HEADER_TEXT_MAX);
        g_assert_true(g_utf8_validate(value->str, (gssize)value->len, NULL));
    }
    g_assert_cmpint((clock() - start) / (CLOCKS_PER_SEC / 1000), <, 1500);
}

static const struct {
    const char *name, *text, *encoded;
} encoded[] = {
    { "plain", "hello world", "hello world" },
    { "empty", "", "" },
    { "only blanks", " \r\n ", "" },
    { "newline", "a\r\nBcc: x", "a Bcc: x" },
    { "controls",
        "a\tb\x01"
        "c",
        "a b c" },
    { "trimmed", "  a  b  ", "a  b" },
    { "non-ASCII word", "hello wörld", "hello =?UTF-8?Q?w=C3=B6rld?=" },
    { "words together", "x ä ö y", "x =?UTF-8?B?w6Qgw7Y=?= y" },
    { "looks encoded", "a =?utf-8?Q?b?= c",
        "a =?UTF-8?Q?=3D=3Futf-8=3FQ=3Fb=3F=3D?= c" },
    { "invalid UTF-8",
        "a\xff"
        "b",
        "a b" },
    { "folded",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb "
        "cccccccccccccccccccccccccccccc",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\r\n "
        "cccccccccccccccccccccccccccccc" },
};

static void
test_encode(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(encoded); i++) {
        g_autoptr(GString) out = g_string_new(NULL);

        g_test_message("%s", encoded[i].name);
        wn_header_text_encode(out, 10, wn_span_str(encoded[i].text));
        g_assert_cmpstr(out->str, ==, encoded[i].encoded);
    }
}

static void
assert_lines(const GString *text, size_t column)
{
    g_auto(GStrv) lines = g_strsplit(text->str, "\r\n", -1);

    for (size_t i = 0; lines[i] != NULL; i++) {
        g_assert_cmpuint(strlen(lines[i]) + (i == 0 ? column : 0), <=, 998);
        g_assert_null(strpbrk(lines[i], "\r\n"));
        if (i > 0) {
            g_assert_true(lines[i][0] == ' ');
            g_assert_cmpuint(strspn(lines[i], " "), <, strlen(lines[i]));
        }
    }
}

static void
append_random_text(GString *out, GRand *rand)
{
    static const char *const atoms[] = { "a", "bc", " ", "  ", "ä", "日本",
        "=?", "?=", "_", "=", "\r\n", "\x01", "\xff", "\xf0\x9f\x98\x80",
        "wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww", "\"", "," };
    int n = g_rand_int_range(rand, 0, 80);

    for (int i = 0; i < n; i++)
        g_string_append(out,
            atoms[g_rand_int_range(rand, 0, G_N_ELEMENTS(atoms))]);
}

/* What was encoded is decoded to itself, cleaned. */
static void
test_round_trip(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(3);

    for (int i = 0; i < 5000; i++) {
        g_autoptr(GString) text = g_string_new(NULL);
        g_autoptr(GString) clean = g_string_new(NULL);
        g_autoptr(GString) out = g_string_new(NULL);
        g_autoptr(GString) again = g_string_new(NULL);
        WnSpan trimmed;

        append_random_text(text, rand);
        wn_header_text_encode(out, 20, span_of(text));
        assert_lines(out, 20);
        for (size_t j = 0; j < out->len; j++)
            g_assert_true(out->str[j] > 0);
        g_assert_true(wn_header_text_decode(again, span_of(out)));
        wn_text_clean(text);
        trimmed = wn_span_trim(span_of(text));
        g_string_append_len(clean, trimmed.ptr, (gssize)trimmed.len);
        g_assert_cmpstr(again->str, ==, clean->str);
    }
}

static void
test_long_atoms_stay_in_lines(void)
{
    static const char *const repeated[] = { "x", " ", "ä", "a ", "\xff" };

    for (size_t i = 0; i < G_N_ELEMENTS(repeated); i++) {
        g_autoptr(GString) text = g_string_new("a");
        g_autoptr(GString) out = g_string_new(NULL);

        for (int j = 0; j < 5000; j++)
            g_string_append(text, repeated[i]);
        g_string_append_c(text, 'b');
        wn_header_text_encode(out, 80, span_of(text));
        assert_lines(out, 80);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/message/header_text/decode", test_decode);
    g_test_add_func("/message/header_text/decode-is-linear",
        test_decode_is_linear);
    g_test_add_func("/message/header_text/encode", test_encode);
    g_test_add_func("/message/header_text/round-trip", test_round_trip);
    g_test_add_func("/message/header_text/long-atoms-stay-in-lines",
        test_long_atoms_stay_in_lines);
    return g_test_run();
}
