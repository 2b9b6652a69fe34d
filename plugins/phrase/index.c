/* SPDX-License-Identifier: MIT */
#include "plugins/phrase/index.h"

_Static_assert(sizeof(PhraseHeader) == 64, "the parts are aligned");
_Static_assert(sizeof(PhraseEntry) == 32, "no padding in the blob");
_Static_assert((1u << PHRASE_BUCKET_BITS_MIN) * PHRASE_FILTER_BITS >= 64,
    "the filter has whole blocks");

static uint64_t
filter_size(uint32_t bucket_bits)
{
    return (UINT64_C(1) << bucket_bits) * PHRASE_FILTER_BITS / 8;
}

/* Of the starts, filled up so that the entries are aligned. */
static uint64_t
starts_size(uint32_t bucket_bits)
{
    return ((UINT64_C(1) << bucket_bits) + 2) * sizeof(uint32_t);
}

uint64_t
phrase_index_size(uint32_t bucket_bits, uint64_t n_entries)
{
    return sizeof(PhraseHeader) + filter_size(bucket_bits)
           + starts_size(bucket_bits) + n_entries * sizeof(PhraseEntry);
}

bool
phrase_index_open(PhraseIndex *self, const void *blob, uint64_t size,
    WnError *err)
{
    const PhraseHeader *header = blob;
    const uint8_t *bytes = blob;

    if (size < sizeof *header || (uintptr_t)blob % 8 != 0
        || header->magic != PHRASE_MAGIC) {
        wn_error_set(err, "not a phrase data set");
        return false;
    }
    if (header->format != PHRASE_FORMAT || header->reserved != 0) {
        wn_error_set(err, "phrase data set of another format");
        return false;
    }
    if (header->bucket_bits < PHRASE_BUCKET_BITS_MIN
        || header->bucket_bits > PHRASE_BUCKET_BITS_MAX
        || header->n_entries > UINT32_MAX
        || size != phrase_index_size(header->bucket_bits, header->n_entries)) {
        wn_error_set(err, "phrase data set of a wrong size");
        return false;
    }
    self->header = header;
    bytes += sizeof *header;
    self->filter = (const void *)bytes;
    bytes += filter_size(header->bucket_bits);
    self->starts = (const void *)bytes;
    bytes += starts_size(header->bucket_bits);
    self->entries = (const void *)bytes;
    self->shift = 64 - header->bucket_bits;
    return true;
}

static int
compare(uint64_t one, uint64_t other)
{
    return (one > other) - (one < other);
}

int
phrase_entry_compare(const PhraseEntry *one, const PhraseEntry *other)
{
    int order = compare(one->gram, other->gram);

    if (order == 0)
        order = compare(one->n, other->n);
    if (order == 0)
        order = compare(one->before, other->before);
    if (order == 0)
        order = compare(one->hash.a, other->hash.a);
    if (order == 0)
        order = compare(one->hash.b, other->hash.b);
    return order;
}

static bool
is_sound(const PhraseIndex *self, const PhraseEntry *entry, uint64_t bucket)
{
    uint64_t block = self->filter[phrase_filter_block(self->header->bucket_bits,
        entry->gram)];
    uint64_t bits = phrase_filter_bits(entry->gram);

    return entry->gram >> self->shift == bucket && entry->n >= PHRASE_WORDS_MIN
           && entry->n <= PHRASE_WORDS_MAX
           && entry->before >= PHRASE_GRAM_SPACED && entry->before <= entry->n
           && entry->hash.a < PHRASE_PRIME && entry->hash.b < PHRASE_PRIME
           && (block & bits) == bits;
}

/* The entries of one bucket that end at to. */
static bool
check_bucket(const PhraseIndex *self, uint64_t bucket, uint32_t to)
{
    for (uint32_t i = self->starts[bucket]; i < to; i++) {
        const PhraseEntry *entry = &self->entries[i];

        if (!is_sound(self, entry, bucket)
            || (i > 0 && phrase_entry_compare(entry - 1, entry) >= 0))
            return false;
    }
    return true;
}

bool
phrase_index_check(const PhraseIndex *self, WnError *err)
{
    uint64_t n_buckets = UINT64_C(1) << self->header->bucket_bits;
    uint32_t n = (uint32_t)self->header->n_entries;
    bool ok = self->starts[0] == 0 && self->starts[n_buckets] == n
              && self->starts[n_buckets + 1] == 0;

    for (uint64_t i = 0; ok && i < n_buckets; i++) {
        uint32_t to = self->starts[i + 1];

        ok = to >= self->starts[i] && to <= n && check_bucket(self, i, to);
    }
    if (!ok)
        wn_error_set(err, "damaged phrase data set");
    return ok;
}
