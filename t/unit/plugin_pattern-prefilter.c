/* SPDX-License-Identifier: MIT */

/* What the prefilter asks for must stand in everything that matches. */

#include "plugins/pattern/literal.h"
#include "plugins/pattern/prefilter.h"

#include <string.h>

typedef struct Case {
    const char *regex;
    const char *literals; /* split by "|", NULL: none */
} Case;

static const Case cases[] = {
    { "/viagra/", "viagra" },
    { "/Vi\\@gra/i", "vi@gra" },
    { "/ab.cdef/", "cdef" },
    { "/abc?def/", "def" },
    { "/abcd?ef/", "abc" },
    { "/abcd*/", "abc" },
    { "/abc+d/", "abc" },
    { "/abc{0,3}/", NULL },
    { "/abcd{2}/", "abcd" },
    { "/foo|barr/", "foo|barr" },
    { "/foo|ba/", NULL },
    { "/(?:long|short) word/", " word" },
    { "/(?:alpha|beta\\d)x/", "alpha|beta" },
    { "/(?:alpha|beta)?xy/", NULL },
    { "/(?!alpha)xyz/", "xyz" },
    { "/(?=alpha)x/", NULL },
    { "/\\balpha\\b/", "alpha" },
    { "/al[p]ha/", "alpha" },
    { "/al[pq]ha1/", "ha1" },
    { "/\\x41bcd/", "abcd" },
    { "/a\\sbcd/", "bcd" },
    { "/[^]]abc/", "abc" },
    { "/[[:alpha:]]]abc/", "]abc" },
    { "/(?i)abc/", "abc" },
    { "/(?x)a b c d/", NULL },
    { "/a b c d # e/x", "abcd" },
    { "/\\Qabc\\E/", NULL },
    { "/(?(1)abc|def)/", NULL },
    { "/(?R)abc/", NULL },
    { "/(?<n>abcd)\\k<n>/", "abcd" },
    { "/abc\\x{2019}/", NULL },
    { "/ab(?#x)cd/", "abcd" },
};

static void
test_literals(const void *data)
{
    const Case *test = data;
    g_auto(PatternSource) source = { .text = NULL };
    g_autoptr(GPtrArray) found = NULL;
    g_autoptr(GString) joined = g_string_new(NULL);
    const char *rest;

    g_assert_true(pattern_source_read(&source, test->regex, &rest, NULL));
    found = pattern_literals_find(&source);
    for (guint i = 0; found != NULL && i < found->len; i++) {
        const GByteArray *string = g_ptr_array_index(found, i);

        if (i > 0)
            g_string_append_c(joined, '|');
        g_string_append_len(joined, (const char *)string->data, string->len);
    }
    if (test->literals == NULL)
        g_assert_null(found);
    else
        g_assert_cmpstr(joined->str, ==, test->literals);
}

static void
test_scan(void)
{
    static const char text[] = "The QUICK brown fox; quick again, abcabc";
    static const char *const regexes[] = { "/quick/", "/fox;|wolf/", "/the q/i",
        "/bcab/", "/abcabcd/", "/wolf/" };
    static const bool expected[] = { true, true, true, true, false, false };
    g_autoptr(PatternPrefilter) filter = pattern_prefilter_new();
    g_autoptr(GArray) out = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    bool seen[G_N_ELEMENTS(regexes)] = { false };

    for (uint32_t i = 0; i < G_N_ELEMENTS(regexes); i++) {
        g_auto(PatternSource) source = { .text = NULL };
        g_autoptr(GPtrArray) literals = NULL;
        const char *rest;

        g_assert_true(pattern_source_read(&source, regexes[i], &rest, NULL));
        literals = pattern_literals_find(&source);
        pattern_prefilter_add(filter, literals, i);
    }
    pattern_prefilter_build(filter);
    pattern_prefilter_scan(filter, "ab", 2, out);
    g_assert_cmpuint(out->len, ==, 0);
    pattern_prefilter_scan(filter, text, strlen(text), out);
    for (guint i = 0; i < out->len; i++)
        seen[g_array_index(out, uint32_t, i)] = true;
    for (size_t i = 0; i < G_N_ELEMENTS(regexes); i++)
        g_assert_cmpint(seen[i], ==, expected[i]);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strdup_printf("/prefilter/literals/%zu", i);

        g_test_add_data_func(path, &cases[i], test_literals);
    }
    g_test_add_func("/prefilter/scan", test_scan);
    return g_test_run();
}
