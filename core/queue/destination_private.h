/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What destinations.c (all of them, their handler and their shares) and
 * destination.c (one, its line and its couriers) know together.
 */

#include "core/queue/courier.h"
#include "core/queue/destination.h"
#include "core/queue/servers.h"

struct WnDestinations {
    WnDestinationsConfig config;
    WnTimeouts timeouts;
    const WnDestinationHandler *handler;
    void *user;
    GHashTable *by_key; /* route key -> WnDestination */
    GQueue idle;        /* WnCourier by idle_link, longest idle first */
    GQueue blocked;     /* WnDestination that want a connection and must wait */
    WnDeferred unblock;
    SSL_CTX *tls_context;  /* made when first needed */
    WnKnownLimits *limits; /* NULL: nobody wants to know */
    uint32_t turn;
    unsigned n_couriers;
    unsigned n_sending;
    bool draining;
};

struct WnDestination {
    WnDestinations *all;
    WnRoute *route;
    WnServers *servers;
    const WnEgressConfig *egress; /* NULL: any source */
    bool no_egress;               /* the route's pool is not configured */
    unsigned numbering; /* of the servers, which parcels know by numbers */
    bool marked;        /* some may */
    unsigned next_source;
    WnParcelLine line;
    WnParcelLine waiting;
    GQueue couriers; /* WnCourier by link */
    unsigned n_idle;
    unsigned n_connecting;
    double limit;          /* of couriers */
    int64_t grow_after_ms; /* the limit stays until then */
    bool proven; /* a server has greeted since the last total failure */
    bool blocked;
    bool refusing; /* the line is being given back */
    WnDeferred refuse;
    WnParcelLine moved; /* those that would go elsewhere now */
    WnDeferred look;    /* for such, among those that were there at the time: */
    uint64_t n_line_unseen;
    uint64_t n_waiting_unseen;
    WnTimer move;
    uint64_t move_step;
    WnTimer release;
    uint64_t release_step;
    WnTimer patience; /* looks whether a server has fallen silent */
    WnTimer probe;
    int64_t probe_backoff_ms;
    int64_t used_ms;
    int64_t lenient_until; /* Unix time; limits are not noted */

    /* Why no server could be reached, for those who were not tried. */
    WnSentKind failure_kind;
    uint16_t failure_code;
    char failure_enhanced[12];
    char *failure_text;
    char failure_command[16];
    char failure_server[128];
};

WnDestination *wn_destination_new(WnDestinations *all, WnRoute *take_route);
void wn_destination_free(WnDestination *self);

/* What it has of the configuration is taken from it anew. */
void wn_destination_use_config(WnDestination *self);

/* Servers that have other numbers now are no more known to parcels. */
void wn_destination_check_numbers(WnDestination *self);

/* Gives ready parcels to idle couriers, and opens what connections are due. */
void wn_destination_pump(WnDestination *self);

/* Begins to connect.  If that cannot be, the endpoint counts as down. */
void wn_destination_open(WnDestination *self, WnEndpoint *endpoint);

/* For those who cannot be tried; server: which told it, "": none. */
void wn_destination_note_failure(WnDestination *self, const WnSent *why,
    const char *server);

/* May a destination open another connection?  If not it is told later. */
bool wn_destinations_admit(WnDestinations *self, WnDestination *destination);

/* A server of the destination has answered to EHLO. */
void wn_destination_note_limits(WnDestination *self);

/* A connection of one of them is gone. */
void wn_destinations_gone(WnDestinations *self);

/* How to talk to the endpoint under the route's policy.  Borrows names.  False:
 * there is no address to talk from. */
bool wn_destination_client_config(WnDestination *self,
    const WnEndpoint *endpoint, WnClientConfig *out);
