/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Questions to DNS through c-ares, answered from a cache where possible.
 * Equal questions in flight share one query.  Answers are values: NXDOMAIN is
 * not an error.  The cache keeps an answer for its TTL (at most an hour, at
 * least a second), a negative one for at most five minutes, a failure for five
 * seconds, and holds a bounded number of answers.
 *
 * Used by winnow-filter (plugins' dns table, PTR of clients) and winnow-queue
 * (addresses of customers' servers).
 */

#include "core/base/netaddr.h"
#include "core/event/loop.h"

#define WN_DNS_ERROR (wn_dns_error_quark())
GQuark wn_dns_error_quark(void);

typedef struct WnResolver WnResolver;
typedef struct WnQuestion WnQuestion;

typedef enum {
    WN_RR_A = 1,
    WN_RR_NS = 2,
    WN_RR_CNAME = 5,
    WN_RR_PTR = 12,
    WN_RR_MX = 15,
    WN_RR_TXT = 16,
    WN_RR_AAAA = 28,
    WN_RR_TLSA = 52
} WnRrType;

typedef enum {
    WN_RESOLVED_FOUND,
    WN_RESOLVED_NO_DATA, /* the name exists, the type does not */
    WN_RESOLVED_NO_NAME, /* NXDOMAIN */
    WN_RESOLVED_FAILED   /* SERVFAIL, refused, time-out */
} WnResolved;

typedef struct WnRecord {
    uint16_t type;
    uint16_t preference; /* MX */
    WnNetaddr address;   /* A, AAAA */
    const char *text;    /* NS, CNAME, MX, PTR: name in lower case; TXT: joined;
                          * TLSA: the data as it is; a NUL stands behind it */
    size_t text_len;
} WnRecord;

typedef struct WnResolution {
    WnResolved status;
    uint32_t n_records; /* at most 64 */
    const WnRecord *records;
    const char *owner;  /* of the records, behind all aliases; "" if none */
    int64_t expires_ms; /* monotonic */
    bool secure; /* the resolver has verified the answer, or that there is none
                  * (the AD bit of RFC 4035 §3.2.3): worth as much as the
                  * resolver and the way to it */
} WnResolution;

/* The resolution is good during the callback. */
typedef void (*WnResolverFn)(void *user, const WnResolution *resolution);

/* servers: "127.0.0.1:53; 127.0.0.2:53" or NULL for /etc/resolv.conf.  A
 * question without an answer after timeout_ms has FAILED, whatever servers and
 * repetitions there still are. */
WnResolver *wn_resolver_new(WnLoop *loop, const char *servers,
    int64_t timeout_ms, GError **error);
void wn_resolver_free(WnResolver *self); /* no callback after that */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnResolver, wn_resolver_free)

/* Never calls back before it returned, even from the cache.  Never NULL; an
 * invalid name resolves to NO_NAME. */
WnQuestion *wn_resolver_ask(WnResolver *self, const char *name, WnRrType type,
    WnResolverFn fn, void *user);
void wn_question_cancel(WnQuestion *question); /* before its callback only */

/* The PTR name of an address, "in-addr.arpa" form (transfer full). */
char *wn_resolver_reverse_name(const WnNetaddr *address);

/*
 * The client's verified name (RFC 5451 "iprev"): its PTR, and an address record
 * of that name which holds the client's address.
 */
typedef enum {
    WN_PTR_NONE,
    WN_PTR_VERIFIED,
    WN_PTR_MISMATCH,
    WN_PTR_UNKNOWN
} WnPtrStatus; /* same values as WN_RDNS_* of the SDK */

typedef struct WnPtrLookup WnPtrLookup;
typedef void (*WnPtrFn)(void *user, WnPtrStatus status, const char *name);

/* name is NULL unless VERIFIED or MISMATCH.  Nothing but letters, digits, "-",
 * "_" and "." is ever in it: a PTR record with another name counts as none. */
WnPtrLookup *wn_ptr_lookup(WnResolver *resolver, const WnNetaddr *address,
    WnPtrFn fn, void *user);
void wn_ptr_lookup_cancel(WnPtrLookup *self); /* before its callback only */
