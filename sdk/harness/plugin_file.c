/* SPDX-License-Identifier: MIT */
#include "sdk/harness/plugin_file.h"

#include "sdk/harness/guard.h"
#include "sdk/harness/imports.h"
#include "sdk/harness/memory.h"
#include "sdk/harness/mode.h"
#include "sdk/harness/sockets.h"

#include <dlfcn.h>
#include <string.h>

/* What is loaded stays. */
static GHashTable *loaded; /* path -> WnModule */

static WnModule *
load(const char *path, const char *name, GError **error)
{
    g_autofree char *symbol = g_strconcat(name, "_LTX_winnow_plugin_v1", NULL);
    const void *mark = wn_imports_mark();
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    WnPluginEntry entry;
    void *found;

    if (handle == NULL) {
        g_set_error_literal(error, WN_PLUGIN_ERROR, 0, dlerror());
        return NULL;
    }
    found = dlsym(handle, symbol);
    if (found == NULL) {
        g_set_error(error, WN_PLUGIN_ERROR, 0,
            "does not export %s: it is no plugin, or its file has another name "
            "than it",
            symbol);
        return NULL;
    }
    wn_sockets_watch(handle, mark);
    if (wn_imports_uses(handle, "__asan_report"))
        wn_guard_use_sanitizer();
    if (wn_mode()->kind == WN_AT_MEMORY)
        wn_memory_watch(handle);
    memcpy(&entry, &found, sizeof entry);
    return wn_module_new(name, path, entry(), error);
}

const WnModule *
wn_plugin_file(const char *path, GError **error)
{
    g_autofree char *whole = g_canonicalize_filename(path, NULL);
    g_autofree char *name = g_path_get_basename(whole);
    WnModule *module;

    if (loaded == NULL)
        loaded = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    module = g_hash_table_lookup(loaded, whole);
    if (module != NULL)
        return module;
    if (g_str_has_suffix(name, ".so"))
        name[strlen(name) - 3] = '\0';
    module = load(whole, name, error);
    if (module != NULL)
        g_hash_table_insert(loaded, g_steal_pointer(&whole), module);
    return module;
}
