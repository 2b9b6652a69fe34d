/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The settings database as winnow-sync's loop sees it.  A process of its own
 * (winnow-sync --read-database) makes the blocking calls and keeps the mirror;
 * the loop tells it when to look, and kills it when that takes too long.
 *
 *    DOWN --back-off over, or a look is wanted--> IDLE, started
 *    IDLE --interval, expiry, wn_source_look()--> LOOKING --answer--> IDLE
 *    LOOKING --too long: killed; any --the process has ended--> DOWN
 *
 * Database and password are known to that process alone.
 */

#include "core/conf/config.h"
#include "core/event/loop.h"
#include "core/sync/source_reader.h"

typedef struct WnSource WnSource;

/* How the database is; texts live as long as the source. */
typedef struct WnSourceState {
    bool up;            /* the last look succeeded */
    bool asked;         /* it began after wn_source_look() */
    const char *host;   /* that answered last; "" */
    uint64_t revision;  /* of the mirror */
    uint32_t n_domains; /* there */
    int64_t succeeded;  /* Unix time of the last look that did; 0: none */
    const char *error;  /* of the last look; "" */
} WnSourceState;

/* A look has ended.  changed: the mirror is another one. */
typedef void (
    *WnSourceFn)(void *user, const WnSourceState *state, bool changed);

/* program is winnow-sync itself; config, program and config_fd are borrowed. */
WnSource *wn_source_new(WnLoop *loop, const WnConfig *config,
    const char *program, int config_fd);
void wn_source_free(WnSource *self); /* kills */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnSource, wn_source_free)

/* Looks now and every interval from now on; fn is called from the loop. */
void wn_source_start(WnSource *self, WnSourceFn fn, void *user);

/* Looks as soon as the look that is under way, if any, has ended. */
void wn_source_look(WnSource *self, WnLookMode mode);

/* For relay_status: the snapshot in use. */
void wn_source_set_generation(WnSource *self, uint64_t generation);

/* For sync_problem: all that is wrong now, one "object: detail" a line. */
void wn_source_set_problems(WnSource *self, const char *lines);

const WnSourceState *wn_source_state(const WnSource *self);

/* The process itself: what main() becomes when it is started for this.  The
 * arguments are those behind the word that says so. */
int wn_source_process_run(int argc, char **argv);
