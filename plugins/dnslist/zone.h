/* SPDX-License-Identifier: MIT */
#ifndef DNSLIST_ZONE_H
#define DNSLIST_ZONE_H

/*
 * What an instance knows of the DNS lists themselves: which of them can be
 * trusted now.  One DnslistZone for each name, shared by all settings that name
 * it.
 *
 *                     dnslist_zone_tested(): both as they must be
 *      ┌──────────┐ ────────────────────────────────────────► ┌──────┐
 *      │ UNTESTED │                                           │  ON  │
 *      └──────────┘                                       ┌──►└──────┘
 *           │ dnslist_zone_tested(): one is not as it must be │      │
 *           ▼                                             │      │
 *      ┌──────────┐ ── dnslist_zone_tested(): both good ──────┘      │
 *      │   OFF    │ ◄────────────────────────────────────────────┘
 *      └──────────┘   dnslist_zone_tested(), dnslist_zone_erred(),
 *                     dnslist_zone_saw(), dnslist_zone_failed()
 *
 * The test is that of RFC 5782 §5: a list of clients must hold 127.0.0.2 and
 * must not hold 127.0.0.1, a list of names must hold TEST and must not hold
 * INVALID.  It is due at the start, every ten minutes while ON, a minute
 * after DNS did not answer it, and when the pause of an OFF list is over.  A
 * pause is ten minutes and twice as long each time, up to six hours, until the
 * list has stood a hundred subjects again.
 *
 * The lists are asked by the hooks, as DNS belongs to a call.
 */

#include <winnow/plugin.h>

#include <stdbool.h>

#define DNSLIST_RECENT 100 /* distinct subjects whose listings are compared */

/* What the lists hold: addresses of clients, or names of sites. */
typedef enum { DNSLIST_OF_CLIENTS, DNSLIST_OF_NAMES } DnslistKind;
typedef enum { DNSLIST_UNTESTED, DNSLIST_ON, DNSLIST_OFF } DnslistState;
typedef enum { DNSLIST_MUST, DNSLIST_MUST_NOT, DNSLIST_N_TESTS } DnslistTest;
typedef enum { DNSLIST_TEST_OPEN, DNSLIST_TEST_GOOD } DnslistTested;

typedef struct DnslistRecent {
    uint64_t subject; /* hash */
    bool listed;
} DnslistRecent;

typedef struct DnslistZone DnslistZone;

typedef struct DnslistZones {
    const WnHost *host;
    DnslistKind kind;
    DnslistZone *first;
    uint64_t last_serial;
    int32_t switched_off; /* metrics */
    int32_t switched_on;
    int32_t list_errors;
    int32_t dns_failures;
} DnslistZones;

struct DnslistZone {
    DnslistZones *zones;
    DnslistZone *next;
    uint32_t n_refs;
    uint64_t serial; /* never used again */
    char *name;
    char *shown; /* in findings and the log: without an account's key */

    DnslistState state;
    bool unreachable; /* OFF because DNS did not answer for it */
    int64_t test_at_ms;
    int64_t tester_until_ms; /* a call is at the test */
    DnslistTested tested[DNSLIST_N_TESTS];
    int64_t pause_ms;    /* the next one */
    uint32_t n_failures; /* of DNS, in sequence */

    /* The last distinct subjects, and the share of listed ones among those
     * before them. */
    DnslistRecent recent[DNSLIST_RECENT];
    uint32_t n_recent;
    uint32_t next_recent;
    uint32_t n_recent_listed;
    uint64_t n_baseline;
    double baseline;
};

/* Makes metrics: in instance_new only. */
void dnslist_zones_init(DnslistZones *self, const WnHost *host,
    DnslistKind kind);

/* The zone of that name, made if there is none; NULL without memory. */
DnslistZone *dnslist_zone_ref(DnslistZones *zones, const char *name);
void dnslist_zone_unref(DnslistZone *self);

/* Is a test to be made?  now_ms is monotonic everywhere. */
bool dnslist_zone_test_is_due(const DnslistZone *self, int64_t now_ms);

/* What is asked for the test.  False if it does not fit. */
bool dnslist_zone_test_name(const DnslistZone *self, DnslistTest test,
    char *name, size_t size);

/* One test's answer: good or not.  Without an answer: untold. */
void dnslist_zone_tested(DnslistZone *self, DnslistTest test, bool good,
    int64_t now_ms);
void dnslist_zone_untold(DnslistZone *self, int64_t now_ms);

/* The list gave an answer that only tells of trouble. */
void dnslist_zone_erred(DnslistZone *self, uint32_t code, int64_t now_ms);

/* DNS did not answer for the list in time. */
void dnslist_zone_failed(DnslistZone *self, int64_t now_ms);

/* The list answered properly about a subject.  It is switched off if it
 * suddenly lists nearly all. */
void dnslist_zone_saw(DnslistZone *self, const void *subject, size_t len,
    bool listed, int64_t now_ms);

#endif
