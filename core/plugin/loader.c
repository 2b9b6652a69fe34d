/* SPDX-License-Identifier: MIT */
#include "core/plugin/loader.h"

#include "core/plugin/elf_file.h"
#include "core/plugin/module.h"
#include "core/plugin/trust.h"

#include <dlfcn.h>
#include <ltdl.h>
#include <stdlib.h>
#include <string.h>

#define ENTRY_SYMBOL "winnow_plugin_v1"

struct WnLoader {
    char *folder;
    GHashTable *static_plugins; /* name -> const WnPlugin */
    GHashTable *entries;        /* name -> Entry */
    WnLoadFn watch;             /* NULL: none */
    void *watch_user;
};

/* What became of a name: one of the two. */
typedef struct Entry {
    WnModule *module;
    GError *error;
} Entry;

static void
entry_free(void *data)
{
    Entry *entry = data;

    wn_module_free(entry->module);
    g_clear_error(&entry->error);
    g_free(entry);
}

/* LTDL_LIBRARY_PATH would make libltdl look for modules in folders that nobody
 * has checked. */
WnLoader *
wn_loader_new(const char *folder)
{
    WnLoader *self = g_new0(WnLoader, 1);

    unsetenv("LTDL_LIBRARY_PATH");
    if (lt_dlinit() != 0)
        g_error("libltdl does not start: %s", lt_dlerror());
    self->folder = g_strdup(folder);
    self->static_plugins = g_hash_table_new_full(g_str_hash, g_str_equal,
        g_free, NULL);
    self->entries = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
        entry_free);
    return self;
}

/* Without lt_dlexit(): what is loaded stays. */
void
wn_loader_free(WnLoader *self)
{
    if (self == NULL)
        return;
    g_hash_table_unref(self->entries);
    g_hash_table_unref(self->static_plugins);
    g_free(self->folder);
    g_free(self);
}

void
wn_loader_add_static(WnLoader *self, const struct WnPlugin *declared)
{
    g_hash_table_insert(self->static_plugins, g_strdup(declared->name),
        (void *)(uintptr_t)declared);
}

void
wn_loader_refuse(WnLoader *self, const char *name, const char *reason)
{
    Entry *entry = g_new0(Entry, 1);

    g_set_error(&entry->error, WN_PLUGIN_ERROR, 0, "plugin \"%s\" is %s", name,
        reason);
    g_hash_table_replace(self->entries, g_strdup(name), entry);
}

void
wn_loader_set_watch(WnLoader *self, WnLoadFn fn, void *user)
{
    self->watch = fn;
    self->watch_user = user;
}

static bool
fail(GError **error, const char *path, const char *reason)
{
    g_set_error(error, WN_PLUGIN_ERROR, 0, "%s: %s", path,
        reason != NULL ? reason : "unknown error");
    return false;
}

/* libltdl binds lazily and says "file not found" whatever is wrong.  Eager
 * binding finds missing symbols now and dlerror() names them.  The handle is
 * kept for ever. */
static bool
probe(const char *path, GError **error)
{
    const char *reason;

    if (dlopen(path, RTLD_NOW | RTLD_LOCAL) != NULL)
        return true;
    reason = dlerror();
    if (reason != NULL && g_str_has_prefix(reason, path)
        && g_str_has_prefix(reason + strlen(path), ": "))
        reason += strlen(path) + 2;
    return fail(error, path, reason);
}

static lt_dlhandle
open_module(const char *path, GError **error)
{
    lt_dladvise advise;
    lt_dlhandle handle = NULL;

    if (lt_dladvise_init(&advise) != 0 || lt_dladvise_local(&advise) != 0
        || lt_dladvise_resident(&advise) != 0) {
        fail(error, path, lt_dlerror());
        return NULL;
    }
    handle = lt_dlopenadvise(path, advise);
    if (handle == NULL)
        fail(error, path, lt_dlerror());
    lt_dladvise_destroy(&advise);
    return handle;
}

