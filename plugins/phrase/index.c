/* SPDX-License-Identifier: MIT */
#include "index.h"

#include <glib.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define BASE 0x9E3779B97F4A7C15u /* of the rolling hash; odd */
#define NONE UINT32_MAX
#define BITS_PER_PHRASE 16
#define COUNTERS (1u << 20) /* of windows seen; more phrases share them */

enum { N_SIZES = 3 };
static const uint32_t window_sizes[N_SIZES] = { 4, 8, 16 };

typedef struct Phrase {
    uint64_t hash;   /* of its window */
    uint64_t offset; /* in text */
    uint32_t len;
    uint32_t window; /* where the window begins in it */
    uint32_t next;   /* in the same bucket */
} Phrase;

/* The phrases with windows of one size. */
typedef struct Table {
    uint32_t *buckets; /* first phrase, or NONE */
    uint64_t *bits;
    uint64_t bucket_mask;
    uint64_t bit_mask;
    uint32_t n_phrases;
} Table;

struct PhraseIndex {
    Phrase *phrases;
    uint32_t n_phrases;
    uint32_t capacity;
    char *text; /* all phrases, each with a NUL */
    size_t text_len;
    size_t text_capacity;
    Table tables[N_SIZES];
};

PhraseIndex *
phrase_index_new(void)
{
    return calloc(1, sizeof(PhraseIndex));
}

void
phrase_index_free(PhraseIndex *self)
{
    if (self == NULL)
        return;
    for (int i = 0; i < N_SIZES; i++) {
        free(self->tables[i].buckets);
        free(self->tables[i].bits);
    }
    free(self->phrases);
    free(self->text);
    free(self);
}

static bool
grow(void **memory, size_t *capacity, size_t needed, size_t size)
{
    size_t wanted = *capacity > 0 ? *capacity : 256;
    void *bigger;

    if (needed <= *capacity)
        return true;
    while (wanted < needed)
        wanted *= 2;
    bigger = realloc(*memory, wanted * size);
    if (bigger == NULL)
        return false;
    *memory = bigger;
    *capacity = wanted;
    return true;
}

int
phrase_index_add(PhraseIndex *self, const char *phrase, size_t len)
{
    size_t capacity = self->capacity;
    void *text = self->text;
    void *phrases = self->phrases;
    bool ok = self->n_phrases < NONE / 2
              && grow(&text, &self->text_capacity, self->text_len + len + 1, 1)
              && grow(&phrases, &capacity, self->n_phrases + 1u,
                  sizeof *self->phrases);

    self->text = text;
    self->phrases = phrases;
    self->capacity = (uint32_t)capacity;
    if (!ok)
        return 0;
    self->phrases[self->n_phrases++] = (Phrase){ .offset = self->text_len,
        .len = (uint32_t)len };
    memcpy(self->text + self->text_len, phrase, len);
    self->text[self->text_len + len] = '\0';
    self->text_len += len + 1;
    return 1;
}

static int
size_index(uint32_t len)
{
    return len >= 16 ? 2 : len >= 8 ? 1 : 0;
}

/* BASE to the power of n. */
static uint64_t
power(uint32_t n)
{
    uint64_t result = 1;

    while (n-- > 0)
        result *= BASE;
    return result;
}

static uint64_t
hash_window(const char *text, uint32_t size)
{
    uint64_t hash = 0;

    for (uint32_t i = 0; i < size; i++)
        hash = hash * BASE + (unsigned char)text[i];
    return hash;
}

/* The rolling hash's low bits depend on few bytes: spread them. */
static uint64_t
mix(uint64_t hash)
{
    hash ^= hash >> 33;
    hash *= 0xFF51AFD7ED558CCDu;
    hash ^= hash >> 33;
    hash *= 0xC4CEB9FE1A85EC53u;
    return hash ^ hash >> 33;
}

typedef void (
    *WindowFn)(void *user, Phrase *phrase, uint32_t window, uint64_t hash);

static void
each_window(PhraseIndex *self, Phrase *phrase, WindowFn fn, void *user)
{
    uint32_t size = window_sizes[size_index(phrase->len)];
    const char *text = self->text + phrase->offset;
    uint64_t top = power(size);
    uint64_t hash = hash_window(text, size);

    fn(user, phrase, 0, mix(hash));
    for (uint32_t i = size; i < phrase->len; i++) {
        hash = hash * BASE + (unsigned char)text[i]
               - top * (unsigned char)text[i - size];
        fn(user, phrase, i - size + 1, mix(hash));
    }
}

static void
count_window(void *user, Phrase *phrase, uint32_t window, uint64_t hash)
{
    uint32_t *counts = user;

    (void)phrase;
    (void)window;
    if (counts[hash % COUNTERS] < UINT32_MAX)
        counts[hash % COUNTERS]++;
}

static void
choose_window(void *user, Phrase *phrase, uint32_t window, uint64_t hash)
{
    const uint32_t *counts = user;

    if (window > 0
        && counts[hash % COUNTERS] >= counts[phrase->hash % COUNTERS])
        return;
    phrase->window = window;
    phrase->hash = hash;
}

static uint64_t
power_of_two(uint64_t least)
{
    uint64_t value = 64;

    while (value < least)
        value *= 2;
    return value;
}

