/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What a domain's servers are known not to take: winnow-queue learns it from
 * their answers to EHLO, winnow-smtp refuses at RCPT what would only bounce.
 * In memory that both share and no plugin's process has got.  It is a hint: a
 * message that passes it is judged again when it is delivered, and what nobody
 * has confirmed for WN_KNOWN_LIMITS_S is forgotten.
 *
 * The key is where the domain's mail goes, not its name: what is known holds
 * for all domains with these servers, and for none that has got others since.
 */

#include "core/conf/snapshot.h"

#define WN_KNOWN_LIMITS_S 3600

typedef struct WnKnownLimits WnKnownLimits;

typedef struct WnLimits {
    bool no_utf8;      /* no server takes SMTPUTF8 */
    uint64_t max_size; /* of a message at any of them; 0: none is known */
} WnLimits;

#define WN_LIMITS_KEY_MAX 1024

typedef struct WnLimitsKey {
    char text[WN_LIMITS_KEY_MAX];
    size_t len; /* 0: too long, nothing is known under it */
} WnLimitsKey;

/* A new region's descriptor, or -1 with errno. */
int wn_known_limits_create(void);

/* Maps the region, which stays the caller's; -1 makes a private one.  NULL if
 * fd is no region. */
WnKnownLimits *wn_known_limits_new(int fd);
void wn_known_limits_free(WnKnownLimits *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnKnownLimits, wn_known_limits_free)

/* One key is made of the TLS policy, then each server in the order given.  A
 * port of 0 is the usual one. */
void wn_limits_key_begin(WnLimitsKey *self, WnTlsPolicy tls);
void wn_limits_key_add(WnLimitsKey *self, WnSpan host, uint16_t port);
void wn_limits_key_of_domain(WnLimitsKey *self, const WnSnapshot *snapshot,
    const WnDomain *domain);

/* Without limits: nothing is known any more. */
void wn_known_limits_note(WnKnownLimits *self, const WnLimitsKey *key,
    const WnLimits *limits);
WnLimits wn_known_limits_get(const WnKnownLimits *self, const WnLimitsKey *key);
