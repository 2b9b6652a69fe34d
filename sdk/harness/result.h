/* SPDX-License-Identifier: MIT */
#pragma once

/* What came of a run, as text that outlives it. */

#include "core/plugin/ledger.h"

#include <stdbool.h>

typedef struct WnRunFinding {
    char *rule, *evidence;
    int32_t score;
} WnRunFinding;

typedef struct WnRunResult {
    const char *verdict; /* constant; NULL: the instance was not asked */
    char *reason;
    GPtrArray *findings; /* WnRunFinding */
    const char *decision;
    bool refuses; /* reject or tempfail */
    char *reply, *redirect;
    GPtrArray *edits; /* char * */
    char *outcome;
} WnRunResult;

/* Of the decisions of all scopes; filter is the instance looked at. */
WnRunResult *wn_run_result_new(const WnScopeDecision *decisions,
    size_t n_decisions, const char *filter);
void wn_run_result_free(WnRunResult *self);
