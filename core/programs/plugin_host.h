/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Private to the programs that run plugins: winnow-filter, and winnow-smtp
 * with isolation = none.  All that a chain needs, made from the configuration.
 */

#include "core/control/child.h"
#include "core/filtering/engine.h"

typedef struct WnPluginHost {
    WnLoader *loader;
    WnResolver *resolver; /* NULL: no DNS */
    WnChainHost *chains;
    WnEngine *engine;
} WnPluginHost;

/* What is wrong with a filter is logged; that filter then fails.  child is
 * borrowed until clear: its scoreboard is told what runs. */
void wn_plugin_host_init(WnPluginHost *self, const WnChild *child);
void wn_plugin_host_clear(WnPluginHost *self); /* also when zeroed */
