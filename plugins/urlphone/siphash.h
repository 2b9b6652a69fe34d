/* SPDX-License-Identifier: MIT */
#ifndef URLPHONE_SIPHASH_H
#define URLPHONE_SIPHASH_H

/* SipHash-2-4 with 128 bits, by Aumasson and Bernstein: two keys of a list of
 * any length do not meet, not even where somebody looks for such. */

#include <stddef.h>
#include <stdint.h>

typedef struct SipKey {
    uint64_t k0, k1;
} SipKey;

typedef struct SipHash {
    uint64_t high, low;
} SipHash;

SipHash siphash(SipKey key, const void *data, size_t len);

#endif
