/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Joins an SMTP session to everything it must ask: the snapshot (is the domain
 * ours, which class), the filters, the journal.  Implements WnSessionHandler
 * for winnow-smtp.
 *
 *    RCPT      domain -> mailbox -> size -> scope rule -> early filters
 *    message   hops -> filters -> a decision per scope -> journal -> 250
 *
 * The 452 rule: a recipient whose scope could disagree with an earlier one
 * about refusing the message after DATA gets 452 4.5.3, unless the client asked
 * for PRDR.  Two scopes cannot disagree if they are of one class, or if neither
 * may refuse.
 *
 * Nothing slow or fallible stands between the commit and the 250: the reply is
 * made before the message is appended, and the event is logged after it went
 * out.
 */

#include "core/base/shared_counts.h"
#include "core/filtering/client.h"
#include "core/journal/writer.h"
#include "core/smtp/known_limits.h"
#include "core/smtp/session.h"

typedef struct WnReceiver WnReceiver;

/* All borrowed, and freed after the receiver. */
typedef struct WnReceiverConfig {
    WnLoop *loop;
    const WnConfig *config;
    WnFilterClient *filters;
    WnJournal *journal;
    WnSharedCounts *counts; /* connections of each client, in all processes;
                             * NULL: those of this process alone */
    const WnKnownLimits *limits; /* of the domains' servers; NULL: unknown */
} WnReceiverConfig;

WnReceiver *wn_receiver_new(const WnReceiverConfig *config);

/* Ends the sessions that are left with 421; the loop frees them. */
void wn_receiver_free(WnReceiver *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnReceiver, wn_receiver_free)

/* New transactions use this snapshot (referenced); NULL: none, 451. */
void wn_receiver_set_snapshot(WnReceiver *self, WnSnapshot *snapshot);

/* A connection from the listener: counts it against the limits, starts a
 * session. */
void wn_receiver_accept(WnReceiver *self, int take_fd, const WnNetaddr *peer,
    const char *listener);

/* 421 for idle sessions, the others finish their transaction. */
void wn_receiver_drain(WnReceiver *self);

/* From accept on. */
unsigned wn_receiver_n_sessions(const WnReceiver *self);
