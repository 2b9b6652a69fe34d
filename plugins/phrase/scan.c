/* SPDX-License-Identifier: MIT */
#include "plugins/phrase/scan.h"

#include "plugins/phrase/words.h"

#include <stdlib.h>

enum {
    BLOCK = 4096,                           /* words looked up between moves */
    N_WORDS = BLOCK + 2 * PHRASE_WORDS_MAX, /* with a phrase on each side */
    STRIDE = 64 /* grams whose filter blocks are fetched ahead */
};

struct PhraseScan {
    PhrasePowers powers;
    PhraseHash sums[N_WORDS + 1]; /* [i]: of the words before the ith */
    size_t start[N_WORDS];
    size_t end[N_WORDS];
    uint8_t size[N_WORDS]; /* of the gram that ends with the word, or 0 */
    uint32_t n;            /* words */
    uint32_t done;         /* of these, looked up */
    uint32_t run;          /* characters without spaces that end the words */
    PhraseReader reader;
    const PhraseIndex *index;
    PhraseHit *hits;
    uint32_t n_hits;
};

PhraseScan *
phrase_scan_new(void)
{
    PhraseScan *self = calloc(1, sizeof *self);

    if (self != NULL)
        phrase_powers_init(&self->powers);
    return self;
}

void
phrase_scan_free(PhraseScan *self)
{
    free(self);
}

/* Reads words until the room is full; false at the text's end. */
static bool
fill(PhraseScan *self)
{
    const PhraseKey key = self->index->header->key;
    PhraseHash sum = self->sums[self->n];
    PhraseWord word;

    while (self->n < N_WORDS) {
        uint32_t size;

        if (!phrase_word_next(&self->reader, &word))
            return false;
        sum = phrase_hash_next(sum, &key, self->reader.text + word.start,
            word.end - word.start);
        self->run = word.unspaced ? self->run + 1 : 0;
        size = phrase_gram_size(self->run);
        self->start[self->n] = word.start;
        self->end[self->n] = word.end;
        self->size[self->n] = (uint8_t)(size <= self->n + 1 ? size : 0);
        self->n++;
        self->sums[self->n] = sum;
    }
    return true;
}

/* Forgets the words that no phrase can reach back to. */
static void
move(PhraseScan *self)
{
    uint32_t from = self->done - PHRASE_WORDS_MAX;
    uint32_t kept = self->n - from;

    memmove(self->sums, self->sums + from, (kept + 1) * sizeof *self->sums);
    memmove(self->start, self->start + from, kept * sizeof *self->start);
    memmove(self->end, self->end + from, kept * sizeof *self->end);
    memmove(self->size, self->size + from, kept * sizeof *self->size);
    self->n = kept;
    self->done = PHRASE_WORDS_MAX;
}

static void
add_hit(PhraseScan *self, const PhraseEntry *entry, uint32_t first)
{
    PhraseHit *hit = &self->hits[self->n_hits];

    for (uint32_t i = 0; i < self->n_hits; i++) {
        const PhraseEntry *known = self->hits[i].entry;

        if (known->n == entry->n && known->hash.a == entry->hash.a
            && known->hash.b == entry->hash.b)
            return;
    }
    hit->start = self->start[first];
    hit->end = self->end[first + entry->n - 1];
    hit->entry = entry;
    self->n_hits++;
}

/* Entries of one gram are ordered by this, then by hash. */
static uint32_t
shape_of(const PhraseEntry *entry)
{
    return (uint32_t)entry->n << 16 | entry->before;
}

