/* SPDX-License-Identifier: MIT */

#include "engine.h"

#include "prefilter.h"

/* Fewer rules than this are run without asking a prefilter. */
#define PREFILTER_MIN 3

/* Rules that look at the same text. */
typedef struct Group {
    PatternKind kind;
    char *header; /* (nullable) */
    PatternForm form;
    GArray *rules;    /* uint32_t: run on every piece */
    GArray *filtered; /* uint32_t: run where the prefilter finds them */
    PatternPrefilter *prefilter; /* NULL: filtered is empty */
} Group;

struct PatternEngine {
    PatternRules *rules;
    GPtrArray *groups;
};

/* One message being looked at. */
typedef struct Scan {
    const PatternEngine *engine;
    PatternMatcher *matcher;
    const PatternMail *mail;
    PatternResults *results;
    GArray *candidates; /* uint32_t */
    uint32_t *stamps;   /* of each rule: the piece it was last run on */
    uint32_t stamp;
} Scan;

static void
group_free(void *data)
{
    Group *group = data;

    g_free(group->header);
    g_array_unref(group->rules);
    g_array_unref(group->filtered);
    pattern_prefilter_free(group->prefilter);
    g_free(group);
}

/* The rule's group, made if it is the first.  Case tells ALL from a field
 * named All. */
static Group *
find_group(PatternEngine *self, GHashTable *by_key, const PatternRule *rule)
{
    char *key = g_strdup_printf("%d %d %s", rule->kind, rule->form,
        rule->header != NULL ? rule->header : "");
    Group *group = g_hash_table_lookup(by_key, key);

    if (group != NULL) {
        g_free(key);
        return group;
    }
    group = g_new0(Group, 1);
    group->kind = rule->kind;
    group->header = g_strdup(rule->header);
    group->form = rule->form;
    group->rules = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    group->filtered = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    g_ptr_array_add(self->groups, group);
    g_hash_table_insert(by_key, key, group);
    return group;
}

/* A text without any of its literals tells nothing about a negated rule. */
static bool
is_filterable(const PatternRule *rule)
{
    return rule->literals != NULL && (rule->flags & PATTERN_NEGATED) == 0;
}

static void
finish_group(const PatternEngine *self, Group *group)
{
    if (group->filtered->len < PREFILTER_MIN) {
        g_array_append_vals(group->rules, group->filtered->data,
            group->filtered->len);
        g_array_set_size(group->filtered, 0);
        return;
    }
    group->prefilter = pattern_prefilter_new();
    for (guint i = 0; i < group->filtered->len; i++) {
        uint32_t number = g_array_index(group->filtered, uint32_t, i);

        pattern_prefilter_add(group->prefilter,
            pattern_rules_at(self->rules, number)->literals, number);
    }
    pattern_prefilter_build(group->prefilter);
}

PatternEngine *
pattern_engine_new(PatternRules *rules)
{
    PatternEngine *self = g_new0(PatternEngine, 1);
    g_autoptr(GHashTable)
        by_key = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    self->rules = rules;
    self->groups = g_ptr_array_new_with_free_func(group_free);
    for (uint32_t i = 0; i < rules->rules->len; i++) {
        const PatternRule *rule = pattern_rules_at(rules, i);
        Group *group;

        if (!pattern_rule_runs(rule) || rule->kind == PATTERN_META)
            continue;
        group = find_group(self, by_key, rule);
        g_array_append_val(is_filterable(rule) ? group->filtered : group->rules,
            i);
    }
    for (guint i = 0; i < self->groups->len; i++)
        finish_group(self, g_ptr_array_index(self->groups, i));
    return self;
}

void
pattern_engine_free(PatternEngine *self)
{
    if (self == NULL)
        return;
    g_ptr_array_unref(self->groups);
    pattern_rules_free(self->rules);
    g_free(self);
}

const PatternRules *
pattern_engine_rules(const PatternEngine *self)
{
    return self->rules;
}

static uint32_t
hits_wanted(const PatternRule *rule)
{
    if ((rule->flags & PATTERN_MULTIPLE) == 0)
        return 1;
    return rule->max_hits > 0 ? rule->max_hits : PATTERN_HITS_MAX;
}

static void
match_rule(Scan *scan, uint32_t number, const char *text, size_t len)
{
    const PatternRule *rule = pattern_rules_at(scan->engine->rules, number);
    uint32_t *hits = &scan->results->hits[number];
    uint32_t wanted = hits_wanted(rule);
    PatternResult result = PATTERN_NO_MATCH;
    bool negated = (rule->flags & PATTERN_NEGATED) != 0;
    size_t at = 0;

    if (rule->regex == NULL)
        return;
    while (*hits < wanted) {
        result = pattern_regex_match(rule->regex, scan->matcher, text, len,
            &at);
        if (result != PATTERN_FOUND || negated)
            break;
        (*hits)++;
    }
    scan->results->n_limits += result == PATTERN_LIMIT;
    if (negated && result == PATTERN_NO_MATCH)
        *hits = 1;
}

static void
scan_piece(Scan *scan, const Group *group, const char *text, size_t len)
{
    for (guint i = 0; i < group->rules->len; i++)
        match_rule(scan, g_array_index(group->rules, uint32_t, i), text, len);
    if (group->prefilter == NULL)
        return;
    scan->stamp++;
    g_array_set_size(scan->candidates, 0);
    pattern_prefilter_scan(group->prefilter, text, len, scan->candidates);
    for (guint i = 0; i < scan->candidates->len; i++) {
        uint32_t number = g_array_index(scan->candidates, uint32_t, i);

        if (scan->stamps[number] == scan->stamp)
            continue;
        scan->stamps[number] = scan->stamp;
        match_rule(scan, number, text, len);
    }
}

