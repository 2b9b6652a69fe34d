/* SPDX-License-Identifier: MIT */
#pragma once

/* Private to winnowctl: what a running daemon has counted for each filter. */

#include "core/conf/config.h"

typedef struct CtlFilterCounts {
    int64_t calls;
    double seconds; /* from the start of hooks to their verdicts */
    int64_t faults; /* crashes and hangs of its process that it is blamed for */
    bool off;       /* switched off until a reload */
} CtlFilterCounts;

typedef struct CtlPluginLive CtlPluginLive;

/* NULL if no daemon answers. */
CtlPluginLive *ctl_plugin_live_new(const WnConfig *config);
void ctl_plugin_live_free(CtlPluginLive *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CtlPluginLive, ctl_plugin_live_free)

CtlFilterCounts ctl_plugin_live_get(const CtlPluginLive *self,
    const char *filter);
