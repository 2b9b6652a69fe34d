/* SPDX-License-Identifier: MIT */
#ifndef DNSLIST_ANSWER_H
#define DNSLIST_ANSWER_H

/* What an answer of a DNS list says, for a filter and for people. */

#include <winnow/plugin.h>

#include <stdbool.h>

/* Room for the codes of an answer as text. */
#define DNSLIST_CODES_MAX 96

/* The next IPv4 address of an answer from *at on, in host order; false at the
 * end. */
bool dnslist_next_address(const WnHost *host, const WnAnswer *answer,
    uint32_t *at, uint32_t *out_address);

/* Appends to "127.0.0.2,127.0.0.4"; nothing if it does not fit. */
void dnslist_add_code(char *codes, size_t size, uint32_t code);

#endif
