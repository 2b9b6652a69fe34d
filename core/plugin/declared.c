/* SPDX-License-Identifier: MIT */
#include "core/plugin/declared.h"

#include "core/plugin/module.h"
#include "core/plugin/readable.h"

#define OPTIONS_MAX 256
#define DATASETS_MAX 64
#define CHOICES_MAX 256
#define SIZE_MAX_LATER 4096 /* of a struct of a later minor */

/* Sizes at minor 0: the least that any plugin of this major declares.  They
 * end at the last member of that minor and never change. */
#define SIZE_TO(Type, member) \
    (offsetof(Type, member) + sizeof(((Type *)NULL)->member))
#define PLUGIN_SIZE_0 SIZE_TO(WnPlugin, action)
#define FILTER_SIZE_0 SIZE_TO(WnFilter, connection_end)
#define ACTION_SIZE_0 SIZE_TO(WnAction, apply)
#define OPTION_SIZE_0 SIZE_TO(WnOption, choices)
#define DATASET_SIZE_0 SIZE_TO(WnDataset, check)

enum {
    VERSION_MAX = 64,
    LICENSE_MAX = 128,
    LINE_MAX_LEN = 512, /* summary, author */
    HELP_MAX = 1024,
    FALLBACK_MAX = 4096,
    COLUMNS_MAX_LEN = 1024
};

typedef struct Size {
    const char *what;
    uint32_t declared;
    size_t least; /* at minor 0 */
    size_t own;   /* at the host's minor */
} Size;

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

/* Sizes grow with the minor and are never padded. */
static bool
check_size(const WnPlugin *declared, Size size, GError **error)
{
    size_t most = declared->abi_minor > WN_ABI_MINOR ? SIZE_MAX_LATER
                                                     : size.own;

    if (size.declared < size.least)
        return refuse(error, "declares %s of %u bytes, at least %zu are needed",
            size.what, size.declared, size.least);
    if (size.declared > most || size.declared % sizeof(uint64_t) != 0)
        return refuse(error,
            "declares %s of %u bytes, which ABI %u.%u does not have", size.what,
            size.declared, declared->abi_major, declared->abi_minor);
    return true;
}

static bool
check_memory(const void *memory, size_t size, const char *what, GError **error)
{
    return (uintptr_t)memory % sizeof(void *) == 0 && wn_readable(memory, size)
               ? true
               : refuse(error, "declares %s where there is none", what);
}

/* NULL is left to who needs it. */
static bool
check_text(const char *text, size_t max, const char *what, GError **error)
{
    if (text == NULL)
        return true;
    if (!wn_readable_text(text, max))
        return refuse(error, "%s is no text of at most %zu bytes", what, max);
    for (const char *c = text; *c != '\0'; c++)
        if (g_ascii_iscntrl(*c))
            return refuse(error, "%s is not one line of text", what);
    return g_utf8_validate(text, -1, NULL)
           || refuse(error, "%s is no UTF-8", what);
}

bool
wn_declared_check_head(const WnPlugin *declared, GError **error)
{
    if (!check_memory(declared, PLUGIN_SIZE_0, "a plugin", error))
        return false;
    if (declared->abi_major != WN_ABI_MAJOR)
        return refuse(error,
            "is made for major %u of the ABI, this host has "
            "%u",
            declared->abi_major, WN_ABI_MAJOR);
    if (declared->need_minor > WN_ABI_MINOR)
        return refuse(error, "needs ABI %u.%u, this host has %u.%u",
            WN_ABI_MAJOR, declared->need_minor, WN_ABI_MAJOR, WN_ABI_MINOR);
    return check_size(declared,
               (Size){ "a WnPlugin", declared->struct_size, PLUGIN_SIZE_0,
                   sizeof(WnPlugin) },
               error)
           && check_memory(declared, declared->struct_size, "a plugin", error)
           && check_text(declared->name, WN_DECLARED_NAME_MAX, "its name",
               error);
}

static bool
check_filter(const WnPlugin *declared, const WnFilter *filter, GError **error)
{
    return filter == NULL
           || (check_memory(filter, FILTER_SIZE_0, "a filter", error)
               && check_size(declared,
                   (Size){ "a WnFilter", filter->struct_size, FILTER_SIZE_0,
                       sizeof(WnFilter) },
                   error)
               && check_memory(filter, filter->struct_size, "a filter", error));
}

