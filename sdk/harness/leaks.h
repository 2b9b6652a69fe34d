/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What grows each time that the same is done is a leak: memory and descriptors,
 * measured behind each repetition and judged at the end.
 */

#include <stdbool.h>
#include <stddef.h>

#define WN_LEAKS_REPEATS 24

typedef struct WnLeaks { /* zeroed at first */
    unsigned n;
    size_t memory[WN_LEAKS_REPEATS];
    size_t descriptors[WN_LEAKS_REPEATS];
} WnLeaks;

/* Once more?  At the end, a mistake where something has grown. */
bool wn_leaks_repeat(const WnLeaks *self);
void wn_leaks_measure(WnLeaks *self);
