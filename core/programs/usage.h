/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Private to the programs that run plugins: looks after each call of a plugin
 * whether the process still has its descriptors, how many more there are, and
 * whose calls made it grow.  If something is damaged, or it has grown too far,
 * the process ends and says on the scoreboard whose fault that is; another one
 * takes over.
 */

#include "core/control/scoreboard.h"
#include "core/plugin/aside.h"

typedef struct WnUsage WnUsage;

WnUsage *wn_usage_new(void); /* before the program is confined */
void wn_usage_free(WnUsage *self);

/* All descriptors that are open now are to stay what they are. */
void wn_usage_own(WnUsage *self);

/* So is this one (-1: none), in place of the one that was kept before. */
void wn_usage_keep(WnUsage *self, int fd);

/* The process may grow by so much less a quarter, which a single call may take;
 * 0: without limit.  Of memory shared with others, shared bytes are nobody's.
 * Of the descriptors it may have, a quarter is left as well. */
void wn_usage_limit(WnUsage *self, int64_t bytes, int64_t shared);

/* Bytes of data sets that are mapped.  Where their files lie in memory, a
 * tmpfs, the kernel counts them like shared memory. */
typedef uint64_t (*WnUsageMappedFn)(void *user);
void wn_usage_set_mapped(WnUsage *self, WnUsageMappedFn fn, void *user);

void wn_usage_begin(WnUsage *self);

/* What the host makes in a call is not the filter's growth: it goes with the
 * message, when no filter runs. */
void wn_usage_aside(WnUsage *self, WnAside what);

/* Of the filter that ran last.  shown: bytes of messages that others show to
 * this process, which are not its own. */
void wn_usage_look(WnUsage *self, WnScoreboard *board, uint64_t shown);
