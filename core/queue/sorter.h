/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Sorts a message's recipients into parcels: by scope and domain, equal
 * addresses together, at most WN_PARCEL_TARGETS_MAX different ones in each.
 * All recipients of a redirected scope share one target, in the domain that it
 * is redirected to.
 */

#include "core/queue/parcel.h"

/* For each parcel; HELD if its recipients were held, else STALLED.  oldest is
 * the recipient whose turn comes first. */
typedef void (
    *WnSortedFn)(void *user, WnParcel *parcel, const WnSpoolRecipient *oldest);

void wn_sort_into_parcels(WnQueued *message, const WnSpoolFound *found,
    WnSortedFn fn, void *user);
