/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What a server's answer to EHLO says it can do, and whether it has thereby
 * refused a message in advance.  Pure.
 */

#include "core/smtp/outgoing.h"

typedef struct WnOffers {
    unsigned set;        /* WN_OFFERS_* */
    uint64_t size_limit; /* 0: none told */
} WnOffers;

/* One line of the answer behind the first: a keyword and its parameters. */
void wn_offers_take(WnOffers *self, WnSpan line);

/* What the server will not take, it need not be sent: gives the enhanced status
 * code and writes the reason, or NULL. */
const char *wn_offers_refuse(const WnOffers *self, const WnOutgoing *outgoing,
    bool bounce_8bit, char *reason, size_t reason_size);
