/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The header fields that winnow puts before a message: Received, X-Winnow-Id,
 * X-Winnow-Client, X-Winnow-Match, X-Winnow-Skipped; the removal of forged
 * ones; and the counting of hops.  Whatever texts it is given, a field stays
 * one field of printable ASCII.
 */

#include "core/base/id.h"
#include "core/dns/resolver.h"
#include "core/message/header_block.h"
#include "core/message/splice.h"
#include "core/plugin/ledger.h"

#include <glib.h>

#define WN_HOPS_MAX 100
#define WN_OWN_HOPS_MAX 3

typedef struct WnTraceFacts {
    WnId id;
    const char *hostname;
    WnNetaddr client;
    WnSpan helo;
    WnSpan rdns; /* used only if rdns_status is VERIFIED */
    WnPtrStatus rdns_status;
    bool esmtp;
    bool utf8;        /* SMTPUTF8 was given */
    const char *tls;  /* "TLSv1.3 with ..."; NULL: plain */
    WnSpan recipient; /* for the "for" clause; empty: several */
    int64_t now;      /* Unix */
} WnTraceFacts;

/* Appends Received, X-Winnow-Id and X-Winnow-Client.  Lines are folded where
 * they would be too long, and never longer than RFC 5322 allows. */
void wn_trace_write(const WnTraceFacts *facts, GString *out);

/* Appends X-Winnow-Match for each match and X-Winnow-Skipped for each filter
 * that could not tell; not for those that did not run because the ones before
 * them had decided.  One line each: people search for them. */
void wn_trace_write_decision(const WnScopeDecision *decision, GString *out);

/* Appends splices that remove inbound X-Winnow-* fields, and
 * Authentication-Results that claim to be of this host (RFC 8601 §5).  Fields
 * that a splice in the array removes already are left to it. */
void wn_trace_remove_forged(WnSpan message, const WnHeaderBlock *block,
    const char *hostname, GArray *splices);

/* More than WN_HOPS_MAX Received, or WN_OWN_HOPS_MAX of this host's. */
bool wn_trace_is_loop(WnSpan message, const WnHeaderBlock *block,
    const char *hostname);
