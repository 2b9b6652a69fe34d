/* SPDX-License-Identifier: MIT */
#include "zone.h"

#include <stdlib.h>

#define TEST_EVERY_MS INT64_C(600000)
#define TEST_AGAIN_MS INT64_C(60000) /* after DNS did not answer */
#define PAUSE_MIN_MS INT64_C(600000)
#define PAUSE_MAX_MS INT64_C(21600000)
#define PAUSE_UNREACHABLE_MS INT64_C(60000)
#define FAILURES_MAX 10

/* Of DNSLIST_RECENT subjects: more than half, and five times what was usual.
 * While nothing is known of the usual, only what no true list does. */
#define LISTED_TOO_OFTEN (DNSLIST_RECENT / 2)
#define LISTED_ALL (DNSLIST_RECENT * 95 / 100)
#define BASELINE_FACTOR 5.0
#define BASELINE_MIN 100
#define BASELINE_WEIGHT_MAX 1000

#define KEY_LABEL_MIN 20

static const struct {
    const char *subjects;
    const char *points[DNSLIST_N_TESTS]; /* as asked, and as people know them */
    const char *shown[DNSLIST_N_TESTS];
} kinds[] = {
    [DNSLIST_OF_CLIENTS] = { "clients",
        { [DNSLIST_MUST] = "2.0.0.127", [DNSLIST_MUST_NOT] = "1.0.0.127" },
        { [DNSLIST_MUST] = "127.0.0.2", [DNSLIST_MUST_NOT] = "127.0.0.1" } },
    [DNSLIST_OF_NAMES] = { "sites",
        { [DNSLIST_MUST] = "test", [DNSLIST_MUST_NOT] = "invalid" },
        { [DNSLIST_MUST] = "TEST", [DNSLIST_MUST_NOT] = "INVALID" } },
};

/*
 * Zones
 */

void
dnslist_zones_init(DnslistZones *self, const WnHost *host, DnslistKind kind)
{
    self->host = host;
    self->kind = kind;
    self->switched_off = host->metrics->counter(host, "switched_off",
        "Times that a list was switched off for its errors.");
    self->switched_on = host->metrics->counter(host, "switched_on",
        "Times that a list was taken into use again.");
    self->list_errors = host->metrics->counter(host, "list_errors",
        "Answers of lists that tell of trouble.");
    self->dns_failures = host->metrics->counter(host, "dns_failures",
        "Questions to lists without an answer in time.");
}

/* A first label of that many letters and digits is a customer's key with the
 * list, which nobody else may learn. */
static const char *
without_key(const char *name)
{
    size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789");

    return len >= KEY_LABEL_MIN && name[len] == '.' ? name + len + 1 : name;
}

static void
zone_free(DnslistZone *self)
{
    free(self->name);
    free(self->shown);
    free(self);
}

static DnslistZone *
zone_new(DnslistZones *zones, const char *name)
{
    DnslistZone *self = calloc(1, sizeof *self);

    if (self == NULL)
        return NULL;
    self->zones = zones;
    self->name = strdup(name);
    self->shown = strdup(without_key(name));
    if (self->name == NULL || self->shown == NULL) {
        zone_free(self);
        return NULL;
    }
    self->serial = ++zones->last_serial;
    self->state = DNSLIST_UNTESTED;
    self->test_at_ms = INT64_MIN;
    self->pause_ms = PAUSE_MIN_MS;
    self->next = zones->first;
    zones->first = self;
    return self;
}

DnslistZone *
dnslist_zone_ref(DnslistZones *zones, const char *name)
{
    DnslistZone *zone = zones->first;

    while (zone != NULL && strcmp(zone->name, name) != 0)
        zone = zone->next;
    if (zone == NULL)
        zone = zone_new(zones, name);
    if (zone != NULL)
        zone->n_refs++;
    return zone;
}

void
dnslist_zone_unref(DnslistZone *self)
{
    DnslistZone **link = &self->zones->first;

    if (--self->n_refs > 0)
        return;
    while (*link != self)
        link = &(*link)->next;
    *link = self->next;
    zone_free(self);
}

/*
 * On and off
 */

static void
forget_tests(DnslistZone *self, int64_t next_ms)
{
    memset(self->tested, 0, sizeof self->tested);
    self->test_at_ms = next_ms;
    self->tester_until_ms = INT64_MIN;
}

static void
forget_subjects(DnslistZone *self)
{
    self->n_recent = 0;
    self->next_recent = 0;
    self->n_recent_listed = 0;
}

/* Logged when the state changes, not each time that a list stays off. */
static void
switch_off(DnslistZone *self, const char *reason, int64_t pause_ms,
    int64_t now_ms)
{
    if (self->state != DNSLIST_OFF) {
        wn_log(self->zones->host, WN_LOG_ERROR, NULL,
            "list %s is switched off for at least %d minutes: %s", self->shown,
            (int)(pause_ms / 60000), reason);
        self->zones->host->metrics->add(self->zones->host,
            self->zones->switched_off, 1);
    }
    self->state = DNSLIST_OFF;
    self->unreachable = false;
    self->n_failures = 0;
    forget_tests(self, now_ms + pause_ms);
    forget_subjects(self);
}

static void
switch_off_with_pause(DnslistZone *self, const char *reason, int64_t now_ms)
{
    int64_t pause_ms = self->pause_ms;

    self->pause_ms = pause_ms * 2 < PAUSE_MAX_MS ? pause_ms * 2 : PAUSE_MAX_MS;
    switch_off(self, reason, pause_ms, now_ms);
}

