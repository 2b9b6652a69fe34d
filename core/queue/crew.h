/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The couriers of a destination: which are idle, which are fit for a parcel,
 * and which are let go.  Part of destination.h; nothing else uses it.
 *
 *    join -> CONNECTING -> at work <--wake, rest--> idle -> dismissed
 *                                  (rested for WN_COURIER_IDLE_MS, or in
 *                                   somebody's way, or not trusted any more)
 */

#include "core/queue/destination_private.h"

/* A connection is being made. */
void wn_crew_join(WnDestination *self, WnCourier *courier);

/* It is gone, or about to be freed. */
void wn_crew_leave(WnCourier *courier);

/* It has nothing to do; it has again. */
void wn_crew_rest(WnCourier *courier);
void wn_crew_wake(WnCourier *courier); /* fine if it did not rest */

/* Leaves, quits and is freed.  Not while it carries a parcel. */
void wn_crew_dismiss(WnCourier *courier);

/* What its connection was made under is still what DNS says of the server, and
 * its own address is one that the domain's firewall admits. */
bool wn_crew_is_trusted(const WnCourier *courier);
void wn_crew_dismiss_untrusted(WnDestination *self); /* of those that rest */

/* The egress pool has other addresses: looks whose connections come from one
 * that it has not any more. */
void wn_crew_check_sources(WnDestination *self);

/* The parcel is not to go to this server. */
bool wn_crew_avoids(const WnParcel *parcel, int16_t server);

/* One that rests and may take the parcel; endpoint NULL: of any server.  NULL:
 * there is none. */
WnCourier *wn_crew_find(WnDestination *self, const WnEndpoint *endpoint,
    const WnParcel *parcel);

/* One that rests makes room for another. */
void wn_crew_make_room(WnDestination *self);
