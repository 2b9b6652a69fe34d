/* SPDX-License-Identifier: MIT */

#include "engine.h"

#include "evals.h"
#include "outlook.h"
#include "scan.h"

struct PatternEngine {
    PatternRules *rules;
    PatternOutlook *outlook;
    GPtrArray *groups; /* of PatternGroup */
    GArray *evals;     /* uint32_t: rules */
    bool *may_wait;    /* of each rule: only a meta may need it */
};

/* Rules of texts that are long, and that are kept until the end. */
static bool
may_wait(const PatternRule *rule)
{
    switch (rule->kind) {
    case PATTERN_BODY:
    case PATTERN_RAWBODY:
    case PATTERN_FULL:
    case PATTERN_URI:
        return rule->regex != NULL && rule->score == 0;
    case PATTERN_HEADER:
    case PATTERN_MIMEHEADER:
    case PATTERN_UNDEFINED:
    case PATTERN_META:
        break;
    }
    return false;
}

PatternEngine *
pattern_engine_new(PatternRules *rules, PatternExtent extent)
{
    PatternEngine *self = g_new0(PatternEngine, 1);
    guint n = rules->rules->len;
    g_autofree bool *wanted = g_new0(bool, n);

    self->rules = rules;
    self->outlook = pattern_outlook_new(rules);
    self->evals = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    self->may_wait = g_new0(bool, n);
    for (uint32_t i = 0; i < n; i++) {
        const PatternRule *rule = pattern_rules_at(rules, i);
        bool eval = (rule->flags & PATTERN_EVAL) != 0;

        wanted[i] = pattern_rule_runs(rule)
                    && (extent == PATTERN_ALL_HITS
                        || pattern_outlook_needs(self->outlook, i));
        self->may_wait[i] = wanted[i] && extent == PATTERN_SCORES && !eval
                            && may_wait(rule);
        if (wanted[i] && eval && rule->kind != PATTERN_META)
            g_array_append_val(self->evals, i);
    }
    self->groups = pattern_groups_new(rules, wanted);
    for (guint i = 0; i < n; i++)
        g_clear_pointer(&pattern_rules_at(rules, i)->expression,
            expression_free);
    return self;
}

void
pattern_engine_free(PatternEngine *self)
{
    if (self == NULL)
        return;
    pattern_outlook_free(self->outlook);
    g_ptr_array_unref(self->groups);
    g_array_unref(self->evals);
    g_free(self->may_wait);
    pattern_rules_free(self->rules);
    g_free(self);
}

const PatternRules *
pattern_engine_rules(const PatternEngine *self)
{
    return self->rules;
}

static void
run_evals(const PatternEngine *self, const PatternMail *mail,
    PatternResults *results)
{
    for (guint i = 0; i < self->evals->len; i++) {
        uint32_t number = g_array_index(self->evals, uint32_t, i);

        results->hits[number] = pattern_eval_run(self->rules,
            pattern_rules_at(self->rules, number), mail);
    }
}

/* Runs of the rules put off those that the score depends on. */
static void
run_metas(const PatternEngine *self, PatternScan *scan)
{
    g_autoptr(PatternForecast) forecast = pattern_forecast_new(self->outlook);
    uint32_t *hits = scan->results->hits;
    uint32_t number;

    for (uint32_t i = 0; i < self->rules->rules->len; i++) {
        if (pattern_scan_waits(scan, i))
            pattern_forecast_set(forecast, i, 0,
                pattern_scan_hits_wanted(pattern_rules_at(self->rules, i)));
        else if (hits[i] > 0)
            pattern_forecast_set(forecast, i, hits[i], hits[i]);
    }
    while ((number = pattern_forecast_next(forecast, scan->waiting->costs))
           != PATTERN_META_UNKNOWN) {
        pattern_scan_catch_up(scan, number);
        pattern_forecast_set(forecast, number, hits[number], hits[number]);
    }
    pattern_forecast_finish(forecast, hits);
}

static bool
needs_skipped(const PatternRule *meta, const bool *skipped)
{
    const GArray *names = pattern_meta_names(meta->meta);

    for (guint i = 0; i < names->len; i++)
        if (skipped[g_array_index(names, uint32_t, i)])
            return true;
    return false;
}

/* What needs a rule that was not run has not hit. */
static void
skip_metas(const PatternEngine *self, PatternResults *results)
{
    const GArray *order = self->rules->meta_order;

    for (guint i = 0; i < order->len; i++) {
        uint32_t number = g_array_index(order, uint32_t, i);
        const PatternRule *rule = pattern_rules_at(self->rules, number);

        if (!pattern_rule_runs(rule) || !needs_skipped(rule, results->skipped))
            continue;
        results->hits[number] = 0;
        results->skipped[number] = true;
        results->n_skipped++;
    }
}

static void
add_scores(const PatternEngine *self, PatternResults *results)
{
    for (uint32_t i = 0; i < self->rules->rules->len; i++)
        if (results->hits[i] > 0)
            results->score += pattern_rules_at(self->rules, i)->score;
}

void
pattern_engine_run(const PatternEngine *self, PatternMatcher *matcher,
    const PatternMail *mail, PatternResults *out)
{
    guint n = self->rules->rules->len;
    g_auto(PatternScan) scan = { .rules = self->rules,
        .may_wait = self->may_wait,
        .matcher = matcher,
        .mail = mail,
        .results = out };

    pattern_scan_init(&scan);
    *out = (PatternResults){ .hits = g_new0(uint32_t, n),
        .skipped = g_new0(bool, n) };
    for (guint i = 0; i < self->groups->len; i++)
        pattern_scan_group(&scan, g_ptr_array_index(self->groups, i));
    run_evals(self, mail, out);
    run_metas(self, &scan);
    if (out->n_skipped > 0)
        skip_metas(self, out);
    add_scores(self, out);
}

void
pattern_results_clear(PatternResults *self)
{
    g_clear_pointer(&self->hits, g_free);
    g_clear_pointer(&self->skipped, g_free);
}
