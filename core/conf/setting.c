/* SPDX-License-Identifier: MIT */
#include "core/conf/setting.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "core/conf/keyfile.h"

WnSetting *
wn_setting_new(const char *key, const char *value, const char *file,
    const char *folder, unsigned line)
{
    WnSetting *self = g_new0(WnSetting, 1);

    self->key = g_strdup(key);
    self->value = g_strdup(value);
    self->file = g_strdup(file);
    self->folder = g_strdup(folder);
    self->line = line;
    return self;
}

void
wn_setting_free(void *data)
{
    WnSetting *self = data;

    g_free(self->key);
    g_free(self->value);
    g_free(self->file);
    g_free(self->folder);
    g_free(self);
}

char *
wn_setting_resolve(const WnSetting *setting)
{
    return g_canonicalize_filename(setting->value, setting->folder);
}

static char *
resolve_list(const WnSetting *setting)
{
    g_auto(GStrv) items = wn_key_split_list(setting->value);

    for (int i = 0; items[i] != NULL; i++) {
        char *absolute = g_canonicalize_filename(items[i], setting->folder);

        g_free(items[i]);
        items[i] = absolute;
    }
    return g_strjoinv("; ", items);
}

char *
wn_setting_text(const WnSetting *setting, const WnOptionSpec *spec)
{
    if ((spec->flags & WN_OPTION_FILE) == 0 || *setting->value == '\0')
        return g_strdup(setting->value);
    if (spec->kind == WN_OPTION_STRING_LIST)
        return resolve_list(setting);
    return wn_setting_resolve(setting);
}

static const WnPluginInfo *
owner_of(const WnSettingCheck *check, const char **key)
{
    if (!g_str_has_prefix(*key, WN_ACTION_PREFIX))
        return check->plugin;
    *key += strlen(WN_ACTION_PREFIX);
    return check->action;
}

const WnOptionSpec *
wn_setting_spec(const WnSettingCheck *check, const char *key)
{
    const WnPluginInfo *owner = owner_of(check, &key);

    return owner != NULL ? wn_plugin_info_option(owner, key, NULL) : NULL;
}

static WnPlace
setting_place(const WnSettingCheck *check, const WnSetting *setting)
{
    return (WnPlace){
        .file = setting->file,
        .line = setting->line,
        .group = check->group,
        .key = setting->key,
    };
}

/* The names that could stand where the unknown one does. */
static char *
unknown_hint(const WnPluginInfo *owner, const char *key)
{
    static const char *const core[] = { "plugin", "enabled", "position",
        "action", "timeout", "on_error", "on_match", "decide" };
    const char *prefix = g_str_has_prefix(key, WN_ACTION_PREFIX)
                             ? WN_ACTION_PREFIX
                             : "";
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    const char *closest;

    for (unsigned i = 0; i < owner->options->len; i++)
        g_ptr_array_add(names,
            g_array_index(owner->options, WnOptionSpec, i).name);
    for (size_t i = 0; *prefix == '\0' && i < G_N_ELEMENTS(core); i++)
        g_ptr_array_add(names, (char *)(uintptr_t)core[i]);
    g_ptr_array_add(names, NULL);
    closest = wn_text_closest(key + strlen(prefix),
        (const char *const *)names->pdata);
    if (closest == NULL)
        return g_strdup("");
    return g_strdup_printf(" (did you mean \"%s%s\"?)", prefix, closest);
}

static void
report_unknown(const WnSettingCheck *check, const WnSetting *setting)
{
    bool of_action = g_str_has_prefix(setting->key, WN_ACTION_PREFIX);
    const WnPluginInfo *owner = of_action ? check->action : check->plugin;
    g_autofree char *hint = NULL;

    if (owner == NULL) {
        wn_problems_add(check->problems, setting_place(check, setting),
            "the filter has no action that could take this option");
        return;
    }
    hint = unknown_hint(owner, setting->key);
    wn_problems_add(check->problems, setting_place(check, setting),
        "unknown option of plugin \"%s\"%s", owner->name, hint);
}

/*
 * Files that a database names
 */

static bool
is_below(const char *path, const char *folder)
{
    size_t len = strlen(folder);

    return strncmp(path, folder, len) == 0 && path[len] == '/';
}

/* As it is written, and where links lead.  What is not there is found out by
 * who opens it. */
static bool
is_list_of(const char *path, const char *parent)
{
    g_autofree char *folder = g_build_filename(parent, WN_LISTS_FOLDER, NULL);
    char *real_folder = realpath(folder, NULL);
    char *real = realpath(path, NULL);
    bool below = is_below(path, folder)
                 && (real == NULL || real_folder == NULL
                     || is_below(real, real_folder));

    free(real);
    free(real_folder);
    return below;
}

