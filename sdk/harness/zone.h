/* SPDX-License-Identifier: MIT */
#pragma once

/* The names that exist in a test: "NAME TYPE DATA" lines. */

#include "core/plugin/sdk.h"

#include <glib.h>
#include <stdbool.h>

typedef struct WnZone WnZone;

typedef struct WnZoneRecord {
    char *name;
    char *text; /* TXT, and names, in lower case */
    uint16_t type;
    uint16_t preference;
    uint32_t data_len;
    uint8_t data[16];
} WnZoneRecord;

typedef struct WnZoneAnswer {
    int32_t status;     /* WN_DNS_* */
    bool silent;        /* comes when the resolver gives up */
    GPtrArray *records; /* WnZoneRecord, borrowed from the zone */
} WnZoneAnswer;

WnZone *wn_zone_new(void);
void wn_zone_free(WnZone *self);
void wn_zone_clear(WnZone *self);
/* False with error if a line cannot be understood. */
bool wn_zone_add(WnZone *self, const char *lines, GError **error);
/* Follows no alias: there is none. */
WnZoneAnswer *wn_zone_ask(const WnZone *self, const char *name, uint16_t type);
/* It comes, and says that DNS did not answer. */
void wn_zone_answer_spoil(WnZoneAnswer *answer);
void wn_zone_answer_free(WnZoneAnswer *answer);
