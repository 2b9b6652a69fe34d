/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The verdict ledger: what each filter said of each scope, and what was decided
 * because of it.  Plain data, made by the chain, carried over the border to
 * winnow-smtp, and read by headers, log, explain and metrics.
 */

#include "core/base/arena.h"
#include "core/message/edit.h"

#include <glib.h>

typedef enum {
    WN_LEDGER_PASS,
    WN_LEDGER_MATCH,
    WN_LEDGER_TRUST,
    WN_LEDGER_FAIL,   /* could not tell; on_error says what follows */
    WN_LEDGER_SKIPPED /* did not run: reason says why */
} WnLedgerVerdict;

typedef struct WnLedgerFinding {
    WnSpan rule;
    WnSpan evidence;
    int32_t score; /* thousandths */
} WnLedgerFinding;

typedef struct WnLedgerEntry {
    WnSpan filter; /* instance name */
    WnLedgerVerdict verdict;
    WnSpan action; /* that was applied; empty: none */
    WnSpan reason; /* FAIL, SKIPPED: one line */
    uint32_t usec;
    uint32_t n_findings;
    WnLedgerFinding *findings;
} WnLedgerEntry;

typedef enum {
    WN_DECIDED_DELIVER,
    WN_DECIDED_REJECT,
    WN_DECIDED_TEMPFAIL,
    WN_DECIDED_DISCARD
} WnDecided; /* = WN_DELIVER... of the SDK */

/* What happens to one scope. */
typedef struct WnScopeDecision {
    WnDecided decided;
    WnSpan filter;   /* whose action took the message; empty: none */
    uint16_t code;   /* of the reply: REJECT, TEMPFAIL */
    WnSpan enhanced; /* "5.7.1" */
    WnSpan text;     /* lines split by LF, substituted and cleaned */
    WnSpan redirect; /* address; empty: no */
    uint32_t n_edits;
    WnEdit *edits; /* in order; rendered by filtering/engine.c */
    uint32_t n_entries;
    WnLedgerEntry *entries; /* in chain order */
} WnScopeDecision;

const char *wn_ledger_verdict_name(WnLedgerVerdict verdict);
const char *wn_decided_name(WnDecided decided); /* deliver reject tempfail
                                                 * delete */
