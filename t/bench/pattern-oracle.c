/* SPDX-License-Identifier: MIT */

/*
 * Runs rules over messages and compares with what SpamAssassin said:
 *
 *    pattern-oracle ROOT ORACLE.tsv FILE.cf...
 *
 * ORACLE.tsv has the columns path (below ROOT), score, rules hit, sub-rules
 * hit with "*n" behind a number of hits.  Only rules that winnow supports are
 * compared.  As there, no client is known: the relays are those of Received.
 * With "-" for ORACLE.tsv the paths stand on standard input, and each message's
 * score and rules are printed, as the plugin would find them; with "--all" the
 * sub-rules, too, and how often each has hit.
 */

#include "t/unit/pattern_mail.h"

#include <stdio.h>
#include <time.h>

/* A message's time is the best of so many. */
#define TIMES 3

typedef struct Tally {
    guint both, ours, theirs;
    char *example;
} Tally;

typedef struct Comparison {
    const char *root;
    PatternEngine *engine;
    PatternMatcher *matcher;
    Tally *tallies;
    PatternExtent extent;
    GArray *times; /* gint64, microseconds */
    gint64 most;
    char *slowest;
    uint64_t most_work;
    guint n_skipped, n_limits;
} Comparison;

static bool
load(PatternRules *rules, const char *path)
{
    g_autofree char *text = NULL;
    gsize len;

    if (!g_file_get_contents(path, &text, &len, NULL))
        return false;
    pattern_rules_read(rules, path, text, len);
    return true;
}

/* Microseconds of this process's own. */
static gint64
processor_time(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (gint64)now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000;
}

static bool
run(Comparison *self, const char *path, PatternResults *results)
{
    g_autofree char *full = g_build_filename(self->root, path, NULL);
    g_autofree char *bytes = NULL;
    g_autoptr(FakeMail) mail = NULL;
    gint64 spent = G_MAXINT64;
    gsize len;

    if (!g_file_get_contents(full, &bytes, &len, NULL))
        return false;
    mail = fake_mail_new(bytes, len);
    /* Decoding is the view's cost and not that of the rules. */
    for (uint32_t i = 0; i < wn_message_n_parts(fake_mail_message(mail)); i++) {
        wn_message_part_text(fake_mail_message(mail), i);
        wn_message_part_data(fake_mail_message(mail), i);
    }
    wn_message_n_urls(fake_mail_message(mail));
    for (int i = 0; i < TIMES; i++) {
        gint64 start = processor_time();

        pattern_results_clear(results);
        pattern_engine_run(self->engine, self->matcher, fake_mail_view(mail),
            results);
        spent = MIN(spent, processor_time() - start);
    }
    if (spent > self->most) {
        self->most = spent;
        g_free(self->slowest);
        self->slowest = g_strdup(path);
    }
    self->most_work = MAX(self->most_work, results->work);
    self->n_skipped += results->n_skipped > 0;
    self->n_limits += results->n_limits;
    g_array_append_val(self->times, spent);
    return true;
}

/* What the oracle says was hit, into a set of names. */
static void
add_names(GHashTable *set, const char *list)
{
    g_auto(GStrv) names = g_strsplit(list, ",", -1);

    for (guint i = 0; names[i] != NULL; i++) {
        char *star = strchr(names[i], '*');

        if (star != NULL)
            *star = '\0';
        g_hash_table_add(set, g_strdup(names[i]));
    }
}

/* Rules that winnow does not claim to support, and metas of them. */
static void
mark_skipped(const PatternRules *rules, bool *skipped)
{
    for (guint i = 0; i < rules->rules->len; i++) {
        const PatternRule *rule = pattern_rules_at(rules, i);

        skipped[i] = !pattern_rule_runs(rule);
    }
    for (guint i = 0; i < rules->meta_order->len; i++) {
        uint32_t number = g_array_index(rules->meta_order, uint32_t, i);
        const GArray *names = pattern_meta_names(
            pattern_rules_at(rules, number)->meta);

        for (guint j = 0; j < names->len; j++) {
            uint32_t name = g_array_index(names, uint32_t, j);

            skipped[number] = skipped[number]
                              || (skipped[name]
                                  && pattern_rules_at(rules, name)->kind
                                         != PATTERN_UNDEFINED
                                  && (pattern_rules_at(rules, name)->flags
                                         & PATTERN_DISABLED)
                                         == 0);
        }
    }
}

