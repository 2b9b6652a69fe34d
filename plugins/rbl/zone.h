/* SPDX-License-Identifier: MIT */
#ifndef RBL_ZONE_H
#define RBL_ZONE_H

/*
 * What an instance knows of the lists themselves: which of them can be trusted
 * now.  One RblZone for each name, shared by all settings that name it.
 *
 *                     rbl_zone_tested(): both as they must be
 *      ┌──────────┐ ────────────────────────────────────────► ┌──────┐
 *      │ UNTESTED │                                           │  ON  │
 *      └──────────┘                                       ┌──►└──────┘
 *           │ rbl_zone_tested(): one is not as it must be │      │
 *           ▼                                             │      │
 *      ┌──────────┐ ── rbl_zone_tested(): both good ──────┘      │
 *      │   OFF    │ ◄────────────────────────────────────────────┘
 *      └──────────┘   rbl_zone_tested(), rbl_zone_erred(),
 *                     rbl_zone_saw(), rbl_zone_failed()
 *
 * The test is that of RFC 5782 §5: the list must hold 127.0.0.2 and must not
 * hold 127.0.0.1.  It is due at the start, every ten minutes while ON, a minute
 * after DNS did not answer it, and when the pause of an OFF list is over.  A
 * pause is ten minutes and twice as long each time, up to six hours, until the
 * list has stood a hundred clients again.
 *
 * The lists are asked by the hooks (rbl.c), as DNS belongs to a call.
 */

#include <winnow/plugin.h>

#include <stdbool.h>

#define RBL_RECENT 100 /* distinct clients whose listings are compared */

typedef enum { RBL_UNTESTED, RBL_ON, RBL_OFF } RblState;
typedef enum { RBL_MUST, RBL_MUST_NOT, RBL_N_TESTS } RblTest;
typedef enum { RBL_TEST_OPEN, RBL_TEST_GOOD } RblTested;

typedef struct RblRecent {
    uint64_t client; /* hash */
    bool listed;
} RblRecent;

typedef struct RblZone RblZone;

typedef struct RblZones {
    const WnHost *host;
    RblZone *first;
    uint64_t last_serial;
    int32_t switched_off; /* metrics */
    int32_t switched_on;
    int32_t list_errors;
    int32_t dns_failures;
} RblZones;

struct RblZone {
    RblZones *zones;
    RblZone *next;
    uint32_t n_refs;
    uint64_t serial; /* never used again */
    char *name;
    char *shown; /* in findings and the log: without an account's key */

    RblState state;
    bool unreachable; /* OFF because DNS did not answer for it */
    int64_t test_at_ms;
    int64_t tester_until_ms; /* a call is at the test */
    RblTested tested[RBL_N_TESTS];
    int64_t pause_ms;    /* the next one */
    uint32_t n_failures; /* of DNS, in sequence */

    /* The last distinct clients, and the share of listed ones among those
     * before them. */
    RblRecent recent[RBL_RECENT];
    uint32_t n_recent;
    uint32_t next_recent;
    uint32_t n_recent_listed;
    uint64_t n_baseline;
    double baseline;
};

/* Makes metrics: in instance_new only. */
void rbl_zones_init(RblZones *self, const WnHost *host);

/* The zone of that name, made if there is none; NULL without memory. */
RblZone *rbl_zone_ref(RblZones *zones, const char *name);
void rbl_zone_unref(RblZone *self);

/* Is a test to be made?  now_ms is monotonic everywhere. */
bool rbl_zone_test_is_due(const RblZone *self, int64_t now_ms);

/* One test's answer: good or not.  Without an answer: untold. */
void rbl_zone_tested(RblZone *self, RblTest test, bool good, int64_t now_ms);
void rbl_zone_untold(RblZone *self, int64_t now_ms);

/* The list gave an answer that only tells of trouble. */
void rbl_zone_erred(RblZone *self, uint32_t code, int64_t now_ms);

/* DNS did not answer for the list in time. */
void rbl_zone_failed(RblZone *self, int64_t now_ms);

/* The list answered properly about a client.  It is switched off if it suddenly
 * lists nearly everybody. */
void rbl_zone_saw(RblZone *self, const WnClient *client, bool listed,
    int64_t now_ms);

#endif
