/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A report accounts for recipients of the message it is about: its envelope
 * says which, and what became of them.  The report is committed before that is
 * noted at the message itself, so a queue that died in between finds the report
 * in the spool and notes it then, instead of trying and reporting again.
 *
 *    report durable --dies here--> start: reports are read first, WnAccounts
 *                                  remembers what they say -> the message is
 *                                  read -> settled
 *
 * A report counts as long as it stands in the spool, be it sent: the queue may
 * die again after that and before it has read the message.
 */

#include "core/base/id.h"
#include "core/base/wire.h"
#include "core/journal/outcome.h"

/* What stands in WnEnvelope.about. */
void wn_account_begin(const WnId *message, uint32_t n, WnWriter *out);
void wn_account_add(uint32_t recipient, WnOutcomeKind kind, WnWriter *out);

typedef struct WnAccounts WnAccounts;

WnAccounts *wn_accounts_new(void);
void wn_accounts_free(WnAccounts *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnAccounts, wn_accounts_free)

/* Remembers what a report in the spool says; nonsense is left out. */
void wn_accounts_take(WnAccounts *self, const WnId *report, WnSpan about);

/* What became of a recipient, and which report says so. */
bool wn_accounts_find(const WnAccounts *self, const WnId *message,
    uint32_t recipient, WnOutcomeKind kind, WnId *out_report);
