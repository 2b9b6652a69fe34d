/* SPDX-License-Identifier: MIT */

#include "window.h"

#include <stdlib.h>
#include <string.h>

#include "layout.h"

/* The ways that one expression may begin are looked at apart. */
#define SLOTS_MAX 32u
#define STARTS_MAX 40u
/* A window that fits more of the places in usual text tells nothing of a
 * text. */
#define CHANCE_MAX 0.002
/* It may still tell where to look. */
#define PLACE_CHANCE_MAX 0.12

/* Parts of an expression as near as this tell the same. */
#define APART 5u

/* An expression: up to two windows, both of which must be found. */
typedef struct Entry {
    uint32_t id;
    unsigned char wanted, found; /* 1, 2, or both; 0: its beginning */
} Entry;

/* What may stand at each byte of one window. */
typedef struct Slot {
    uint32_t entry;
    unsigned char window; /* 1 or 2; 0: the beginning */
    ByteSet sets[PATTERN_WINDOW];
    uint32_t least; /* bytes that there must be */
} Slot;

struct PatternWindows {
    GArray *entries; /* of Entry */
    GArray *slots;   /* of Slot */
    uint32_t n_words;
    uint64_t *tables; /* by place, byte, word */
    uint64_t *behind; /* by place, word: the text may have ended */
    uint64_t *begin;  /* by word: windows of beginnings */
};

PatternWindows *
pattern_windows_new(void)
{
    PatternWindows *self = g_new0(PatternWindows, 1);

    self->entries = g_array_new(FALSE, FALSE, sizeof(Entry));
    self->slots = g_array_new(FALSE, FALSE, sizeof(Slot));
    return self;
}

void
pattern_windows_free(PatternWindows *self)
{
    if (self == NULL)
        return;
    g_array_unref(self->entries);
    g_array_unref(self->slots);
    g_free(self->tables);
    g_free(self->behind);
    g_free(self->begin);
    g_free(self);
}

/* How often a byte stands in mail, roughly. */
static double
chance_of_byte(unsigned int byte)
{
    static const double letters[26] = { .065, .012, .022, .033, .1, .018, .016,
        .045, .06, .0015, .006, .035, .02, .058, .062, .017, .001, .05, .052,
        .075, .024, .008, .018, .0016, .017, .001 };

    if (g_ascii_islower((char)byte))
        return letters[byte - 'a'];
    if (g_ascii_isupper((char)byte))
        return letters[byte - 'A'] / 12;
    if (byte == ' ')
        return .15;
    if (g_ascii_isdigit((char)byte))
        return .006;
    if (byte == '\n' || byte == '.' || byte == ',' || byte == '-')
        return .012;
    return byte < 0x80 ? .003 : .0005;
}

static double
chance_of_slot(const Slot *slot)
{
    double chance = 1;

    for (uint32_t i = 0; i < PATTERN_WINDOW; i++) {
        double sum = 0;

        for (unsigned int byte = 0; byte < 256; byte++)
            if (byte_set_has(&slot->sets[i], byte))
                sum += chance_of_byte(byte);
        chance *= MIN(sum, 1);
    }
    return chance;
}

static void
allow_all(Slot *slot, uint32_t place)
{
    memset(&slot->sets[place], 0xFF,
        (PATTERN_WINDOW - place) * sizeof slot->sets[0]);
}

/* Fills the slot with what the nodes of frontier, all sets, lead to. */
static void
fill_slot(Layout *layout, GArray *frontier, Slot *slot)
{
    for (uint32_t place = 0; place < PATTERN_WINDOW; place++) {
        for (guint i = 0; i < frontier->len; i++) {
            uint32_t *n = &g_array_index(frontier, uint32_t, i);
            const LayoutNode *node = layout_at(layout, *n);

            for (size_t j = 0; j < G_N_ELEMENTS(node->set->bits); j++)
                slot->sets[place].bits[j] |= node->set->bits[j];
            *n = node->to[0];
        }
        slot->least = place + 1;
        if (layout_close(layout, frontier)) {
            if (place + 1 < PATTERN_WINDOW)
                allow_all(slot, place + 1);
            return;
        }
    }
}

typedef struct Entrance {
    uint32_t node;
    const ByteSet *set;
} Entrance;

static int
compare_entrances(const void *a, const void *b)
{
    const Entrance *one = a;
    const Entrance *other = b;

    for (size_t i = 0; i < G_N_ELEMENTS(one->set->bits); i++)
        if (one->set->bits[i] != other->set->bits[i])
            return one->set->bits[i] < other->set->bits[i] ? -1 : 1;
    return one->node < other->node ? -1 : one->node > other->node;
}

