/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * How much one client, or one network, may send.
 *
 *    connections 60/1m; prefix 500/1m; messages 200/1h burst 400
 *
 * An entry is [connections|messages] [address|prefix] N/TIME [burst N], in
 * this order; connections and address if not said otherwise, and a burst as
 * large as N.  An address of IPv6 counts as its /64, which is what one host
 * has; a prefix is a /24 of IPv4 and a /48 of IPv6.
 *
 * Token buckets, each kept in the relay's shared table as the moment at which
 * it is full again (GCRA).  What was refused takes no token.
 */

#include <winnow/plugin.h>

#include <stdbool.h>

#define RATES_MAX 16
#define RATE_TEXT_MAX 64

typedef enum { RATE_CONNECTIONS, RATE_MESSAGES } RateKind;

typedef struct Rate {
    RateKind kind;
    bool of_prefix;
    uint64_t interval_us;  /* for one token */
    uint64_t tolerance_us; /* for the whole bucket */
    char text[RATE_TEXT_MAX];
} Rate;

typedef struct Rates {
    const WnHost *host;
    unsigned n;
    Rate rates[RATES_MAX];
} Rates;

bool rate_parse(Rate *self, WnStr text, WnError *err);

/* Takes one token of each rate of the kind.  NULL, or the rate that has none
 * left; then nothing was taken. */
const Rate *rates_take(const Rates *self, RateKind kind,
    const WnClient *client);

/* "203.0.113.0/24 over 500/1m", cut where it does not fit. */
void rate_describe(const Rate *self, const WnClient *client, char *out,
    size_t size);
