/* SPDX-License-Identifier: MIT */

/* Metas of which not all rules are known, and rules that nothing needs. */

#include "plugins/pattern/outlook.h"
#include "t/unit/pattern_mail.h"

#define N_NAMES 4
#define HITS_MOST 3u

static uint32_t
name_number(void *user, const char *name)
{
    (void)user;
    return name[0] >= 'a' && name[0] < 'a' + N_NAMES && name[1] == '\0'
               ? (uint32_t)(name[0] - 'a')
               : PATTERN_META_UNKNOWN;
}

static void
append_operand(GString *out, const char *prefix)
{
    if (g_test_rand_int_range(0, 4) == 0)
        g_string_append_c(out, g_test_rand_bit() ? '!' : '-');
    if (g_test_rand_int_range(0, 4) == 0)
        g_string_append_printf(out, "%d", g_test_rand_int_range(0, 4));
    else
        g_string_append_printf(out, "%s%c", prefix,
            'a' + g_test_rand_int_range(0, N_NAMES));
}

/* "((a && b) + !c) >= 2" and the like. */
static char *
random_meta(const char *prefix)
{
    static const char *const signs[] = { "&&", "||", "&&", "||", "+", "+", "-",
        "*", "/", "==", "!=", "<", "<=", ">", ">=" };
    GString *out = g_string_new(NULL);
    int n = g_test_rand_int_range(1, 7);

    append_operand(out, prefix);
    for (int i = 0; i < n; i++) {
        if (g_test_rand_bit()) {
            g_string_prepend_c(out, '(');
            g_string_append_c(out, ')');
        }
        g_string_append_printf(out, " %s ",
            signs[g_test_rand_int_range(0, G_N_ELEMENTS(signs))]);
        append_operand(out, prefix);
    }
    return g_string_free(out, FALSE);
}

/* Checks the bounds with each combination of hits that they allow; if every
 * rule is known they are exact. */
static void
check_bounds(const PatternMeta *meta, const char *text,
    const PatternBounds *values)
{
    PatternBounds bounds = pattern_meta_bounds(meta, values);
    unsigned int n = (HITS_MOST + 1) * (HITS_MOST + 1);
    bool known = true;

    for (unsigned int i = 0; i < N_NAMES; i++)
        known = known && values[i].least == values[i].most;
    for (unsigned int i = 0; i < n * n; i++) {
        uint32_t hits[N_NAMES];
        unsigned int rest = i;
        bool allowed = true;
        double value;

        for (unsigned int j = 0; j < N_NAMES; j++) {
            hits[j] = rest % (HITS_MOST + 1);
            rest /= HITS_MOST + 1;
            allowed = allowed && hits[j] >= values[j].least
                      && hits[j] <= values[j].most;
        }
        value = pattern_meta_run(meta, hits);
        if (!allowed)
            continue;
        if (value < bounds.least || value > bounds.most
            || (bounds.never_zero && value == 0))
            g_error("%s is %g", text, value);
        if (known)
            g_assert_cmpfloat(bounds.least, ==, bounds.most);
    }
}

static void
test_bounds(void)
{
    for (int i = 0; i < 2000; i++) {
        g_autofree char *text = random_meta("");
        g_autoptr(PatternMeta)
            meta = pattern_meta_new(text, name_number, NULL, NULL);
        PatternBounds values[N_NAMES];

        g_assert_nonnull(meta);
        for (int j = 0; j < N_NAMES; j++) {
            int least = g_test_rand_int_range(0, HITS_MOST + 1);
            int most = g_test_rand_bit()
                           ? least
                           : g_test_rand_int_range(least, HITS_MOST + 1);

            values[j] = (PatternBounds){ .least = least,
                .most = most,
                .never_zero = least > 0 };
        }
        check_bounds(meta, text, values);
    }
}

static PatternEngine *
engine_of(const char *text, PatternExtent extent)
{
    PatternRules *rules = pattern_rules_new();

    pattern_rules_read(rules, "test.cf", text, strlen(text));
    pattern_rules_finish(rules);
    return pattern_engine_new(rules, extent);
}

