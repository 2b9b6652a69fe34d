/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Private to the programs that run plugins: winnow-filter, and winnow-smtp
 * with isolation = none.  All that a chain needs, made from the configuration.
 */

#include "core/control/child.h"
#include "core/filtering/engine.h"
#include "core/programs/usage.h"

typedef struct WnPluginHost {
    WnScoreboard *board; /* borrowed */
    WnUsage *usage;
    WnSkips *skips;
    WnLoader *loader;
    WnResolver *resolver;  /* NULL: no DNS */
    WnSharedTable *shared; /* NULL: nothing is shared */
    WnChainHost *chains;
    WnEngine *engine;
} WnPluginHost;

/* Before the program is confined. */
void wn_plugin_host_open(WnPluginHost *self);

/* What is wrong with a filter is logged; that filter then fails.  child is
 * borrowed until clear: its scoreboard is told what runs. */
void wn_plugin_host_init(WnPluginHost *self, const WnChild *child);
/* Looks whether the process is still in order, between calls.  If not it ends.
 */
void wn_plugin_host_look(WnPluginHost *self);
/* The process keeps this descriptor from now on (-1: none), in place of the one
 * that it was told of before. */
void wn_plugin_host_keep(WnPluginHost *self, int fd);
/* WN_CHILD_SKIP. */
void wn_plugin_host_skip(WnPluginHost *self, WnSpan payload);
void wn_plugin_host_clear(WnPluginHost *self); /* also when zeroed */