static WnModule *
load_file(const char *path, const char *name, GError **error)
{
    lt_dlhandle handle;
    WnPluginEntry entry;
    WnModule *module;
    void *symbol;

    if (!wn_elf_check(path, error) || !probe(path, error))
        return NULL;
    handle = open_module(path, error);
    if (handle == NULL)
        return NULL;
    symbol = lt_dlsym(handle, ENTRY_SYMBOL);
    if (symbol == NULL) {
        g_set_error(error, WN_PLUGIN_ERROR, 0,
            "%s: does not export %s_LTX_" ENTRY_SYMBOL
            ": it is no plugin, or its file has another name than it",
            path, name);
        return NULL;
    }
    memcpy(&entry, &symbol, sizeof entry);
    module = wn_module_new(name, path, entry(), error);
    if (module == NULL)
        g_prefix_error(error, "%s: ", path);
    return module;
}

static WnModule *
load(WnLoader *self, const char *name, GError **error)
{
    const WnPlugin *declared = g_hash_table_lookup(self->static_plugins, name);
    g_autofree char *file_name = g_strconcat(name, ".so", NULL);
    g_autofree char *folder = NULL;
    g_autofree char *path = NULL;

    if (!wn_module_name_is_valid(name)) {
        g_set_error(error, WN_PLUGIN_ERROR, 0,
            "\"%s\" cannot be a plugin's name: [a-z][a-z0-9_]*", name);
        return NULL;
    }
    if (declared != NULL)
        return wn_module_new(name, NULL, declared, error);
    if (!wn_trust_folder(self->folder, &folder, error)
        || !wn_trust_file(folder, file_name, &path, error))
        return NULL;
    return load_file(path, name, error);
}

const WnModule *
wn_loader_get(WnLoader *self, const char *name, GError **error)
{
    Entry *entry = g_hash_table_lookup(self->entries, name);

    if (entry == NULL) {
        entry = g_new0(Entry, 1);
        if (self->watch != NULL)
            self->watch(self->watch_user, name);
        entry->module = load(self, name, &entry->error);
        if (self->watch != NULL)
            self->watch(self->watch_user, NULL);
        g_hash_table_insert(self->entries, g_strdup(name), entry);
    }
    if (entry->module == NULL && error != NULL)
        *error = g_error_copy(entry->error);
    return entry->module;
}

static int
compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names of the static plugins and of the files, each once, in order. */
static GPtrArray *
list_names(WnLoader *self, GError **error)
{
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GDir) folder = g_dir_open(self->folder, 0, error);
    GPtrArray *list = g_ptr_array_new_with_free_func(g_free);
    GHashTableIter iter;
    const char *file;
    void *key;

    while (folder != NULL && (file = g_dir_read_name(folder)) != NULL)
        if (g_str_has_suffix(file, ".so") && file[0] != '.')
            g_ptr_array_add(list, g_strndup(file, strlen(file) - 3));
    for (unsigned i = 0; i < list->len; i++)
        g_hash_table_add(names, g_ptr_array_index(list, i));
    g_hash_table_iter_init(&iter, self->static_plugins);
    while (g_hash_table_iter_next(&iter, &key, NULL))
        if (!g_hash_table_contains(names, key))
            g_ptr_array_add(list, g_strdup(key));
    g_ptr_array_sort(list, compare_names);
    return list;
}

WnCatalogue *
wn_loader_catalogue(WnLoader *self, WnRefusedFn on_refused, void *user)
{
    g_autoptr(GError) folder_error = NULL;
    g_autoptr(GPtrArray) names = list_names(self, &folder_error);
    WnCatalogue *catalogue = wn_catalogue_new();

    if (folder_error != NULL && on_refused != NULL)
        on_refused(user, self->folder, folder_error->message);
    for (unsigned i = 0; i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);
        g_autoptr(GError) error = NULL;
        const WnModule *module = wn_loader_get(self, name, &error);

        if (module != NULL)
            wn_catalogue_take(catalogue, wn_module_describe(module));
        else
            wn_catalogue_refuse(catalogue, name);
        if (module == NULL && on_refused != NULL)
            on_refused(user, name, error->message);
    }
    return catalogue;
}
