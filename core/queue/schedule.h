/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The parcels that wait for their time: a binary heap by due_ms.  Those that
 * are due are handed out in bounded steps, so that a wave of retries holds
 * nobody up.
 */

#include "core/queue/parcel.h"

typedef struct WnSchedule WnSchedule;

/* The parcel is due and no longer in the schedule. */
typedef void (*WnScheduleFn)(void *user, WnParcel *parcel);

WnSchedule *wn_schedule_new(WnLoop *loop, WnScheduleFn fn, void *user);
void wn_schedule_free(WnSchedule *self); /* parcels in it are just left */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnSchedule, wn_schedule_free)

void wn_schedule_add(WnSchedule *self, WnParcel *parcel, int64_t due_ms);
void wn_schedule_remove(WnSchedule *self, WnParcel *parcel); /* if in it */
