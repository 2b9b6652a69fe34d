/* SPDX-License-Identifier: MIT */

#include "rules.h"

#include "evals.h"
#include "tags.h"

#include <string.h>

static void
rule_free(void *data)
{
    PatternRule *rule = data;

    g_free(rule->name);
    g_free(rule->text);
    g_free(rule->header);
    g_free(rule->if_unset);
    g_free(rule->describe);
    g_free(rule->unsupported);
    pattern_regex_free(rule->regex);
    pattern_meta_free(rule->meta);
    expression_free(rule->expression);
    if (rule->literals != NULL)
        g_ptr_array_unref(rule->literals);
    g_free(rule);
}

static GHashTable *
table_new(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

PatternRules *
pattern_rules_new(void)
{
    PatternRules *self = g_new0(PatternRules, 1);

    self->rules = g_ptr_array_new_with_free_func(rule_free);
    self->by_name = g_hash_table_new(g_str_hash, g_str_equal);
    self->tags = table_new();
    self->pre = table_new();
    self->inter = table_new();
    self->post = table_new();
    self->free_mail = address_list_new();
    self->lists = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
        (GDestroyNotify)address_list_free);
    self->warnings = g_ptr_array_new_with_free_func(g_free);
    self->meta_order = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    return self;
}

void
pattern_rules_free(PatternRules *self)
{
    if (self == NULL)
        return;
    g_hash_table_unref(self->by_name);
    g_ptr_array_unref(self->rules);
    g_hash_table_unref(self->tags);
    g_hash_table_unref(self->pre);
    g_hash_table_unref(self->inter);
    g_hash_table_unref(self->post);
    address_list_free(self->free_mail);
    g_hash_table_unref(self->lists);
    g_ptr_array_unref(self->warnings);
    g_array_unref(self->meta_order);
    g_free(self);
}

PatternRule *
pattern_rules_at(const PatternRules *self, uint32_t n)
{
    return g_ptr_array_index(self->rules, n);
}

PatternRule *
pattern_rules_find(const PatternRules *self, const char *name)
{
    guint n = GPOINTER_TO_UINT(g_hash_table_lookup(self->by_name, name));

    return n > 0 ? pattern_rules_at(self, n - 1) : NULL;
}

uint32_t
pattern_rules_number(PatternRules *self, const char *name)
{
    guint n = GPOINTER_TO_UINT(g_hash_table_lookup(self->by_name, name));
    PatternRule *rule;

    if (n > 0)
        return n - 1;
    rule = g_new0(PatternRule, 1);
    rule->name = g_strdup(name);
    g_ptr_array_add(self->rules, rule);
    g_hash_table_insert(self->by_name, rule->name,
        GUINT_TO_POINTER(self->rules->len));
    return self->rules->len - 1;
}

bool
pattern_rule_is_sub(const PatternRule *rule)
{
    return g_str_has_prefix(rule->name, "__");
}

bool
pattern_rule_runs(const PatternRule *rule)
{
    return rule->kind != PATTERN_UNDEFINED && rule->unsupported == NULL
           && (rule->flags & PATTERN_DISABLED) == 0;
}

void
pattern_rule_refuse(PatternRule *rule, const char *reason)
{
    if (rule->unsupported == NULL)
        rule->unsupported = g_strdup(reason);
}

/* Compiles what the tags stand for; where that is too long, the tags as groups.
 * source is then with tags replaced, for what can be said of it. */
static PatternRegex *
compile_source(const PatternRules *self, const PatternRule *rule,
    PatternSource *source, GError **error)
{
    g_autofree char *plain = NULL;
    PatternRegex *regex = NULL;
    PatternSource groups;

    if ((rule->flags & PATTERN_REPLACED) == 0)
        return pattern_regex_new(source, error);
    plain = g_strdup(source->text);
    if (!pattern_tags_apply(self, &source->text)) {
        g_set_error(error, PATTERN_ERROR, 0, "its tags make it too long");
        return NULL;
    }
    if (strlen(source->text) <= PATTERN_SOURCE_MAX)
        regex = pattern_regex_new(source, NULL);
    if (regex != NULL)
        return regex;
    groups = *source;
    groups.text = pattern_tags_as_groups(self, plain);
    regex = groups.text != NULL ? pattern_regex_new(&groups, error)
                                : pattern_regex_new(source, error);
    g_free(groups.text);
    return regex;
}

static void
compile_expression(PatternRules *self, PatternRule *rule)
{
    g_autoptr(GError) error = NULL;
    g_auto(PatternSource) source = { .text = NULL };
    const char *rest = "";

    if (!pattern_source_read(&source, rule->text, &rest, &error)) {
        pattern_rule_refuse(rule, error->message);
        return;
    }
    if (strstr(source.text, "%{") != NULL) {
        pattern_rule_refuse(rule, "refers to what another rule captured");
        return;
    }
    rule->regex = compile_source(self, rule, &source, &error);
    if (rule->regex == NULL) {
        pattern_rule_refuse(rule, error->message);
        return;
    }
    rule->literals = pattern_literals_find(&source);
    rule->expression = expression_new(&source);
}

