/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Private to the programs that run plugins: looks after each call of a plugin
 * whether the process still has its descriptors, and whose calls made it grow.
 * If not, or if it has grown too far, the process ends and says on the
 * scoreboard whose fault that is; another one takes over.
 */

#include "core/control/scoreboard.h"

typedef struct WnUsage WnUsage;

WnUsage *wn_usage_new(void); /* before the program is confined */
void wn_usage_free(WnUsage *self);

/* The process may grow by so much less a quarter, which a single call may take;
 * 0: without limit. */
void wn_usage_limit(WnUsage *self, int64_t bytes);

void wn_usage_begin(WnUsage *self);

/* Of the filter that the board shows. */
void wn_usage_end(WnUsage *self, WnScoreboard *board);
