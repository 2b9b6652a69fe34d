/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Answers by question, bounded in number and in bytes; the one that was not
 * used for longest goes first.
 */

#include "core/dns/answer.h"

#define WN_DNS_CACHE_MAX 16384
#define WN_DNS_CACHE_BYTES_MAX (64 * 1024 * 1024)

/* One octet for the type, the name in lower case without final dot, a NUL. */
#define WN_DNS_NAME_MAX 253
#define WN_DNS_KEY_MAX (1 + WN_DNS_NAME_MAX + 1)

typedef struct WnDnsCache {
    GHashTable *entries; /* key to Entry */
    GQueue by_use;       /* of Entry, the least used first */
    size_t n_bytes;
} WnDnsCache;

void wn_dns_cache_init(WnDnsCache *self);
void wn_dns_cache_clear(WnDnsCache *self);

/* NULL if there is none that is good at now_ms (transfer none). */
WnAnswer *wn_dns_cache_get(WnDnsCache *self, const char *key, int64_t now_ms);

/* Replaces what is there. */
void wn_dns_cache_put(WnDnsCache *self, const char *key, WnAnswer *answer);
