/* SPDX-License-Identifier: MIT */
#include "core/conf/snapshot_chain.h"

#include <stdlib.h>
#include <string.h>

#include "core/conf/chain_base.h"
#include "core/conf/setting.h"

#define REJECT                                                    \
    "reject" /* the action and the option that reject_text is for \
              */
#define REJECT_TEXT "text"
#define ACTION_TEXT WN_ACTION_PREFIX REJECT_TEXT

struct WnChainMaker {
    const WnConfig *config;
    const WnCatalogue *catalogue;
    GPtrArray *bases; /* in conf.d's order */
    GHashTable *by_name;
};

/* A filter taking part in one domain's chain. */
typedef struct Candidate {
    const WnChainBase *base;
    const WnFilterSetting *setting; /* NULL: the domain says nothing */
    int position;
} Candidate;

typedef struct Merge {
    const WnChainMaker *maker;
    const WnDomainSetting *domain;
    WnArena *arena;
    WnProblems *problems;
    bool ok;
    bool reject_text_used;
} Merge;

WnChainMaker *
wn_chain_maker_new(const WnConfig *config, const WnCatalogue *catalogue)
{
    WnChainMaker *self = g_new0(WnChainMaker, 1);

    self->config = config;
    self->catalogue = catalogue;
    self->bases = g_ptr_array_new_with_free_func(wn_chain_base_free);
    self->by_name = g_hash_table_new(g_str_hash, g_str_equal);
    for (unsigned i = 0; i < config->filters->len; i++) {
        WnChainBase *base = wn_chain_base_new(g_ptr_array_index(config->filters,
                                                  i),
            catalogue);

        g_ptr_array_add(self->bases, base);
        g_hash_table_insert(self->by_name, base->config->name, base);
    }
    return self;
}

void
wn_chain_maker_free(WnChainMaker *self)
{
    g_hash_table_unref(self->by_name);
    g_ptr_array_unref(self->bases);
    g_free(self);
}

/*
 * Problems
 */

static void
report_unknown_filter(Merge *self, const char *name, WnPlace place)
{
    const GPtrArray *bases = self->maker->bases;
    g_autofree const char **names = g_new0(const char *, bases->len + 1);
    g_autofree char *hint = NULL;

    for (unsigned i = 0; i < bases->len; i++)
        names[i] = ((const WnChainBase *)g_ptr_array_index(bases, i))
                       ->config->name;
    hint = wn_problem_hint(name, names);
    self->ok = false;
    wn_problems_add(self->problems, place, "conf.d has no filter \"%s\"%s",
        name, hint);
}

/* Where the domain speaks of the filter, or the domain itself. */
static WnPlace
place_of(const Merge *self, const Candidate *candidate, const char *key)
{
    const WnFilterSetting *setting = candidate->setting;
    bool own = setting != NULL && setting->file != NULL;

    return (WnPlace){
        .file = own ? setting->file : self->domain->file,
        .line = own ? setting->line : self->domain->line,
        .group = candidate->base->group,
        .key = key,
    };
}

/*
 * One link
 */

static int
compare_options(const void *left, const void *right)
{
    const WnChainOption *a = left;
    const WnChainOption *b = right;

    return strcmp(a->key, b->key);
}

static void
set_option(WnChainLink *link, const char *key, const char *value)
{
    for (unsigned i = 0; i < link->n_options; i++) {
        if (strcmp(link->options[i].key, key) == 0) {
            link->options[i].value = value;
            return;
        }
    }
    link->options[link->n_options++] = (WnChainOption){ .key = key,
        .value = value };
}

static void
add_own_option(Merge *self, const WnSettingCheck *check,
    const WnSetting *setting, WnChainLink *link)
{
    const WnOptionSpec *spec = wn_setting_spec(check, setting->key);
    g_autofree char *value = NULL;

    /* A bad value still answers the question whether there is one. */
    if (!wn_setting_check(check, setting))
        self->ok = false;
    if (spec == NULL)
        return;
    if ((spec->flags & WN_OPTION_FILE) == 0) {
        set_option(link, setting->key, setting->value);
        return;
    }
    value = wn_setting_text(setting, spec);
    set_option(link, setting->key,
        wn_arena_copy(self->arena, wn_span_str(value)).ptr);
}

