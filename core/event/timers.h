/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The timers of one loop: a binary heap of the WnTimers embedded in their
 * owners, ordered by armed_ms.  Only the loop uses this; everybody else sets
 * timers through loop.h.
 */

#include "core/event/loop.h"

typedef struct WnTimers {
    GPtrArray *heap; /* of WnTimer, position 1 at index 0 */
} WnTimers;

void wn_timers_init(WnTimers *self);
void wn_timers_clear(WnTimers *self); /* timers in it become unset */

/* When to call wn_timers_fire() at the latest; INT64_MAX if never. */
int64_t wn_timers_next_ms(const WnTimers *self);

/* Calls back what is due at now_ms; what is set meanwhile waits for the next
 * call. */
void wn_timers_fire(WnTimers *self, int64_t now_ms);

/* The timers of this loop; loop.c has it. */
WnTimers *wn_loop_timers(WnLoop *loop);
