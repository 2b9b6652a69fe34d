/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The hosts that a message came through, newest first, as one line of
 * "[ ip=1.2.3.4 rdns=a helo=b by=c ident= envfrom= intl=0 id= auth= msa=0 ]".
 * The first is the client that is connected now; the others stand in Received
 * fields, whose many forms are read by their parts and not by their programs.
 */

#include "headers.h"

typedef enum { PATTERN_RELAYS_TRUSTED, PATTERN_RELAYS_UNTRUSTED } PatternRelays;

void pattern_relays_append(const PatternMail *mail, GString *out,
    PatternRelays which);

/* How many Received fields, from the top, trusted hosts wrote. */
uint32_t pattern_relays_n_trusted(const PatternMail *mail);

typedef struct PatternRelayCounts {
    uint32_t n_trusted, n_untrusted;
} PatternRelayCounts;

PatternRelayCounts pattern_relays_count(const PatternMail *mail);

/* The verified name of the first untrusted relay (transfer full, nullable). */
char *pattern_relays_first_rdns(const PatternMail *mail);
