/* SPDX-License-Identifier: MIT */
#include "core/plugin/module.h"

#include "core/plugin/declared.h"

#include <string.h>

#define COLUMNS_MAX 16
#define CHOICES_MAX 256

/* Option names that mean something to the core in every [filter] group. */
static const char *const core_options[] = { "plugin", "enabled", "position",
    "action", "score", "timeout", "on_error", "on_match", "decide", NULL };

/* Names that begin so are kept for later ones of the core. */
static const char *const core_prefixes[] = { "on_", "winnow_" };

G_DEFINE_QUARK(wn - plugin - error - quark, wn_plugin_error)

G_GNUC_PRINTF(2, 3)
static bool
refuse(GError **error, const char *format, ...)
{
    g_autofree char *reason = NULL;
    va_list args;

    va_start(args, format);
    reason = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error_literal(error, WN_PLUGIN_ERROR, 0, reason);
    return false;
}

bool
wn_module_name_is_valid(const char *name)
{
    size_t len = strlen(name);

    if (len == 0 || len > WN_DECLARED_NAME_MAX || !g_ascii_islower(name[0]))
        return false;
    return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == len;
}

static bool
is_reserved(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(core_prefixes); i++)
        if (g_str_has_prefix(name, core_prefixes[i]))
            return true;
    return g_strv_contains(core_options, name);
}

static bool
check_kind(const WnPlugin *declared, GError **error)
{
    const WnFilter *filter = declared->filter;
    const WnAction *action = declared->action;

    if ((filter != NULL) == (action != NULL))
        return refuse(error, filter != NULL
                                 ? "is both a filter and an action"
                                 : "is neither a filter nor an action");
    if (declared->instance_new == NULL)
        return refuse(error, "has no instance_new");
    if (action != NULL && action->apply == NULL)
        return refuse(error, "is an action without apply");
    return true;
}

static bool
check_option_name(const WnPlugin *declared, uint32_t n, GError **error)
{
    const char *name = wn_declared_option(declared, n)->name;

    if (name == NULL || !wn_module_name_is_valid(name))
        return refuse(error, "option %u has no proper name: \"%s\"", n,
            name != NULL ? name : "");
    if (is_reserved(name))
        return refuse(error,
            "option \"%s\" has a name that is kept for winnow's own", name);
    for (uint32_t i = 0; i < n; i++)
        if (strcmp(wn_declared_option(declared, i)->name, name) == 0)
            return refuse(error, "option \"%s\" is declared twice", name);
    return true;
}

static bool
check_option_shape(const WnOption *option, GError **error)
{
    bool required = (option->flags & WN_OPT_REQUIRED) != 0;

    if (option->type < WN_OPT_BOOL || option->type > WN_OPT_NAME_LIST)
        return refuse(error, "option \"%s\" has the unknown type %d",
            option->name, option->type);
    if (option->type == WN_OPT_ENUM
        && (option->choices == NULL || option->choices[0] == NULL))
        return refuse(error, "option \"%s\" is an ENUM without choices",
            option->name);
    if (required == (option->fallback != NULL))
        return refuse(error,
            required ? "option \"%s\" is required and has a fallback"
                     : "option \"%s\" has no fallback and is not required",
            option->name);
    if (option->min > option->max)
        return refuse(error, "option \"%s\" has a min above its max",
            option->name);
    if ((option->flags & WN_OPT_FILE) != 0 && option->type != WN_OPT_STRING
        && option->type != WN_OPT_STRING_LIST)
        return refuse(error, "option \"%s\" names files but is no string",
            option->name);
    return true;
}

static char **
copy_choices(const char *const *choices)
{
    GPtrArray *copy = g_ptr_array_new();

    for (unsigned i = 0; choices[i] != NULL && i < CHOICES_MAX; i++)
        g_ptr_array_add(copy, g_strdup(choices[i]));
    g_ptr_array_add(copy, NULL);
    return (char **)g_ptr_array_free(copy, FALSE);
}

