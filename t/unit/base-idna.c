/* SPDX-License-Identifier: MIT */
#include "core/base/idna.h"

#include <glib.h>

typedef struct Case {
    const char *domain;
    const char *expected; /* NULL: none */
} Case;

static const Case cases[] = {
    { "Example.COM", "example.com" },
    { "example.com.", "example.com" },
    { "a_b.example", "a_b.example" },
    { "[192.0.2.1]", "[192.0.2.1]" },
    { "b\xc3\xbc"
      "cher.example",
        "xn--bcher-kva.example" },
    { "B\xc3\x9c"
      "CHER.Example.",
        "xn--bcher-kva.example" },
    /* The same letter in two characters. */
    { "bu\xcc\x88"
      "cher.example",
        "xn--bcher-kva.example" },
    { "fa\xc3\x9f.example", "xn--fa-hia.example" },
    { "xn--bcher-kva.example", "xn--bcher-kva.example" },
    { "", NULL },
    { ".", NULL },
    { "b\xfc"
      "cher.example",
        NULL },
    { "a\xe2\x80\xa8.example", NULL },
};

static void
test_cases(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        char out[WN_IDNA_MAX + 1] = "";
        bool good = wn_domain_to_ascii(wn_span_str(cases[i].domain), out);

        g_test_message("%s", cases[i].domain);
        g_assert_true(good == (cases[i].expected != NULL));
        if (good)
            g_assert_cmpstr(out, ==, cases[i].expected);
    }
}

static void
test_limits(void)
{
    g_autoptr(GString) name = g_string_new(NULL);
    char out[WN_IDNA_MAX + 1];

    for (int i = 0; i < WN_IDNA_MAX; i++)
        g_string_append_c(name, i % 2 ? '.' : 'a');
    g_assert_true(wn_domain_to_ascii(wn_span_str(name->str), out));
    g_string_append(name, "bc");
    g_assert_false(wn_domain_to_ascii(wn_span_str(name->str), out));
    g_string_truncate(name, 0);
    for (int i = 0; i < 100000; i++)
        g_string_append(name, "\xc3\xbc");
    g_assert_false(wn_domain_to_ascii(wn_span_str(name->str), out));
    g_assert_false(wn_domain_to_ascii(WN_SPAN("a\0b.example"), out));
    g_assert_false(wn_domain_to_ascii(WN_SPAN("\xc3\xbc\0b.example"), out));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/base/idna/cases", test_cases);
    g_test_add_func("/base/idna/limits", test_limits);
    return g_test_run();
}