/* Rules of small words, some of which are alone in their messages. */
static char *
random_rules(void)
{
    static const char *const kinds[] = { "body", "rawbody", "full" };
    GString *out = g_string_new(NULL);

    for (char name = 'a'; name < 'a' + N_NAMES; name++) {
        g_string_append_printf(out, "%s __%c /\\b%c+x?%c/i\n",
            kinds[g_test_rand_int_range(0, G_N_ELEMENTS(kinds))], name, name,
            name);
        if (g_test_rand_bit())
            g_string_append_printf(out, "tflags __%c multiple%s\n", name,
                g_test_rand_bit() ? " nosubject" : "");
        if (g_test_rand_int_range(0, 4) == 0)
            g_string_append_printf(out, "score __%c 0.5\n", name);
    }
    for (int i = 0; i < 6; i++) {
        g_autofree char *meta = random_meta("__");

        g_string_append_printf(out, "meta M%d %s\nscore M%d %d\n", i, meta, i,
            1 << i);
    }
    return g_string_free(out, FALSE);
}

static char *
random_mail(void)
{
    static const char *const words[] = { "aaa", "axa", "bb", "bxb", "cc", "ccx",
        "dd", "dxd", "none", "\n\n" };
    GString *out = g_string_new("From: a@b.test\nSubject: aa dd\n\n");

    for (int i = g_test_rand_int_range(0, 12); i > 0; i--)
        g_string_append_printf(out, "%s ",
            words[g_test_rand_int_range(0, G_N_ELEMENTS(words))]);
    return g_string_free(out, FALSE);
}

/* What is left out changes no score.  Another order may cost more for one
 * message; it does not for many. */
static void
test_scores(void)
{
    g_autoptr(PatternMatcher) matcher = pattern_matcher_new();
    uint64_t work_some = 0;
    uint64_t work_all = 0;

    for (int i = 0; i < 150; i++) {
        g_autofree char *text = random_rules();
        g_autofree char *bytes = random_mail();
        g_autoptr(PatternEngine) all = engine_of(text, PATTERN_ALL_HITS);
        g_autoptr(PatternEngine) some = engine_of(text, PATTERN_SCORES);
        g_autoptr(FakeMail) mail = fake_mail_new(bytes, strlen(bytes));
        g_auto(PatternResults) wanted = { .hits = NULL };
        g_auto(PatternResults) results = { .hits = NULL };

        pattern_engine_run(all, matcher, fake_mail_view(mail), &wanted);
        pattern_engine_run(some, matcher, fake_mail_view(mail), &results);
        if (wanted.score != results.score)
            g_error("%s\n%s", text, bytes);
        work_some += results.work;
        work_all += wanted.work;
    }
    g_assert_cmpuint(work_some, <=, work_all);
}

/* The costly rule is not run when the cheap one decides, nor one that no score
 * depends on, and many places for one do not wait without end. */
static void
test_left_out(void)
{
    static const char rules[] =
        "body __LONG /(?:[a-z]+ ){3}zz/\nbody __RARE /\\brare\\b/\n"
        "body __ALONE /(?:[a-z]+ ){4}zz/\nmeta BOTH __LONG && __RARE\n"
        "score BOTH 1.0\nbody __V /v+x?y?/\ntflags __V multiple\n"
        "body __W /w+x?y?/\nbody __U /u+x?y?/\nmeta MANY __V > 900\n"
        "meta UW __U && __W\n";
    g_autofree char *many = g_strnfill(200000, 'v');
    g_autofree char
        *bytes = g_strdup_printf("Subject: x\n\nfew words to look at\n\n%s\n",
            many);
    g_autoptr(PatternEngine) all = engine_of(rules, PATTERN_ALL_HITS);
    g_autoptr(PatternEngine) some = engine_of(rules, PATTERN_SCORES);
    g_autoptr(PatternMatcher) matcher = pattern_matcher_new();
    g_autoptr(FakeMail) small = fake_mail_new("Subject: x\n\na b c zz\n", 22);
    g_autoptr(FakeMail) large = fake_mail_new(bytes, strlen(bytes));
    g_auto(PatternResults) wanted = { .hits = NULL };
    g_auto(PatternResults) results = { .hits = NULL };

    pattern_engine_run(some, matcher, fake_mail_view(small), &results);
    g_assert_cmpuint(results.work, ==, 0);
    pattern_results_clear(&results);
    pattern_engine_run(all, matcher, fake_mail_view(large), &wanted);
    pattern_engine_run(some, matcher, fake_mail_view(large), &results);
    g_assert_cmpint(results.score, ==, wanted.score);
    g_assert_cmpuint(results.work, <=, wanted.work);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pattern/outlook/bounds", test_bounds);
    g_test_add_func("/pattern/outlook/scores", test_scores);
    g_test_add_func("/pattern/outlook/left-out", test_left_out);
    return g_test_run();
}
