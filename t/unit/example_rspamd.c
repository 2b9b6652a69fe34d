/* SPDX-License-Identifier: MIT */
#include "sdk/examples/rspamd/answer.h"

#include <glib.h>
#include <stdbool.h>
#include <string.h>

static bool
read_answer(Answer *answer, const char *text)
{
    /* At the end of its memory, so that a sanitizer sees what reads too far. */
    size_t len = strlen(text);
    g_autofree char *copy = g_malloc(MAX(len, 1));

    memcpy(copy, text, len);
    return rspamd_answer_read(answer, copy, len) != 0;
}

/* As rspamd 3.4 writes it. */
static void
test_real(void)
{
    Answer answer;

    g_assert_true(read_answer(&answer,
        "{\"is_skipped\":false,\"score\":3.0,\"required_score\":15.0,"
        "\"action\":\"add header\",\"symbols\":{"
        "\"ZERO\":{\"name\":\"ZERO\",\"score\":0.0,\"metric_score\":0.0,"
        "\"options\":[\"0\",{\"score\":9}]},"
        "\"LIGHT\":{\"score\":-1.5},\"HEAVY\":{\"score\":2.125e+1}},"
        "\"messages\":{},\"message-id\":\"undef\",\"time_real\":0.000618}\n"));
    g_assert_cmpstr(answer.action, ==, "add header");
    g_assert_cmpint(answer.score, ==, 3000);
    g_assert_cmpint(answer.required, ==, 15000);
    g_assert_cmpuint(answer.n_symbols, ==, 3);
    g_assert_cmpstr(answer.symbols[0].name, ==, "HEAVY");
    g_assert_cmpint(answer.symbols[0].score, ==, 21250);
    g_assert_cmpint(answer.symbols[1].score, ==, -1500);
    g_assert_cmpstr(answer.symbols[2].name, ==, "ZERO");
}

static const struct {
    const char *text;
    bool good;
    int32_t score;
} scores[] = {
    { "{}", true, 0 },
    { " { \"score\" : -0.5 } ", true, -500 },
    { "{\"score\":0.0009}", true, 0 },
    { "{\"score\":1e-2}", true, 10 },
    { "{\"score\":1E2}", true, 100000 },
    { "{\"score\":99999999999999999999999999}", true, 1000000000 },
    { "{\"score\":-1e999999999}", true, -1000000000 },
    { "{\"score\":1e-999999999}", true, 0 },
    { "{\"a\":[{\"score\":7}],\"score\":2}", true, 2000 },
    { "{\"a\":\"\\\"score\\\":7\",\"score\":2}", true, 2000 },
    { "{\"a\":null,\"b\":true,\"c\":-1.5e3,\"score\":2}", true, 2000 },
    { "", false, 0 },
    { "[]", false, 0 },
    { "{", false, 0 },
    { "{\"score\"", false, 0 },
    { "{\"score\":", false, 0 },
    { "{\"score\":nan}", false, 0 },
    { "{\"score\":\"1\"}", false, 0 },
    { "{\"score\":1", false, 0 },
    { "{\"score\":1}x", false, 0 },
    { "{\"score\":1,}", false, 0 },
    { "{\"a\":}", false, 0 },
    { "{\"a\":,\"score\":1}", false, 0 },
    { "{\"a\":\"\\", false, 0 },
    { "{\"symbols\":[]}", false, 0 },
    { "{\"symbols\":{\"A\":1}}", false, 0 },
};

static void
test_scores(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(scores); i++) {
        Answer answer;

        g_test_message("%s", scores[i].text);
        g_assert_true(read_answer(&answer, scores[i].text) == scores[i].good);
        if (scores[i].good)
            g_assert_cmpint(answer.score, ==, scores[i].score);
    }
}

static void
test_bounds(void)
{
    g_autoptr(GString) text = g_string_new("{\"action\":\"");
    g_autoptr(GString) deep = g_string_new("{\"a\":");
    Answer answer;

    for (int i = 0; i < 1000; i++)
        g_string_append(text, "long ");
    g_string_append(text, "\",\"symbols\":{");
    for (int i = 0; i < 1000; i++)
        g_string_append_printf(text, "%s\"S%d\":{\"score\":%d}",
            i > 0 ? "," : "", i, i);
    g_string_append(text, "}}");
    g_assert_true(read_answer(&answer, text->str));
    g_assert_cmpuint(strlen(answer.action), ==, ANSWER_NAME_MAX - 1);
    g_assert_cmpuint(answer.n_symbols, ==, ANSWER_SYMBOLS_MAX);
    g_assert_cmpstr(answer.symbols[0].name, ==, "S999");
    g_assert_cmpstr(answer.symbols[63].name, ==, "S936");
    for (int i = 0; i < 100000; i++)
        g_string_append_c(deep, '[');
    g_assert_false(read_answer(&answer, deep->str));
}

/* Cut or damaged anywhere, it is read without harm. */
static void
test_damaged(void)
{
    static const char whole[] = "{\"score\":-3.5e1,\"action\":\"re\\\"ject\","
                                "\"symbols\":{\"A\":{\"score\":1,\"o\":[{}]}}}";
    Answer answer;

    for (size_t i = 0; i < sizeof whole - 1; i++) {
        g_autofree char *cut = g_strndup(whole, i);
        g_autofree char *other = g_strdup(whole);

        g_assert_false(read_answer(&answer, cut));
        for (const char *c = "{}[]\",:\\0e-."; *c != '\0'; c++) {
            other[i] = *c;
            read_answer(&answer, other);
        }
    }
    g_assert_true(read_answer(&answer, whole));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/example/rspamd/real", test_real);
    g_test_add_func("/example/rspamd/scores", test_scores);
    g_test_add_func("/example/rspamd/bounds", test_bounds);
    g_test_add_func("/example/rspamd/damaged", test_damaged);
    return g_test_run();
}
