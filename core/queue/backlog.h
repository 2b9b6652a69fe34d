/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The parcels of a destination that wait because no server could be reached:
 * given back when that is found out, one sent ahead now and then as a probe,
 * and all let go, at a steady rate, when a server works again or the domain has
 * got another.  Part of destination.h; nothing else uses it.
 */

#include "core/queue/destination_private.h"

/* All that waits is let go within this time, however much it is, and at least
 * WN_BACKLOG_STEP_MIN in each step. */
#define WN_BACKLOG_RELEASE_MS 30000
#define WN_BACKLOG_STEP_MS 100
#define WN_BACKLOG_STEP_MIN 20

void wn_backlog_init(WnDestination *self);
void wn_backlog_clear(WnDestination *self);

/* Gives back the line, in steps: why stands in failure_... */
void wn_backlog_refuse(WnDestination *self);

/* What has not been given back yet is tried after all. */
void wn_backlog_stop_refusing(WnDestination *self);

/* There is one more to wait. */
void wn_backlog_await(WnDestination *self);

/* A server works again. */
void wn_backlog_release(WnDestination *self);

/* There are new routes: lets go what is to go elsewhere. */
void wn_backlog_look(WnDestination *self);
