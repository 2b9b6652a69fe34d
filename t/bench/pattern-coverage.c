/* SPDX-License-Identifier: MIT */

/*
 * The share of rules that the pattern plugin can run: pattern-coverage FILE...
 * With --reasons each rule that it cannot.
 */

#include "plugins/pattern/engine.h"

#include <stdio.h>

static bool
read_rules(PatternRules *rules, const char *path)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;
    gsize len;

    if (!g_file_get_contents(path, &text, &len, &error)) {
        fprintf(stderr, "%s\n", error->message);
        return false;
    }
    pattern_rules_read(rules, path, text, len);
    return true;
}

static guint
n_filtered(const PatternRules *rules)
{
    guint n = 0;

    for (guint i = 0; i < rules->rules->len; i++)
        n += pattern_rules_at(rules, i)->literals != NULL;
    return n;
}

static void
print_share(const char *name, guint usable, guint all)
{
    printf("%-12s %5u of %5u usable (%.1f %%)\n", name, usable, all,
        all > 0 ? 100.0 * usable / all : 100.0);
}

int
main(int argc, char **argv)
{
    g_autoptr(PatternRules) rules = pattern_rules_new();
    bool reasons = argc > 1 && strcmp(argv[1], "--reasons") == 0;
    gint64 start = g_get_monotonic_time();
    PatternCoverage all;

    for (int i = 1 + reasons; i < argc; i++)
        if (!read_rules(rules, argv[i]))
            return 1;
    pattern_rules_finish(rules);
    all = pattern_rules_coverage(rules);
    if (reasons)
        for (guint i = 0; i < rules->warnings->len; i++)
            printf("%s\n", (char *)g_ptr_array_index(rules->warnings, i));
    for (guint i = 0; reasons && i < rules->rules->len; i++) {
        const PatternRule *rule = pattern_rules_at(rules, i);

        if (rule->kind == PATTERN_META && rule->unsupported != NULL)
            printf("meta %s: %s\n", rule->name, rule->unsupported);
    }
    print_share("expressions", all.n_expressions_usable, all.n_expressions);
    print_share("metas", all.n_metas_usable, all.n_metas);
    print_share("together", all.n_expressions_usable + all.n_metas_usable,
        all.n_expressions + all.n_metas);
    print_share("eval rules", all.n_evals_usable, all.n_evals);
    printf("%-12s %5u have a literal\n", "prefilter", n_filtered(rules));
    printf("read and compiled in %.0f ms\n",
        (double)(g_get_monotonic_time() - start) / 1000);
    return 0;
}
