/* SPDX-License-Identifier: MIT */
#include "table_format.h"

#include <glib.h>

static bool
has_record(const TableSlot *slot)
{
    return (slot->flags & (TABLE_LISTED | TABLE_BELOW)) != 0;
}

/* All numbers that positions are made from agree with the size. */
static bool
header_is_sound(const TableHeader *header, uint64_t size)
{
    return memcmp(header->magic, TABLE_MAGIC, sizeof header->magic) == 0
           && header->format == TABLE_FORMAT && header->size == size
           && header->bits <= TABLE_BITS_MAX
           && header->slots_at == table_slots_at(header->bits)
           && header->slots_at <= size
           && header->n_slots <= (size - header->slots_at) / sizeof(TableSlot)
           && header->records_at
                  == header->slots_at + header->n_slots * sizeof(TableSlot);
}

bool
table_open(Table *self, const void *blob, uint64_t size)
{
    const char *bytes = blob;

    self->header = blob;
    if (blob == NULL || size < sizeof *self->header
        || (uintptr_t)blob % sizeof(uint64_t) != 0
        || !header_is_sound(self->header, size))
        return false;
    self->directory = (const uint32_t *)(const void *)(bytes
                                                       + sizeof *self->header);
    self->slots = (const TableSlot *)(const void *)(bytes
                                                    + self->header->slots_at);
    self->records = bytes + self->header->records_at;
    return true;
}

uint64_t
table_n_keys(const Table *self)
{
    return self->header->n_slots;
}

static void
read_record(const Table *self, uint32_t at, TableRecord *out_record)
{
    const char *text = self->records + at + sizeof(TableLengths);
    TableLengths lengths;

    memcpy(&lengths, self->records + at, sizeof lengths);
    out_record->value = (WnStr){ text, lengths.value };
    text += lengths.value;
    out_record->source = (WnStr){ text, lengths.source };
    text += lengths.source;
    out_record->added = (WnStr){ text, lengths.added };
}

uint32_t
table_find(const Table *self, const char *key, size_t len,
    TableRecord *out_record)
{
    SipHash hash = siphash(self->header->key, key, len);
    uint32_t bucket = table_bucket(hash, self->header->bits);

    for (uint32_t i = self->directory[bucket]; i < self->directory[bucket + 1];
         i++) {
        const TableSlot *slot = &self->slots[i];

        if (slot->hash.high != hash.high || slot->hash.low != hash.low)
            continue;
        if (has_record(slot))
            read_record(self, slot->record, out_record);
        return slot->flags;
    }
    return 0;
}

/*
 * Check
 */

static bool
directory_is_sound(const Table *self)
{
    uint64_t n_buckets = UINT64_C(1) << self->header->bits;

    for (uint64_t i = 0; i < n_buckets; i++) {
        if (self->directory[i] > self->directory[i + 1]
            || self->directory[i + 1] - self->directory[i] > TABLE_BUCKET_MAX)
            return false;
    }
    return self->directory[0] == 0
           && self->directory[n_buckets] == self->header->n_slots;
}

static bool
text_is_sound(WnStr text)
{
    return g_utf8_validate_len(text.ptr, text.len, NULL)
           && memchr(text.ptr, '\0', text.len) == NULL;
}

static bool
record_is_sound(const Table *self, uint32_t at)
{
    uint64_t room = self->header->size - self->header->records_at;
    TableLengths lengths;
    TableRecord record;

    if (room < sizeof lengths || at > room - sizeof lengths)
        return false;
    memcpy(&lengths, self->records + at, sizeof lengths);
    if (lengths.value == 0 || lengths.value > TABLE_VALUE_MAX
        || lengths.source > TABLE_NOTE_MAX || lengths.added > TABLE_NOTE_MAX
        || (uint64_t)lengths.value + lengths.source + lengths.added
               > room - sizeof lengths - at)
        return false;
    read_record(self, at, &record);
    return text_is_sound(record.value) && text_is_sound(record.source)
           && text_is_sound(record.added);
}

bool
table_check(const void *blob, size_t size, WnError *err)
{
    Table self;

    if (!table_open(&self, blob, size)) {
        wn_error_set(err, "not a table of this version, or cut");
        return false;
    }
    if (!directory_is_sound(&self)) {
        wn_error_set(err, "the table's directory is damaged");
        return false;
    }
    for (uint64_t i = 0; i < self.header->n_slots; i++) {
        if (!has_record(&self.slots[i])
            || record_is_sound(&self, self.slots[i].record))
            continue;
        wn_error_set(err, "an entry of the table is damaged");
        return false;
    }
    return true;
}
