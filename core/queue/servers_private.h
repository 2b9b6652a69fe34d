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
    bool is_us;  /* one of its addresses is this relay's */
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
    unsigned numbering; /* of the hosts: what it was before is void */
    int64_t expires_ms;
    char *problem;
    WnTimer early;   /* tells what is known while more is asked for */
    WnDeferred soon; /* tells that all is known without DNS */
};

bool wn_servers_has_usable(const WnServers *self, const WnServersHost *host);
bool wn_endpoint_is_usable(const WnEndpoint *self);