/* Names that no file defines count as 0, as SpamAssassin has them. */
static uint32_t
name_number(void *user, const char *name)
{
    return pattern_rules_number(user, name);
}

static void
compile_meta(PatternRules *self, PatternRule *rule)
{
    g_autoptr(GError) error = NULL;

    rule->meta = pattern_meta_new(rule->text, name_number, self, &error);
    if (rule->meta == NULL)
        pattern_rule_refuse(rule, error->message);
}

static void
set_score(PatternRule *rule)
{
    if (!rule->scored)
        rule->score = pattern_rule_is_sub(rule)            ? 0
                      : g_str_has_prefix(rule->name, "T_") ? 10
                      : (rule->flags & PATTERN_NICE) != 0  ? -1000
                                                           : 1000;
    else if (rule->score == 0 && !pattern_rule_is_sub(rule))
        rule->flags |= PATTERN_DISABLED;
}

static void
compile_rule(PatternRules *self, PatternRule *rule)
{
    if (rule->kind == PATTERN_UNDEFINED)
        return;
    set_score(rule);
    if ((rule->flags & PATTERN_EVAL) != 0) {
        if (!pattern_eval_is_known(rule->text))
            pattern_rule_refuse(rule, "a function of SpamAssassin's (eval)");
    } else if (rule->kind == PATTERN_META)
        compile_meta(self, rule);
    else if ((rule->flags & PATTERN_EXISTS) == 0 && rule->unsupported == NULL)
        compile_expression(self, rule);
    if (rule->unsupported != NULL)
        g_ptr_array_add(self->warnings,
            g_strdup_printf("rule %s is not supported: %s", rule->name,
                rule->unsupported));
}

typedef enum { UNSEEN, OPENED, ORDERED } Visit;

/* Walks what metas depend on, depth first, without recursion. */
typedef struct Walk {
    PatternRules *rules;
    Visit *visits;
    guint *next; /* of each meta's names: the one to look at */
    GArray *path;
} Walk;

static void
close_meta(Walk *walk, uint32_t number)
{
    PatternRule *rule = pattern_rules_at(walk->rules, number);
    const GArray *names = pattern_meta_names(rule->meta);

    for (guint i = 0; i < names->len && rule->unsupported == NULL; i++) {
        const PatternRule *other = pattern_rules_at(walk->rules,
            g_array_index(names, uint32_t, i));

        if (other->unsupported != NULL
            && (other->flags & PATTERN_DISABLED) == 0)
            rule->unsupported =
                g_strdup_printf("depends on %s, which is not supported",
                    other->name);
    }
    walk->visits[number] = ORDERED;
    g_array_append_val(walk->rules->meta_order, number);
    g_array_set_size(walk->path, walk->path->len - 1);
}

static void
step(Walk *walk)
{
    uint32_t number = g_array_index(walk->path, uint32_t, walk->path->len - 1);
    PatternRule *rule = pattern_rules_at(walk->rules, number);
    const GArray *names = pattern_meta_names(rule->meta);
    uint32_t name;

    if (walk->next[number] == names->len) {
        close_meta(walk, number);
        return;
    }
    name = g_array_index(names, uint32_t, walk->next[number]++);
    if (pattern_rules_at(walk->rules, name)->meta == NULL)
        return;
    if (walk->visits[name] == OPENED)
        pattern_rule_refuse(rule, "depends on itself");
    if (walk->visits[name] != UNSEEN)
        return;
    walk->visits[name] = OPENED;
    g_array_append_val(walk->path, name);
}

static void
order_metas(PatternRules *self)
{
    guint n = self->rules->len;
    Walk walk = { .rules = self,
        .visits = g_new0(Visit, n),
        .next = g_new0(guint, n),
        .path = g_array_new(FALSE, FALSE, sizeof(uint32_t)) };

    for (uint32_t i = 0; i < n; i++) {
        if (pattern_rules_at(self, i)->meta == NULL || walk.visits[i] != UNSEEN)
            continue;
        walk.visits[i] = OPENED;
        g_array_append_val(walk.path, i);
        while (walk.path->len > 0)
            step(&walk);
    }
    g_free(walk.visits);
    g_free(walk.next);
    g_array_unref(walk.path);
}

void
pattern_rules_finish(PatternRules *self)
{
    /* Metas may mention further names: the array grows meanwhile. */
    for (uint32_t i = 0; i < self->rules->len; i++)
        compile_rule(self, pattern_rules_at(self, i));
    order_metas(self);
}

PatternCoverage
pattern_rules_coverage(const PatternRules *self)
{
    PatternCoverage all = { .n_expressions = 0 };

    for (uint32_t i = 0; i < self->rules->len; i++) {
        const PatternRule *rule = pattern_rules_at(self, i);
        bool usable = rule->unsupported == NULL;

        if (rule->kind == PATTERN_UNDEFINED)
            continue;
        if ((rule->flags & PATTERN_EVAL) != 0) {
            all.n_evals++;
            all.n_evals_usable += usable;
        } else if (rule->kind == PATTERN_META) {
            all.n_metas++;
            all.n_metas_usable += usable;
        } else {
            all.n_expressions++;
            all.n_expressions_usable += usable;
        }
    }
    return all;
}
