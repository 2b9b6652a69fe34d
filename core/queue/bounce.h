/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Delivery status notifications: RFC 3464 in an RFC 6522 report, with RFC 3834
 * headers, in the form of RFC 6533 where an address is not ASCII.  Pure: facts
 * in, message out.
 */

#include "core/base/id.h"
#include "core/journal/record.h"

typedef enum { WN_DSN_FAILED, WN_DSN_DELAYED, WN_DSN_RELAYED } WnDsnAction;

typedef struct WnDsnRecipient {
    WnSpan address; /* final recipient */
    WnSpan orcpt;   /* as given */
    WnDsnAction action;
    bool expired;    /* FAILED: for being too old */
    char status[12]; /* "5.1.1" */
    WnSpan reply;    /* for Diagnostic-Code; may be empty */
    WnSpan remote;   /* the server's name; may be empty */
    int64_t last_attempt;
    int64_t will_retry_until; /* DELAYED */
} WnDsnRecipient;

typedef struct WnDsn {
    WnId id; /* of the DSN itself */
    const char *hostname;
    WnSpan to; /* the original sender */
    WnId original_id;
    WnSpan envid;
    int64_t arrived; /* Unix */
    int64_t now;
    const WnDsnRecipient *recipients;
    size_t n_recipients;
    WnSpan
        original;   /* message as received (unstuffed); header or all goes in */
    bool full;      /* RET=FULL and not too large */
    bool seven_bit; /* nothing but ASCII, as far as the sender's address
                     * allows; then original is ASCII, or not full */
} WnDsn;

/* The whole DSN, unstuffed, CRLF lines. */
void wn_dsn_write(const WnDsn *self, GByteArray *out);

/* No more of a header is sent back. */
#define WN_DSN_HEADER_MAX ((size_t)64 * 1024)

/* May a failure of this recipient be told to its sender? (RFC 3461 NOTIFY,
 * null senders, our own DSNs) */
bool wn_dsn_wanted(const WnEnvelope *envelope,
    const WnEnvelopeRecipient *recipient, WnDsnAction action);