/* The domain's reject_text over conf.d's text, under its own action.text. */
static void
add_reject_text(Merge *self, const Candidate *candidate,
    const WnPluginInfo *action, WnChainLink *link)
{
    const WnDomainSetting *domain = self->domain;
    WnPlace place = {
        .file = domain->file,
        .line = domain->line,
        .group = candidate->base->group,
        .key = "reject_text",
    };
    g_autofree char *fault = NULL;
    const WnOptionSpec *spec;
    WnOptionValue value;

    if (domain->reject_text == NULL || action == NULL
        || strcmp(action->name, REJECT) != 0)
        return;
    spec = wn_plugin_info_option(action, REJECT_TEXT, NULL);
    if (spec == NULL)
        return;
    self->reject_text_used = true;
    if (candidate->setting != NULL
        && wn_chain_is_given(candidate->setting->settings, ACTION_TEXT))
        return;
    if (!wn_option_parse(spec, domain->reject_text, &value, &fault)) {
        self->ok = false;
        wn_problems_add(self->problems, place, "%s", fault);
        return;
    }
    wn_option_value_clear(&value);
    set_option(link, ACTION_TEXT, domain->reject_text);
}

static void
merge_options(Merge *self, const Candidate *candidate,
    const WnPluginInfo *action, WnChainLink *link)
{
    const WnChainBase *base = candidate->base;
    const GPtrArray *own = candidate->setting != NULL
                               ? candidate->setting->settings
                               : NULL;
    unsigned n_own = own != NULL ? own->len : 0;
    WnSettingCheck check = {
        .plugin = base->plugin,
        .action = action,
        .level = WN_SETTING_OF_DOMAIN,
        .group = base->group,
        .problems = self->problems,
        .database_of = self->maker->config->source == WN_SOURCE_MARIADB
                           ? self->maker->config
                           : NULL,
    };

    link->options = wn_arena_alloc(self->arena,
        (base->options->len + n_own + 1) * sizeof(WnChainOption));
    for (unsigned i = 0; action == base->action && i < base->options->len;
         i++) {
        const WnChainOption *option = &g_array_index(base->options,
            WnChainOption, i);

        set_option(link, option->key, option->value);
    }
    for (unsigned i = 0; i < n_own; i++)
        add_own_option(self, &check, g_ptr_array_index(own, i), link);
    add_reject_text(self, candidate, action, link);
    qsort(link->options, link->n_options, sizeof(WnChainOption),
        compare_options);
}

static bool
has_option(const WnChainLink *link, const char *prefix, const char *name)
{
    size_t len = strlen(prefix);

    for (unsigned i = 0; i < link->n_options; i++) {
        const char *key = link->options[i].key;

        if (strncmp(key, prefix, len) == 0 && strcmp(key + len, name) == 0)
            return true;
    }
    return false;
}

static void
check_required(Merge *self, const Candidate *candidate,
    const WnPluginInfo *action, const WnChainLink *link)
{
    const GPtrArray *missing = candidate->base->missing;

    for (unsigned i = 0; i < missing->len; i++) {
        const char *name = g_ptr_array_index(missing, i);

        if (has_option(link, "", name))
            continue;
        self->ok = false;
        wn_problems_add(self->problems, place_of(self, candidate, name),
            "is required by plugin \"%s\"", candidate->base->config->plugin);
    }
    for (unsigned i = 0; action != NULL && i < action->options->len; i++) {
        const WnOptionSpec *spec = &g_array_index(action->options, WnOptionSpec,
            i);
        g_autofree char *key = NULL;

        if ((spec->flags & WN_OPTION_REQUIRED) == 0
            || has_option(link, WN_ACTION_PREFIX, spec->name))
            continue;
        key = g_strconcat(WN_ACTION_PREFIX, spec->name, NULL);
        self->ok = false;
        wn_problems_add(self->problems, place_of(self, candidate, key),
            "is required by action \"%s\"", action->name);
    }
}

