/* SPDX-License-Identifier: MIT */
#ifndef PHRASE_HASH_H
#define PHRASE_HASH_H

/*
 * Hashes of sequences of words, of 122 bits: two sums of powers modulo the
 * prime 2^61 - 1, over keyed hashes of the words.  With the sums over a text's
 * beginnings at hand the hash of any stretch of it takes two multiplications,
 * however long the stretch is.
 *
 * The powers' bases are fixed: two sequences that differ have the same hash
 * only if a linear combination of their words' hashes happens to be 0, and
 * those depend on the key.
 */

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define PHRASE_PRIME ((UINT64_C(1) << 61) - 1)
#define PHRASE_BASE_A UINT64_C(0x0a2c9f71d3b58e47)
#define PHRASE_BASE_B UINT64_C(0x153d07e8b64f91c5)

enum {
    PHRASE_WORDS_MIN = 5,
    PHRASE_WORDS_MAX = 500, /* of one entry */
    PHRASE_GRAM_SPACED = 5, /* words of a gram */
    PHRASE_GRAM_UNSPACED = 10
};

typedef struct PhraseHash {
    uint64_t a, b; /* both less than PHRASE_PRIME */
} PhraseHash;

typedef struct PhraseKey {
    uint64_t k[4];
} PhraseKey;

/* The bases to the power of n, up to PHRASE_WORDS_MAX. */
typedef struct PhrasePowers {
    uint64_t a[PHRASE_WORDS_MAX + 1];
    uint64_t b[PHRASE_WORDS_MAX + 1];
} PhrasePowers;

void phrase_powers_init(PhrasePowers *self);

static inline uint64_t
phrase_mix(uint64_t x, uint64_t y)
{
    unsigned __int128 product = (unsigned __int128)x * y;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t
phrase_reduce(uint64_t x)
{
    x = (x & PHRASE_PRIME) + (x >> 61);
    return x >= PHRASE_PRIME ? x - PHRASE_PRIME : x;
}

static inline uint64_t
phrase_multiply(uint64_t x, uint64_t y)
{
    unsigned __int128 product = (unsigned __int128)x * y;

    return phrase_reduce(
        ((uint64_t)product & PHRASE_PRIME) + (uint64_t)(product >> 61));
}

static inline uint64_t
phrase_load(const char *bytes, size_t len)
{
    uint64_t x = 0;

    if (len >= 8) {
        memcpy(&x, bytes, 8);
    } else if (len >= 4) {
        uint32_t low, high;

        memcpy(&low, bytes, 4);
        memcpy(&high, bytes + len - 4, 4);
        x = (uint64_t)high << 32 | low;
    } else if (len > 0) {
        x = (uint64_t)(uint8_t)bytes[0] << 16
            | (uint64_t)(uint8_t)bytes[len / 2] << 8 | (uint8_t)bytes[len - 1];
    }
    return x;
}

/* The hash of bytes under a key. */
static inline PhraseHash
phrase_hash_bytes(const PhraseKey *key, const char *bytes, size_t len)
{
    uint64_t a = key->k[0] ^ len;
    uint64_t b = key->k[1] ^ len;

    for (; len > 8; bytes += 8, len -= 8) {
        uint64_t x = phrase_load(bytes, 8);

        a = phrase_mix(a ^ x, key->k[2]);
        b = phrase_mix(b ^ x, key->k[3]);
    }
    a = phrase_mix(a ^ phrase_load(bytes, len), key->k[2]);
    b = phrase_mix(b ^ phrase_load(bytes, len), key->k[3]);
    return (PhraseHash){ a, b };
}

/* The sum with one word more. */
static inline PhraseHash
phrase_hash_next(PhraseHash sum, const PhraseKey *key, const char *bytes,
    size_t len)
{
    PhraseHash word = phrase_hash_bytes(key, bytes, len);

    sum.a = phrase_multiply(sum.a, PHRASE_BASE_A) + phrase_reduce(word.a);
    sum.b = phrase_multiply(sum.b, PHRASE_BASE_B) + phrase_reduce(word.b);
    return (PhraseHash){ phrase_reduce(sum.a), phrase_reduce(sum.b) };
}

static inline uint64_t
phrase_minus(uint64_t whole, uint64_t part, uint64_t power)
{
    return phrase_reduce(whole + PHRASE_PRIME - phrase_multiply(part, power));
}

/* The hash of the n words between two sums. */
static inline PhraseHash
phrase_hash_between(const PhrasePowers *powers, PhraseHash before,
    PhraseHash after, size_t n)
{
    return (PhraseHash){ phrase_minus(after.a, before.a, powers->a[n]),
        phrase_minus(after.b, before.b, powers->b[n]) };
}

/* How many words the gram has that ends with a word; 0: none does.  run is how
 * many characters of a script without spaces end with it. */
static inline uint32_t
phrase_gram_size(uint32_t run)
{
    if (run < PHRASE_GRAM_SPACED)
        return PHRASE_GRAM_SPACED;
    return run >= PHRASE_GRAM_UNSPACED ? PHRASE_GRAM_UNSPACED : 0;
}

/* A gram, evenly spread over 64 bits. */
static inline uint64_t
phrase_gram(const PhrasePowers *powers, PhraseHash before, PhraseHash after,
    uint32_t size)
{
    uint64_t sum = phrase_minus(after.a, before.a, powers->a[size]);

    return phrase_mix(sum + size, UINT64_C(0x9e3779b97f4a7c15))
           * UINT64_C(0xbf58476d1ce4e5b9);
}

#endif
