/* SPDX-License-Identifier: MIT */

/* Windows must never miss where an expression matches. */

#include <string.h>

#include "plugins/pattern/window.h"

typedef struct Probe {
    PatternRegex *regex;
    PatternMatcher *matcher;
    PatternWindows *windows; /* NULL: nothing can be said */
    GArray *somewhere, *places;
} Probe;

static void
probe_init(Probe *self, const char *literal)
{
    g_auto(PatternSource) source = { .text = NULL };
    g_autoptr(Expression) expression = NULL;
    g_autoptr(GError) error = NULL;
    const char *rest;

    g_assert_true(pattern_source_read(&source, literal, &rest, NULL));
    self->regex = pattern_regex_new(&source, &error);
    g_assert_no_error(error);
    self->matcher = pattern_matcher_new();
    self->windows = pattern_windows_new();
    self->somewhere = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    self->places = g_array_new(FALSE, FALSE, sizeof(PatternPlace));
    expression = expression_new(&source);
    if (expression == NULL
        || !pattern_windows_add(self->windows, expression, 7))
        g_clear_pointer(&self->windows, pattern_windows_free);
    else
        pattern_windows_build(self->windows);
}

static void
probe_clear(Probe *self)
{
    pattern_regex_free(self->regex);
    pattern_matcher_free(self->matcher);
    pattern_windows_free(self->windows);
    g_array_unref(self->somewhere);
    g_array_unref(self->places);
}

static bool
is_candidate(Probe *self, const char *text, size_t len)
{
    g_array_set_size(self->somewhere, 0);
    g_array_set_size(self->places, 0);
    pattern_windows_scan(self->windows, text, len, self->somewhere,
        self->places);
    return self->somewhere->len + self->places->len > 0;
}

/* Expressions in whose reading much can go wrong. */
static const char *const expressions[] = {
    "/vi+ag?ra/i",
    "/v[\\W_]{0,2}i[\\W_]{0,2}a/i",
    "/(?:ab|ba)(?=c)c{2}a/",
    "/(?<!a)bca(?!b)/",
    "/^abc?a$/m",
    "/(a|bc){2,3}ca/",
    "/[^a-b]bc[[:alpha:]]a/",
    "/a(?i)B(?-i)ca/",
    "/a b # c\n c +a/x",
    "/(ab)c\\1/",
    "/(?(DEFINE)(?<T>ab))(?&T)c/",
    "/\\babc\\b/",
    "/(?>a+b*)ca/",
    "/a{2}b{1,}c{0,2}a/",
    "/abca?+b?c/",
    "/(?:a(?#no)b|c(b|ca))a/",
    "/a{,2}bca/",
    "/\\Qab\\Eca/",
    "/\\x61\\x{62}c\\141/",
    "/[]a]bc[b-]a/",
    "/(?|(a)|(b))ca/",
    "/abc|bca|cab?a/",
    "/[\\w-]b c\\Sa/",
    "/(?:a|)(?:b|c)abc/",
};

/* All that matches must be a candidate; texts of few letters match often. */
static void
test_never_misses(const void *data)
{
    static const char letters[] = "aabbccABvig -\n\xe9";
    Probe probe;
    char text[24];
    guint n_found = 0;

    probe_init(&probe, data);
    for (int i = 0; i < 60000 && probe.windows != NULL; i++) {
        size_t len = (size_t)g_test_rand_int_range(1, sizeof text);
        size_t at = 0;

        for (size_t j = 0; j < len; j++)
            text[j] = letters[g_test_rand_int_range(0, sizeof letters - 1)];
        if (pattern_regex_match(probe.regex, probe.matcher, text, len, &at)
            != PATTERN_FOUND)
            continue;
        n_found++;
        g_assert_true(is_candidate(&probe, text, len));
    }
    if (probe.windows == NULL)
        g_test_message("nothing can be said of %s", (const char *)data);
    else
        g_test_message("%u of 60000 texts matched", n_found);
    probe_clear(&probe);
}

typedef struct Chosen {
    const char *literal, *text;
    bool candidate;
} Chosen;

static const Chosen chosen[] = {
    { "/v[i1!][a@]gr[a@]/i", "Buy V1@gra", true },
    { "/v[i1!][a@]gr[a@]/i", "a village of great vigour", false },
    { "/v[i1!][a@]gr[a@]/i", "viagr", false },
    { "/q[\\W_]{0,3}z[\\W_]{0,3}x[\\W_]{0,3}j/", "q - z.x..j", true },
    { "/q[\\W_]{0,3}z[\\W_]{0,3}x[\\W_]{0,3}j/", "qzx", false },
    { "/(?=q)(?!quiz)[qQ][u\xfc][i!]z/", "q\xfc!z", true },
    { "/(?:j[0o]b|k[1i]ng|z[3e]bra) (?:q|x)ed/i", "a Z3bra xed", true },
    { "/(?:j[0o]b|k[1i]ng|z[3e]bra) (?:q|x)ed/i", "a z3bra ded", false },
};

static void
test_chosen(const void *data)
{
    const Chosen *test = data;
    Probe probe;

    probe_init(&probe, test->literal);
    g_assert_nonnull(probe.windows);
    g_assert_cmpint(is_candidate(&probe, test->text, strlen(test->text)), ==,
        test->candidate);
    probe_clear(&probe);
}

/* Of these nothing can be said. */
static void
test_refused(void)
{
    static const char *const all[] = { "/a*/", "/(?:)/", "/\\w+/", "/(a)?\\1/",
        "/./", "/(?=x)/", "/\\x{2019}abc/" };

    for (size_t i = 0; i < G_N_ELEMENTS(all); i++) {
        Probe probe;

        probe_init(&probe, all[i]);
        g_assert_null(probe.windows);
        probe_clear(&probe);
    }
}

/* Repetitions of repetitions are not written out. */
static void
test_bomb(void)
{
    Probe probe;
    gint64 start = g_get_monotonic_time();

    probe_init(&probe, "/(?:(?:(?:[xq]{9}z){9}y){9}[a-d]{50}){3}j/");
    g_assert_cmpint(g_get_monotonic_time() - start, <, G_USEC_PER_SEC);
    probe_clear(&probe);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(expressions); i++) {
        g_autofree char *path = g_strdup_printf("/pattern/window/random/%zu",
            i);

        g_test_add_data_func(path, expressions[i], test_never_misses);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(chosen); i++) {
        g_autofree char *path = g_strdup_printf("/pattern/window/chosen/%zu",
            i);

        g_test_add_data_func(path, &chosen[i], test_chosen);
    }
    g_test_add_func("/pattern/window/refused", test_refused);
    g_test_add_func("/pattern/window/bomb", test_bomb);
    return g_test_run();
}