static void
pass_test(DnslistZone *self, int64_t now_ms)
{
    if (self->state == DNSLIST_OFF) {
        wn_log(self->zones->host, WN_LOG_WARNING, NULL,
            "list %s passes its test and is in use again", self->shown);
        self->zones->host->metrics->add(self->zones->host,
            self->zones->switched_on, 1);
    }
    self->state = DNSLIST_ON;
    self->unreachable = false;
    forget_tests(self, now_ms + TEST_EVERY_MS);
}

bool
dnslist_zone_test_is_due(const DnslistZone *self, int64_t now_ms)
{
    return now_ms >= self->test_at_ms;
}

bool
dnslist_zone_test_name(const DnslistZone *self, DnslistTest test, char *name,
    size_t size)
{
    int len = snprintf(name, size, "%s.%s",
        kinds[self->zones->kind].points[test], self->name);

    return len > 0 && (size_t)len < size;
}

/* Several calls may have asked; the first answer counts. */
void
dnslist_zone_tested(DnslistZone *self, DnslistTest test, bool good,
    int64_t now_ms)
{
    char reason[64];

    if (!dnslist_zone_test_is_due(self, now_ms))
        return;
    if (!good) {
        snprintf(reason, sizeof reason,
            test == DNSLIST_MUST ? "it does not list %s, as every list must"
                                 : "it lists %s, which no list may",
            kinds[self->zones->kind].shown[test]);
        switch_off_with_pause(self, reason, now_ms);
        return;
    }
    self->tested[test] = DNSLIST_TEST_GOOD;
    if (self->tested[DNSLIST_MUST] == DNSLIST_TEST_GOOD
        && self->tested[DNSLIST_MUST_NOT] == DNSLIST_TEST_GOOD)
        pass_test(self, now_ms);
}

/* An untested list stays due, as nothing of it counts before. */
void
dnslist_zone_untold(DnslistZone *self, int64_t now_ms)
{
    if (self->state != DNSLIST_UNTESTED
        && dnslist_zone_test_is_due(self, now_ms))
        forget_tests(self, now_ms + TEST_AGAIN_MS);
}

void
dnslist_zone_erred(DnslistZone *self, uint32_t code, int64_t now_ms)
{
    char reason[64];

    self->zones->host->metrics->add(self->zones->host, self->zones->list_errors,
        1);
    if (self->state == DNSLIST_OFF)
        return;
    snprintf(reason, sizeof reason, "it answered %u.%u.%u.%u", code >> 24,
        code >> 16 & 255, code >> 8 & 255, code & 255);
    switch_off_with_pause(self, reason, now_ms);
}

void
dnslist_zone_failed(DnslistZone *self, int64_t now_ms)
{
    self->zones->host->metrics->add(self->zones->host,
        self->zones->dns_failures, 1);
    if (self->state == DNSLIST_OFF || ++self->n_failures < FAILURES_MAX)
        return;
    switch_off(self, "DNS does not answer for it", PAUSE_UNREACHABLE_MS,
        now_ms);
    self->unreachable = true;
}

/*
 * Too many listings
 */

/* FNV-1a. */
static uint64_t
hash_subject(const void *subject, size_t len)
{
    const uint8_t *bytes = subject;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < len; i++)
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    return (hash ^ len) * UINT64_C(0x100000001b3);
}

static bool
is_recent(const DnslistZone *self, uint64_t subject)
{
    for (uint32_t i = 0; i < self->n_recent; i++)
        if (self->recent[i].subject == subject)
            return true;
    return false;
}

/* A mean of all at first, and of about the last thousand later. */
static void
add_to_baseline(DnslistZone *self, bool listed)
{
    uint64_t weight;

    self->n_baseline++;
    weight = self->n_baseline < BASELINE_WEIGHT_MAX ? self->n_baseline
                                                    : BASELINE_WEIGHT_MAX;
    self->baseline += ((listed ? 1.0 : 0.0) - self->baseline) / (double)weight;
}

static void
add_recent(DnslistZone *self, uint64_t subject, bool listed)
{
    DnslistRecent *place = &self->recent[self->next_recent];

    if (self->n_recent == DNSLIST_RECENT) {
        add_to_baseline(self, place->listed);
        self->n_recent_listed -= place->listed ? 1 : 0;
    } else {
        self->n_recent++;
    }
    *place = (DnslistRecent){ subject, listed };
    self->n_recent_listed += listed ? 1 : 0;
    self->next_recent = (self->next_recent + 1) % DNSLIST_RECENT;
}

static bool
lists_too_many(const DnslistZone *self)
{
    double share = (double)self->n_recent_listed / DNSLIST_RECENT;

    if (self->n_recent < DNSLIST_RECENT)
        return false;
    if (self->n_baseline < BASELINE_MIN)
        return self->n_recent_listed >= LISTED_ALL;
    return self->n_recent_listed > LISTED_TOO_OFTEN
           && share >= BASELINE_FACTOR * self->baseline;
}

void
dnslist_zone_saw(DnslistZone *self, const void *subject, size_t len,
    bool listed, int64_t now_ms)
{
    uint64_t hash = hash_subject(subject, len);
    char reason[64];

    self->n_failures = 0;
    if (self->state != DNSLIST_ON || is_recent(self, hash))
        return;
    add_recent(self, hash, listed);
    if (lists_too_many(self)) {
        snprintf(reason, sizeof reason, "it lists %u of the last %d %s",
            self->n_recent_listed, DNSLIST_RECENT,
            kinds[self->zones->kind].subjects);
        switch_off_with_pause(self, reason, now_ms);
    } else if (self->n_recent == DNSLIST_RECENT) {
        self->pause_ms = PAUSE_MIN_MS;
    }
}
