/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * How the recipients of a segment stand: all outcomes of its log, folded into
 * one entry for each recipient that has any.  It answers what recovery asks,
 * and it is what a log is written anew from.
 */

#include "core/journal/outcome.h"

typedef struct WnStanding {
    uint64_t offset; /* of the message's record in the segment */
    uint32_t recipient;
    uint32_t attempts;
    int64_t at; /* of the last outcome; Unix seconds */
    int64_t next_attempt;
    WnOutcomeKind settled; /* the final kind; 0: not settled */
    bool held;
    bool delay_noted;
    int64_t relayed_at; /* delivered then, the report is owed; 0: no */
    char *reply;        /* interned; NULL */
} WnStanding;

typedef struct WnStandings WnStandings;

WnStandings *wn_standings_new(void);
void wn_standings_free(WnStandings *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnStandings, wn_standings_free)

/* A WnOutcomeFn: user is a WnStandings. */
void wn_standings_note(void *user, const WnOutcome *outcome);

/* NULL: nothing is known of it.  self may be NULL. */
const WnStanding *wn_standings_get(const WnStandings *self, uint64_t offset,
    uint32_t recipient);

guint wn_standings_count(const WnStandings *self);

/* Appends to the log what makes the same standing again, in no special order.
 * place tells where a record stands now, 0: nowhere any more, then it is left
 * out; NULL: where it was. */
typedef uint64_t (*WnStandingPlaceFn)(void *user, uint64_t offset);
void wn_standings_write(const WnStandings *self, WnOutcomeLog *log,
    WnStandingPlaceFn place, void *user);
