/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What servers.c (who they are) and servers_health.c (how they are, which is
 * next) know together.
 */

#include "core/queue/servers.h"

struct WnServersHost {
    WnServers *servers;
    char *name;
    uint16_t port;
    uint16_t weight;
    uint16_t preference;
    WnTlsPolicy tls;
    int16_t number;
    double load;              /* messages sent by weight */
    WnQuestion *questions[2]; /* AAAA, A */
    WnDane *dane;             /* NULL: not asked for */
    unsigned n_addresses;
    bool failed; /* an answer was none */
};

struct WnServers {
    WnServersConfig config;
    WnServersFn fn;
    void *user;
    WnServersState state;
    GPtrArray *hosts;     /* WnServersHost in order of preference */
    GPtrArray *endpoints; /* WnEndpoint */
    WnQuestion *mx;
    unsigned n_pending; /* questions */
    unsigned n_unfit;   /* addresses of a family that cannot be used */
    unsigned round;     /* of resolving */
    int64_t expires_ms;
    char *problem;
    WnDeferred soon; /* tells that all is known without DNS */
};

bool wn_endpoint_is_usable(const WnEndpoint *self);