/* Those with the same first bytes next to each other. */
static void
sort_nodes(const Layout *layout, GArray *nodes)
{
    g_autofree Entrance *entrances = g_new(Entrance, nodes->len);

    for (guint i = 0; i < nodes->len; i++) {
        entrances[i].node = g_array_index(nodes, uint32_t, i);
        entrances[i].set = layout_at(layout, entrances[i].node)->set;
    }
    qsort(entrances, nodes->len, sizeof *entrances, compare_entrances);
    for (guint i = 0; i < nodes->len; i++)
        g_array_index(nodes, uint32_t, i) = entrances[i].node;
}

/* The windows of what begins at start, and the chance of one of them; nothing
 * if it may be empty. */
static double
look_from(Layout *layout, uint32_t start, GArray *out)
{
    g_autoptr(GArray) nodes = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    double chance = 0;

    g_array_set_size(out, 0);
    g_array_append_val(nodes, start);
    if (layout_close(layout, nodes) || nodes->len == 0)
        return 1;
    sort_nodes(layout, nodes);
    for (guint i = 0; i < MIN(nodes->len, SLOTS_MAX); i++) {
        g_autoptr(GArray)
            frontier = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        Slot slot = { .entry = 0 };

        for (guint j = i * nodes->len / MIN(nodes->len, SLOTS_MAX);
             j < (i + 1) * nodes->len / MIN(nodes->len, SLOTS_MAX); j++)
            g_array_append_val(frontier, g_array_index(nodes, uint32_t, j));
        fill_slot(layout, frontier, &slot);
        chance += chance_of_slot(&slot);
        g_array_append_val(out, slot);
    }
    return chance;
}

/* The start whose windows are the rarest, at least APART from another, into
 * slots; its number, or LAYOUT_NOWHERE. */
static uint32_t
choose_start(Layout *layout, uint32_t other, GArray *slots)
{
    g_autoptr(GArray) tried = g_array_new(FALSE, FALSE, sizeof(Slot));
    uint32_t chosen = LAYOUT_NOWHERE;
    double least = CHANCE_MAX;
    guint first = layout->starts->len - MIN(layout->starts->len, STARTS_MAX);

    for (guint i = layout->starts->len; i-- > first;) {
        double chance;

        if (other != LAYOUT_NOWHERE && i < other + APART && other < i + APART)
            continue;
        chance = look_from(layout, g_array_index(layout->starts, uint32_t, i),
            tried);
        if (chance >= least)
            continue;
        least = chance;
        chosen = i;
        g_array_set_size(slots, 0);
        g_array_append_vals(slots, tried->data, tried->len);
    }
    return chosen;
}

static void
add_slots(PatternWindows *self, GArray *slots, unsigned char window)
{
    Entry *entry = &g_array_index(self->entries, Entry, self->entries->len - 1);

    for (guint i = 0; i < slots->len; i++) {
        g_array_index(slots, Slot, i).entry = self->entries->len - 1;
        g_array_index(slots, Slot, i).window = window;
    }
    g_array_append_vals(self->slots, slots->data, slots->len);
    entry->wanted |= slots->len > 0 ? window : 0;
}

bool
pattern_windows_add(PatternWindows *self, const Expression *expression,
    uint32_t id)
{
    g_autoptr(Layout) layout = layout_new(expression);
    g_autoptr(GArray) slots = g_array_new(FALSE, FALSE, sizeof(Slot));
    Entry entry = { .id = id };
    uint32_t chosen;

    if (layout == NULL || layout->starts->len == 0)
        return false;
    chosen = choose_start(layout, LAYOUT_NOWHERE, slots);
    if (chosen == LAYOUT_NOWHERE
        && look_from(layout,
               g_array_index(layout->starts, uint32_t, layout->starts->len - 1),
               slots)
               > PLACE_CHANCE_MAX)
        return false;
    g_array_append_val(self->entries, entry);
    if (chosen == LAYOUT_NOWHERE) {
        add_slots(self, slots, 0);
        return true;
    }
    add_slots(self, slots, 1);
    g_array_set_size(slots, 0);
    choose_start(layout, chosen, slots);
    add_slots(self, slots, 2);
    return true;
}

static uint64_t *
table_at(const PatternWindows *self, uint32_t place, unsigned int byte)
{
    return self->tables + ((size_t)place * 256 + byte) * self->n_words;
}

