/* SPDX-License-Identifier: MIT */
#include "core/message/text_fold.h"

#include <time.h>

static const struct {
    const char *title, *text, *folded;
} cases[] = {
    { "empty", "", "" },
    { "ASCII case", "Hello WORLD @[Z", "hello world @[z" },
    { "white space", "a \t\r\n\v\f b", "a b" },
    { "controls",
        "a\x01\x7f"
        "b",
        "ab" },
    { "case", "ÄÖÜ ШИФЁ шифё", "äöü шифë шифë" },
    { "one skeleton", "аррӏе ΡΑΥΡΑL Ꮩꓲꓮꓖꓣꓮ", "apple paypal viagra" },
    { "Greek capitals", "ΝΥ νυ", "ny vu" },
    { "skeleton under a mark", "сафе\u0301 cafe\u0301", "caфé café" },
    { "small letters", "ɑ ı ɡ ᴠ ꜱ", "a i g v s" },
    { "ASCII stays apart", "1lI|O0rnm", "1li|o0rnm" },
    { "digits", "١٢٣ ४५ ７", "123 45 7" },
    { "letters apart", "V i a g r a", "v i a g r a" },
    { "runs of marks", "a!!! ?! -- $$$ ...… __", "a! ?! - $ . _" },
    { "quotation marks", "“a” ‘b’ `c´", "\"a\" 'b' 'c'" },
    { "dashes", "a–b—c‐d−e––f", "a-b-c-d-e-f" },
    { "dots", "a…b。c•d·e", "a.b.c*d*e" },
    { "accents stay", "Víagrá ñ ø", "víagrá ñ ø" },
    { "two ways of one letter", "ệ e\u0302\u0323 e\u0323\u0302 ẹ\u0302",
        "ệ ệ ệ ệ" },
    { "Devanagari", "हिन्दी", "हिन्दी" },
    { "Thai", "ภาษาไทยกำ", "ภาษาไทยกํา" },
    { "half-width kana", "ｶﾞｷﾞ", "ガギ" },
    { "compatibility jamo", "ㅋㅋ", "ᄏᄏ" },
    { "sharp s", "STRASSE straße", "strasse strasse" },
    { "width", "Ｖｉａｇｒａ １２３", "viagra 123" },
    { "mathematical", "𝐕𝐢𝐚𝐠𝐫𝐚 ℌ", "viagra h" },
    { "circled", "Ⓐⓑ", "ab" },
    { "ligature", "ﬁne", "fine" },
    { "zero width", "v\u200bi\u200da\u2060g\ufeffra", "viagra" },
    { "soft hyphen", "vi\u00adagra", "viagra" },
    { "directions", "\u202eabc\u202c\u2066\u200f", "abc" },
    { "variation selector", "a\ufe0f\u034f", "a" },
    { "tags",
        "a\U000e0041\U000e0100"
        "b",
        "ab" },
    { "hangul filler",
        "a\u3164\uffa0"
        "b",
        "ab" },
    { "blanks",
        "a\u00a0\u2003\u3000 \u2028\xc2\x85\u2800"
        "b",
        "a b" },
    { "ogham blank",
        "a\u1680"
        "b",
        "a b" },
    { "C1",
        "a\xc2\x81"
        "b",
        "ab" },
    { "marks compose", "e\u0301 E\u0301", "é é" },
    { "mark on the first letter", "cafE\u0301", "café" },
    { "mark behind a zero width", "e\u200b\u0301", "é" },
    { "mark alone", "\u0301", "\u0301" },
    { "mark on a space", "a \u0301", "a \u0301" },
    { "hangul", "\u1112\u1161\u11ab", "한" },
    { "gap of ASCII", "ä0123456789012345678901234567890123456789E\u0301",
        "ä0123456789012345678901234567890123456789é" },
    { "dotted I", "\u0130", "i\u0307" },
};

static void
test_case(gconstpointer data)
{
    size_t i = (size_t)GPOINTER_TO_UINT(data);
    g_autoptr(GString) out = g_string_new(NULL);

    g_assert_true(
        wn_text_fold_append(out, wn_span_str(cases[i].text), SIZE_MAX));
    g_assert_cmpstr(out->str, ==, cases[i].folded);
}

