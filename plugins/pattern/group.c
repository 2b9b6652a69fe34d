/* SPDX-License-Identifier: MIT */

#include "group.h"

/* Fewer rules than this are run without asking a prefilter. */
#define PREFILTER_MIN 3
#define LITERAL_GOOD 5

static void
group_free(void *data)
{
    PatternGroup *group = data;

    g_free(group->header);
    g_array_unref(group->rules);
    g_array_unref(group->filtered);
    pattern_prefilter_free(group->prefilter);
    pattern_windows_free(group->windows);
    g_free(group);
}

/* The rule's group, made if it is the first.  Case tells ALL from a field
 * named All. */
static PatternGroup *
find_group(GPtrArray *groups, GHashTable *by_key, const PatternRule *rule)
{
    char *key = g_strdup_printf("%d %d %s", rule->kind, rule->form,
        rule->header != NULL ? rule->header : "");
    PatternGroup *group = g_hash_table_lookup(by_key, key);

    if (group != NULL) {
        g_free(key);
        return group;
    }
    group = g_new0(PatternGroup, 1);
    group->kind = rule->kind;
    group->header = g_strdup(rule->header);
    group->form = rule->form;
    group->rules = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    group->filtered = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    g_ptr_array_add(groups, group);
    g_hash_table_insert(by_key, key, group);
    return group;
}

/* Whether a text without any trace of it can not match. */
static bool
is_filterable(const PatternRule *rule)
{
    return (rule->flags & PATTERN_NEGATED) == 0
           && (rule->literals != NULL || rule->expression != NULL);
}

/* Strings long enough that few texts hold one by chance. */
static bool
has_good_literals(const PatternRule *rule)
{
    if (rule->literals == NULL)
        return false;
    for (guint i = 0; i < rule->literals->len; i++) {
        const GByteArray *string = g_ptr_array_index(rule->literals, i);

        if (string->len < LITERAL_GOOD)
            return false;
    }
    return true;
}

/* True if one of the group's filters will find where the rule is to be run. */
static bool
add_to_filter(PatternGroup *group, const PatternRule *rule, uint32_t number)
{
    if (!has_good_literals(rule) && rule->expression != NULL
        && pattern_windows_add(group->windows, rule->expression, number)) {
        pattern_regex_prepare_places(rule->regex);
        return true;
    }
    if (rule->literals == NULL)
        return false;
    pattern_prefilter_add(group->prefilter, rule->literals, number);
    return true;
}

static void
finish_group(const PatternRules *rules, PatternGroup *group)
{
    g_autoptr(GArray) wanted = g_steal_pointer(&group->filtered);

    group->filtered = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    if (wanted->len < PREFILTER_MIN) {
        g_array_append_vals(group->rules, wanted->data, wanted->len);
        return;
    }
    group->prefilter = pattern_prefilter_new();
    group->windows = pattern_windows_new();
    for (guint i = 0; i < wanted->len; i++) {
        uint32_t number = g_array_index(wanted, uint32_t, i);
        bool added = add_to_filter(group, pattern_rules_at(rules, number),
            number);

        g_array_append_val(added ? group->filtered : group->rules, number);
    }
    pattern_prefilter_build(group->prefilter);
    pattern_windows_build(group->windows);
}

GPtrArray *
pattern_groups_new(const PatternRules *rules, const bool *wanted)
{
    GPtrArray *groups = g_ptr_array_new_with_free_func(group_free);
    g_autoptr(GHashTable)
        by_key = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (uint32_t i = 0; i < rules->rules->len; i++) {
        const PatternRule *rule = pattern_rules_at(rules, i);
        PatternGroup *group;

        if (!wanted[i] || rule->kind == PATTERN_META
            || (rule->flags & PATTERN_EVAL) != 0)
            continue;
        group = find_group(groups, by_key, rule);
        g_array_append_val(is_filterable(rule) ? group->filtered : group->rules,
            i);
    }
    for (guint i = 0; i < groups->len; i++)
        finish_group(rules, g_ptr_array_index(groups, i));
    return groups;
}
