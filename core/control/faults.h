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
 */

#include "core/base/json.h"
#include "core/control/process.h"

typedef struct WnFaults WnFaults;

WnFaults *wn_faults_new(void);
void wn_faults_free(WnFaults *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnFaults, wn_faults_free)

/* True: switch it off now. */
bool wn_faults_note(WnFaults *self, const WnScore *score, const char *why);

/* Logs that somebody from outside killed a program while the filter ran, which
 * does not count. */
void wn_faults_note_disturbed(const WnScore *score, const char *why);

/* What a program must know: all of it when it starts, or what the last note has
 * added. */
void wn_faults_tell(const WnFaults *self, WnProcess *process);
void wn_faults_tell_last(const WnFaults *self, WnProcess *process);

/* One line for each filter with faults; objects of an open list. */
void wn_faults_print(const WnFaults *self, GString *out);
void wn_faults_json(const WnFaults *self, WnJson *json);
