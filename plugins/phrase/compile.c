/* SPDX-License-Identifier: MIT */

/*
 * Two passes: the key of all hashes depends on all rows, so their text is kept
 * until the last was read.
 *
 * The gram that stands for a phrase is the one that fewest phrases before it
 * have chosen, as an array of counters knows it; the first of equals.  So with
 * phrases that begin alike each is found by its own end.
 *
 * A search compares once for each shape (number of words, place of the gram)
 * that a gram leads to, so a gram has SHAPES_MAX of them at most, and
 * COUNTER_MAX phrases.  Short phrases, whose few grams have few shapes, choose
 * first and always find room. A longer one is left out if all of its grams are
 * full, which takes a list of phrases that repeat the same few words in all
 * lengths.
 */

#include "plugins/phrase/compile.h"

#include "plugins/phrase/index.h"
#include "plugins/phrase/words.h"

#include <glib.h>
#include <stdlib.h>

enum {
    COUNTER_BITS_MIN = 22,
    COUNTER_MAX = 255,
    SHAPES_MAX = 4,
    ENTRIES_MAX = 1 << 28,

    /* Words of phrases with at most two grams, which have three shapes. */
    SHORT_SPACED = PHRASE_GRAM_SPACED + 1,
    SHORT_UNSPACED = PHRASE_GRAM_UNSPACED + 1
};

/* A row that was read. */
typedef struct Row {
    uint64_t at; /* its folded value, in text */
    uint32_t len;
    uint32_t crc;
    uint32_t n; /* words */
    bool is_short;
} Row;

/* What was chosen, by the upper bits of grams: at least four counters a phrase,
 * so that hardly ever two grams share one. */
typedef struct Choices {
    uint32_t bits;
    uint8_t *phrases;
    uint8_t *shapes;
    uint64_t *seen; /* bits: pairs of gram and shape */
} Choices;

typedef struct Build {
    GString *text;
    GArray *rows;
    uint32_t crc_table[4][256];
    PhraseHeader header;
    PhrasePowers powers;
    Choices choices;
    PhraseEntry *entries;
    PhraseHash *sums; /* scratch, PHRASE_WORDS_MAX + 1 */
} Build;

static void
make_crc_table(Build *self)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;

        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (0xedb88320u & (0u - (crc & 1)));
        self->crc_table[0][i] = crc;
    }
    for (int t = 1; t < 4; t++)
        for (uint32_t i = 0; i < 256; i++) {
            uint32_t crc = self->crc_table[t - 1][i];

            self->crc_table[t][i] = crc >> 8 ^ self->crc_table[0][crc & 255];
        }
}

