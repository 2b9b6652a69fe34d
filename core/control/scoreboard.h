/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What a program that runs plugins is doing right now, in memory that it shares
 * with winnowd: after a crash, or while it hangs, winnowd knows which filter is
 * to blame.  One writer; the reader trusts nothing it finds there.
 */

#include "core/base/id.h"

#include <glib.h>

typedef struct WnScoreboard WnScoreboard;

typedef struct WnScore {
    char filter[65];
    char hook[32];
    WnId id;
    bool has_id;
    int64_t began_ms; /* monotonic */
} WnScore;

/* An empty board's descriptor, or -1 with errno. */
int wn_scoreboard_create(void);

/* Maps it; NULL with errno.  fd stays the caller's. */
WnScoreboard *wn_scoreboard_attach(int fd);
void wn_scoreboard_free(WnScoreboard *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnScoreboard, wn_scoreboard_free)

/* filter NULL: nothing runs.  id may be NULL. */
void wn_scoreboard_set(WnScoreboard *self, const char *filter, const char *hook,
    const WnId *id);

/* False: nothing runs, or it is being written just now. */
bool wn_scoreboard_get(const WnScoreboard *self, WnScore *out);
