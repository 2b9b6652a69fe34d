/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Private to the receiver: one message between its final dot and its answer,
 * shared by acceptance.c (the order of things), decide.c (what follows from the
 * filters' decisions) and copies.c (what is stored).
 *
 *    begin --> ask_filters --> decide --> commit --> answered --> logged
 *      |                         |          |
 *      +------- refused ---------+          +--> detached: the session went
 *                                                while the journal worked
 *
 * Everything that is needed after the commit, above all the replies, is made
 * before the append, in memory of the acceptance.
 */

#include "core/filtering/visit.h"

typedef struct WnAcceptance {
    WnReceiver *receiver;
    WnVisit *visit; /* NULL: detached, or answered */
    WnArena *arena;

    /* Good while there is a visit. */
    WnSessionMessage message;
    WnSpan plain;          /* unstuffed; its header at least */
    GByteArray *unstuffed; /* owns plain if the wire form has stuffed dots */
    uint64_t plain_len;    /* of the whole message */
    WnHeaderBlock block;

    WnReply *replies; /* one, or with PRDR one per recipient */
    size_t n_replies;
    WnAppend *append; /* outstanding */
    WnDeferred fault; /* the answer, when copies cannot be made */
    WnMessageReport report;
} WnAcceptance;

/*
 * acceptance.c
 */

/* Makes the copies and hands them to the journal; the answer, which is made
 * already, follows the commit. */
void wn_acceptance_commit(WnAcceptance *self, const WnScopeDecision *decisions,
    GArray *const *edits);

/*
 * decide.c
 */

bool wn_acceptance_has_prdr(const WnAcceptance *self);

/* Is the message too large for the scope's settings, or, as far as is known,
 * for its domain's servers? */
typedef enum {
    WN_SIZE_FITS,
    WN_SIZE_TOO_LARGE,
    WN_SIZE_TOO_LARGE_FOR_SERVERS
} WnSizeVerdict;
WnSizeVerdict wn_acceptance_judge_size(const WnAcceptance *self,
    uint32_t scope);

/* The reply with the message's id in its text. */
WnReply wn_acceptance_with_id(const WnAcceptance *self, WnReply reply);

/* One reply for all. */
void wn_acceptance_set_reply(WnAcceptance *self, WnReply reply);

/* Answers with a failure for the time being that no filter has asked for.  As
 * after every answer, self is not to be used any more. */
void wn_acceptance_answer_fault(WnAcceptance *self, WnReply reply,
    const char *why);

/* What follows from the decisions, one for each scope: answers, or commits.
 * edits NULL, or edits[i] NULL: none. */
void wn_acceptance_decide(WnAcceptance *self, const WnScopeDecision *decisions,
    GArray *const *edits);

/* No filter could answer: every scope's on_error decides.  What is delivered
 * says that it was not filtered.  reason NULL: no scope has a filter. */
void wn_acceptance_decide_without_filters(WnAcceptance *self,
    const char *reason);

/*
 * copies.c
 */

/* Fills the receiver's envelope with the scopes that are delivered, their trace
 * fields and edits, and their recipients.  edits NULL, or edits[i] NULL: none.
 * What the envelope shows lives as long as the acceptance.  NULL, or what is
 * wrong with the decisions, which is an internal fault: nothing may be stored
 * then. */
const char *wn_acceptance_fill_envelope(WnAcceptance *self,
    const WnScopeDecision *decisions, GArray *const *edits);
