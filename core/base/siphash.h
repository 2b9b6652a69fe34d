/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * SipHash-2-4 with 128 bits of result: a hash of short texts that nobody who
 * does not know the key can make collide.
 */

#include "core/base/span.h"

typedef struct WnHash128 {
    uint64_t low;
    uint64_t high;
} WnHash128;

WnHash128 wn_siphash128(const uint64_t key[2], WnSpan bytes);
