/* SPDX-License-Identifier: MIT */
#include "core/conf/option.h"

typedef struct Case {
    WnOptionKind kind;
    int64_t min, max;
    const char *text;
    bool ok;
    int64_t integer;   /* or the number of items */
    const char *fault; /* a part of it */
} Case;

static const Case cases[] = {
    { WN_OPTION_BOOL, 0, 0, "yes", true, 1, NULL },
    { WN_OPTION_BOOL, 0, 0, "OFF", true, 0, NULL },
    { WN_OPTION_BOOL, 0, 0, "maybe", false, 0, "yes or no" },
    { WN_OPTION_BOOL, 0, 0, "", false, 0, "yes or no" },
    { WN_OPTION_INT, 0, 0, "-42", true, -42, NULL },
    { WN_OPTION_INT, 0, 0, "9223372036854775807", true, INT64_MAX, NULL },
    { WN_OPTION_INT, 0, 0, "9223372036854775808", false, 0, "number" },
    { WN_OPTION_INT, 0, 0, "--1", false, 0, "number" },
    { WN_OPTION_INT, 0, 0, "-", false, 0, "number" },
    { WN_OPTION_INT, 0, 0, "1.5", false, 0, "number" },
    { WN_OPTION_INT, 450, 559, "450", true, 450, NULL },
    { WN_OPTION_INT, 450, 559, "250", false, 0, "from 450 to 559" },
    { WN_OPTION_INT, 450, 559, "999", false, 0, "from 450 to 559" },
    { WN_OPTION_DURATION, 0, 0, "5m", true, 300000, NULL },
    { WN_OPTION_DURATION, 1000, 86400000, "250ms", false, 0, "from 1s to 1d" },
    { WN_OPTION_DURATION, 0, 0, "5 minutes", false, 0, "30s" },
    { WN_OPTION_SIZE, 0, 0, "64k", true, 65536, NULL },
    { WN_OPTION_SIZE, 1024, 1 << 20, "2M", false, 0, "from 1k to 1M" },
    { WN_OPTION_SCORE, 0, 0, "2.5", true, 2500, NULL },
    { WN_OPTION_SCORE, 0, 0, "-0.125", true, -125, NULL },
    { WN_OPTION_SCORE, -1500, 10000, "11", false, 0, "from -1.500 to 10.000" },
    { WN_OPTION_ENUM, 0, 0, "blue", true, 1, NULL },
    { WN_OPTION_ENUM, 0, 0, "bleu", false, 0, "did you mean \"blue\"?" },
    { WN_OPTION_STRING, 0, 0, "", true, 0, NULL },
    { WN_OPTION_STRING, 0, 5, "12345", true, 0, NULL },
    { WN_OPTION_STRING, 0, 5, "123456", false, 0, "length" },
    { WN_OPTION_STRING, 0, 0, "a\r\n250 OK", false, 0, "control character" },
    { WN_OPTION_STRING, 0, 0, "a\tb", false, 0, "control character" },
    { WN_OPTION_STRING, 0, 0, "a\x7f", false, 0, "control character" },
    { WN_OPTION_STRING, 0, 0, "caf\xe9", false, 0, "UTF-8" },
    { WN_OPTION_STRING, 0, 0, "caf\xc3\xa9 %s%n", true, 0, NULL },
    { WN_OPTION_ADDRESS, 0, 0, "a@b.example", true, 0, NULL },
    { WN_OPTION_ADDRESS, 0, 0, "", true, 0, NULL },
    { WN_OPTION_ADDRESS, 0, 0, "b.example", false, 0, "local@domain" },
    { WN_OPTION_STRING_LIST, 0, 0, " a ;; b;", true, 2, NULL },
    { WN_OPTION_STRING_LIST, 0, 0, "", true, 0, NULL },
    { WN_OPTION_STRING_LIST, 1, 2, "a;b;c", false, 0, "from 1 to 2" },
    { WN_OPTION_ADDRESS_LIST, 0, 0, "a@b.test; C.d@E.test", true, 2, NULL },
    { WN_OPTION_ADDRESS_LIST, 0, 0, "a@b.test; b.test", false, 0,
        "expected an address" },
    { WN_OPTION_ADDRESS_LIST, 0, 1, "a@b.test; c@b.test", false, 0,
        "from 0 to 1" },
    { WN_OPTION_NAME_LIST, 0, 0, "b.test; .Example.org; x", true, 3, NULL },
    { WN_OPTION_NAME_LIST, 0, 0, "b.test; a@b.test", false, 0, "" },
    { WN_OPTION_NAME_LIST, 0, 0, "..b.test", false, 0, "" },
    { WN_OPTION_NAME_LIST, 0, 0, ".", false, 0, "" },
    { WN_OPTION_NET_LIST, 0, 0, "192.0.2.0/24; ::1", true, 2, NULL },
    { WN_OPTION_NET_LIST, 0, 0, "192.0.2.1/24", false, 0,
        "did you mean 192.0.2.0/24?" },
    { WN_OPTION_NET_LIST, 0, 0, "192.0.2.0/33", false, 0, "not a network" },
    { WN_OPTION_NET_LIST, 0, 0, "::1; example.com", false, 0,
        "\"example.com\" is not a network" },
};

