/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Loads plugins: the probe by dlopen with eager binding, libltdl for the entry
 * symbol, then every check of the SDK's list, each refusal with its own true
 * reason.  A loaded plugin stays loaded for the life of the process.
 *
 * Knows the SDK's types by name only; module.h shows what is inside.
 */

#include "core/conf/catalogue.h"

typedef struct WnModule WnModule;
struct WnPlugin;

typedef struct WnLoader WnLoader;

/* folder is absolute. */
WnLoader *wn_loader_new(const char *folder);
void wn_loader_free(WnLoader *self); /* frees tables; nothing is unloaded */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnLoader, wn_loader_free)

/* Makes a plugin that is part of the program known under its name, before any
 * file of that name: for tests. */
void wn_loader_add_static(WnLoader *self, const struct WnPlugin *declared);

/* Makes the plugin unknown, for that reason. */
void wn_loader_refuse(WnLoader *self, const char *name, const char *reason);

/* Called before a file is loaded, which may run code of its own, and with NULL
 * after it (nullable). */
typedef void (*WnLoadFn)(void *user, const char *name);
void wn_loader_set_watch(WnLoader *self, WnLoadFn fn, void *user);

/* The plugin of that name, loaded at the first call; NULL with error, the same
 * at every call.  Borrowed until the loader is freed. */
const WnModule *wn_loader_get(WnLoader *self, const char *name, GError **error);

/* Loads every *.so of the folder and fills the catalogue; what is refused is
 * told to on_refused (nullable) and left out.  A folder that cannot be read is
 * told as refused, with its path for a name. */
typedef void (*WnRefusedFn)(void *user, const char *name, const char *reason);
WnCatalogue *wn_loader_catalogue(WnLoader *self, WnRefusedFn on_refused,
    void *user);
