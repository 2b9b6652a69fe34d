/* SPDX-License-Identifier: MIT */
#ifndef PHRASE_INDEX_H
#define PHRASE_INDEX_H

/*
 * The data set "phrases": what is kept of each phrase, found by one gram of it.
 *
 *    header      key of the hashes, sizes
 *    filter      a Bloom filter of the grams: 64-bit blocks, three bits a gram
 *    starts      where each bucket's entries begin, and where the last end
 *    entries     by gram (a bucket holds those with equal upper bits), shape
 *                and hash
 *
 * An entry is the hash of all the phrase's words, how many there are, and where
 * among them the gram ends: the phrase's text is not kept.  38 to 44 bytes a
 * phrase, the more the closer above a power of two their number is.
 *
 * Which gram stands for a phrase was chosen so that few phrases share it (see
 * compile.c); those that do and have the same shape are found by bisection.
 */

#include "plugins/phrase/hash.h"

#include <stdbool.h>
#include <winnow/plugin.h>

#define PHRASE_FORMAT (WN_TEXT_FORMS << 16 | 1)
#define PHRASE_MAGIC UINT64_C(0x3153524850524e57) /* "WNRPHRS1" */

enum {
    PHRASE_FILTER_BITS = 16, /* a bucket, one bucket a phrase or a few more */
    PHRASE_BUCKET_BITS_MAX = 30,
    PHRASE_BUCKET_BITS_MIN = 4
};

typedef struct PhraseHeader {
    uint64_t magic;
    uint32_t format; /* PHRASE_FORMAT; holds the version of the text forms */
    uint32_t bucket_bits;
    uint64_t n_entries;
    uint64_t reserved;
    PhraseKey key;
} PhraseHeader;

typedef struct PhraseEntry {
    uint64_t gram;
    PhraseHash hash;
    uint32_t crc;    /* CRC-32 of the row's value, so that it can be found */
    uint16_t n;      /* words */
    uint16_t before; /* how many of them end with the gram's last */
} PhraseEntry;

/* A blob's parts. */
typedef struct PhraseIndex {
    const PhraseHeader *header;
    const uint64_t *filter;
    const uint32_t *starts;
    const PhraseEntry *entries;
    uint32_t shift; /* of a gram, to its bucket */
} PhraseIndex;

/* Its size with 2^bucket_bits buckets. */
uint64_t phrase_index_size(uint32_t bucket_bits, uint64_t n_entries);

/* False, with the reason: not a blob of this format with all its parts.  Looks
 * at the header only. */
bool phrase_index_open(PhraseIndex *self, const void *blob, uint64_t size,
    WnError *err);

/* Looks at all that a search relies on. */
bool phrase_index_check(const PhraseIndex *self, WnError *err);

/* The order of entries. */
int phrase_entry_compare(const PhraseEntry *one, const PhraseEntry *other);

/* The block of the filter that a gram's three bits are in, and the bits. */
static inline uint64_t
phrase_filter_block(uint32_t bucket_bits, uint64_t gram)
{
    return gram >> (64 - bucket_bits + 2);
}

static inline uint64_t
phrase_filter_bits(uint64_t gram)
{
    return UINT64_C(1) << (gram & 63) | UINT64_C(1) << (gram >> 6 & 63)
           | UINT64_C(1) << (gram >> 12 & 63);
}

#endif
