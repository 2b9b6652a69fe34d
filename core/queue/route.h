/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Where a domain's mail goes, taken out of the snapshot: servers, order, TLS
 * policy and egress pool.  Domains with equal routes have equal keys and share
 * one destination; nothing that must keep connections apart is left out of the
 * key.
 */

#include "core/conf/snapshot.h"

typedef struct WnRoute {
    char *key;
    WnDelivery delivery;
    WnTlsPolicy tls; /* of servers without one of their own */
    char *egress;    /* pool whose addresses are used; NULL: any */
    char *mx_domain; /* servers come from its MX; NULL: they are below */
    uint16_t mx_port;
    GPtrArray *servers; /* WnServerSetting */
} WnRoute;

WnRoute *wn_route_of_domain(const WnSnapshot *snapshot, const WnDomain *domain);

/* For reports to senders anywhere: by MX, TLS if offered. */
WnRoute *wn_route_of_mx(const char *domain, uint16_t port);
void wn_route_free(WnRoute *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnRoute, wn_route_free)

/* The part behind the last "@" in lower case, without a final dot (transfer
 * full); NULL if there is none. */
char *wn_route_domain_part(WnSpan address);
