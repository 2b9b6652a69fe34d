/* SPDX-License-Identifier: MIT */

#include "outlook.h"

#include <string.h>

struct PatternOutlook {
    const PatternRules *rules;
    guint n_rules, n_metas;
    uint32_t *user_starts; /* of each rule, and the end: in users */
    GArray *users;         /* uint32_t: places in the rules' meta_order */
    PatternBounds *base;   /* of each rule, when none has hit */
    bool *needed;          /* of each rule */
};

struct PatternForecast {
    const PatternOutlook *outlook;
    PatternBounds *bounds; /* of each rule */
    uint64_t *stale;       /* a bit for each meta, by its place */
    GArray *path;          /* uint32_t: rules to look at */
    uint32_t *seen;        /* of each rule: the search that saw it */
    uint32_t search;
    guint settled; /* metas before this place are decided */
};

static uint32_t
meta_at(const PatternOutlook *self, guint place)
{
    return g_array_index(self->rules->meta_order, uint32_t, place);
}

static bool
is_fixed(const PatternBounds *bounds)
{
    return bounds->most <= bounds->least;
}

static bool
is_root(const PatternRule *rule)
{
    return pattern_rule_runs(rule) && rule->score != 0;
}

/* Metas stand behind what they name: from the last to the first. */
static void
find_needed(PatternOutlook *self)
{
    for (guint i = 0; i < self->n_rules; i++)
        self->needed[i] = is_root(pattern_rules_at(self->rules, i));
    for (guint i = self->n_metas; i-- > 0;) {
        uint32_t number = meta_at(self, i);
        const PatternRule *rule = pattern_rules_at(self->rules, number);
        const GArray *names = pattern_meta_names(rule->meta);

        for (guint j = 0; self->needed[number] && j < names->len; j++)
            self->needed[g_array_index(names, uint32_t, j)] = true;
    }
}

static void
find_users(PatternOutlook *self)
{
    GArray **lists = g_new0(GArray *, self->n_rules);

    for (guint i = 0; i < self->n_rules; i++)
        lists[i] = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    for (guint i = 0; i < self->n_metas; i++) {
        const PatternRule *rule = pattern_rules_at(self->rules,
            meta_at(self, i));
        const GArray *names = pattern_meta_names(rule->meta);

        for (guint j = 0; pattern_rule_runs(rule) && j < names->len; j++)
            g_array_append_val(lists[g_array_index(names, uint32_t, j)], i);
    }
    for (guint i = 0; i < self->n_rules; i++) {
        self->user_starts[i] = self->users->len;
        g_array_append_vals(self->users, lists[i]->data, lists[i]->len);
        g_array_unref(lists[i]);
    }
    self->user_starts[self->n_rules] = self->users->len;
    g_free(lists);
}

PatternOutlook *
pattern_outlook_new(const PatternRules *rules)
{
    PatternOutlook *self = g_new0(PatternOutlook, 1);

    self->rules = rules;
    self->n_rules = rules->rules->len;
    self->n_metas = rules->meta_order->len;
    self->user_starts = g_new0(uint32_t, self->n_rules + 1);
    self->users = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    self->base = g_new0(PatternBounds, self->n_rules);
    self->needed = g_new0(bool, self->n_rules);
    find_needed(self);
    find_users(self);
    for (guint i = 0; i < self->n_metas; i++) {
        const PatternRule *rule = pattern_rules_at(rules, meta_at(self, i));

        if (pattern_rule_runs(rule))
            self->base[meta_at(self, i)] = pattern_meta_bounds(rule->meta,
                self->base);
    }
    return self;
}

void
pattern_outlook_free(PatternOutlook *self)
{
    if (self == NULL)
        return;
    g_free(self->user_starts);
    g_array_unref(self->users);
    g_free(self->base);
    g_free(self->needed);
    g_free(self);
}

bool
pattern_outlook_needs(const PatternOutlook *self, uint32_t number)
{
    return self->needed[number];
}

PatternForecast *
pattern_forecast_new(const PatternOutlook *outlook)
{
    PatternForecast *self = g_new0(PatternForecast, 1);

    self->outlook = outlook;
    self->bounds = g_memdup2(outlook->base,
        outlook->n_rules * sizeof *outlook->base);
    self->stale = g_new0(uint64_t, outlook->n_metas / 64 + 1);
    self->path = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    self->seen = g_new0(uint32_t, outlook->n_rules);
    return self;
}

