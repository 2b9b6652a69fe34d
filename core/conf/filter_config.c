/* SPDX-License-Identifier: MIT */
#include "core/conf/filter_config.h"

#include <string.h>

#include "core/conf/key_table.h"
#include "core/conf/setting.h"

#define TIMEOUT_DEFAULT_MS 10000
#define TIMEOUT_MAX_MS 300000
#define POSITION_MAX 1000000

static const char *const on_error_names[] = { "skip", "tempfail", NULL };
static const char *const on_match_names[] = { "stop", "continue", NULL };
static const char *const decide_names[] = { "domain", "listener", NULL };

static bool
set_action(const WnKeySpec *spec, const char *value, const char *folder,
    void *member, char **out_error)
{
    char **action = member;

    if (strcmp(value, "none") != 0)
        return wn_key_set_text(spec, value, folder, member, out_error);
    g_clear_pointer(action, g_free);
    return true;
}

static const WnKeySpec filter_keys[] = {
    { .key = "plugin",
        .set = wn_key_set_text,
        .offset = offsetof(WnFilterConfig, plugin) },
    { .key = "enabled",
        .set = wn_key_set_bool,
        .offset = offsetof(WnFilterConfig, enabled) },
    { .key = "position",
        .set = wn_key_set_unsigned,
        .offset = offsetof(WnFilterConfig, position),
        .max = POSITION_MAX },
    { .key = "action",
        .set = set_action,
        .offset = offsetof(WnFilterConfig, action) },
    { .key = "timeout",
        .set = wn_key_set_duration,
        .offset = offsetof(WnFilterConfig, timeout_ms),
        .min = 1,
        .max = TIMEOUT_MAX_MS },
    { .key = "on_error",
        .set = wn_key_set_name,
        .offset = offsetof(WnFilterConfig, on_error),
        .names = on_error_names },
    { .key = "on_match",
        .set = wn_key_set_name,
        .offset = offsetof(WnFilterConfig, on_match),
        .names = on_match_names },
    { .key = "decide",
        .set = wn_key_set_name,
        .offset = offsetof(WnFilterConfig, decide),
        .names = decide_names },
};

WnFilterConfig *
wn_filter_config_read(const WnKeyfile *file, const WnKeyGroup *group,
    int position, WnProblems *problems)
{
    WnKeyTable table = WN_KEY_TABLE(filter_keys);
    WnFilterConfig *self = g_new0(WnFilterConfig, 1);

    self->name = g_strdup(group->name + strlen("filter "));
    self->plugin = g_strdup(self->name);
    self->enabled = true;
    self->position = position;
    self->timeout_ms = TIMEOUT_DEFAULT_MS;
    self->file = g_strdup(file->path);
    self->line = group->line;
    self->settings = g_ptr_array_new_with_free_func(wn_setting_free);
    for (unsigned i = 0; i < group->entries->len; i++) {
        WnKeyEntry *entry = &g_array_index(group->entries, WnKeyEntry, i);

        if (wn_key_table_set(table, file, group, entry, self, problems)
            != WN_KEY_UNKNOWN)
            continue;
        entry->used = true;
        g_ptr_array_add(self->settings,
            wn_setting_new(entry->key, entry->value, file->path, file->folder,
                entry->line));
    }
    self->on_match_given = wn_key_group_find(group, "on_match") != NULL;
    if (!self->on_match_given)
        self->on_match = wn_setting_default_on_match(self->action);
    return self;
}

void
wn_filter_config_free(void *data)
{
    WnFilterConfig *self = data;

    g_free(self->name);
    g_free(self->plugin);
    g_free(self->action);
    g_free(self->file);
    g_ptr_array_unref(self->settings);
    g_free(self);
}

static WnPlace
filter_place(const WnFilterConfig *filter, const char *group, const char *key)
{
    return (WnPlace){
        .file = filter->file,
        .line = filter->line,
        .group = group,
        .key = key,
    };
}

