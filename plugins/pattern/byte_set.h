/* SPDX-License-Identifier: MIT */
#pragma once

/* Sets of bytes, and those that regular expressions have names for. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct ByteSet {
    uint64_t bits[4];
} ByteSet;

static inline void
byte_set_add(ByteSet *self, unsigned int byte)
{
    self->bits[byte / 64] |= UINT64_C(1) << (byte % 64);
}

static inline bool
byte_set_has(const ByteSet *self, unsigned int byte)
{
    return (self->bits[byte / 64] >> (byte % 64) & 1) != 0;
}

void byte_set_invert(ByteSet *self);

/* Adds the bytes of \d, \W and so on; letters are those of ASCII. */
void byte_set_add_kind(ByteSet *self, char letter);

/* Adds the bytes of "alpha" and the like; false if it is unknown. */
bool byte_set_add_class(ByteSet *self, const char *name, size_t len);
