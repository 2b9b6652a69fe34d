/* SPDX-License-Identifier: MIT */
#include "core/base/text.h"

typedef bool (*Parse)(WnSpan text, int64_t *out_value);

static const struct {
    Parse parse;
    const char *text;
    int64_t value; /* -999: refused */
} numbers[] = {
    { wn_text_to_duration_ms, "30s", 30000 },
    { wn_text_to_duration_ms, "5m", 300000 },
    { wn_text_to_duration_ms, "4h", 14400000 },
    { wn_text_to_duration_ms, "5d", 432000000 },
    { wn_text_to_duration_ms, "250ms", 250 },
    { wn_text_to_duration_ms, "7", 7000 },
    { wn_text_to_duration_ms, "0", 0 },
    { wn_text_to_duration_ms, "", -999 },
    { wn_text_to_duration_ms, "s", -999 },
    { wn_text_to_duration_ms, "-1s", -999 },
    { wn_text_to_duration_ms, "1 s", -999 },
    { wn_text_to_duration_ms, "1.5h", -999 },
    { wn_text_to_duration_ms, "1hm", -999 },
    { wn_text_to_duration_ms, "106751991167d", 106751991167 * 86400000 },
    { wn_text_to_duration_ms, "106751991168d", -999 },
    { wn_text_to_duration_ms, "18446744073709551615ms", -999 },
    { wn_text_to_size, "50M", 52428800 },
    { wn_text_to_size, "64k", 65536 },
    { wn_text_to_size, "1G", 1073741824 },
    { wn_text_to_size, "12", 12 },
    { wn_text_to_size, "9223372036854775807", INT64_MAX },
    { wn_text_to_size, "9223372036854775808", -999 },
    { wn_text_to_size, "8589934592G", -999 },
    { wn_text_to_size, "1MB", -999 },
    { wn_text_to_score, "2.5", 2500 },
    { wn_text_to_score, "2", 2000 },
    { wn_text_to_score, "0.001", 1 },
    { wn_text_to_score, "-1.25", -1250 },
    { wn_text_to_score, "-0.5", -500 },
    { wn_text_to_score, "1.05", 1050 },
    { wn_text_to_score, "1.0005", -999 },
    { wn_text_to_score, "1.", -999 },
    { wn_text_to_score, ".5", -999 },
    { wn_text_to_score, "-", -999 },
    { wn_text_to_score, "--1", -999 },
    { wn_text_to_score, "1.-5", -999 },
    { wn_text_to_score, "1e3", -999 },
    { wn_text_to_score, "99999999999999", -999 },
};

static void
test_numbers(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++) {
        int64_t value = -999;
        bool ok = numbers[i].parse(wn_span_str(numbers[i].text), &value);

        g_test_message("%s", numbers[i].text);
        g_assert_cmpint(value, ==, numbers[i].value);
        g_assert_cmpint(ok, ==, numbers[i].value != -999);
    }
}

static void
test_bool(void)
{
    bool value = false;

    g_assert_true(wn_text_to_bool(WN_SPAN("Yes"), &value) && value);
    g_assert_true(wn_text_to_bool(WN_SPAN("off"), &value) && !value);
    g_assert_true(wn_text_to_bool(WN_SPAN("1"), &value) && value);
    g_assert_true(wn_text_to_bool(WN_SPAN("0"), &value) && !value);
    g_assert_false(wn_text_to_bool(WN_SPAN(""), &value));
    g_assert_false(wn_text_to_bool(WN_SPAN("truee"), &value));
    g_assert_false(wn_text_to_bool(WN_SPAN("2"), &value));
}

static void
test_closest(void)
{
    static const char *const options[] = { "zones", "timeout", "action", "tls",
        "on_error", NULL };
    static const struct {
        const char *text;
        const char *expected;
    } cases[] = { { "zonez", "zones" }, { "Zone", "zones" },
        { "tiemout", "timeout" }, { "onerror", "on_error" }, { "tsl", "tls" },
        { "acton", "action" }, { "colour", NULL }, { "x", NULL }, { "", NULL },
        { "abc", NULL },
        { "zoneszoneszoneszoneszoneszoneszoneszoneszoneszoneszoneszoneszones",
            NULL } };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_test_message("%s", cases[i].text);
        g_assert_cmpstr(wn_text_closest(cases[i].text, options), ==,
            cases[i].expected);
    }
}

/* GLib decides what is UTF-8; every pair and many longer runs are asked. */
static void
test_utf8_agrees_with_glib(void)
{
    for (int i = 0; i < 2000000; i++) {
        guint32 bits = g_test_rand_bit()
                           ? (guint32)g_test_rand_int()
                           : (guint32)g_test_rand_int() | 0x808080c0;
        char bytes[4];
        uint32_t code;
        size_t len;

        memcpy(bytes, &bits, sizeof bytes);
        if (i < 65536) {
            bytes[0] = (char)(i >> 8);
            bytes[1] = (char)i;
        }
        len = wn_text_utf8_next(wn_span(bytes, sizeof bytes), &code);
        if (bytes[0] == '\0') {
            g_assert_cmpuint(len, ==, 1);
            continue;
        }
        if (len == 0) {
            g_assert_cmpuint(g_utf8_get_char_validated(bytes, 4), >=,
                (gunichar)-2);
            continue;
        }
        g_assert_cmphex(g_utf8_get_char_validated(bytes, (gssize)len), ==,
            code);
        g_assert_cmpuint(wn_text_utf8_next(wn_span(bytes, len - 1), &code), ==,
            0);
    }
}

static void
test_clean(void)
{
    static const struct {
        WnSpan text;
        const char *expected;
    } cases[] = {
        { { "plain", 5 }, "plain" },
        { { "a\r\nb", 4 }, "a b" },
        { { "a\r\r\n\nb", 6 }, "a   b" },
        { { "a\0b\x7f", 4 }, "a b " },
        { { "\xc3\xa9\xe9", 3 }, "\xc3\xa9 " },
        { { "\xc2\x85x", 3 }, " x" },
        { { "\xe2\x82", 2 }, "  " },
        { { "\r", 1 }, " " },
        { { "", 0 }, "" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GString) text = g_string_new_len(cases[i].text.ptr,
            (gssize)cases[i].text.len);

        wn_text_clean(text);
        g_assert_cmpstr(text->str, ==, cases[i].expected);
        g_assert_cmpuint(text->len, ==, strlen(cases[i].expected));
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/base/text/numbers", test_numbers);
    g_test_add_func("/base/text/bool", test_bool);
    g_test_add_func("/base/text/closest", test_closest);
    g_test_add_func("/base/text/utf8-agrees-with-glib",
        test_utf8_agrees_with_glib);
    g_test_add_func("/base/text/clean", test_clean);
    return g_test_run();
}
