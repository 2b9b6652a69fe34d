/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Which parcel of a destination's line goes where, and when: to an idle
 * courier, to a new connection, or back, because no server is up.  A parcel
 * that some servers are not to get stands in nobody's way.  Part of
 * destination.h; nothing else uses it.
 */

#include "core/queue/destination_private.h"

void wn_pump_init(WnDestination *self);
void wn_pump_clear(WnDestination *self);

/* With the next turn of the loop. */
void wn_pump_soon(WnDestination *self);

typedef enum {
    WN_WORK_NONE,
    WN_WORK_ELSEWHERE, /* the line is another now, the courier has nothing */
    WN_WORK_CARRIED
} WnWork;

/* For a courier that has nothing to do.  It counts as busy meanwhile: a parcel
 * that is routed again may ask for couriers itself. */
WnWork wn_pump_give_work(WnDestination *self, WnCourier *courier);