static void
enter_slot(PatternWindows *self, uint32_t n)
{
    const Slot *slot = &g_array_index(self->slots, Slot, n);
    uint64_t bit = UINT64_C(1) << (n % 64);

    for (uint32_t place = 0; place < PATTERN_WINDOW; place++) {
        for (unsigned int byte = 0; byte < 256; byte++)
            if (byte_set_has(&slot->sets[place], byte))
                table_at(self, place, byte)[n / 64] |= bit;
        if (slot->window == 0)
            self->begin[n / 64] |= bit;
        if (place >= slot->least)
            self->behind[(size_t)place * self->n_words + n / 64] |= bit;
    }
}

void
pattern_windows_build(PatternWindows *self)
{
    self->n_words = (self->slots->len + 63) / 64;
    self->tables = g_new0(uint64_t,
        (size_t)PATTERN_WINDOW * 256 * self->n_words + 1);
    self->behind = g_new0(uint64_t, (size_t)PATTERN_WINDOW * self->n_words + 1);
    self->begin = g_new0(uint64_t, self->n_words + 1);
    for (uint32_t i = 0; i < self->slots->len; i++)
        enter_slot(self, i);
}

static void
note_places(const PatternWindows *self, uint32_t word, uint64_t fit, size_t at,
    GArray *places)
{
    for (; fit != 0; fit &= fit - 1) {
        uint32_t n = word * 64 + (uint32_t)__builtin_ctzll(fit);
        const Slot *slot = &g_array_index(self->slots, Slot, n);
        PatternPlace place = {
            .id = g_array_index(self->entries, Entry, slot->entry).id,
            .at = (uint32_t)at
        };

        g_array_append_val(places, place);
    }
}

/* The slots of word that fit at the last bytes of the text. */
static uint64_t
fit_end(const PatternWindows *self, uint32_t word, const unsigned char *text,
    size_t len)
{
    uint64_t fit = UINT64_MAX;

    for (uint32_t place = 0; place < PATTERN_WINDOW; place++)
        fit &= place < len ? table_at(self, place, text[place])[word]
                           : self->behind[place * self->n_words + word];
    return fit;
}

/* The slots of word that fit somewhere in the text. */
static uint64_t
scan_word(const PatternWindows *self, uint32_t word, const unsigned char *text,
    size_t len, GArray *places)
{
    size_t stride = self->n_words;
    const uint64_t *tables[PATTERN_WINDOW];
    uint64_t begin = self->begin[word];
    uint64_t found = 0;

    for (uint32_t place = 0; place < PATTERN_WINDOW; place++)
        tables[place] = table_at(self, place, 0) + word;
    for (size_t i = 0; i < len; i++) {
        uint64_t fit;

        if (i + PATTERN_WINDOW > len) {
            fit = fit_end(self, word, text + i, len - i);
        } else {
            fit = tables[0][text[i] * stride] & tables[1][text[i + 1] * stride]
                  & tables[2][text[i + 2] * stride]
                  & tables[3][text[i + 3] * stride];
            if (fit == 0)
                continue;
            fit &= tables[4][text[i + 4] * stride]
                   & tables[5][text[i + 5] * stride]
                   & tables[6][text[i + 6] * stride]
                   & tables[7][text[i + 7] * stride];
        }
        found |= fit;
        if ((fit & begin) != 0)
            note_places(self, word, fit & begin, i, places);
    }
    return found & ~begin;
}

static void
note_slot(PatternWindows *self, const Slot *slot, GArray *somewhere)
{
    Entry *entry = &g_array_index(self->entries, Entry, slot->entry);

    if (entry->found == entry->wanted)
        return;
    entry->found |= slot->window;
    if (entry->found == entry->wanted)
        g_array_append_val(somewhere, entry->id);
}

void
pattern_windows_scan(PatternWindows *self, const char *text, size_t len,
    GArray *somewhere, GArray *places)
{
    for (guint i = 0; i < self->entries->len; i++)
        g_array_index(self->entries, Entry, i).found = 0;
    for (uint32_t word = 0; word < self->n_words; word++) {
        uint64_t found = scan_word(self, word, (const unsigned char *)text, len,
            places);

        for (; found != 0; found &= found - 1) {
            uint32_t n = word * 64 + (uint32_t)__builtin_ctzll(found);

            note_slot(self, &g_array_index(self->slots, Slot, n), somewhere);
        }
    }
}