static char *colours[] = { (char[]){ "red" }, (char[]){ "blue" }, NULL };

static void
test_parse(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        const Case *c = &cases[i];
        WnOptionSpec spec = {
            .kind = c->kind,
            .min = c->min,
            .max = c->max,
            .choices = colours,
        };
        WnOptionValue value = { 0 };
        g_autofree char *fault = NULL;
        bool ok = wn_option_parse(&spec, c->text, &value, &fault);

        g_test_message("%s \"%s\": %s", wn_option_kind_name(c->kind), c->text,
            fault != NULL ? fault : "");
        g_assert_cmpint(ok, ==, c->ok);
        if (ok) {
            g_assert_null(fault);
            g_assert_cmpstr(value.string, ==, c->text);
            g_assert_cmpint(value.items != NULL ? value.items->len
                                                : value.integer,
                ==, c->integer);
            wn_option_value_clear(&value);
        } else {
            g_assert_nonnull(strstr(fault, c->fault));
        }
    }
}

static void
test_required(void)
{
    WnOptionSpec spec = {
        .kind = WN_OPTION_STRING,
        .flags = WN_OPTION_REQUIRED,
    };
    WnOptionValue value = { 0 };
    g_autofree char *fault = NULL;

    g_assert_false(wn_option_parse(&spec, "", &value, &fault));
    g_assert_cmpstr(fault, ==, "a value is required");
}

static void
test_long_text(void)
{
    WnOptionSpec spec = { .kind = WN_OPTION_STRING };
    g_autofree char *text = g_strnfill((64 << 10) + 1, 'x');
    g_autofree char *fault = NULL;
    WnOptionValue value = { 0 };

    g_assert_false(wn_option_parse(&spec, text, &value, &fault));
    g_assert_nonnull(strstr(fault, "longer"));
}

static void
test_net_match(void)
{
    static const struct {
        const char *address;
        int expected;
    } matches[] = {
        { "10.1.2.3", 2 },
        { "10.1.9.9", 1 },
        { "10.200.0.1", 0 },
        { "11.0.0.1", -1 },
        { "2001:db8::1", 3 },
        { "::ffff:10.1.2.3", 2 },
    };
    WnOptionSpec spec = { .kind = WN_OPTION_NET_LIST };
    WnOptionValue value = { 0 };
    WnOptionValue none = { 0 };
    WnNetaddr address;
    char *fault = NULL;

    g_assert_true(wn_option_parse(&spec,
        "10.0.0.0/8; 10.1.0.0/16; 10.1.2.0/24; 2001:db8::/32; 10.1.2.0/24",
        &value, &fault));
    for (size_t i = 0; i < G_N_ELEMENTS(matches); i++) {
        g_assert_true(
            wn_netaddr_parse(wn_span_str(matches[i].address), &address));
        g_assert_cmpint(wn_option_net_match(&value, &address), ==,
            matches[i].expected);
    }
    g_assert_cmpint(wn_option_net_match(&none, &address), ==, -1);
    wn_option_value_clear(&value);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/conf/option/parse", test_parse);
    g_test_add_func("/conf/option/required", test_required);
    g_test_add_func("/conf/option/long-text", test_long_text);
    g_test_add_func("/conf/option/net-match", test_net_match);
    return g_test_run();
}