static bool
check_action(const WnPlugin *declared, const WnAction *action, GError **error)
{
    return action == NULL
           || (check_memory(action, ACTION_SIZE_0, "an action", error)
               && check_size(declared,
                   (Size){ "a WnAction", action->struct_size, ACTION_SIZE_0,
                       sizeof(WnAction) },
                   error)
               && check_memory(action, action->struct_size, "an action",
                   error));
}

bool
wn_declared_check_plugin(const WnPlugin *declared, GError **error)
{
    return check_text(declared->version, VERSION_MAX, "its version", error)
           && check_text(declared->summary, LINE_MAX_LEN, "its summary", error)
           && check_text(declared->author, LINE_MAX_LEN, "its author", error)
           && check_text(declared->license, LICENSE_MAX, "its license", error)
           && check_filter(declared, declared->filter, error)
           && check_action(declared, declared->action, error);
}

const WnOption *
wn_declared_option(const WnPlugin *declared, uint32_t n)
{
    return (
        const WnOption *)(const void *)((const char *)declared->options
                                        + (size_t)n * declared->option_size);
}

const WnDataset *
wn_declared_dataset(const WnPlugin *declared, uint32_t n)
{
    return (
        const WnDataset *)(const void *)((const char *)declared->datasets
                                         + (size_t)n * declared->dataset_size);
}

static bool
check_choices(const WnOption *option, const char *what, GError **error)
{
    const char *const *choices = option->choices;

    if (option->type != WN_OPT_ENUM || choices == NULL)
        return true;
    for (unsigned i = 0; i <= CHOICES_MAX; i++) {
        if (!check_memory(&choices[i], sizeof *choices, "a choice", error)
            || !check_text(choices[i], WN_DECLARED_NAME_MAX, what, error))
            return false;
        if (choices[i] == NULL)
            return true;
    }
    return refuse(error, "%s are more than %d", what, CHOICES_MAX);
}

static bool
check_option(const WnOption *option, uint32_t n, GError **error)
{
    g_autofree char *name = g_strdup_printf("the name of option %u", n);
    g_autofree char *help = g_strdup_printf("the help of option %u", n);
    g_autofree char *fallback = g_strdup_printf("the fallback of option %u", n);
    g_autofree char *choices = g_strdup_printf("the choices of option %u", n);

    return check_text(option->name, WN_DECLARED_NAME_MAX, name, error)
           && check_text(option->help, HELP_MAX, help, error)
           && check_text(option->fallback, FALLBACK_MAX, fallback, error)
           && check_choices(option, choices, error);
}

bool
wn_declared_check_options(const WnPlugin *declared, GError **error)
{
    uint32_t n = declared->n_options;

    if (n > OPTIONS_MAX)
        return refuse(error, "declares %u options, at most %d are allowed", n,
            OPTIONS_MAX);
    if (n == 0)
        return true;
    if (!check_size(declared,
            (Size){ "options", declared->option_size, OPTION_SIZE_0,
                sizeof(WnOption) },
            error)
        || !check_memory(declared->options, (size_t)n * declared->option_size,
            "options", error))
        return false;
    for (uint32_t i = 0; i < n; i++)
        if (!check_option(wn_declared_option(declared, i), i, error))
            return false;
    return true;
}

static bool
check_dataset(const WnDataset *dataset, uint32_t n, GError **error)
{
    g_autofree char *name = g_strdup_printf("the name of data set %u", n);
    g_autofree char *source = g_strdup_printf("the source of data set %u", n);
    g_autofree char *columns = g_strdup_printf("the columns of data set %u", n);

    return check_text(dataset->name, WN_DECLARED_NAME_MAX, name, error)
           && check_text(dataset->source, WN_DECLARED_NAME_MAX, source, error)
           && check_text(dataset->columns, COLUMNS_MAX_LEN, columns, error);
}

bool
wn_declared_check_datasets(const WnPlugin *declared, GError **error)
{
    uint32_t n = declared->n_datasets;

    if (n > DATASETS_MAX)
        return refuse(error, "declares %u data sets, at most %d are allowed", n,
            DATASETS_MAX);
    if (n == 0)
        return true;
    if (!check_size(declared,
            (Size){ "data sets", declared->dataset_size, DATASET_SIZE_0,
                sizeof(WnDataset) },
            error)
        || !check_memory(declared->datasets, (size_t)n * declared->dataset_size,
            "data sets", error))
        return false;
    for (uint32_t i = 0; i < n; i++)
        if (!check_dataset(wn_declared_dataset(declared, i), i, error))
            return false;
    return true;
}