static void
compare(Comparison *self, char **columns, const bool *skipped)
{
    const PatternRules *rules = pattern_engine_rules(self->engine);
    g_autoptr(GHashTable)
        theirs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_auto(PatternResults) results = { .hits = NULL };

    if (!run(self, columns[0], &results))
        return;
    add_names(theirs, columns[2]);
    add_names(theirs, columns[3]);
    for (guint i = 0; i < rules->rules->len; i++) {
        bool hit = g_hash_table_contains(theirs,
            pattern_rules_at(rules, i)->name);
        Tally *tally = &self->tallies[i];

        if (skipped[i])
            continue;
        tally->both += hit && results.hits[i] > 0;
        tally->ours += !hit && results.hits[i] > 0;
        tally->theirs += hit && results.hits[i] == 0;
        if (hit != (results.hits[i] > 0) && tally->example == NULL)
            tally->example = g_strdup(columns[0]);
    }
}

static int
compare_times(const void *a, const void *b)
{
    gint64 one = *(const gint64 *)a;
    gint64 other = *(const gint64 *)b;

    return one < other ? -1 : one > other;
}

static void
print_times(const Comparison *self)
{
    GArray *times = self->times;

    if (times->len == 0)
        return;
    g_array_sort(times, compare_times);
    printf("microseconds a message: median %" G_GINT64_FORMAT
           ", 99 %% %" G_GINT64_FORMAT ", most %" G_GINT64_FORMAT "\n",
        g_array_index(times, gint64, times->len / 2),
        g_array_index(times, gint64, times->len * 99 / 100),
        g_array_index(times, gint64, times->len - 1));
    printf("slowest %s; most work %" G_GUINT64_FORMAT
           "; %u messages not finished, %u matches given up\n",
        self->slowest, self->most_work, self->n_skipped, self->n_limits);
}

static void
print_tallies(const Comparison *self)
{
    const PatternRules *rules = pattern_engine_rules(self->engine);
    Tally all = { .both = 0 };

    for (guint i = 0; i < rules->rules->len; i++) {
        const Tally *tally = &self->tallies[i];

        all.both += tally->both;
        all.ours += tally->ours;
        all.theirs += tally->theirs;
        if (tally->ours + tally->theirs > 0)
            printf("%6u both %5u ours %5u theirs  %s  %s\n", tally->both,
                tally->ours, tally->theirs, pattern_rules_at(rules, i)->name,
                tally->example);
    }
    printf("agreed on %u of %u pairs: %.2f %% (%u only ours, %u only"
           " theirs)\n",
        all.both, all.both + all.ours + all.theirs,
        100.0 * all.both / MAX(1, all.both + all.ours + all.theirs), all.ours,
        all.theirs);
}

static bool
compare_file(Comparison *self, const char *oracle)
{
    const PatternRules *rules = pattern_engine_rules(self->engine);
    g_autofree bool *skipped = g_new0(bool, rules->rules->len);
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;

    if (!g_file_get_contents(oracle, &text, NULL, NULL))
        return false;
    mark_skipped(rules, skipped);
    lines = g_strsplit(text, "\n", -1);
    for (guint i = 1; lines[i] != NULL; i++) {
        g_auto(GStrv) columns = g_strsplit(lines[i], "\t", -1);

        if (g_strv_length(columns) >= 4)
            compare(self, columns, skipped);
    }
    print_tallies(self);
    return true;
}

static void
print_hits(Comparison *self, const char *path)
{
    const PatternRules *rules = pattern_engine_rules(self->engine);
    g_auto(PatternResults) results = { .hits = NULL };

    if (!run(self, path, &results))
        return;
    printf("%s\t%.3f\t", path, (double)results.score / 1000);
    for (guint i = 0; i < rules->rules->len; i++) {
        const PatternRule *rule = pattern_rules_at(rules, i);

        if (results.hits[i] > 0 && self->extent == PATTERN_ALL_HITS)
            printf("%s=%u,", rule->name, results.hits[i]);
        else if (results.hits[i] > 0 && rule->score != 0)
            printf("%s,", rule->name);
    }
    printf("\n");
}

int
main(int argc, char **argv)
{
    Comparison self = { .times = g_array_new(FALSE, FALSE, sizeof(gint64)) };
    PatternRules *rules = pattern_rules_new();
    char path[4096];

    for (int i = 3; i < argc; i++)
        if (!load(rules, argv[i]))
            fprintf(stderr, "%s cannot be read\n", argv[i]);
    if (argc < 4)
        return 2;
    pattern_rules_finish(rules);
    self.root = argv[1];
    self.extent = strcmp(argv[2], "-") == 0 ? PATTERN_SCORES : PATTERN_ALL_HITS;
    self.engine = pattern_engine_new(rules, self.extent);
    self.matcher = pattern_matcher_new();
    self.tallies = g_new0(Tally, rules->rules->len);
    if (strcmp(argv[2], "-") != 0 && strcmp(argv[2], "--all") != 0) {
        if (!compare_file(&self, argv[2]))
            return 1;
    } else {
        while (fgets(path, sizeof path, stdin) != NULL)
            print_hits(&self, g_strchomp(path));
    }
    print_times(&self);
    return 0;
}