/* Flags that this host does not know count as none. */
static WnOptionSpec
spec_of(const WnOption *option)
{
    return (WnOptionSpec){
        .name = g_strdup(option->name),
        .help = g_strdup(option->help != NULL ? option->help : ""),
        .kind = (WnOptionKind)option->type,
        .flags = option->flags
                 & (WN_OPT_PER_DOMAIN | WN_OPT_REQUIRED | WN_OPT_SECRET
                     | WN_OPT_FILE | WN_OPT_RISKY),
        .fallback = g_strdup(option->fallback),
        .min = option->min,
        .max = option->max,
        .choices = option->type == WN_OPT_ENUM ? copy_choices(option->choices)
                                               : NULL,
    };
}

static bool
check_fallback(const WnOptionSpec *spec, GError **error)
{
    g_autofree char *fault = NULL;
    WnOptionValue value = { 0 };
    bool ok;

    if (spec->fallback == NULL)
        return true;
    ok = wn_option_parse(spec, spec->fallback, &value, &fault);
    wn_option_value_clear(&value);
    return ok
           || refuse(error, "the fallback of option \"%s\" is no good: %s",
               spec->name, fault);
}

static bool
take_options(WnModule *self, const WnPlugin *declared, GError **error)
{
    if (!wn_declared_check_options(declared, error))
        return false;
    for (uint32_t i = 0; i < declared->n_options; i++) {
        WnOptionSpec spec;

        if (!check_option_name(declared, i, error)
            || !check_option_shape(wn_declared_option(declared, i), error))
            return false;
        spec = spec_of(wn_declared_option(declared, i));
        g_array_append_val(self->info->options, spec);
        if (!check_fallback(&spec, error))
            return false;
    }
    return true;
}

/* Names with commas between them. */
static bool
columns_are_valid(const char *columns)
{
    g_auto(GStrv) names = g_strsplit(columns, ",", COLUMNS_MAX + 1);

    if (names[0] == NULL || g_strv_length(names) > COLUMNS_MAX)
        return false;
    for (unsigned i = 0; names[i] != NULL; i++)
        if (!wn_module_name_is_valid(names[i]))
            return false;
    return true;
}

static bool
check_dataset_name(const WnPlugin *declared, uint32_t n, GError **error)
{
    const char *name = wn_declared_dataset(declared, n)->name;

    if (name == NULL || !wn_module_name_is_valid(name))
        return refuse(error, "data set %u has no proper name: \"%s\"", n,
            name != NULL ? name : "");
    if (is_reserved(name))
        return refuse(error,
            "data set \"%s\" has a name that is kept for winnow's own", name);
    for (uint32_t i = 0; i < n; i++)
        if (strcmp(wn_declared_dataset(declared, i)->name, name) == 0)
            return refuse(error, "data set \"%s\" is declared twice", name);
    return true;
}

static bool
check_dataset_shape(const WnModule *self, const WnDataset *dataset,
    GError **error)
{
    const WnOptionSpec *option = wn_plugin_info_option(self->info,
        dataset->name, NULL);

    if (dataset->compile == NULL || dataset->check == NULL)
        return refuse(error, "data set \"%s\" lacks compile or check",
            dataset->name);
    if (dataset->columns != NULL && !columns_are_valid(dataset->columns))
        return refuse(error, "data set \"%s\" has no proper columns: \"%s\"",
            dataset->name, dataset->columns);
    if (dataset->source != NULL && !wn_module_name_is_valid(dataset->source))
        return refuse(error, "data set \"%s\" has no proper source: \"%s\"",
            dataset->name, dataset->source);
    if (dataset->source == NULL && option == NULL)
        return refuse(error,
            "data set \"%s\" has neither a source nor an option of its name",
            dataset->name);
    if (option != NULL && (option->flags & WN_OPTION_FILE) == 0)
        return refuse(error,
            "option \"%s\" has the name of a data set but names no files",
            dataset->name);
    return true;
}

static bool
check_datasets(const WnModule *self, const WnPlugin *declared, GError **error)
{
    if (!wn_declared_check_datasets(declared, error))
        return false;
    for (uint32_t i = 0; i < declared->n_datasets; i++)
        if (!check_dataset_name(declared, i, error))
            return false;
    for (uint32_t i = 0; i < declared->n_datasets; i++)
        if (!check_dataset_shape(self, wn_declared_dataset(declared, i), error))
            return false;
    return true;
}

