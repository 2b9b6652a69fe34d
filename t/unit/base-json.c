/* SPDX-License-Identifier: MIT */
#include "core/base/json.h"

static void
test_nesting(void)
{
    g_autoptr(GString) out = g_string_new(NULL);
    WnJson json;

    wn_json_init(&json, out);
    wn_json_open_object(&json, NULL);
    wn_json_open_list(&json, "empty");
    wn_json_close_list(&json);
    wn_json_int(&json, "min", INT64_MIN);
    wn_json_open_list(&json, "list");
    wn_json_int(&json, NULL, 1);
    wn_json_open_object(&json, NULL);
    wn_json_close_object(&json);
    wn_json_bool(&json, NULL, false);
    wn_json_str(&json, NULL, NULL);
    wn_json_close_list(&json);
    wn_json_open_object(&json, "o\"k");
    wn_json_str(&json, "a", "b");
    wn_json_close_object(&json);
    wn_json_bool(&json, "t", true);
    wn_json_close_object(&json);
    g_assert_cmpstr(out->str, ==,
        "{\"empty\":[],\"min\":-9223372036854775808,"
        "\"list\":[1,{},false,null],\"o\\\"k\":{\"a\":\"b\"},\"t\":true}");
}

static void
test_strings(void)
{
    static const struct {
        const char *name;
        WnSpan value;
        const char *expected;
    } cases[] = {
        { "empty", { "", 0 }, "\"\"" },
        { "quotes", { "a\"b\\", 4 }, "\"a\\\"b\\\\\"" },
        { "controls", { "\0\n\x1f\x7f", 4 },
            "\"\\u0000\\u000a\\u001f\\u007f\"" },
        { "letters", { "\xc3\xa9\xf0\x9f\x98\x80", 6 },
            "\"\xc3\xa9\xf0\x9f\x98\x80\"" },
        { "line separator", { "\xe2\x80\xa8", 3 }, "\"\\u2028\"" },
        { "latin-1", { "caf\xe9!", 5 }, "\"caf\xef\xbf\xbd!\"" },
        { "cut", { "\xf0\x9f\x98", 3 },
            "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
        { "overlong slash", { "\xc0\xaf", 2 }, "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
        { "cut before a quote", { "\xe2\x80\"", 3 },
            "\"\xef\xbf\xbd\xef\xbf\xbd\\\"\"" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GString) out = g_string_new(NULL);
        WnJson json;

        g_test_message("%s", cases[i].name);
        wn_json_init(&json, out);
        wn_json_span(&json, NULL, cases[i].value);
        g_assert_cmpstr(out->str, ==, cases[i].expected);
    }
}

static void
test_thousandths(void)
{
    static const struct {
        int64_t value;
        const char *expected;
    } cases[] = {
        { 0, "0" },
        { 1, "0.001" },
        { -1, "-0.001" },
        { 10, "0.01" },
        { 1500, "1.5" },
        { -2050, "-2.05" },
        { 7000, "7" },
        { 12345, "12.345" },
        { INT64_MAX, "9223372036854775.807" },
        { INT64_MIN, "-9223372036854775.808" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GString) out = g_string_new(NULL);
        WnJson json;

        wn_json_init(&json, out);
        wn_json_thousandths(&json, NULL, cases[i].value);
        g_assert_cmpstr(out->str, ==, cases[i].expected);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/base/json/nesting", test_nesting);
    g_test_add_func("/base/json/strings", test_strings);
    g_test_add_func("/base/json/thousandths", test_thousandths);
    return g_test_run();
}