void
pattern_forecast_free(PatternForecast *self)
{
    if (self == NULL)
        return;
    g_free(self->bounds);
    g_free(self->stale);
    g_array_unref(self->path);
    g_free(self->seen);
    g_free(self);
}

static void
change(PatternForecast *self, uint32_t number, PatternBounds bounds)
{
    const PatternOutlook *outlook = self->outlook;
    PatternBounds *old = &self->bounds[number];

    if (old->least == bounds.least && old->most == bounds.most
        && old->never_zero == bounds.never_zero)
        return;
    *old = bounds;
    for (uint32_t i = outlook->user_starts[number];
         i < outlook->user_starts[number + 1]; i++) {
        uint32_t place = g_array_index(outlook->users, uint32_t, i);

        self->stale[place / 64] |= UINT64_C(1) << (place % 64);
    }
}

void
pattern_forecast_set(PatternForecast *self, uint32_t number, uint32_t least,
    uint32_t most)
{
    change(self, number,
        (PatternBounds){ .least = least,
            .most = most,
            .never_zero = least > 0 });
}

/* Changes only go to metas further on. */
static void
refresh(PatternForecast *self)
{
    for (guint word = 0; word <= self->outlook->n_metas / 64; word++)
        while (self->stale[word] != 0) {
            guint place = word * 64 + (guint)__builtin_ctzll(self->stale[word]);
            uint32_t number = meta_at(self->outlook, place);
            const PatternRule *rule = pattern_rules_at(self->outlook->rules,
                number);

            self->stale[word] &= self->stale[word] - 1;
            change(self, number, pattern_meta_bounds(rule->meta, self->bounds));
        }
}

static void
look_at(PatternForecast *self, uint32_t number)
{
    if (self->seen[number] == self->search || is_fixed(&self->bounds[number]))
        return;
    self->seen[number] = self->search;
    g_array_append_val(self->path, number);
}

/* The cheapest open rule that the meta's value depends on. */
static uint32_t
cheapest_below(PatternForecast *self, uint32_t root, const uint64_t *costs)
{
    uint32_t chosen = PATTERN_META_UNKNOWN;

    self->search++;
    look_at(self, root);
    while (self->path->len > 0) {
        uint32_t number = g_array_index(self->path, uint32_t,
            self->path->len - 1);
        const PatternRule *rule = pattern_rules_at(self->outlook->rules,
            number);
        const GArray *names;

        g_array_set_size(self->path, self->path->len - 1);
        if (rule->meta == NULL) {
            if (chosen == PATTERN_META_UNKNOWN || costs[number] < costs[chosen])
                chosen = number;
            continue;
        }
        names = pattern_meta_names(rule->meta);
        for (guint i = 0; i < names->len; i++)
            look_at(self, g_array_index(names, uint32_t, i));
    }
    return chosen;
}

uint32_t
pattern_forecast_next(PatternForecast *self, const uint64_t *costs)
{
    refresh(self);
    for (; self->settled < self->outlook->n_metas; self->settled++) {
        uint32_t number = meta_at(self->outlook, self->settled);
        const PatternBounds *bounds = &self->bounds[number];

        if (is_fixed(bounds) || bounds->never_zero
            || !is_root(pattern_rules_at(self->outlook->rules, number)))
            continue;
        return cheapest_below(self, number, costs);
    }
    return PATTERN_META_UNKNOWN;
}

static uint32_t
as_hits(double value)
{
    if (value <= 0)
        return value < 0;
    return value < 1 ? 1u : (uint32_t)MIN(value, 1e6);
}

void
pattern_forecast_finish(PatternForecast *self, uint32_t *hits)
{
    const PatternOutlook *outlook = self->outlook;

    for (uint32_t i = 0; i < outlook->n_rules; i++)
        if (pattern_rules_at(outlook->rules, i)->meta == NULL
            && !is_fixed(&self->bounds[i]))
            pattern_forecast_set(self, i, 0, 0);
    refresh(self);
    for (guint i = 0; i < outlook->n_metas; i++)
        hits[meta_at(outlook, i)] = as_hits(
            self->bounds[meta_at(outlook, i)].least);
}