static bool
is_list(const WnConfig *config, const char *path)
{
    g_autofree char *plain = g_canonicalize_filename(path, "/");

    return strcmp(plain, path) == 0
           && (is_list_of(path, config->state)
               || is_list_of(path, config->folder));
}

static bool
check_files(const WnSettingCheck *check, const WnSetting *setting,
    const WnOptionSpec *spec)
{
    const WnConfig *config = check->database_of;
    const char *one[] = { setting->value, NULL };
    g_auto(GStrv) paths = NULL;

    if (config == NULL || (spec->flags & WN_OPTION_FILE) == 0
        || *setting->value == '\0')
        return true;
    paths = spec->kind == WN_OPTION_STRING_LIST
                ? wn_key_split_list(setting->value)
                : g_strdupv((char **)(uintptr_t)one);
    for (size_t i = 0; paths[i] != NULL; i++) {
        if (is_list(config, paths[i]))
            continue;
        wn_problems_add(check->problems, setting_place(check, setting),
            "\"%s\" is not a file that the database may name; the operator "
            "puts "
            "lists below %s/" WN_LISTS_FOLDER " or %s/" WN_LISTS_FOLDER
            ", and here stands the whole path",
            paths[i], config->state, config->folder);
        return false;
    }
    return true;
}

bool
wn_setting_check(const WnSettingCheck *check, const WnSetting *setting)
{
    const WnOptionSpec *spec = wn_setting_spec(check, setting->key);
    g_autofree char *fault = NULL;
    WnOptionValue value;

    if (spec == NULL) {
        report_unknown(check, setting);
        return false;
    }
    if (check->level == WN_SETTING_OF_DOMAIN
        && (spec->flags & WN_OPTION_PER_DOMAIN) == 0
        && !g_str_has_prefix(setting->key, WN_ACTION_PREFIX)) {
        wn_problems_add(check->problems, setting_place(check, setting),
            "is the server's option; it can be set in conf.d only");
        return false;
    }
    if (!wn_option_parse(spec, setting->value, &value, &fault)) {
        wn_problems_add(check->problems, setting_place(check, setting), "%s",
            fault);
        return false;
    }
    if (!check_files(check, setting, spec)) {
        wn_option_value_clear(&value);
        return false;
    }
    if ((spec->flags & WN_OPTION_RISKY) != 0 && *setting->value != '\0')
        wn_problems_warn(check->problems, setting_place(check, setting), "%s",
            spec->help);
    wn_option_value_clear(&value);
    return true;
}

const WnPluginInfo *
wn_setting_find_action(const WnCatalogue *catalogue, const char *name,
    WnPlace place, WnProblems *problems)
{
    const WnPluginInfo *info = wn_catalogue_find(catalogue, name);
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    g_autofree char *hint = NULL;

    if (info != NULL && info->kind == WN_PLUGIN_ACTION)
        return info;
    for (unsigned i = 0; i < wn_catalogue_count(catalogue); i++) {
        const WnPluginInfo *other = wn_catalogue_get(catalogue, i);

        if (other->kind == WN_PLUGIN_ACTION)
            g_ptr_array_add(names, other->name);
    }
    g_ptr_array_add(names, (char[]){ "none" });
    g_ptr_array_add(names, NULL);
    hint = wn_problem_hint(name, (const char *const *)names->pdata);
    wn_problems_add(problems, place, "there is no action plugin \"%s\"%s", name,
        info != NULL ? "; it is a filter" : hint);
    return NULL;
}

bool
wn_setting_is_name(const char *name)
{
    size_t len = strlen(name);

    if (len == 0 || len > WN_INSTANCE_NAME_MAX
        || !(g_ascii_islower(name[0]) || g_ascii_isdigit(name[0])))
        return false;
    return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == len;
}

WnOnMatch
wn_setting_default_on_match(const char *action)
{
    /* Without an action the filter only reports: the mail goes on. */
    if (action == NULL || strcmp(action, "modify_subject") == 0)
        return WN_ON_MATCH_CONTINUE;
    return WN_ON_MATCH_STOP;
}

const char *
wn_on_error_name(WnOnError value)
{
    return value == WN_ON_ERROR_SKIP ? "skip" : "tempfail";
}

const char *
wn_on_match_name(WnOnMatch value)
{
    return value == WN_ON_MATCH_STOP ? "stop" : "continue";
}
