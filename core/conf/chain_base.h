/* SPDX-License-Identifier: MIT */
#pragma once

/* A filter of conf.d, made ready for merging it with what domains say. */

#include "core/conf/snapshot_chain.h"

/* A filter of conf.d with what every merge needs of it. */
typedef struct WnChainBase {
    const WnFilterConfig *config;
    const WnPluginInfo *plugin; /* NULL: not present */
    const WnPluginInfo *action; /* NULL: none, or not present */
    GArray *options;            /* WnChainOption: action.*, values owned */
    GPtrArray *missing;         /* names of required options not in conf.d */
    char *group;                /* for messages */
} WnChainBase;

WnChainBase *wn_chain_base_new(const WnFilterConfig *config,
    const WnCatalogue *catalogue);
void wn_chain_base_free(void *self); /* a GDestroyNotify */

/* Is the key among the settings (WnSetting; NULL: none)? */
bool wn_chain_is_given(const GPtrArray *settings, const char *key);

/* The plugin, if it is present and of that kind; name may be NULL. */
const WnPluginInfo *wn_chain_find_plugin(const WnCatalogue *catalogue,
    const char *name, WnPluginKind kind);