static WnOnMatch
merge_on_match(const Candidate *candidate, const WnChainLink *link)
{
    const WnFilterConfig *config = candidate->base->config;
    const WnFilterSetting *own = candidate->setting;

    if (own != NULL && own->on_match >= 0)
        return (WnOnMatch)own->on_match;
    if (config->on_match_given || g_strcmp0(link->action, config->action) == 0)
        return config->on_match;
    return wn_setting_default_on_match(link->action);
}

static void
set_consequences(WnChainLink *link, const WnPluginInfo *plugin,
    const WnPluginInfo *action)
{
    bool refuses = action != NULL
                   && (action->flags & WN_PLUGIN_NEVER_REFUSES) == 0;

    link->early = refuses && (plugin->flags & WN_PLUGIN_CLIENT_LEVEL) != 0;
    link->ahead = (plugin->flags & WN_PLUGIN_LOOKS_AHEAD) != 0;
    /* An early link has decided, and tempfailed, at RCPT. */
    link->may_refuse = !link->early
                       && (refuses || link->on_error == WN_ON_ERROR_TEMPFAIL);
}

/* The action's plugin; NULL without action.  Reports one that is unknown. */
static const WnPluginInfo *
merge_action(Merge *self, const Candidate *candidate, WnChainLink *link)
{
    const WnChainBase *base = candidate->base;
    const WnFilterSetting *own = candidate->setting;
    const WnPluginInfo *action;

    link->action = base->config->action;
    if (own != NULL && own->action != NULL)
        link->action = strcmp(own->action, "none") == 0 ? NULL : own->action;
    if (link->action == NULL)
        return NULL;
    if (base->action != NULL && strcmp(link->action, base->action->name) == 0)
        return base->action;
    action = wn_setting_find_action(self->maker->catalogue, link->action,
        place_of(self, candidate, "action"), self->problems);
    self->ok = self->ok && action != NULL;
    return action;
}

static void
make_link(Merge *self, const Candidate *candidate, WnChainLink *link)
{
    const WnChainBase *base = candidate->base;
    const WnFilterSetting *own = candidate->setting;
    const WnPluginInfo *action;

    if (base->plugin == NULL) {
        self->ok = false;
        wn_problems_add(self->problems, place_of(self, candidate, NULL),
            "its plugin \"%s\" %s", base->config->plugin,
            wn_catalogue_has_refused(self->maker->catalogue,
                base->config->plugin)
                ? "cannot be loaded"
                : "is not installed");
        return;
    }
    link->filter = base->config->name;
    action = merge_action(self, candidate, link);
    if (link->action != NULL && action == NULL)
        return;
    link->on_match = merge_on_match(candidate, link);
    link->on_error = own != NULL && own->on_error >= 0
                         ? (WnOnError)own->on_error
                         : base->config->on_error;
    merge_options(self, candidate, action, link);
    check_required(self, candidate, action, link);
    set_consequences(link, base->plugin, action);
}

/*
 * Which links, and in which order
 */

static const WnFilterSetting *
own_setting(const WnDomainSetting *domain, const char *name)
{
    const GPtrArray *settings = domain->filter_settings;

    for (unsigned i = 0; settings != NULL && i < settings->len; i++) {
        const WnFilterSetting *setting = g_ptr_array_index(settings, i);

        if (strcmp(setting->name, name) == 0)
            return setting;
    }
    return NULL;
}

static Candidate
candidate_of(const Merge *self, const WnChainBase *base)
{
    const WnFilterSetting *own = own_setting(self->domain, base->config->name);

    return (Candidate){
        .base = base,
        .setting = own,
        .position = own != NULL && own->position >= 0 ? own->position
                                                      : base->config->position,
    };
}

static bool
is_selected(const Candidate *candidates, unsigned n, const WnChainBase *base)
{
    for (unsigned i = 0; i < n; i++) {
        if (candidates[i].base == base)
            return true;
    }
    return false;
}

