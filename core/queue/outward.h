/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What a sender is told of an attempt that failed.  The queue and the log keep
 * what happened; a report gives the words of the customer's server as they are,
 * but of all else only the kind: names, addresses and certificates of that
 * server are private.  Pure.
 *
 * A reply is what the queue keeps of an attempt: "550 5.1.1 text" of a server,
 * "EHLO: 5.3.4 text" of what it has refused in advance, "connect: text" and the
 * like of what went wrong without an answer.
 */

#include <glib.h>
#include <stdbool.h>

/* In front of the reply of a message that the operator has returned; behind it
 * may follow WN_OUTWARD_LAST and the last attempt's. */
#define WN_OUTWARD_RETURNED "returned by the operator of the relay"
#define WN_OUTWARD_LAST "; the last attempt brought: "

/* NULL if reply is (transfer full). */
char *wn_outward_text(const char *reply);

#define WN_STATUS_MAX 12 /* "5.123.123" */

typedef enum {
    WN_STATUS_TEMPORARY = '4',
    WN_STATUS_PERMANENT = '5'
} WnStatusClass;

/* The status of RFC 3463 that says the same, of this class. */
void wn_outward_status(const char *reply, WnStatusClass class_,
    char out[WN_STATUS_MAX]);