/* CRC-32 as zlib's and SQL's CRC32() have it. */
static uint32_t
crc_of(const Build *self, WnStr value)
{
    const uint8_t *at = (const uint8_t *)value.ptr;
    const uint8_t *end = at + value.len;
    uint32_t crc = UINT32_MAX;

    for (; end - at >= 4; at += 4) {
        crc ^= (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16
               | (uint32_t)at[3] << 24;
        crc = self->crc_table[3][crc & 255] ^ self->crc_table[2][crc >> 8 & 255]
              ^ self->crc_table[1][crc >> 16 & 255]
              ^ self->crc_table[0][crc >> 24];
    }
    for (; at < end; at++)
        crc = crc >> 8 ^ self->crc_table[0][(crc ^ *at) & 255];
    return ~crc;
}

int32_t
phrase_check_row(const WnStr *fields, WnError *err)
{
    WnStr folded = fields[PHRASE_FIELD_FOLDED];
    PhraseMeasure measure = phrase_measure(folded.ptr, folded.len);

    if (measure.weight < PHRASE_WEIGHT_MIN) {
        wn_error_set(err,
            "a phrase has at least %d words, or %d characters of a script "
            "without spaces",
            PHRASE_WEIGHT_MIN / PHRASE_WORD_WEIGHT, PHRASE_WEIGHT_MIN);
        return WN_E_INVALID;
    }
    if (measure.n_words > PHRASE_WORDS_MAX) {
        wn_error_set(err, "a phrase has at most %d words", PHRASE_WORDS_MAX);
        return WN_E_INVALID;
    }
    return WN_OK;
}

static int32_t
read_rows(Build *self, WnRows *rows, WnError *err)
{
    const WnStr *fields;

    while ((fields = rows->next(rows)) != NULL) {
        WnStr folded = fields[PHRASE_FIELD_FOLDED];
        Row row = { .at = self->text->len, .len = (uint32_t)folded.len };
        PhraseMeasure measure = phrase_measure(folded.ptr, folded.len);

        if (folded.len >= UINT32_MAX || self->rows->len >= ENTRIES_MAX) {
            wn_error_set(err, "more phrases than a data set can hold");
            return WN_E_LIMIT;
        }
        row.crc = crc_of(self, fields[PHRASE_FIELD_VALUE]);
        row.n = (uint32_t)MIN(measure.n_words, PHRASE_WORDS_MAX + 1);
        row.is_short = row.n <= SHORT_SPACED
                       || (row.n <= SHORT_UNSPACED && measure.weight == row.n);
        g_string_append_len(self->text, folded.ptr, (gssize)folded.len);
        g_string_append_c(self->text, ' ');
        g_array_append_val(self->rows, row);
    }
    return WN_OK;
}

/* The same rows give the same key, others another. */
static void
make_key(Build *self)
{
    static const PhraseKey start = { { UINT64_C(0x243f6a8885a308d3),
        UINT64_C(0x13198a2e03707344), UINT64_C(0xa4093822299f31d1),
        UINT64_C(0x082efa98ec4e6c89) } };
    PhraseHash digest = phrase_hash_bytes(&start, self->text->str,
        self->text->len);
    uint64_t *k = self->header.key.k;

    for (int i = 0; i < 4; i++) {
        uint64_t x = (i & 1 ? digest.a : digest.b) ^ start.k[i];

        x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
        k[i] = (x ^ x >> 31) | (i >= 2 ? UINT64_C(0x8000000000000001) : 0);
    }
}

/*
 * Choices
 */

static void
choices_init(Choices *self, uint64_t n_rows)
{
    self->bits = COUNTER_BITS_MIN;
    while (n_rows * 4 > UINT64_C(1) << self->bits)
        self->bits++;
    self->phrases = g_malloc0((size_t)1 << self->bits);
    self->shapes = g_malloc0((size_t)1 << self->bits);
    self->seen = g_malloc0((size_t)2 << self->bits);
}

static void
choices_clear(Choices *self)
{
    g_free(self->phrases);
    g_free(self->shapes);
    g_free(self->seen);
}

static size_t
choices_at(const Choices *self, uint64_t gram)
{
    return gram >> (64 - self->bits);
}

/* The number of the bit for a gram with a shape, 16 bits to a counter. */
static uint64_t
choices_bit(const Choices *self, uint64_t gram, uint32_t n, uint32_t before)
{
    uint64_t x = gram ^ ((uint64_t)n << 16 | before);

    return phrase_mix(x * UINT64_C(0x9e3779b97f4a7c15),
               UINT64_C(0xd1b54a32d192ed03))
           >> (60 - self->bits);
}

static bool
choices_has(const Choices *self, uint64_t bit)
{
    return (self->seen[bit / 64] >> bit % 64 & 1) != 0;
}

/* Whether a phrase of n words that end with the gram after before of them may
 * choose it. */
static bool
choices_allow(const Choices *self, uint64_t gram, uint32_t n, uint32_t before)
{
    size_t at = choices_at(self, gram);

    return self->phrases[at] < COUNTER_MAX
           && (self->shapes[at] < SHAPES_MAX
               || choices_has(self, choices_bit(self, gram, n, before)));
}

static void
choices_note(Choices *self, const PhraseEntry *entry)
{
    size_t at = choices_at(self, entry->gram);
    uint64_t bit = choices_bit(self, entry->gram, entry->n, entry->before);

    self->phrases[at] += self->phrases[at] < COUNTER_MAX;
    if (choices_has(self, bit))
        return;
    self->seen[bit / 64] |= UINT64_C(1) << bit % 64;
    self->shapes[at] += self->shapes[at] < COUNTER_MAX;
}

/*
 * Entries
 */

/* Goes through a phrase: its hash and the best gram.  False: there is none. */
static bool
make_entry(Build *self, const Row *row, PhraseEntry *entry)
{
    const Choices *choices = &self->choices;
    PhraseReader reader = { self->text->str + row->at, row->len, 0 };
    PhraseHash *sums = self->sums;
    PhraseWord word;
    uint32_t n = 0, run = 0, best = COUNTER_MAX + 1;

    while (n < row->n && phrase_word_next(&reader, &word)) {
        uint32_t size;

        sums[n + 1] = phrase_hash_next(sums[n], &self->header.key,
            reader.text + word.start, word.end - word.start);
        n++;
        run = word.unspaced ? run + 1 : 0;
        size = phrase_gram_size(run);
        if (size > 0 && n >= size) {
            uint64_t gram = phrase_gram(&self->powers, sums[n - size], sums[n],
                size);
            uint32_t count = choices->phrases[choices_at(choices, gram)];

            if (count < best
                && (row->is_short || choices_allow(choices, gram, row->n, n))) {
                best = count;
                entry->gram = gram;
                entry->before = (uint16_t)n;
            }
        }
    }
    entry->hash = sums[n];
    entry->n = (uint16_t)n;
    entry->crc = row->crc;
    return best <= COUNTER_MAX;
}

/* Of the short rows, or of the others. */
static void
add_entries(Build *self, bool are_short)
{
    for (guint i = 0; i < self->rows->len; i++) {
        const Row *row = &g_array_index(self->rows, Row, i);
        PhraseEntry *entry = &self->entries[self->header.n_entries];

        if (row->is_short == are_short && row->n <= PHRASE_WORDS_MAX
            && make_entry(self, row, entry)) {
            choices_note(&self->choices, entry);
            self->header.n_entries++;
        }
    }
}

static void
make_entries(Build *self)
{
    choices_init(&self->choices, self->rows->len);
    self->sums = g_new0(PhraseHash, PHRASE_WORDS_MAX + 1);
    self->entries = g_new(PhraseEntry, self->rows->len + 1);
    add_entries(self, true);
    add_entries(self, false);
}

static int
compare_entries(const void *one, const void *other)
{
    const PhraseEntry *a = one, *b = other;
    int order = phrase_entry_compare(a, b);

    return order != 0 ? order : (a->crc > b->crc) - (a->crc < b->crc);
}

/* Fills starts, sorts the entries by bucket and each bucket by itself; what is
 * twice in a bucket stays once. */
static PhraseEntry *
sort_entries(Build *self, uint32_t *starts)
{
    uint32_t bits = self->header.bucket_bits;
    uint32_t n_buckets = 1u << bits;
    uint32_t n = (uint32_t)self->header.n_entries;
    PhraseEntry *sorted = g_new(PhraseEntry, n + 1);
    uint32_t kept = 0, from = 0;

    for (uint32_t i = 0; i < n; i++)
        starts[(self->entries[i].gram >> (64 - bits)) + 1]++;
    for (uint32_t i = 0; i < n_buckets; i++)
        starts[i + 1] += starts[i];
    for (uint32_t i = n; i-- > 0;)
        sorted[--starts[(self->entries[i].gram >> (64 - bits))
                        + 1]] = self->entries[i];
    for (uint32_t b = 0; b < n_buckets; b++) {
        uint32_t to = b + 1 < n_buckets ? starts[b + 2] : n;

        if (to - from > 1)
            qsort(sorted + from, to - from, sizeof *sorted, compare_entries);
        starts[b] = kept;
        for (; from < to; from++)
            if (kept == starts[b]
                || phrase_entry_compare(&sorted[kept - 1], &sorted[from]) != 0)
                sorted[kept++] = sorted[from];
    }
    starts[n_buckets] = kept;
    starts[n_buckets + 1] = 0;
    self->header.n_entries = kept;
    return sorted;
}

static int32_t
write_index(Build *self, WnSink *sink)
{
    uint32_t bits = self->header.bucket_bits;
    size_t n_blocks = ((size_t)1 << bits) * PHRASE_FILTER_BITS / 64;
    g_autofree uint64_t *filter = g_new0(uint64_t, n_blocks);
    size_t n_starts = ((size_t)1 << bits) + 2;
    g_autofree uint32_t *starts = g_new0(uint32_t, n_starts);
    g_autofree PhraseEntry *entries = sort_entries(self, starts);
    int32_t result;

    for (uint64_t i = 0; i < self->header.n_entries; i++)
        filter[phrase_filter_block(bits,
            entries[i].gram)] |= phrase_filter_bits(entries[i].gram);
    result = sink->write(sink, &self->header, sizeof self->header);
    if (result == WN_OK)
        result = sink->write(sink, filter, n_blocks * sizeof *filter);
    if (result == WN_OK)
        result = sink->write(sink, starts, n_starts * sizeof *starts);
    if (result == WN_OK && self->header.n_entries > 0)
        result = sink->write(sink, entries,
            self->header.n_entries * sizeof *entries);
    return result;
}

static void
build_free(Build *self)
{
    g_string_free(self->text, TRUE);
    g_array_free(self->rows, TRUE);
    choices_clear(&self->choices);
    g_free(self->entries);
    g_free(self->sums);
    g_free(self);
}

int32_t
phrase_compile(WnRows *rows, WnSink *sink, WnError *err)
{
    Build *self = g_new0(Build, 1);
    int32_t result;

    self->text = g_string_new(NULL);
    self->rows = g_array_new(FALSE, FALSE, sizeof(Row));
    make_crc_table(self);
    phrase_powers_init(&self->powers);
    result = read_rows(self, rows, err);
    if (result == WN_OK) {
        self->header.magic = PHRASE_MAGIC;
        self->header.format = PHRASE_FORMAT;
        make_key(self);
        make_entries(self);
        self->header.bucket_bits = PHRASE_BUCKET_BITS_MIN;
        while (self->header.n_entries > UINT64_C(1) << self->header.bucket_bits)
            self->header.bucket_bits++;
        result = write_index(self, sink);
        if (result != WN_OK)
            wn_error_set(err, "cannot write the data set");
    }
    build_free(self);
    return result;
}

int32_t
phrase_check(const void *blob, size_t size, WnError *err)
{
    PhraseIndex index;

    return phrase_index_open(&index, blob, size, err)
                   && phrase_index_check(&index, err)
               ? WN_OK
               : WN_E_INVALID;
}
