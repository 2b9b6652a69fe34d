/* SPDX-License-Identifier: MIT */
#include "table_format.h"

#include <glib.h>

#define SLOTS_MAX (UINT32_C(1) << 30)

typedef struct Key {
    uint64_t at; /* in keys */
    uint32_t len;
    uint32_t record;
    uint32_t flags;
    uint32_t reserved;
} Key;

/* GByteArray ends at 4 GiB, which is more than enough; full says that the
 * limit was met. */
struct TableBuilder {
    GByteArray *keys;
    GByteArray *records;
    GArray *entries; /* Key */
    uint32_t record;
    bool full;
};

TableBuilder *
table_builder_new(void)
{
    TableBuilder *self = g_new0(TableBuilder, 1);

    self->keys = g_byte_array_new();
    self->records = g_byte_array_new();
    self->entries = g_array_new(FALSE, FALSE, sizeof(Key));
    return self;
}

void
table_builder_free(TableBuilder *self)
{
    if (self == NULL)
        return;
    g_byte_array_unref(self->keys);
    g_byte_array_unref(self->records);
    g_array_unref(self->entries);
    g_free(self);
}

static bool
has_room(const GByteArray *array, size_t len)
{
    return len < (UINT32_C(1) << 31) - array->len;
}

/* At most max bytes, not parting a character; nothing if it is not text. */
static WnStr
as_text(WnStr text, size_t max)
{
    if (!g_utf8_validate_len(text.ptr, text.len, NULL))
        return (WnStr){ "", 0 };
    if (text.len <= max)
        return text;
    while (max > 0 && ((guchar)text.ptr[max] & 0xc0) == 0x80)
        max--;
    return (WnStr){ text.ptr, max };
}

void
table_builder_record(TableBuilder *self, WnStr value, WnStr source, WnStr added)
{
    WnStr texts[] = { as_text(value, TABLE_VALUE_MAX),
        as_text(source, TABLE_NOTE_MAX), as_text(added, TABLE_NOTE_MAX) };
    TableLengths lengths = { (uint16_t)texts[0].len, (uint16_t)texts[1].len,
        (uint16_t)texts[2].len };

    if (!has_room(self->records,
            sizeof lengths + TABLE_VALUE_MAX + 2 * TABLE_NOTE_MAX)) {
        self->full = true;
        return;
    }
    self->record = self->records->len;
    g_byte_array_append(self->records, (const guint8 *)&lengths,
        sizeof lengths);
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        g_byte_array_append(self->records, (const guint8 *)texts[i].ptr,
            (guint)texts[i].len);
}

void
table_builder_add(TableBuilder *self, const char *key, size_t len,
    uint32_t flags)
{
    Key entry = { self->keys->len, (uint32_t)len, self->record, flags, 0 };

    if (!has_room(self->keys, len) || self->entries->len == SLOTS_MAX) {
        self->full = true;
        return;
    }
    g_byte_array_append(self->keys, (const guint8 *)key, (guint)len);
    g_array_append_val(self->entries, entry);
}

/*
 * Writing
 */

/* From the content: the same list has the same bytes, and who does not know the
 * list does not know the key. */
static SipKey
make_key(const TableBuilder *self)
{
    static const SipKey start = { UINT64_C(0x77696e6e6f772075),
        UINT64_C(0x726c70686f6e6531) };
    SipHash hash = siphash(start, self->keys->data, self->keys->len);

    return (SipKey){ hash.high, hash.low };
}

static uint32_t
choose_bits(size_t n)
{
    uint32_t bits = 0;

    while (bits < TABLE_BITS_MAX && n > ((size_t)TABLE_BUCKET_MEAN << bits))
        bits++;
    return bits;
}

static SipHash
hash_entry(const TableBuilder *self, SipKey key, size_t n)
{
    const Key *entry = &g_array_index(self->entries, Key, n);

    return siphash(key, self->keys->data + entry->at, entry->len);
}

/* By bucket, those of one bucket in the order of the list.  begins, of zeros
 * at first, gets where each bucket begins, and the number of all. */
