/* SPDX-License-Identifier: MIT */
#include "siphash.h"

#include <string.h>

typedef struct State {
    uint64_t v0, v1, v2, v3;
} State;

static inline uint64_t
rotate(uint64_t word, unsigned bits)
{
    return word << bits | word >> (64 - bits);
}

static inline void
mix(State *state)
{
    state->v0 += state->v1;
    state->v1 = rotate(state->v1, 13) ^ state->v0;
    state->v0 = rotate(state->v0, 32);
    state->v2 += state->v3;
    state->v3 = rotate(state->v3, 16) ^ state->v2;
    state->v0 += state->v3;
    state->v3 = rotate(state->v3, 21) ^ state->v0;
    state->v2 += state->v1;
    state->v1 = rotate(state->v1, 17) ^ state->v2;
    state->v2 = rotate(state->v2, 32);
}

static inline void
take(State *state, uint64_t word)
{
    state->v3 ^= word;
    mix(state);
    mix(state);
    state->v0 ^= word;
}

static inline uint64_t
close_up(State *state)
{
    for (int i = 0; i < 4; i++)
        mix(state);
    return state->v0 ^ state->v1 ^ state->v2 ^ state->v3;
}

/* Up to eight bytes, little-endian whatever the machine. */
static inline uint64_t
load(const uint8_t *bytes, size_t len)
{
    uint64_t word = 0;

    for (size_t i = 0; i < len; i++)
        word |= (uint64_t)bytes[i] << (8 * i);
    return word;
}

SipHash
siphash(SipKey key, const void *data, size_t len)
{
    const uint8_t *bytes = data;
    State state = { key.k0 ^ UINT64_C(0x736f6d6570736575),
        key.k1 ^ UINT64_C(0x646f72616e646f6d) ^ 0xee,
        key.k0 ^ UINT64_C(0x6c7967656e657261),
        key.k1 ^ UINT64_C(0x7465646279746573) };
    size_t at = 0;
    SipHash hash;

    for (; at + 8 <= len; at += 8)
        take(&state, load(bytes + at, 8));
    take(&state, load(bytes + at, len - at) | (uint64_t)len << 56);
    state.v2 ^= 0xee;
    hash.high = close_up(&state);
    state.v1 ^= 0xdd;
    hash.low = close_up(&state);
    return hash;
}
