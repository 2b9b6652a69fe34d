/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What DNS says about the certificate of a server (RFC 7672).  TLSA records
 * count only when the resolver has verified them and the way to them.
 *
 *    addresses: insecure, no alias --> NONE
 *               insecure, alias -----> CNAME: insecure --> NONE
 *                                             secure ----> TLSA of the name
 *               secure --------------> TLSA of the name behind the aliases,
 *                                      then of the name itself
 *    TLSA: secure --> RECORDS; none, insecure --> the next, or NONE
 *    anything that fails --> FAILED: the server is not to be used
 *    nothing known yet, or no longer that there is nothing --> ASKING: neither
 */

#include "core/dns/resolver.h"

typedef enum {
    WN_DANE_ASKING,
    WN_DANE_NONE,
    WN_DANE_RECORDS,
    WN_DANE_FAILED
} WnDaneState;

typedef struct WnDane WnDane;
typedef void (*WnDaneFn)(void *user);

WnDane *wn_dane_new(WnResolver *resolver, const char *host, uint16_t port,
    WnDaneFn fn, void *user);
void wn_dane_free(WnDane *self); /* no callback after that */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnDane, wn_dane_free)

/* Looks again; fn follows.  Until then RECORDS stay in force; any other state
 * is ASKING. */
void wn_dane_look_up(WnDane *self);

WnDaneState wn_dane_state(const WnDane *self);
const char *wn_dane_base(const WnDane *self); /* RECORDS: whose they are */
const GPtrArray *wn_dane_records(const WnDane *self); /* GBytes; or NULL */
int64_t wn_dane_expires(const WnDane *self);          /* monotonic */

/* Counts the times that something else was found out than before: a connection
 * made under another number is not to be used on. */
unsigned wn_dane_version(const WnDane *self);
