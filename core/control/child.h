/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What every program that winnowd starts has in common: its arguments, its
 * rights, its log and metrics, its loop, and the channel to winnowd.
 *
 *    winnow-smtp -c FILE --slot N --supervisor FD --config FD --metrics FD \
 *        --scoreboard FD
 *
 * FILE is shown by ps and nothing else: the configuration comes from winnowd
 * as bytes (core/conf/config_wire.h), so a program that is started again works
 * with what was checked.
 *
 * winnowd sends the descriptors a program needs over the channel, then START.
 * A program whose channel closes has lost winnowd: it stops as if told to.
 * Signals that ask to stop are winnowd's affair and ignored here, so that a
 * service manager or a terminal may send them to the whole group.
 */

#include "core/base/history.h"
#include "core/conf/config.h"
#include "core/conf/snapshot.h"
#include "core/control/rights.h"
#include "core/control/scoreboard.h"
#include "core/event/channel.h"

enum {                   /* winnowd to program */
    WN_CHILD_LISTEN = 1, /* fd; payload: address text (bytes).  For
                          * winnow-sync: where metrics are asked for */
    WN_CHILD_FILTER,     /* fd: channel to the filter process, or for
                          * winnow-filter: to its winnow-smtp; replaces the
                          * one before */
    WN_CHILD_SNAPSHOT,   /* generation (u64): current has changed */
    WN_CHILD_START,      /* everything was sent: begin */
    WN_CHILD_RETIRE, /* winnow-smtp: take no new session, exit after the last;
                      * DRAIN follows when that takes long */
    WN_CHILD_DRAIN,  /* finish what is under way, then exit */
    WN_CHILD_SYNC,   /* winnow-sync: look at the source now; serial (u32,
                      * not 0), force (u8) */
    WN_CHILD_CONFIG, /* winnow-queue: fd of the configuration that holds from
                      * now on; what its rights and its place are made from has
                      * not changed */
    WN_CHILD_SKIP,   /* to programs that run plugins: filter (bytes),
                      * id (bytes, or none), content (u64): skips.h */
    /* program to winnowd */
    WN_CHILD_READY = 32,  /* what is in force: landlock (u32), calls (u8) */
    WN_CHILD_PUBLISHED,   /* winnow-sync: serial (u32) of the SYNC that this
                           * answers or 0, generation (u64), domains (u32);
                           * at the start also when the build failed but there
                           * is a snapshot from before */
    WN_CHILD_SYNC_FAILED, /* winnow-sync: serial (u32) or 0, why (bytes) */
    WN_CHILD_USING,       /* winnow-smtp, winnow-queue: generation (u64) of
                           * the snapshot it works with from now on */
    WN_CHILD_SESSIONS,    /* winnow-smtp: how many there are (u32) */
    WN_CHILD_SOURCE       /* winnow-sync: how the source of the settings
                           * is (settings_report.h); before the PUBLISHED of
                           * the same build */
};

/* Called for each message from winnowd but none of the common ones. */
typedef void (
    *WnChildFn)(void *user, uint16_t type, WnSpan payload, int take_fd);

typedef struct WnChild {
    WnLoop *loop;
    WnConfig *config;
    WnChannel *supervisor;
    unsigned slot;
    const char *program;
    WnRights rights;

    WnScoreboard *scoreboard; /* for programs that run plugins */
    int config_fd; /* the configuration as bytes, for programs of its own */
    int counts_fd; /* connections of each client at all winnow-smtp of this
                    * generation: shared_counts.h, column by slot; for
                    * winnow-smtp, -1: none */
    int limits_fd; /* smtp/known_limits.h; -1: none */
    int shared_fd; /* base/shared_table.h, for programs that run plugins;
                    * -1: none */
    WnHistory *history; /* NULL: none */
    int supervisor_fd;  /* until wn_child_connect() */
    bool draining;
    WnTimer orphan; /* the end, when winnowd is gone and draining takes long */
    WnChildFn on_message;
    WnLoopFn on_drain;
    void *user;
} WnChild;

/* Reads arguments and configuration, opens log and metrics, gives up rights.
 * Exits with a message if anything is missing.  self stays where it is. */
void wn_child_init(WnChild *self, const char *program, int argc, char **argv);

/* Gives up what the program does not need; exits with a message if that cannot
 * be and must.  Before it loads or parses anything of others. */
void wn_child_confine(WnChild *self, WnRightsOf who);

/* DRAIN, and the loss of winnowd, call on_drain, once; it leads to
 * wn_loop_stop(). */
void wn_child_connect(WnChild *self, WnChildFn on_message, WnLoopFn on_drain,
    void *user);
void wn_child_ready(WnChild *self);

/* The configuration that came with WN_CHILD_CONFIG; the former one (transfer
 * full), NULL with error if this is none. */
WnConfig *wn_child_change_config(WnChild *self, int take_fd, GError **error);

/* The snapshot that was published last (transfer full); NULL: there is none, or
 * it cannot be used, which is logged, and what is in use stays. */
WnSnapshot *wn_child_open_snapshot(const WnChild *self);

/* Tells winnowd which snapshot is in use. */
void wn_child_using(WnChild *self, uint64_t generation);

void wn_child_run(WnChild *self);   /* the loop, to its end */
void wn_child_clear(WnChild *self); /* last of all */