static TableSlot *
sort_by_bucket(const TableBuilder *self, SipKey key, uint32_t bits,
    uint32_t *begins)
{
    size_t n = self->entries->len, n_buckets = (size_t)1 << bits;
    TableSlot *loose = g_new(TableSlot, n + 1), *sorted;

    for (size_t i = 0; i < n; i++) {
        const Key *entry = &g_array_index(self->entries, Key, i);

        loose[i] = (TableSlot){ hash_entry(self, key, i), entry->record,
            entry->flags };
        begins[table_bucket(loose[i].hash, bits) + 1]++;
    }
    for (size_t i = 0; i < n_buckets; i++)
        begins[i + 1] += begins[i];
    sorted = g_new(TableSlot, n + 1);
    for (size_t i = n; i-- > 0;)
        sorted[--begins[table_bucket(loose[i].hash, bits) + 1]] = loose[i];
    g_free(loose);
    /* Each count went down to where its bucket begins, one place too far. */
    memmove(begins, begins + 1, n_buckets * sizeof begins[0]);
    begins[n_buckets] = (uint32_t)n;
    return sorted;
}

static int
compare_hashes(const TableSlot *a, const TableSlot *b)
{
    if (a->hash.high != b->hash.high)
        return a->hash.high < b->hash.high ? -1 : 1;
    if (a->hash.low != b->hash.low)
        return a->hash.low < b->hash.low ? -1 : 1;
    return 0;
}

/* Buckets are short.  Keeps the order of equal ones. */
static void
sort_slots(TableSlot *slots, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        TableSlot slot = slots[i];
        size_t at = i;

        for (; at > 0 && compare_hashes(&slots[at - 1], &slot) > 0; at--)
            slots[at] = slots[at - 1];
        slots[at] = slot;
    }
}

static uint32_t
rank(uint32_t flags)
{
    return flags & TABLE_LISTED ? 2 : flags & TABLE_BELOW ? 1 : 0;
}

static void
merge_slot(TableSlot *into, const TableSlot *slot)
{
    if (rank(slot->flags) > rank(into->flags))
        into->record = slot->record;
    into->flags |= slot->flags;
}

/* Sorts each bucket and puts equal keys together; how many are left. */
static size_t
tidy_buckets(TableSlot *slots, uint32_t *begins, uint32_t bits)
{
    size_t kept = 0, from = 0;

    for (size_t bucket = 0; bucket >> bits == 0; bucket++) {
        size_t to = begins[bucket + 1];

        sort_slots(slots + from, to - from);
        begins[bucket] = (uint32_t)kept;
        for (size_t i = from; i < to; i++) {
            if (kept > begins[bucket]
                && compare_hashes(&slots[kept - 1], &slots[i]) == 0)
                merge_slot(&slots[kept - 1], &slots[i]);
            else
                slots[kept++] = slots[i];
        }
        from = to;
    }
    begins[(size_t)1 << bits] = (uint32_t)kept;
    return kept;
}

static bool
write_all(const TableHeader *header, const uint32_t *begins,
    const TableSlot *slots, const GByteArray *records, WnSink *sink)
{
    static const char zeros[8];
    size_t directory_len = (((size_t)1 << header->bits) + 1) * sizeof begins[0];
    size_t gap = (size_t)header->slots_at - sizeof *header - directory_len;

    return sink->write(sink, header, sizeof *header) == WN_OK
           && sink->write(sink, begins, directory_len) == WN_OK
           && (gap == 0 || sink->write(sink, zeros, gap) == WN_OK)
           && (header->n_slots == 0
               || sink->write(sink, slots,
                      (size_t)header->n_slots * sizeof *slots)
                      == WN_OK)
           && (records->len == 0
               || sink->write(sink, records->data, records->len) == WN_OK);
}

bool
table_builder_write(TableBuilder *self, WnSink *sink, WnError *err)
{
    TableHeader header = { TABLE_MAGIC, TABLE_FORMAT,
        choose_bits(self->entries->len), 0, make_key(self), 0, 0, 0 };
    g_autofree uint32_t *begins = g_new0(uint32_t,
        ((size_t)1 << header.bits) + 2);
    g_autofree TableSlot *slots = NULL;

    if (self->full) {
        wn_error_set(err, "the list is too long");
        return false;
    }
    slots = sort_by_bucket(self, header.key, header.bits, begins);
    header.n_slots = tidy_buckets(slots, begins, header.bits);
    header.slots_at = table_slots_at(header.bits);
    header.records_at = header.slots_at + header.n_slots * sizeof *slots;
    header.size = header.records_at + self->records->len;
    if (write_all(&header, begins, slots, self->records, sink))
        return true;
    wn_error_set(err, "cannot write the table");
    return false;
}