/* The first of the entries [from, to) whose gram is not less. */
static uint32_t
find_gram(const PhraseEntry *entries, uint32_t from, uint32_t to, uint64_t gram)
{
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;

        if (entries[middle].gram < gram)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

/* The first of the entries [i, to) that has another gram or shape than i. */
static uint32_t
find_next_shape(const PhraseEntry *entries, uint32_t i, uint32_t to)
{
    uint64_t gram = entries[i].gram;
    uint32_t shape = shape_of(&entries[i]);

    i++;
    if (i < to && (entries[i].gram != gram || shape_of(&entries[i]) != shape))
        return i;
    while (i < to) {
        uint32_t middle = i + (to - i) / 2;

        if (entries[middle].gram == gram && shape_of(&entries[middle]) == shape)
            i = middle + 1;
        else
            to = middle;
    }
    return i;
}

static uint32_t
find_hash(const PhraseEntry *entries, uint32_t from, uint32_t to, uint64_t hash)
{
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;

        if (entries[middle].hash.a < hash)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

/* Compares the words from first on with the entries [i, to), of one shape. */
static void
compare_shape(PhraseScan *self, uint32_t i, uint32_t to, uint32_t first)
{
    const PhraseEntry *entries = self->index->entries;
    uint32_t n = entries[i].n;
    PhraseHash hash;
    uint64_t a;

    if (first + n > self->n)
        return;
    a = phrase_minus(self->sums[first + n].a, self->sums[first].a,
        self->powers.a[n]);
    if (to - i > 1)
        i = find_hash(entries, i, to, a);
    if (i == to || entries[i].hash.a != a)
        return;
    hash = phrase_hash_between(&self->powers, self->sums[first],
        self->sums[first + n], n);
    for (; i < to && entries[i].hash.a == a; i++)
        if (entries[i].hash.b == hash.b)
            add_hit(self, &entries[i], first);
}

/* The entries with this gram, which ends with the word at. */
static void
look_up(PhraseScan *self, uint64_t gram, uint32_t at)
{
    const PhraseIndex *index = self->index;
    uint64_t bucket = gram >> index->shift;
    uint32_t to = index->starts[bucket + 1];
    uint32_t i = find_gram(index->entries, index->starts[bucket], to, gram);

    while (i < to && index->entries[i].gram == gram
           && self->n_hits < PHRASE_HITS_MAX) {
        uint32_t next = find_next_shape(index->entries, i, to);
        uint32_t before = index->entries[i].before;

        if (before <= at + 1)
            compare_shape(self, i, next, at + 1 - before);
        i = next;
    }
}

/* Looks up the grams that end with the words [done, to). */
static void
search(PhraseScan *self, uint32_t to)
{
    const PhraseIndex *index = self->index;
    uint32_t bits = index->header->bucket_bits;
    uint64_t grams[STRIDE];

    while (self->done < to && self->n_hits < PHRASE_HITS_MAX) {
        uint32_t from = self->done;
        uint32_t n = to - from < STRIDE ? to - from : STRIDE;

        for (uint32_t i = 0; i < n; i++) {
            uint32_t size = self->size[from + i];

            grams[i] = phrase_gram(&self->powers,
                self->sums[from + i + 1 - size], self->sums[from + i + 1],
                size);
            __builtin_prefetch(
                &index->filter[phrase_filter_block(bits, grams[i])]);
        }
        for (uint32_t i = 0; i < n && self->n_hits < PHRASE_HITS_MAX; i++) {
            uint64_t wanted = phrase_filter_bits(grams[i]);
            uint64_t block = index->filter[phrase_filter_block(bits, grams[i])];

            if ((block & wanted) == wanted && self->size[from + i] > 0)
                look_up(self, grams[i], from + i);
        }
        self->done += n;
    }
}

uint32_t
phrase_scan(PhraseScan *self, const PhraseIndex *index, const char *text,
    size_t len, PhraseHit hits[PHRASE_HITS_MAX])
{
    bool more = true;

    self->n = self->done = self->run = 0;
    self->sums[0] = (PhraseHash){ 0, 0 };
    self->reader = (PhraseReader){ text, len, 0 };
    self->index = index;
    self->hits = hits;
    self->n_hits = 0;
    while (more && self->n_hits < PHRASE_HITS_MAX) {
        more = fill(self);
        search(self, more ? self->n - PHRASE_WORDS_MAX : self->n);
        if (more && self->n_hits < PHRASE_HITS_MAX)
            move(self);
    }
    return self->n_hits;
}
