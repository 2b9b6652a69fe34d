/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What a program that runs plugins is doing right now, in memory that it shares
 * with winnowd: after a crash, or while it hangs, winnowd knows which filter is
 * to blame.  One writer; the reader trusts nothing it finds there.  While a
 * filter runs the writer's own memory of it cannot be written: what runs wild
 * is caught in the act.
 */

#include "core/base/id.h"

#include <glib.h>

typedef struct WnScoreboard WnScoreboard;

typedef struct WnScore {
    char filter[65];
    char hook[32];
    WnId id;
    bool has_id;
    uint64_t content; /* of the message, plugin/skips.h; 0: none */
    int64_t began_ms; /* monotonic */
    char reason[48];  /* the program's own word for its end; empty: none */
    bool threads;     /* it has left some, which may do harm: starter() */
} WnScore;

/* An empty board's descriptor, or -1 with errno. */
int wn_scoreboard_create(void);

/* Maps it; NULL with errno.  fd stays the caller's. */
WnScoreboard *wn_scoreboard_attach(int fd);
void wn_scoreboard_free(WnScoreboard *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnScoreboard, wn_scoreboard_free)

/* filter NULL: nothing runs.  id may be NULL. */
void wn_scoreboard_set(WnScoreboard *self, const char *filter, const char *hook,
    const WnId *id, uint64_t content);

/* The program is about to end because of that filter. */
void wn_scoreboard_accuse(WnScoreboard *self, const char *filter,
    const char *reason);

/* A call of that filter has left a thread. */
void wn_scoreboard_note_threads(WnScoreboard *self, const char *filter);

/* The one that has done so last; false: none. */
bool wn_scoreboard_starter(const WnScoreboard *self, WnScore *out);

/* Which filter ran last, also when nothing runs; false: none did. */
bool wn_scoreboard_last(const WnScoreboard *self, WnScore *out);

/* False: nothing runs, or it is being written just now. */
bool wn_scoreboard_get(const WnScoreboard *self, WnScore *out);

/* Of a program that has ended, also in the middle of writing; false: nothing
 * ran. */
bool wn_scoreboard_get_ended(const WnScoreboard *self, WnScore *out);

/* Another one whenever something began or ended to run; odd while that is being
 * written, or after something has gone wild. */
unsigned wn_scoreboard_version(const WnScoreboard *self);
