/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * One program that winnowd keeps running: started, watched, started again when
 * it ends by itself.
 *
 *              +--------- back-off over ---------+
 *              v                                 |
 *    NEW --> STARTING --READY--> READY --ended--> WAITING
 *     |        |  |                |               |
 *     |        |  +----- ended ----|------------->-+
 *     |        +------ drain ------+               |
 *     |                v                           |
 *     +--- drain --> DRAINING --ended--> GONE <----+ drain
 *
 *    READY --retire--> RETIRING --time is up, drain--> DRAINING
 *                          +--ended--> GONE
 *
 * The back-off doubles from 100 ms to 30 s and begins anew for a program that
 * was ready and has lived for a minute, or that a filter has brought down.  A
 * program that does not get ready, or
 * does not end, in time is killed.  process.c: enter() is the only writer of
 * the state.
 */

#include "core/control/child.h"
#include "core/control/scoreboard.h"

typedef struct WnProcess WnProcess;

typedef enum {
    WN_PROCESS_NEW,
    WN_PROCESS_STARTING,
    WN_PROCESS_READY,
    WN_PROCESS_WAITING, /* to be started again */
    WN_PROCESS_RETIRING,
    WN_PROCESS_DRAINING,
    WN_PROCESS_GONE
} WnProcessState;

#define WN_PROCESS_BACKOFF_MIN_MS 100
#define WN_PROCESS_BACKOFF_MAX_MS (30 * 1000)
#define WN_PROCESS_STABLE_MS (60 * 1000)
#define WN_PROCESS_START_MAX_MS (120 * 1000)

/* All run from the loop, never inside a call of this module. */
typedef struct WnProcessHandler {
    /* It runs: send what it needs, START last. */
    void (*started)(void *user, WnProcess *process);
    void (*ready)(void *user, WnProcess *process);
    /* It has ended: now WAITING, or GONE.  why is for people. */
    void (*ended)(void *user, WnProcess *process, const char *why);
    /* Any other message.  Descriptors are not expected and closed. */
    void (*message)(void *user, WnProcess *process, uint16_t type,
        WnSpan payload);
    /* How long this call of a filter may take (runs_plugins only). */
    int64_t (*hook_max_ms)(void *user, const WnScore *score);
} WnProcessHandler;

typedef struct WnProcessSpec {
    WnLoop *loop;
    const char *program; /* "winnow-smtp"; a constant */
    unsigned slot;
    const char *config_path; /* borrowed */
    int config_fd;           /* borrowed, as metrics_fd */
    int metrics_fd;
    int watched_fd;    /* metrics of others, to be shown; -1: none */
    int counts_fd;     /* base/shared_counts.h; -1: none */
    int limits_fd;     /* smtp/known_limits.h; -1: none */
    int shared_fd;     /* base/shared_table.h; -1: none */
    int history_fd;    /* base/history.h; -1: none */
    bool runs_plugins; /* killed when a call of one takes too long */
    const WnProcessHandler *handler;
    void *user;
} WnProcessSpec;

/* Begins to start it. */
WnProcess *wn_process_new(const WnProcessSpec *spec);
void wn_process_free(WnProcess *self); /* kills */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnProcess, wn_process_free)

/* Told to take nothing new; after soft_ms it is drained, and after max_ms more
 * killed. */
void wn_process_retire(WnProcess *self, int64_t soft_ms, int64_t max_ms);

/* Told to finish and to end; killed after max_ms.  ended follows, with GONE,
 * unless it is GONE already.  A second call may only shorten the time. */
void wn_process_drain(WnProcess *self, int64_t max_ms);

/* From the next start on, which is soon: the reason why it ended may be gone.
 */
void wn_process_use_config(WnProcess *self, int config_fd);

/* It belongs to another configuration from now on: what its next start needs
 * stands in spec.  Told of it by the caller. */
void wn_process_adopt(WnProcess *self, const WnProcessSpec *spec);

/* What plugin was running when it ended, in the callback that tells of it;
 * false: none, or it was killed for being late.  Whatever signal it was: nobody
 * can tell a plugin that kills its program from somebody outside who does. */
bool wn_process_blame(const WnProcess *self, WnScore *out);

/* What plugin has left a thread, or else ran last and may have broken memory,
 * of a program that ended by itself between two calls.  False: none, or it had
 * a SIGKILL, which comes from outside. */
bool wn_process_suspect(const WnProcess *self, WnScore *out);

/* Did it end in a filter's code? */
bool wn_process_has_culprit(const WnProcess *self);
/* A line for whoever waited for its start (transfer full). */
char *wn_process_end_text(const WnProcess *self, const char *why);

/* The plugin that ran last before it ended, and when it is started again;
 * false: it does not wait for that. */
bool wn_process_waits(const WnProcess *self, WnScore *out_last,
    int64_t *out_ms);

/* What it is kept from, as it has told when it became ready. */
WnRights wn_process_rights(const WnProcess *self);

/* Nothing if it does not run. */
void wn_process_send(WnProcess *self, uint16_t type, WnSpan payload,
    int pass_fd);

bool wn_process_runs(const WnProcess *self);
WnProcessState wn_process_state(const WnProcess *self);
const char *wn_process_state_name(WnProcessState state);
const char *wn_process_program(const WnProcess *self);
unsigned wn_process_slot(const WnProcess *self);
int wn_process_pid(const WnProcess *self); /* 0: does not run */
unsigned wn_process_restarts(const WnProcess *self);
