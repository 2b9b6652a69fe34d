/* SPDX-License-Identifier: MIT */
#include "core/plugin/dataset.h"

#include "core/base/text.h"
#include "core/plugin/module.h"

#define NAME_HASH_LEN 16 /* digits */

unsigned
wn_dataset_count(const WnModule *module)
{
    return module->plugin.n_datasets;
}

const WnDataset *
wn_dataset_get(const WnModule *module, unsigned n)
{
    g_assert(n < wn_dataset_count(module));
    return &module->datasets[n];
}

int
wn_dataset_find(const WnModule *module, const char *name)
{
    for (unsigned i = 0; i < wn_dataset_count(module); i++)
        if (strcmp(module->datasets[i].name, name) == 0)
            return (int)i;
    return -1;
}

unsigned
wn_dataset_n_columns(const WnDataset *dataset)
{
    unsigned n = 1;

    for (const char *at = dataset->columns; at != NULL && *at != '\0'; at++)
        n += *at == ',';
    return n;
}

char **
wn_dataset_paths(const WnModule *module, unsigned n, const WnSettings *settings)
{
    const WnSettingsApi *api = wn_settings_api();
    GPtrArray *paths = g_ptr_array_new();
    const WnOptionSpec *spec;
    unsigned index = 0;

    spec = wn_plugin_info_option(module->info, module->datasets[n].name,
        &index);
    if (spec != NULL && spec->kind == WN_OPTION_STRING_LIST) {
        for (uint32_t i = 0; i < api->count(settings, index); i++)
            g_ptr_array_add(paths, g_strdup(api->item(settings, index, i).ptr));
    } else if (spec != NULL && api->string(settings, index).len > 0) {
        g_ptr_array_add(paths, g_strdup(api->string(settings, index).ptr));
    }
    g_ptr_array_add(paths, NULL);
    return (char **)g_ptr_array_free(paths, FALSE);
}

char *
wn_dataset_blob_name(const WnModule *module, unsigned n,
    const char *const *paths)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);

    for (unsigned i = 0; paths[i] != NULL; i++)
        g_checksum_update(sum, (const guchar *)paths[i],
            (gssize)strlen(paths[i]) + 1);
    return g_strdup_printf("%s.%s.%.*s", module->info->name,
        module->datasets[n].name, NAME_HASH_LEN, g_checksum_get_string(sum));
}

/*
 * The plugin's functions
 */

static char *
error_text(WnError *err)
{
    g_autoptr(GString) text = NULL;

    err->text[sizeof err->text - 1] = '\0';
    text = g_string_new(
        err->text[0] != '\0' ? err->text : "the plugin gives no reason");
    wn_text_clean(text);
    return g_strdup(text->str);
}

char *
wn_dataset_refusal(const WnDataset *dataset, const WnStr *fields)
{
    WnError err = { .struct_size = sizeof err };

    if (dataset->check_row == NULL || dataset->check_row(fields, &err) == WN_OK)
        return NULL;
    return error_text(&err);
}

static bool
take_result(int32_t result, WnError *err, GError **error)
{
    g_autofree char *text = NULL;

    if (result == WN_OK)
        return true;
    text = error_text(err);
    g_set_error_literal(error, WN_PLUGIN_ERROR, 0, text);
    return false;
}

bool
wn_dataset_compile(const WnDataset *dataset, WnRows *rows, WnSink *sink,
    GError **error)
{
    WnError err = { .struct_size = sizeof err };

    return take_result(dataset->compile(rows, sink, &err), &err, error);
}

bool
wn_dataset_check(const WnDataset *dataset, WnSpan payload, GError **error)
{
    WnError err = { .struct_size = sizeof err };

    return take_result(dataset->check(payload.ptr, payload.len, &err), &err,
        error);
}
