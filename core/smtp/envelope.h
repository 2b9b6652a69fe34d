/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The arguments of MAIL and RCPT with their parameters: what each may be, and
 * which reply refuses what may not.  Pure; spans of the results point into the
 * argument.  Limits that need more than the argument (size, offers, number of
 * recipients) are the session's.
 */

#include "core/smtp/grammar.h"
#include "core/smtp/reply.h"

#define WN_ENVELOPE_PARAMETERS_MAX 16
#define WN_ENVID_MAX 100 /* RFC 3461 §4.4 */
#define WN_ORCPT_MAX 500 /* RFC 3461 §4.2 */

typedef struct WnMailArguments {
    WnPath sender;
    uint64_t size; /* 0: absent */
    bool body_8bit;
    bool prdr;
    bool utf8;  /* SMTPUTF8 */
    WnSpan ret; /* as given, as are the others; empty: absent */
    WnSpan envid;
} WnMailArguments;

typedef struct WnRcptArguments {
    WnPath recipient;
    bool utf8; /* the transaction's: what is not ASCII may stand here */
    WnSpan notify;
    WnSpan orcpt;
} WnRcptArguments;

/* argument is what follows the verb: "FROM:<a@b.example> SIZE=1".  NULL if it
 * is in order, else the reply that refuses it. */
const WnReply *wn_envelope_parse_mail(WnSpan argument, WnMailArguments *out);
const WnReply *wn_envelope_parse_rcpt(WnSpan argument, bool utf8,
    WnRcptArguments *out);
