/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * winnowd itself: checks a configuration, binds its ports, keeps its programs
 * running, applies another configuration without refusing a connection, stops.
 *
 *                    problems: the end
 *                        ^
 *    begin --> CHECKING -+--ok--> RUNNING <--------------------------+
 *              (first)            |  ^ ^                             |
 *                          reload |  | | problems                    |
 *                                 v  | |                             |
 *                               CHECKING --ok--> OPENING --ready--> SWITCHING
 *                                    |              |                 |
 *                                    +-- a program does not start     |
 *    any --stop--> STOPPING --all programs gone--> the end <----------+
 *
 *    CHECKING   winnow-check looks at the files; nothing has changed yet
 *    OPENING    a new generation starts beside the one that serves
 *    SWITCHING  the new one serves, the old one drains; winnow-queue follows
 *               when the old winnow-queue has let go of the spool
 *    STOPPING   winnow-smtp finishes, then winnow-queue
 *
 * A reload that is asked for meanwhile is done afterwards; any number of them
 * is one.  supervisor.c: enter() is the only writer of the state;
 * begin_check(), on_checked(), on_changed() and wn_supervisor_stop() are behind
 * the arrows.
 */

#include "core/control/control.h"
#include "core/control/generation.h"

typedef struct WnSupervisor WnSupervisor;

typedef enum {
    WN_SUPERVISOR_CHECKING,
    WN_SUPERVISOR_RUNNING,
    WN_SUPERVISOR_OPENING,
    WN_SUPERVISOR_SWITCHING,
    WN_SUPERVISOR_STOPPING
} WnSupervisorState;

/* Begins; the end is wn_loop_stop(). */
WnSupervisor *wn_supervisor_new(WnLoop *loop, const char *config_path);
void wn_supervisor_free(WnSupervisor *self); /* kills what runs */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnSupervisor, wn_supervisor_free)

/* SIGHUP, SIGTERM and winnowctl: who is to be told of the end (nullable). */
void wn_supervisor_reload(WnSupervisor *self, WnControlCall *call);
void wn_supervisor_stop(WnSupervisor *self, WnControlCall *call);
void wn_supervisor_sync(WnSupervisor *self, WnControlCall *call, bool force);
int wn_supervisor_exit_status(const WnSupervisor *self);

/* For the status report. */
typedef struct WnSupervisorView {
    WnSupervisorState state;
    int64_t uptime_ms;
    const WnGeneration *current; /* NULL: none yet */
    const WnGeneration *next;    /* NULL: no reload opens one */
    const GPtrArray *old;        /* WnGeneration that drain */
} WnSupervisorView;

void wn_supervisor_view(const WnSupervisor *self, WnSupervisorView *out_view);

const char *wn_supervisor_state_name(WnSupervisorState state);
