/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What a plugin has declared, checked and copied.  After this the core never
 * looks at the plugin's own structs: they may be of another minor's size.
 */

#include "core/conf/catalogue.h"
#include "core/plugin/sdk.h"

#define WN_PLUGIN_ERROR (wn_plugin_error_quark())
GQuark wn_plugin_error_quark(void);

typedef struct WnModule {
    WnPluginInfo *info;  /* the host's copy of what it declares */
    WnPlugin plugin;     /* copies in structs of this host's size */
    WnFilter filter;     /* if plugin.filter */
    WnAction action;     /* if plugin.action */
    WnDataset *datasets; /* plugin.n_datasets */
} WnModule;

/* [a-z][a-z0-9_]*, at most 64 bytes. */
bool wn_module_name_is_valid(const char *name);

/* Makes every check of the SDK's list that needs no file; NULL with the reason.
 * name is that of the file, path (nullable) goes into info.  Strings and
 * functions stay the plugin's: it must never be unloaded. */
WnModule *wn_module_new(const char *name, const char *path,
    const WnPlugin *declared, GError **error);
void wn_module_free(WnModule *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnModule, wn_module_free)

/* Another copy of info (transfer full), for a catalogue. */
WnPluginInfo *wn_module_describe(const WnModule *self);
