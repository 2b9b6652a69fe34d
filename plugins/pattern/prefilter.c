/* SPDX-License-Identifier: MIT */

#include "prefilter.h"

#include "literal.h"

#include <string.h>

#define GRAM 3

typedef struct Literal {
    uint32_t offset; /* in text */
    uint16_t len;
    uint16_t gram; /* where the bytes stand that it is found by */
    uint32_t id;
    uint32_t slot;
} Literal;

struct PatternPrefilter {
    GArray *literals; /* by slot, once built */
    GByteArray *text;
    uint32_t *starts;   /* of each slot, and the end */
    uint64_t *occupied; /* a bit for each slot */
    unsigned int shift; /* from a hash to a slot */
    unsigned char fold[256];
};

PatternPrefilter *
pattern_prefilter_new(void)
{
    PatternPrefilter *self = g_new0(PatternPrefilter, 1);

    self->literals = g_array_new(FALSE, FALSE, sizeof(Literal));
    self->text = g_byte_array_new();
    for (int i = 0; i < 256; i++)
        self->fold[i] = (unsigned char)g_ascii_tolower((char)i);
    return self;
}

void
pattern_prefilter_free(PatternPrefilter *self)
{
    if (self == NULL)
        return;
    g_array_unref(self->literals);
    g_byte_array_unref(self->text);
    g_free(self->starts);
    g_free(self->occupied);
    g_free(self);
}

/* How common a byte is in mail, roughly. */
static int
commonness(unsigned char byte)
{
    static const char order[] = " etaoinsrhldcumfpgwyb.,vk-0123456789";
    const char *found = byte != '\0' ? strchr(order, byte) : NULL;

    return found != NULL ? (int)(sizeof order - (size_t)(found - order)) : 0;
}

/* Where the rarest three bytes stand. */
static uint16_t
choose_gram(const GByteArray *string)
{
    int least = G_MAXINT;
    uint16_t chosen = 0;

    for (guint i = 0; i + GRAM <= string->len; i++) {
        int common = commonness(string->data[i])
                     + commonness(string->data[i + 1])
                     + commonness(string->data[i + 2]);

        if (common < least) {
            least = common;
            chosen = (uint16_t)i;
        }
    }
    return chosen;
}

void
pattern_prefilter_add(PatternPrefilter *self, const GPtrArray *literals,
    uint32_t id)
{
    for (guint i = 0; i < literals->len; i++) {
        const GByteArray *string = g_ptr_array_index(literals, i);
        Literal literal = { .offset = self->text->len,
            .len = (uint16_t)string->len,
            .gram = choose_gram(string),
            .id = id };

        g_assert(string->len >= PATTERN_LITERAL_MIN);
        g_byte_array_append(self->text, string->data, string->len);
        g_array_append_val(self->literals, literal);
    }
}

static uint32_t
slot_of(const PatternPrefilter *self, uint32_t gram)
{
    return (gram * 2654435769u) >> self->shift;
}

static int
compare_slots(const void *a, const void *b)
{
    const Literal *one = a;
    const Literal *other = b;

    return one->slot < other->slot ? -1 : one->slot > other->slot;
}

static void
fill_slots(PatternPrefilter *self, uint32_t n_slots)
{
    uint32_t slot = 0;

    for (guint i = 0; i < self->literals->len; i++) {
        const Literal *literal = &g_array_index(self->literals, Literal, i);

        while (slot <= literal->slot)
            self->starts[slot++] = i;
        self->occupied[literal->slot / 64] |= UINT64_C(1)
                                              << (literal->slot % 64);
    }
    while (slot <= n_slots)
        self->starts[slot++] = self->literals->len;
}

void
pattern_prefilter_build(PatternPrefilter *self)
{
    unsigned int bits = 8;
    uint32_t n_slots;

    while (bits < 18 && (self->literals->len >> (bits - 4)) > 0)
        bits++;
    n_slots = 1u << bits;
    self->shift = 32 - bits;
    self->starts = g_new0(uint32_t, n_slots + 1);
    self->occupied = g_new0(uint64_t, n_slots / 64);
    for (guint i = 0; i < self->literals->len; i++) {
        Literal *literal = &g_array_index(self->literals, Literal, i);
        const guint8 *at = self->text->data + literal->offset + literal->gram;

        literal->slot = slot_of(self,
            (uint32_t)at[0] << 16 | (uint32_t)at[1] << 8 | at[2]);
    }
    g_array_sort(self->literals, compare_slots);
    fill_slots(self, n_slots);
}

/* Whether the literal stands with its gram's first byte at text[at]. */
static gboolean
stands(const PatternPrefilter *self, const Literal *literal, const char *text,
    size_t len, size_t at)
{
    const guint8 *wanted = self->text->data + literal->offset;
    size_t start;

    if (at < literal->gram)
        return FALSE;
    start = at - literal->gram;
    if (literal->len > len - start)
        return FALSE;
    for (size_t i = 0; i < literal->len; i++)
        if (self->fold[(unsigned char)text[start + i]] != wanted[i])
            return FALSE;
    return TRUE;
}

static void
scan_slot(const PatternPrefilter *self, uint32_t slot, const char *text,
    size_t len, size_t at, GArray *out)
{
    for (uint32_t i = self->starts[slot]; i < self->starts[slot + 1]; i++) {
        const Literal *literal = &g_array_index(self->literals, Literal, i);

        if (stands(self, literal, text, len, at))
            g_array_append_val(out, literal->id);
    }
}

void
pattern_prefilter_scan(const PatternPrefilter *self, const char *text,
    size_t len, GArray *out)
{
    const unsigned char *bytes = (const unsigned char *)text;
    uint32_t gram;

    if (len < GRAM || self->literals->len == 0)
        return;
    gram = (uint32_t)self->fold[bytes[0]] << 8 | self->fold[bytes[1]];
    for (size_t i = GRAM - 1; i < len; i++) {
        uint32_t slot;

        gram = (gram << 8 | self->fold[bytes[i]]) & 0xFFFFFF;
        slot = slot_of(self, gram);
        if ((self->occupied[slot / 64] >> (slot % 64) & 1) != 0)
            scan_slot(self, slot, text, len, i - (GRAM - 1), out);
    }
}