/* Folding what was folded changes nothing, wherever segments are cut. */
static void
test_is_stable(void)
{
    static const char *const atoms[] = { "a", "E", " ", "ä", "\u0301", "日",
        "\u1112", "\u1161", "Ａ", "ß", "\u200b", "0123456789012345", "\u00a8",
        "\u0130", "ﷺ" };
    g_autoptr(GRand) rand = g_rand_new_with_seed(5);

    for (int i = 0; i < 300; i++) {
        g_autoptr(GString) text = g_string_new(NULL);
        g_autoptr(GString) once = g_string_new(NULL);
        g_autoptr(GString) twice = g_string_new(NULL);

        for (int j = 0; j < 3000; j++)
            g_string_append(text,
                atoms[g_rand_int_range(rand, 0, G_N_ELEMENTS(atoms))]);
        g_assert_true(
            wn_text_fold_append(once, wn_span(text->str, text->len), SIZE_MAX));
        g_assert_true(wn_text_fold_append(twice, wn_span(once->str, once->len),
            SIZE_MAX));
        g_assert_true(g_utf8_validate(once->str, (gssize)once->len, NULL));
        g_assert_null(strstr(once->str, "  "));
        g_assert_cmpstr(once->str, ==, twice->str);
    }
}

static void
test_marks_are_bounded(void)
{
    g_autoptr(GString) text = g_string_new("x");
    g_autoptr(GString) out = g_string_new(NULL);

    for (int i = 0; i < 1000; i++)
        g_string_append(text, "\u0323\u200b");
    g_string_append(text, "Y");
    g_assert_true(
        wn_text_fold_append(out, wn_span(text->str, text->len), SIZE_MAX));
    g_assert_cmpint(g_utf8_strlen(out->str, -1), ==, 1 + 8 + 1);
    g_assert_true(g_str_has_suffix(out->str, "y"));
}

static void
assert_stable(const GString *text)
{
    g_autoptr(GString) once = wn_text_fold(wn_span(text->str, text->len));
    g_autoptr(GString) twice = wn_text_fold(wn_span(once->str, once->len));

    g_assert_true(g_utf8_validate(once->str, (gssize)once->len, NULL));
    g_assert_cmpstr(once->str, ==, twice->str);
}

static void
test_all_characters_are_stable(void)
{
    for (gunichar c = 1; c < 0x110000; c++) {
        g_autoptr(GString) text = g_string_new("x");

        if (!g_unichar_validate(c) || (c >= 0x20100 && c < 0xe0000))
            continue;
        g_string_append_unichar(text, c);
        g_string_append(text, "y");
        g_string_append_unichar(text, c);
        g_string_append(text, "\u0301");
        assert_stable(text);
    }
}

/* Any characters next to each other, from few blocks at a time. */
static void
test_all_neighbours_are_stable(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(7);

    for (int i = 0; i < 3000; i++) {
        g_autoptr(GString) text = g_string_new(NULL);
        gunichar block = (gunichar)g_rand_int_range(rand, 0, 0x1e0) << 8;

        for (int j = 0; j < 300; j++) {
            int kind = g_rand_int_range(rand, 0, 6);
            gunichar c = kind < 3 ? block : kind == 3 ? 0x300 : 0;

            c += (gunichar)g_rand_int_range(rand, 1, kind == 3 ? 0x70 : 0x100);
            if (g_unichar_validate(c))
                g_string_append_unichar(text, c);
        }
        assert_stable(text);
    }
}

static void
test_max(void)
{
    g_autoptr(GString) out = g_string_new(NULL);

    g_assert_false(wn_text_fold_append(out, WN_SPAN("\u00c4\u00d6x"), 2));
    g_assert_cmpstr(out->str, ==, "\u00e4");
}

static void
test_is_linear(void)
{
    static const char *const repeated[] = { "\u0301", "\u0301\u0323",
        "\u0301\u200b\u0323", "a\u0301", "ﷺ", "\u200b", "ä 0123456789 ",
        "\u3000", "日", "\u1112\u1161\u11ab", "\U0001d400" };
    clock_t start = clock();

    for (size_t i = 0; i < G_N_ELEMENTS(repeated); i++) {
        g_autoptr(GString) text = g_string_new(NULL);
        g_autoptr(GString) out = g_string_new(NULL);

        while (text->len < 300000)
            g_string_append(text, repeated[i]);
        g_assert_true(
            wn_text_fold_append(out, wn_span(text->str, text->len), SIZE_MAX));
        g_assert_true(g_utf8_validate(out->str, (gssize)out->len, NULL));
    }
    g_assert_cmpint((clock() - start) / (CLOCKS_PER_SEC / 1000), <, 4000);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strdup_printf("/message/text_fold/%s",
            cases[i].title);

        g_test_add_data_func(path, GUINT_TO_POINTER(i), test_case);
    }
    g_test_add_func("/message/text_fold/marks-are-bounded",
        test_marks_are_bounded);
    g_test_add_func("/message/text_fold/max", test_max);
    g_test_add_func("/message/text_fold/is-stable", test_is_stable);
    g_test_add_func("/message/text_fold/all-characters-are-stable",
        test_all_characters_are_stable);
    g_test_add_func("/message/text_fold/all-neighbours-are-stable",
        test_all_neighbours_are_stable);
    g_test_add_func("/message/text_fold/is-linear", test_is_linear);
    return g_test_run();
}