static bool
table_allocate(Table *table)
{
    uint64_t n_buckets = power_of_two(table->n_phrases);
    uint64_t n_bits = power_of_two(
        (uint64_t)table->n_phrases * BITS_PER_PHRASE);

    table->buckets = malloc(n_buckets * sizeof *table->buckets);
    table->bits = calloc(n_bits / 64, sizeof *table->bits);
    if (table->buckets == NULL || table->bits == NULL)
        return false;
    memset(table->buckets, 0xFF, n_buckets * sizeof *table->buckets);
    table->bucket_mask = n_buckets - 1;
    table->bit_mask = n_bits - 1;
    return true;
}

static bool
is_same(const PhraseIndex *self, const Phrase *a, const Phrase *b)
{
    return a->hash == b->hash && a->len == b->len
           && memcmp(self->text + a->offset, self->text + b->offset, a->len)
                  == 0;
}

/* A phrase that is listed twice is kept once. */
static void
table_insert(PhraseIndex *self, Table *table, uint32_t place)
{
    Phrase *phrase = &self->phrases[place];
    uint32_t *bucket = &table->buckets[phrase->hash & table->bucket_mask];
    uint64_t bit = phrase->hash >> 20 & table->bit_mask;

    for (uint32_t i = *bucket; i != NONE; i = self->phrases[i].next)
        if (is_same(self, &self->phrases[i], phrase))
            return;
    phrase->next = *bucket;
    *bucket = place;
    table->bits[bit / 64] |= UINT64_C(1) << bit % 64;
}

int
phrase_index_build(PhraseIndex *self)
{
    uint32_t *counts = calloc(COUNTERS, sizeof *counts);

    if (counts == NULL)
        return 0;
    for (uint32_t i = 0; i < self->n_phrases; i++) {
        each_window(self, &self->phrases[i], count_window, counts);
        self->tables[size_index(self->phrases[i].len)].n_phrases++;
    }
    for (uint32_t i = 0; i < self->n_phrases; i++)
        each_window(self, &self->phrases[i], choose_window, counts);
    free(counts);
    for (int i = 0; i < N_SIZES; i++)
        if (self->tables[i].n_phrases > 0 && !table_allocate(&self->tables[i]))
            return 0;
    for (uint32_t i = 0; i < self->n_phrases; i++)
        table_insert(self, &self->tables[size_index(self->phrases[i].len)], i);
    return 1;
}

/* From Thai on, scripts do not set spaces between words. */
#define SPACED_SCRIPTS_END 0x0E00

/* A letter or digit of a script that sets spaces between words.  at points to
 * the beginning of a character; what is not UTF-8 is no letter. */
static bool
is_word(const char *at, const char *end)
{
    gunichar c = g_utf8_get_char_validated(at, end - at);

    return c < SPACED_SCRIPTS_END && g_unichar_isalnum(c);
}

/* The beginning of the last character before at. */
static const char *
previous_char(const char *begin, const char *at)
{
    at--;
    while (at > begin && ((unsigned char)*at & 0xC0) == 0x80)
        at--;
    return at;
}

/* Would a word go on over this place in the text? */
static bool
is_inside_word(const char *text, size_t len, size_t at)
{
    const char *place = text + at;

    if (at == 0 || at == len)
        return false;
    return is_word(place, text + len)
           && is_word(previous_char(text, place), place);
}

/* Does the phrase stand in the text with its window at that place? */
static bool
stands_at(const PhraseIndex *self, const Phrase *phrase, const char *text,
    size_t len, size_t window_at)
{
    size_t begin = window_at - phrase->window;

    if (window_at < phrase->window || begin + phrase->len > len)
        return false;
    return memcmp(text + begin, self->text + phrase->offset, phrase->len) == 0
           && !is_inside_word(text, len, begin)
           && !is_inside_word(text, len, begin + phrase->len);
}

static const char *
table_find(const PhraseIndex *self, const Table *table, uint64_t hash,
    const char *text, size_t len, size_t at)
{
    for (uint32_t i = table->buckets[hash & table->bucket_mask]; i != NONE;
         i = self->phrases[i].next) {
        const Phrase *phrase = &self->phrases[i];

        if (phrase->hash == hash && stands_at(self, phrase, text, len, at))
            return self->text + phrase->offset;
    }
    return NULL;
}

static const char *
table_search(const PhraseIndex *self, int size_at, const char *text, size_t len)
{
    const Table *table = &self->tables[size_at];
    uint32_t size = window_sizes[size_at];
    uint64_t top = power(size);
    uint64_t hash;

    if (len < size)
        return NULL;
    hash = hash_window(text, size);
    for (size_t end = size;; end++) {
        uint64_t mixed = mix(hash);
        uint64_t bit = mixed >> 20 & table->bit_mask;

        if (table->bits[bit / 64] >> bit % 64 & 1) {
            const char *found = table_find(self, table, mixed, text, len,
                end - size);

            if (found != NULL)
                return found;
        }
        if (end == len)
            return NULL;
        hash = hash * BASE + (unsigned char)text[end]
               - top * (unsigned char)text[end - size];
    }
}

const char *
phrase_index_find(const PhraseIndex *self, const char *text, size_t len)
{
    for (int i = N_SIZES - 1; i >= 0; i--) {
        const char *found = self->tables[i].n_phrases > 0
                                ? table_search(self, i, text, len)
                                : NULL;

        if (found != NULL)
            return found;
    }
    return NULL;
}
