/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * One connection with one transaction, driven from its start to the decision:
 *
 *    connect ──► rcpt, for each recipient ──► pause ──► message ──► over
 *       └─ refused ──────────┴─ all refused ──────────────────────────┘
 *
 * Each arrow is a run of the chain; advance() takes it when the run before has
 * called back.  There is a pause where the mode has hooks run ahead, which
 * begins at the recipients that were accepted, and time for them to end.
 */

#include "sdk/harness/result.h"
#include "sdk/harness/world.h"

typedef struct WnRunMail {
    const WnChainClient *client;
    const char *helo;
    const char *sender;
    GPtrArray *recipients; /* char *; at least one */
    const char *message;
} WnRunMail;

typedef struct WnRun WnRun;

/* All is borrowed until _free(). */
WnRun *wn_run_new(WnWorld *world, WnShim *shim, const WnRunMail *mail);
/* The client goes away, whatever still waits. */
void wn_run_free(WnRun *self);

/* Lets happen what is due now. */
void wn_run_turn(WnRun *self);
/* On to the end: moves the clock to whatever comes next. */
void wn_run_finish(WnRun *self);
bool wn_run_is_over(const WnRun *self);
/* NULL before any decision. */
const WnRunResult *wn_run_result(const WnRun *self);
