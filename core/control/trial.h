/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Runs code that calls plugins in a child process of its own: whatever a plugin
 * does to that, ends it with status 0 or kills it, the program that began the
 * trial is there to say so, and says which plugin it was.  One that does not
 * come back from a call is ended after ten seconds of work or half a minute of
 * waiting.
 */

#include "core/control/scoreboard.h"

/* Runs in the child and gives an exit status.  board is for the traces of
 * loaders and chains. */
typedef int (*WnTrialFn)(void *user, WnScoreboard *board);

/* What fn gave; or -1, and *out_fault tells what happened (transfer full). */
int wn_trial_run(WnTrialFn fn, void *user, char **out_fault);

/* The same on a board that others look at. */
int wn_trial_run_shown(WnTrialFn fn, void *user, int board_fd,
    char **out_fault);

/* For wn_loader_set_watch(); user is the board. */
void wn_trial_on_load(void *user, const char *plugin);
/* For wn_chain_host_set_trace(); user is the board. */
void wn_trial_on_hook(void *user, const char *filter, const char *hook,
    const WnId *id, uint64_t content);
/* For WnDatasetJob; user is the board. */
void wn_trial_on_data(void *user, const char *plugin, const char *hook,
    uint64_t rows);