/* The domain's list.  candidates has room for all filters of conf.d. */
static unsigned
select_listed(Merge *self, Candidate *candidates)
{
    WnPlace place = {
        .file = self->domain->file,
        .line = self->domain->line,
        .key = "filters",
    };
    g_autofree char *group = g_strconcat("domain ", self->domain->name, NULL);
    unsigned n = 0;

    place.group = group;
    for (char **name = self->domain->filters; *name != NULL; name++) {
        const WnChainBase *base = g_hash_table_lookup(self->maker->by_name,
            *name);

        if (base == NULL) {
            report_unknown_filter(self, *name, place);
        } else if (is_selected(candidates, n, base)) {
            self->ok = false;
            wn_problems_add(self->problems, place,
                "filter \"%s\" is given twice", *name);
        } else {
            candidates[n++] = candidate_of(self, base);
        }
    }
    return n;
}

static int
compare_candidates(const void *left, const void *right)
{
    const Candidate *a = left;
    const Candidate *b = right;

    if (a->position != b->position)
        return a->position < b->position ? -1 : 1;
    return strcmp(a->base->config->name, b->base->config->name);
}

static unsigned
select_enabled(Merge *self, Candidate *candidates)
{
    const GPtrArray *bases = self->maker->bases;
    unsigned n = 0;

    for (unsigned i = 0; i < bases->len; i++) {
        const WnChainBase *base = g_ptr_array_index(bases, i);
        Candidate candidate = candidate_of(self, base);

        if (base->config->enabled
            || (candidate.setting != NULL && candidate.setting->enabled == 1))
            candidates[n++] = candidate;
    }
    qsort(candidates, n, sizeof(*candidates), compare_candidates);
    return n;
}

/* Settings of filters that do not run are checked all the same. */
static void
check_unselected(Merge *self, const Candidate *candidates, unsigned n)
{
    const GPtrArray *settings = self->domain->filter_settings;

    for (unsigned i = 0; settings != NULL && i < settings->len; i++) {
        const WnFilterSetting *own = g_ptr_array_index(settings, i);
        const WnChainBase *base = g_hash_table_lookup(self->maker->by_name,
            own->name);
        g_autofree char *group = NULL;

        if (base != NULL) {
            Candidate candidate = candidate_of(self, base);
            WnChainLink unused = { 0 };

            if (base->plugin != NULL && own->enabled != 0
                && !is_selected(candidates, n, base))
                make_link(self, &candidate, &unused);
            continue;
        }
        group = g_strconcat("filter ", own->name, NULL);
        report_unknown_filter(self, own->name,
            (WnPlace){
                .file = own->file,
                .line = own->line,
                .group = group,
            });
    }
}

bool
wn_chain_make(const WnChainMaker *self, const WnDomainSetting *domain,
    WnArena *arena, WnProblems *problems, WnChain *out_chain)
{
    Merge merge = {
        .maker = self,
        .domain = domain,
        .arena = arena,
        .problems = problems,
        .ok = true,
    };
    Candidate *candidates = wn_arena_alloc(arena,
        (self->bases->len + 1) * sizeof(Candidate));
    WnChain chain = { .reject_text = "" };
    unsigned n = domain->filters != NULL ? select_listed(&merge, candidates)
                                         : select_enabled(&merge, candidates);

    chain.links = wn_arena_alloc(arena, (n + 1) * sizeof(WnChainLink));
    for (unsigned i = 0; i < n; i++) {
        const WnFilterSetting *own = candidates[i].setting;

        if (own == NULL || own->enabled != 0)
            make_link(&merge, &candidates[i], &chain.links[chain.n_links++]);
    }
    if (merge.reject_text_used)
        chain.reject_text = domain->reject_text;
    check_unselected(&merge, candidates, n);
    *out_chain = chain;
    return merge.ok;
}

bool
wn_chain_renew_link(const WnChainMaker *self, WnChainLink *link)
{
    const WnChainBase *base = g_hash_table_lookup(self->by_name, link->filter);
    const WnPluginInfo *action = wn_chain_find_plugin(self->catalogue,
        link->action, WN_PLUGIN_ACTION);

    if (base == NULL || base->plugin == NULL
        || (link->action != NULL && action == NULL))
        return false;
    set_consequences(link, base->plugin, action);
    return true;
}
