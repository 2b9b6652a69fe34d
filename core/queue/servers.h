/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The servers of one route: their addresses from DNS, the health of each, and
 * which is next.  An address that fails is left alone for WN_ENDPOINT_DOWN_MS,
 * then twice as long each time, at most WN_ENDPOINT_DOWN_MAX_MS.
 *
 *    NEW -> RESOLVING -> KNOWN            addresses to try
 *                     -> UNKNOWN          none for now: DNS failed, no address
 *                     -> HOPELESS         none ever: null MX, no such domain
 *    KNOWN, UNKNOWN -> RESOLVING when what DNS said has expired
 */

#include "core/dns/resolver.h"
#include "core/event/tls.h"
#include "core/queue/dane.h"
#include "core/queue/route.h"
#include "core/smtp/known_limits.h"

#define WN_ENDPOINT_DOWN_MS 5000
#define WN_ENDPOINT_DOWN_MAX_MS 20000

/* A server that is up may ail: it has deferred WN_ENDPOINT_SOURED_MAX messages
 * in a row, or has not said anything for WN_ENDPOINT_SILENT_MS to what it was
 * given.  Others are preferred then, and what it gets nevertheless, or after
 * WN_ENDPOINT_SICK_MS, is one message at a time until one is taken. */
#define WN_ENDPOINT_SOURED_MAX 3
#define WN_ENDPOINT_SICK_MS 60000
#define WN_ENDPOINT_SILENT_MS 10000

typedef struct WnServers WnServers;
typedef struct WnServersHost WnServersHost;

/* One address of one server; servers with one address have one each. */
typedef struct WnEndpoint {
    WnServersHost *host;
    WnNetaddr address;
    int64_t down_until_ms; /* monotonic; 0: not down */
    int64_t backoff_ms;
    int64_t slow_until_ms;  /* another address of its host was faster */
    int64_t clear_until_ms; /* its TLS is broken: plain where policy allows */
    SSL_SESSION *session;   /* of TLS with it, to be resumed; NULL */
    int64_t session_until_ms;
    int64_t told_ms;       /* of its last answer to EHLO, monotonic; 0: none */
    unsigned offers;       /* in it */
    uint64_t max_size;     /* in it; 0: none */
    unsigned n_couriers;   /* connections; this and the next two are kept by
                            * their owner */
    unsigned n_connecting; /* of these, not yet greeted */
    unsigned n_lost;       /* connections lost in a row while sending */
    unsigned n_busy;       /* parcels that it has not answered for yet */
    int64_t heard_ms;      /* since then it says nothing while n_busy > 0 */
    unsigned n_soured;     /* messages in a row that it has deferred */
    int64_t sick_until_ms; /* it has deferred too many */
    unsigned round;        /* of resolving that named it last */
    bool stale;            /* DNS does not name it any more */
} WnEndpoint;

typedef enum {
    WN_SERVERS_NEW,
    WN_SERVERS_RESOLVING,
    WN_SERVERS_KNOWN,
    WN_SERVERS_UNKNOWN,
    WN_SERVERS_HOPELESS
} WnServersState;

/* The addresses have been resolved, or could not be. */
typedef void (*WnServersFn)(void *user);

typedef struct WnServersConfig {
    WnLoop *loop;
    WnResolver *resolver; /* NULL: addresses only */
    const WnRoute *route; /* borrowed */
    const char *hostname; /* our own: an MX that is us is none */
    const GArray *listen; /* WnNetaddr, of our own: nor is one of these */
    bool v4, v6;          /* families that can be used */
} WnServersConfig;

WnServers *wn_servers_new(const WnServersConfig *config, WnServersFn fn,
    void *user);
void wn_servers_free(WnServers *self);

/* In place of the one before; loop, resolver and route are the same. */
void wn_servers_use_config(WnServers *self, const WnServersConfig *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnServers, wn_servers_free)

/* Begins to resolve if that is due; fn follows then.  While old addresses are
 * known they stay in use meanwhile. */
void wn_servers_refresh(WnServers *self);
WnServersState wn_servers_state(const WnServers *self);
const char *wn_servers_problem(const WnServers *self); /* UNKNOWN, HOPELESS */

/* The endpoint for the next message: by weight, or the first that is up; NULL
 * if none is.  avoid: number of a server not to be taken, -1; nor are those
 * whose bits are set in unfit. */
WnEndpoint *wn_servers_pick(WnServers *self, int avoid, uint32_t unfit);

/* The bit of a server in such a set; 0: none, or its number is too high to be
 * in one. */
static inline uint32_t
wn_server_bit(int number)
{
    return number >= 0 && number < 32 ? UINT32_C(1) << number : 0;
}

/* Are there no others than those whose bits are set, up or down? */
bool wn_servers_are_all(const WnServers *self, uint32_t servers);

/* Another endpoint that is up and not being connected to, in case this one does
 * not answer: one of the same server, of the other family if there is one, or
 * one of another server; NULL. */
typedef enum { WN_RIVAL_SAME_SERVER, WN_RIVAL_OTHER_SERVER } WnRival;
WnEndpoint *wn_servers_rival(WnServers *self, const WnEndpoint *endpoint,
    WnRival rival);

/* A message goes to it: counts for the rotation. */
void wn_endpoint_assigned(WnEndpoint *self);
void wn_endpoint_failed(WnEndpoint *self);
void wn_endpoint_worked(WnEndpoint *self);

/* A message is under way to it; it is not any more. */
void wn_endpoint_begins(WnEndpoint *self);
void wn_endpoint_ends(WnEndpoint *self);

/* It has answered for a recipient. */
void wn_endpoint_heard(WnEndpoint *self);

/* It has deferred a whole message; it has answered otherwise. */
void wn_endpoint_soured(WnEndpoint *self);
void wn_endpoint_served(WnEndpoint *self);
bool wn_endpoint_ails(const WnEndpoint *self);

/* Messages under way to those that ail. */
unsigned wn_servers_n_stuck(const WnServers *self);

/* In its answer to EHLO; max_size 0: none. */
void wn_endpoint_told(WnEndpoint *self, unsigned offers, uint64_t max_size);

/* What none of the servers takes that have told; false: too few have. */
bool wn_servers_limits(const WnServers *self, WnLimits *out);

/* Whatever is down counts as up, for once, and DNS that had no server is asked
 * again. */
void wn_servers_forgive(WnServers *self);

const char *wn_endpoint_host(const WnEndpoint *self);
const WnDane *wn_endpoint_dane(const WnEndpoint *self); /* NULL: not asked */

/* What DANE says of it is known, as far as it is asked: otherwise nothing may
 * be sent there. */
bool wn_endpoint_has_policy(const WnEndpoint *self);
unsigned wn_endpoint_dane_version(const WnEndpoint *self);
WnTlsPolicy wn_endpoint_tls(const WnEndpoint *self);
int16_t wn_endpoint_server(const WnEndpoint *self); /* number */

/* Changes when the numbers of the servers do: MX are ordered anew whenever DNS
 * tells of them. */
unsigned wn_servers_numbering(const WnServers *self);

/* When the first endpoint is up again (monotonic); 0 if one is up. */
int64_t wn_servers_up_at(const WnServers *self);
