/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Where attempts go: one destination for each distinct route, with its line of
 * ready parcels, its connections, and what is known of its health.  A
 * destination that is slow or dead delays no other.
 *
 *    line --take--> courier --sent, carried--> the queue
 *     |                                           | deferred, unreachable
 *     +--no server is up: refused--> the queue ---+--> waiting
 *                                                        |
 *    line <--released: a probe's turn, or a server works again
 *
 * The number of connections adapts: from WN_DESTINATION_BEGIN it grows with
 * success up to WN_DESTINATION_MAX, and shrinks when connections fail.  A
 * destination that has not worked yet gets few, so that the dead ones together
 * cannot use up WN_DESTINATIONS_MAX.
 */

#include "core/conf/config.h"
#include "core/dns/resolver.h"
#include "core/queue/parcel.h"
#include "core/queue/route.h"
#include "core/smtp/known_limits.h"
#include "core/smtp/sending.h"

#define WN_DESTINATION_BEGIN 20
#define WN_DESTINATION_MAX 40
#define WN_DESTINATIONS_MAX 1000 /* connections in all */
#define WN_COURIER_IDLE_MS 5000
#define WN_COURIER_MESSAGES_MAX 10000

typedef struct WnDestinations WnDestinations;

/* What an attempt has brought one target of a parcel. */
typedef struct WnAttempt {
    WnSent sent;
    const WnEnvelope *envelope; /* NULL: has not been read */
    const char *server;         /* "host[address]:port"; "" if none was found */
    const char *tls;            /* version and cipher; "": plain */
    const char *assurance;      /* "none", "encrypted", "verified", "dane" */
    unsigned offers;            /* of the server */
    int64_t us;                 /* it took */
    bool again;       /* another server, or connection, is to try at once */
    bool unreachable; /* no server could be reached: the parcel may be released
                       * earlier than its time */
} WnAttempt;

typedef struct WnDestinationHandler {
    /* One call for each target of a parcel that was READY, then carried(): the
     * parcel is the handler's again. */
    void (*sent)(void *user, WnParcel *parcel, uint32_t target,
        const WnAttempt *attempt);
    void (*carried)(void *user, WnParcel *parcel);

    /* No server can be reached: the attempt of all targets. */
    void (*refused)(void *user, WnParcel *parcel, const WnAttempt *attempt);

    /* The message cannot be sent as it is. */
    void (*damaged)(void *user, WnParcel *parcel, const GError *error);

    /* A parcel that was added to waiting may go now. */
    void (*release)(void *user, WnParcel *parcel);

    /* It was routed by an older snapshot: route it again. */
    void (*reroute)(void *user, WnParcel *parcel);

    /* Would it go elsewhere if it were routed now? */
    bool (*moved)(void *user, const WnParcel *parcel,
        const WnDestination *destination);
} WnDestinationHandler;

typedef struct WnDestinationsConfig {
    WnLoop *loop;
    const WnConfig *config;
    WnResolver *resolver;
} WnDestinationsConfig;

/* Zero means the configuration's. */
typedef struct WnTimeouts {
    int64_t connect_ms;
    int64_t reply_ms; /* for a whole reply */
    int64_t dot_ms;   /* for the reply to a message */
} WnTimeouts;

WnDestinations *wn_destinations_new(const WnDestinationsConfig *config,
    const WnDestinationHandler *handler, void *user);
void wn_destinations_free(WnDestinations *self); /* parcels are just left */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnDestinations, wn_destinations_free)

/* Of connections made from now on. */
void wn_destinations_set_timeouts(WnDestinations *self,
    const WnTimeouts *timeouts);

/* In place of the one before, which is used no more.  For connections made from
 * now on, and for what DNS is asked. */
void wn_destinations_use_config(WnDestinations *self, const WnConfig *config);

/* Where to note what servers have told of their limits (borrowed). */
void wn_destinations_set_limits(WnDestinations *self, WnKnownLimits *limits);

/* Until then (Unix time), what its servers tell of their limits is not noted,
 * and what was noted is forgotten; a time that is over changes nothing. */
void wn_destination_forget_limits(WnDestination *self, int64_t until);

/* Takes that back for all destinations. */
void wn_destinations_note_limits(WnDestinations *self);

/* The destination of this route, made if it is new; good until swept. */
WnDestination *wn_destinations_get(WnDestinations *self, WnRoute *take_route);

/* Parcels that were routed in an earlier turn are to be routed again.  What is
 * to go elsewhere now is released soon, at a steady rate. */
void wn_destinations_set_turn(WnDestinations *self, uint32_t turn);

/* Starts no new attempt from now on. */
void wn_destinations_drain(WnDestinations *self);
unsigned wn_destinations_n_sending(const WnDestinations *self);

/* Forgets those that nobody has used for a while.  No pointer to one but a
 * parcel's stays good. */
void wn_destinations_sweep(WnDestinations *self);

/* The parcel becomes READY and goes out as soon as may be, front: before
 * others. */
typedef enum { WN_LINE_END, WN_LINE_FRONT } WnLinePlace;
void wn_destination_add(WnDestination *self, WnParcel *parcel,
    WnLinePlace place);

/* A parcel that is WAITING because it was unreachable. */
void wn_destination_add_waiting(WnDestination *self, WnParcel *parcel);

/* The operator wants a real attempt now, whatever has failed before. */
void wn_destination_forgive(WnDestination *self);

/* "12 in line, 3 connections". */
void wn_destination_describe(const WnDestination *self, GString *out);
