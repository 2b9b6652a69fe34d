/* SPDX-License-Identifier: MIT */
#include "core/base/span.h"

#include <glib.h>

static void
test_slice_clamps(void)
{
    static const struct {
        size_t offset, len;
        const char *expected;
    } cases[] = { { 0, 6, "winnow" }, { 3, 99, "now" }, { 3, 2, "no" },
        { 6, 1, "" }, { 9, 1, "" }, { SIZE_MAX, SIZE_MAX, "" },
        { 1, SIZE_MAX, "innow" }, { 2, 0, "" } };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        WnSpan slice = wn_span_slice(WN_SPAN("winnow"), cases[i].offset,
            cases[i].len);

        g_test_message("case %zu", i);
        g_assert_true(wn_span_eq(slice, wn_span_str(cases[i].expected)));
    }
}

static void
test_case_is_ascii_only(void)
{
    g_assert_true(wn_span_case_eq(WN_SPAN("MaIl"), WN_SPAN("mail")));
    g_assert_false(wn_span_case_eq(WN_SPAN("mail"), WN_SPAN("mails")));
    g_assert_true(wn_span_case_eq(WN_SPAN_EMPTY, WN_SPAN_EMPTY));
    /* '@' and '`', '[' and '{' differ in the bit that letters' case does */
    g_assert_false(wn_span_case_eq(WN_SPAN("@["), WN_SPAN("`{")));
    g_assert_false(wn_span_case_eq(WN_SPAN("\xc4"), WN_SPAN("\xe4")));
    g_assert_false(wn_span_case_eq(WN_SPAN("a\0B"), WN_SPAN("a\0c")));
    g_assert_true(wn_span_case_starts(WN_SPAN("FROM:<>"), WN_SPAN("from:")));
    g_assert_false(wn_span_case_starts(WN_SPAN("fro"), WN_SPAN("from")));
    g_assert_true(wn_span_case_starts(WN_SPAN("x"), WN_SPAN_EMPTY));
}

static void
test_nul_is_content(void)
{
    g_autofree char *copy = wn_span_dup(WN_SPAN("a\0b"));

    g_assert_false(wn_span_eq(WN_SPAN("a\0b"), WN_SPAN("a\0c")));
    g_assert_cmpmem(copy, 4, "a\0b\0", 4);
}

static void
test_trim(void)
{
    g_assert_true(
        wn_span_eq(wn_span_trim(WN_SPAN(" \t\r\na b\n ")), WN_SPAN("a b")));
    g_assert_cmpuint(wn_span_trim(WN_SPAN(" \r\n\t")).len, ==, 0);
    g_assert_cmpuint(wn_span_trim(WN_SPAN_EMPTY).len, ==, 0);
    g_assert_cmpuint(wn_span_trim(WN_SPAN("\v")).len, ==, 1);
}

static void
test_to_u64(void)
{
    static const struct {
        WnSpan text;
        bool ok;
        uint64_t value;
    } cases[] = { { { "0", 1 }, true, 0 }, { { "007", 3 }, true, 7 },
        { { "18446744073709551615", 20 }, true, UINT64_MAX },
        { { "18446744073709551616", 20 }, false, 0 },
        { { "99999999999999999999", 20 }, false, 0 },
        { { "184467440737095516150", 21 }, false, 0 }, { { "", 0 }, false, 0 },
        { { "+1", 2 }, false, 0 }, { { "-1", 2 }, false, 0 },
        { { "1 ", 2 }, false, 0 }, { { "1\0", 2 }, false, 0 },
        { { "1/", 2 }, false, 0 }, { { "1:", 2 }, false, 0 },
        { { "\xb2", 1 }, false, 0 } };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        uint64_t value = 42;

        g_test_message("case %zu: %s", i, cases[i].text.ptr);
        g_assert_cmpint(wn_span_to_u64(cases[i].text, &value), ==, cases[i].ok);
        g_assert_cmpuint(value, ==, cases[i].ok ? cases[i].value : 42);
    }
}

static void
test_take_word(void)
{
    static const char *const words[] = { "GET", "", "/a", "b", "" };
    WnSpan rest = WN_SPAN("GET  /a b");

    for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
        g_assert_true(
            wn_span_eq(wn_span_take_word(&rest), wn_span_str(words[i])));
    rest = WN_SPAN_EMPTY;
    g_assert_cmpuint(wn_span_take_word(&rest).len, ==, 0);
    rest = WN_SPAN("end ");
    g_assert_cmpuint(wn_span_take_word(&rest).len, ==, 3);
    g_assert_cmpuint(rest.len, ==, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/base/span/slice-clamps", test_slice_clamps);
    g_test_add_func("/base/span/case-is-ascii-only", test_case_is_ascii_only);
    g_test_add_func("/base/span/nul-is-content", test_nul_is_content);
    g_test_add_func("/base/span/trim", test_trim);
    g_test_add_func("/base/span/to-u64", test_to_u64);
    g_test_add_func("/base/span/take-word", test_take_word);
    return g_test_run();
}
