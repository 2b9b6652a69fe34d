/* SPDX-License-Identifier: MIT */
#include "core/base/siphash.h"

#include <glib.h>
#include <string.h>

typedef struct State {
    uint64_t v0, v1, v2, v3;
} State;

static uint64_t
rotate(uint64_t x, unsigned n)
{
    return (x << n) | (x >> (64 - n));
}

static void
rounds(State *state, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
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
}

static void
take_word(State *state, uint64_t word)
{
    state->v3 ^= word;
    rounds(state, 2);
    state->v0 ^= word;
}

/* Up to eight bytes, the first the lowest. */
static uint64_t
word_at(const char *bytes, size_t len)
{
    uint64_t word = 0;

    memcpy(&word, bytes, len);
    return GUINT64_FROM_LE(word);
}

static uint64_t
result(const State *state)
{
    return state->v0 ^ state->v1 ^ state->v2 ^ state->v3;
}

WnHash128
wn_siphash128(const uint64_t key[2], WnSpan bytes)
{
    State state = { key[0] ^ UINT64_C(0x736f6d6570736575),
        key[1] ^ UINT64_C(0x646f72616e646f6d) ^ 0xee,
        key[0] ^ UINT64_C(0x6c7967656e657261),
        key[1] ^ UINT64_C(0x7465646279746573) };
    size_t tail = bytes.len % 8;
    WnHash128 hash;

    for (size_t i = 0; i + 8 <= bytes.len; i += 8)
        take_word(&state, word_at(bytes.ptr + i, 8));
    take_word(&state,
        (uint64_t)bytes.len << 56
            | (tail > 0 ? word_at(bytes.ptr + bytes.len - tail, tail) : 0));
    state.v2 ^= 0xee;
    rounds(&state, 4);
    hash.low = result(&state);
    state.v1 ^= 0xdd;
    rounds(&state, 4);
    hash.high = result(&state);
    return hash;
}