/* Rules that pass the subject over. */
static void
forget_subject(Scan *scan, const Group *group)
{
    const GArray *both[] = { group->rules, group->filtered };

    for (size_t i = 0; i < G_N_ELEMENTS(both); i++)
        for (guint j = 0; j < both[i]->len; j++) {
            uint32_t number = g_array_index(both[i], uint32_t, j);
            const PatternRule *rule = pattern_rules_at(scan->engine->rules,
                number);

            if ((rule->flags & PATTERN_NOSUBJECT) != 0)
                scan->results->hits[number] = 0;
        }
}

static void
scan_pieces(Scan *scan, const Group *group, const PatternPieces *pieces)
{
    for (guint i = 0; i < pieces->ends->len; i++) {
        size_t len;
        const char *text = pattern_pieces_at(pieces, i, &len);

        scan_piece(scan, group, text, len);
        if (i == 0 && group->kind == PATTERN_BODY)
            forget_subject(scan, group);
    }
}

/* Without the field: only "exists" is no hit; others see if_unset or
 * nothing. */
static void
scan_absent(Scan *scan, const Group *group)
{
    const GArray *both[] = { group->rules, group->filtered };

    for (size_t i = 0; i < G_N_ELEMENTS(both); i++)
        for (guint j = 0; j < both[i]->len; j++) {
            uint32_t number = g_array_index(both[i], uint32_t, j);
            const PatternRule *rule = pattern_rules_at(scan->engine->rules,
                number);

            if (rule->regex == NULL)
                continue;
            if (rule->if_unset != NULL)
                match_rule(scan, number, rule->if_unset,
                    strlen(rule->if_unset));
            else if (!is_filterable(rule))
                match_rule(scan, number, "", 0);
        }
}

static void
mark_existing(Scan *scan, const Group *group)
{
    for (guint i = 0; i < group->rules->len; i++) {
        uint32_t number = g_array_index(group->rules, uint32_t, i);

        if (pattern_rules_at(scan->engine->rules, number)->regex == NULL)
            scan->results->hits[number] = 1;
    }
}

static void
scan_header(Scan *scan, const Group *group, GString *text)
{
    if (!pattern_header_read(scan->mail, group->header, group->form, text)) {
        scan_absent(scan, group);
        return;
    }
    mark_existing(scan, group);
    scan_piece(scan, group, text->str, text->len);
}

static void
scan_part_headers(Scan *scan, const Group *group, GString *text)
{
    uint32_t n = scan->mail->host->message->n_parts(scan->mail->call);
    bool any = false;

    for (uint32_t i = 0; i < n; i++) {
        if (!pattern_part_header_read(scan->mail, group->header, group->form, i,
                text))
            continue;
        any = true;
        scan_piece(scan, group, text->str, text->len);
    }
    if (any)
        mark_existing(scan, group);
    else
        scan_absent(scan, group);
}

static void
scan_group(Scan *scan, const Group *group, PatternPieces *pieces)
{
    switch (group->kind) {
    case PATTERN_HEADER:
        scan_header(scan, group, pieces->text);
        return;
    case PATTERN_MIMEHEADER:
        scan_part_headers(scan, group, pieces->text);
        return;
    case PATTERN_BODY:
        pattern_view_body(scan->mail, pieces);
        break;
    case PATTERN_RAWBODY:
        pattern_view_rawbody(scan->mail, pieces);
        break;
    case PATTERN_FULL:
        pattern_view_full(scan->mail, pieces);
        break;
    case PATTERN_URI:
        pattern_view_uri(scan->mail, pieces);
        break;
    case PATTERN_UNDEFINED:
    case PATTERN_META:
        g_assert_not_reached();
    }
    scan_pieces(scan, group, pieces);
}

static void
run_metas(const PatternEngine *self, PatternResults *results)
{
    const GArray *order = self->rules->meta_order;

    for (guint i = 0; i < order->len; i++) {
        uint32_t number = g_array_index(order, uint32_t, i);
        const PatternRule *rule = pattern_rules_at(self->rules, number);

        double value;

        if (!pattern_rule_runs(rule))
            continue;
        value = pattern_meta_run(rule->meta, results->hits);
        if (value > 0)
            results->hits[number] = value < 1 ? 1u : (uint32_t)MIN(value, 1e6);
        else if (value < 0)
            results->hits[number] = 1;
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
    g_autoptr(PatternPieces) pieces = pattern_pieces_new();
    g_autofree uint32_t *stamps = g_new0(uint32_t, n);
    Scan scan = { .engine = self,
        .matcher = matcher,
        .mail = mail,
        .results = out,
        .candidates = g_array_new(FALSE, FALSE, sizeof(uint32_t)),
        .stamps = stamps };

    *out = (PatternResults){ .hits = g_new0(uint32_t, n) };
    for (guint i = 0; i < self->groups->len; i++)
        scan_group(&scan, g_ptr_array_index(self->groups, i), pieces);
    g_array_unref(scan.candidates);
    run_metas(self, out);
    add_scores(self, out);
}

void
pattern_results_clear(PatternResults *self)
{
    g_clear_pointer(&self->hits, g_free);
}
