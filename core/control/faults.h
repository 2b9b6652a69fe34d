/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What filters of one generation have done to the programs that run them: told
 * to the log, the metrics and winnowctl, and to the programs that run them
 * next (WN_CHILD_SKIP).
 *
 *    once over a transaction     it is not run over that one again
 *    twice over the same content it is not run over that content again
 *    five times within a minute  it is switched off (quarantine.h)
 *
 * A program that ends between two calls is charged to the filter that has left
 * a thread in it; else to the one that ran last, if it did so twice before
 * within a minute.
 */

#include "core/base/json.h"
#include "core/control/process.h"

typedef struct WnFaults WnFaults;

WnFaults *wn_faults_new(void);
void wn_faults_free(WnFaults *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnFaults, wn_faults_free)

/* plugin: whose instance the filter is; NULL: not known.  True: switch it off
 * now. */
bool wn_faults_note(WnFaults *self, const WnScore *score, const char *plugin,
    const char *why);

/* The same for a program that ended between two calls
 * (wn_process_suspect()). */
bool wn_faults_suspect(WnFaults *self, const WnScore *score, const char *plugin,
    const char *why);

/* What a program must know: all of it when it starts, or what the last note has
 * added. */
void wn_faults_tell(const WnFaults *self, WnProcess *process);
void wn_faults_tell_last(const WnFaults *self, WnProcess *process);

/* One line for each filter with faults; objects of an open list. */
void wn_faults_print(const WnFaults *self, GString *out);
void wn_faults_json(const WnFaults *self, WnJson *json);
