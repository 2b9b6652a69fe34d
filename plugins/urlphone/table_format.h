/* SPDX-License-Identifier: MIT */
#ifndef URLPHONE_TABLE_FORMAT_H
#define URLPHONE_TABLE_FORMAT_H

/* The layout of a blob, for the two files that write and read it. */

#include "table.h"

#define TABLE_MAGIC "wnurlphn"
#define TABLE_BITS_MAX 28
#define TABLE_BUCKET_MEAN 4
#define TABLE_BUCKET_MAX 64 /* at 4 on average, one of 10^50 has so many */

typedef struct TableHeader {
    char magic[8];
    uint32_t format;
    uint32_t bits;
    uint64_t n_slots;
    SipKey key;
    uint64_t slots_at;
    uint64_t records_at;
    uint64_t size;
} TableHeader;

typedef struct TableSlot {
    SipHash hash;
    uint32_t record; /* from the beginning of the records */
    uint32_t flags;
} TableSlot;

/* Before the texts of a record. */
typedef struct TableLengths {
    uint16_t value, source, added;
} TableLengths;

_Static_assert(sizeof(TableHeader) == 64, "no padding");
_Static_assert(sizeof(TableSlot) == 24, "no padding");
_Static_assert(sizeof(TableLengths) == 6, "no padding");

static inline uint32_t
table_bucket(SipHash hash, uint32_t bits)
{
    return bits == 0 ? 0 : (uint32_t)(hash.high >> (64 - bits));
}

/* Where the slots of a table begin, a multiple of eight. */
static inline uint64_t
table_slots_at(uint32_t bits)
{
    uint64_t end = sizeof(TableHeader)
                   + ((UINT64_C(1) << bits) + 1) * sizeof(uint32_t);

    return (end + 7) & ~UINT64_C(7);
}

#endif
