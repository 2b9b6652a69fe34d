/* SPDX-License-Identifier: MIT */
#ifndef URLPHONE_TABLE_H
#define URLPHONE_TABLE_H

/*
 * The blob of a data set: from a key in normal form to the entry as it stands
 * in the list.  Made once, then mapped and only read.
 *
 *    header      64 bytes
 *    directory   2^bits + 1 numbers: where each bucket's slots begin
 *    slots       hash (128 bits), record, flags; by bucket, then by hash
 *    records     lengths, then the entry, its source and its date
 *
 * The first bits of a hash choose the bucket.  A key is known by its hash
 * alone: 128 bits, keyed by the content of the list, are never alike by chance
 * (10^-20 for a million entries and a billion look-ups a day) nor on purpose.
 * Numbers have this machine's byte order: a blob is not moved.
 */

#include "siphash.h"

#include <winnow/plugin.h>

#include <stdbool.h>

#define TABLE_FORMAT 1u
#define TABLE_VALUE_MAX 4096 /* of an entry as written */
#define TABLE_NOTE_MAX 100   /* of its source, of its date: cut */

/* What a slot says.  A key may say several things, of which one record is kept:
 * the first one of LISTED, or else of BELOW. */
enum {
    TABLE_LISTED = 1u << 0, /* the key itself, has a record */
    TABLE_BELOW = 1u << 1,  /* what is below the key, has a record */
    TABLE_PATHS = 1u << 2   /* there are keys that begin with this one */
};

typedef struct TableRecord {
    WnStr value, source, added; /* not NUL-terminated */
} TableRecord;

typedef struct TableBuilder TableBuilder;

TableBuilder *table_builder_new(void);
void table_builder_free(TableBuilder *self);

/* The record that the following keys share.  Fields that are not text are left
 * out. */
void table_builder_record(TableBuilder *self, WnStr value, WnStr source,
    WnStr added);

void table_builder_add(TableBuilder *self, const char *key, size_t len,
    uint32_t flags);

/* False with err. */
bool table_builder_write(TableBuilder *self, WnSink *sink, WnError *err);

typedef struct Table {
    const struct TableHeader *header;
    const uint32_t *directory;
    const struct TableSlot *slots;
    const char *records;
} Table;

/* Quick.  False if it is no such blob. */
bool table_open(Table *self, const void *blob, uint64_t size);

uint64_t table_n_keys(const Table *self);

/* Reads all of it: whether look-ups stay inside.  False with err. */
bool table_check(const void *blob, size_t size, WnError *err);

/* The flags of a key, 0 if the table does not have it.  The record is written
 * where a flag says that there is one; it is good as long as the blob. */
uint32_t table_find(const Table *self, const char *key, size_t len,
    TableRecord *out_record);

#endif