static uint32_t
flags_of(const WnModule *self)
{
    const WnFilter *filter = &self->filter;
    uint32_t flags = 0;

    if (self->plugin.action != NULL)
        return (self->action.flags & WN_ACTION_NEVER_REFUSES) != 0
                   ? WN_PLUGIN_NEVER_REFUSES
                   : 0;
    if (filter->headers == NULL && filter->message == NULL)
        flags |= WN_PLUGIN_CLIENT_LEVEL;
    if (filter->connect != NULL || filter->helo != NULL || filter->mail != NULL)
        flags |= WN_PLUGIN_LOOKS_AHEAD;
    return flags;
}

static char *
copy_or_empty(const char *text)
{
    return g_strdup(text != NULL ? text : "");
}

static void
copy_datasets(WnModule *self, const WnPlugin *declared)
{
    self->datasets = g_new0(WnDataset, declared->n_datasets + 1);
    for (uint32_t i = 0; i < declared->n_datasets; i++)
        memcpy(&self->datasets[i], wn_declared_dataset(declared, i),
            MIN(declared->dataset_size, sizeof(WnDataset)));
    self->plugin.datasets = self->datasets;
}

/* Members that the plugin's header does not have stay zero. */
static void
copy_declared(WnModule *self, const WnPlugin *declared)
{
    memcpy(&self->plugin, declared,
        MIN(declared->struct_size, sizeof self->plugin));
    if (declared->filter != NULL) {
        memcpy(&self->filter, declared->filter,
            MIN(declared->filter->struct_size, sizeof self->filter));
        self->plugin.filter = &self->filter;
    } else {
        memcpy(&self->action, declared->action,
            MIN(declared->action->struct_size, sizeof self->action));
        self->plugin.action = &self->action;
    }
    copy_datasets(self, declared);
}

static void
describe(WnModule *self, const char *path)
{
    WnPluginInfo *info = self->info;

    info->kind = self->plugin.filter != NULL ? WN_PLUGIN_FILTER
                                             : WN_PLUGIN_ACTION;
    info->version = copy_or_empty(self->plugin.version);
    info->summary = copy_or_empty(self->plugin.summary);
    info->author = copy_or_empty(self->plugin.author);
    info->license = copy_or_empty(self->plugin.license);
    info->path = copy_or_empty(path);
    info->abi_minor = self->plugin.abi_minor;
    info->flags = flags_of(self);
}

WnModule *
wn_module_new(const char *name, const char *path, const WnPlugin *declared,
    GError **error)
{
    g_autoptr(WnModule) self = g_new0(WnModule, 1);

    self->info = wn_plugin_info_new(name, WN_PLUGIN_FILTER);
    if (declared == NULL) {
        refuse(error, "its entry function returned nothing");
        return NULL;
    }
    if (!wn_declared_check_head(declared, error))
        return NULL;
    if (declared->name == NULL || strcmp(declared->name, name) != 0) {
        refuse(error, "calls itself \"%s\", but its file is %s.so",
            declared->name != NULL ? declared->name : "", name);
        return NULL;
    }
    if (!wn_declared_check_plugin(declared, error)
        || !check_kind(declared, error) || !take_options(self, declared, error)
        || !check_datasets(self, declared, error))
        return NULL;
    copy_declared(self, declared);
    describe(self, path);
    return g_steal_pointer(&self);
}

void
wn_module_free(WnModule *self)
{
    if (self == NULL)
        return;
    wn_plugin_info_free(self->info);
    g_free(self->datasets);
    g_free(self);
}

WnPluginInfo *
wn_module_describe(const WnModule *self)
{
    const WnPluginInfo *info = self->info;
    WnPluginInfo *copy = wn_plugin_info_new(info->name, info->kind);

    copy->version = g_strdup(info->version);
    copy->summary = g_strdup(info->summary);
    copy->author = g_strdup(info->author);
    copy->license = g_strdup(info->license);
    copy->path = g_strdup(info->path);
    copy->abi_minor = info->abi_minor;
    copy->flags = info->flags;
    for (unsigned i = 0; i < info->options->len; i++) {
        const WnOptionSpec *from = &g_array_index(info->options, WnOptionSpec,
            i);
        WnOptionSpec spec = *from;

        spec.name = g_strdup(from->name);
        spec.help = g_strdup(from->help);
        spec.fallback = g_strdup(from->fallback);
        spec.choices = g_strdupv(from->choices);
        g_array_append_val(copy->options, spec);
    }
    return copy;
}