static void
report_plugin(const WnFilterConfig *filter, const char *group,
    const WnCatalogue *catalogue, WnProblems *problems)
{
    const WnPluginInfo *info = wn_catalogue_find(catalogue, filter->plugin);
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    g_autofree char *hint = NULL;

    if (wn_catalogue_has_refused(catalogue, filter->plugin)) {
        wn_problems_add(problems, filter_place(filter, group, "plugin"),
            "the plugin \"%s\" cannot be loaded", filter->plugin);
        return;
    }
    for (unsigned i = 0; i < wn_catalogue_count(catalogue); i++) {
        const WnPluginInfo *other = wn_catalogue_get(catalogue, i);

        if (other->kind == WN_PLUGIN_FILTER)
            g_ptr_array_add(names, other->name);
    }
    g_ptr_array_add(names, NULL);
    hint = wn_problem_hint(filter->plugin, (const char *const *)names->pdata);
    wn_problems_add(problems, filter_place(filter, group, "plugin"),
        "there is no filter plugin \"%s\"%s", filter->plugin,
        info != NULL ? "; it is an action" : hint);
}

static const WnSetting *
find_setting(const WnFilterConfig *filter, const char *key)
{
    for (unsigned i = 0; i < filter->settings->len; i++) {
        const WnSetting *setting = g_ptr_array_index(filter->settings, i);

        if (strcmp(setting->key, key) == 0)
            return setting;
    }
    return NULL;
}

/* The plugin's own required options.  Those of the action may come from each
 * domain: the snapshot's writer sees whether they do. */
static void
check_required(const WnFilterConfig *filter, const WnSettingCheck *check)
{
    const GArray *options = check->plugin->options;

    for (unsigned i = 0; i < options->len; i++) {
        const WnOptionSpec *spec = &g_array_index(options, WnOptionSpec, i);

        if ((spec->flags & WN_OPTION_REQUIRED) != 0
            && find_setting(filter, spec->name) == NULL)
            wn_problems_add(check->problems,
                filter_place(filter, check->group, spec->name),
                "is required: %s",
                spec->help != NULL ? spec->help : "the plugin has no default");
    }
}

static void
check_filter(const WnFilterConfig *filter, const WnCatalogue *catalogue,
    WnProblems *problems)
{
    g_autofree char *group = g_strconcat("filter ", filter->name, NULL);
    WnSettingCheck check = {
        .plugin = wn_catalogue_find(catalogue, filter->plugin),
        .level = WN_SETTING_OF_SERVER,
        .group = group,
        .problems = problems,
    };

    if (check.plugin == NULL || check.plugin->kind != WN_PLUGIN_FILTER) {
        /* A snippet may wait, switched off, for its plugin. */
        if (filter->enabled || check.plugin != NULL)
            report_plugin(filter, group, catalogue, problems);
        return;
    }
    if (filter->action != NULL) {
        check.action = wn_setting_find_action(catalogue, filter->action,
            filter_place(filter, group, "action"), problems);
        if (check.action == NULL)
            return;
    }
    for (unsigned i = 0; i < filter->settings->len; i++)
        wn_setting_check(&check, g_ptr_array_index(filter->settings, i));
    if (filter->enabled)
        check_required(filter, &check);
    if (filter->decide == WN_DECIDE_LISTENER
        && (check.plugin->flags & WN_PLUGIN_CLIENT_LEVEL) == 0)
        wn_problems_add(problems, filter_place(filter, group, "decide"),
            "\"%s\" looks at more than the client; only domains can decide",
            filter->plugin);
}

void
wn_config_check_filters(const WnConfig *self, const WnCatalogue *catalogue,
    WnProblems *problems)
{
    for (unsigned i = 0; i < self->filters->len; i++)
        check_filter(g_ptr_array_index(self->filters, i), catalogue, problems);
}
