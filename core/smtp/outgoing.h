/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * One transaction as the client is given it, and what of it goes over the wire:
 * the envelope's commands and the pieces of the message.  Pure.
 */

#include "core/base/buffer.h"
#include "core/base/map_guard.h"
#include "core/message/splice.h"

enum { /* what a server offered in its answer to EHLO */
    WN_OFFERS_PIPELINING = 1u << 0,
    WN_OFFERS_8BITMIME = 1u << 1,
    WN_OFFERS_SIZE = 1u << 2,
    WN_OFFERS_DSN = 1u << 3,
    WN_OFFERS_STARTTLS = 1u << 4,
    WN_OFFERS_SMTPUTF8 = 1u << 5
};

typedef struct WnOutgoingRecipient {
    WnSpan address;
    WnSpan notify, orcpt; /* passed on if DSN is offered */
} WnOutgoingRecipient;

typedef struct WnOutgoing {
    WnSpan sender; /* empty: <> */
    WnSpan ret, envid;
    const WnOutgoingRecipient *recipients;
    uint32_t n_recipients;
    WnSpan prepend;        /* trace fields; wire form */
    WnSpan wire;           /* the message in wire form with its final ".CRLF" */
    const GArray *splices; /* over wire, NULL: none; they never touch the dot */
    bool eight_bit;
    bool utf8; /* the sender or the header is not ASCII: SMTPUTF8 is needed,
                * whoever it is for */
    const WnMapGuard *source; /* of the map that wire shows; NULL: memory */
} WnOutgoing;

/* False: the message is not what may go over the wire (a bare CR or LF, a line
 * with a single dot before the end, no end, a control character in an
 * address).  Such a message must not be sent. */
bool wn_outgoing_is_clean(const WnOutgoing *self);

/* Only parameters that the server offered are written. */
void wn_outgoing_write_mail(const WnOutgoing *self, unsigned offers,
    WnBuffer *out);
void wn_outgoing_write_rcpt(const WnOutgoing *self, uint32_t recipient,
    unsigned offers, WnBuffer *out);

/* Appends the WnSpans that make up the message, in order, none empty. */
void wn_outgoing_pieces(const WnOutgoing *self, GArray *out_pieces);

/* The message's size as RFC 1870 counts it: without the final dot, and without
 * the dots that were doubled. */
uint64_t wn_outgoing_size(const WnOutgoing *self);
