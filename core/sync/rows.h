/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The rows of one database table that plugins' data sets are made of, as a
 * file: state/mirror/TABLE.rows, like url_entry.rows.  winnow-sync's database
 * reader writes it, winnow-check reads it when it builds a snapshot.
 *
 *    header   64 bytes: magic, version, columns, count, length, revision,
 *             CRC-32C of the records, CRC-32C of the header
 *    records  each with all its fields in the order of the columns; a field is
 *             a u32 length, the bytes, and a NUL that the length leaves out
 *
 * Integers are little-endian.  Records stand in the order of their first
 * field's bytes, each of which is there once and not empty.  The file is
 * replaced as a whole by rename, and only when its rows have changed: its
 * identity (inode, times) tells whether a data set has to be compiled anew.
 * Opening verifies all of this once.
 */

#include "core/base/span.h"

#include <glib.h>

#define WN_ROWS_COLUMNS_MAX 16
#define WN_ROWS_FIELD_MAX (64u << 10)          /* bytes of one field */
#define WN_ROWS_LENGTH_MAX (UINT32_C(1) << 30) /* bytes of all records */

#define WN_ROWS_ERROR (wn_rows_error_quark())
GQuark wn_rows_error_quark(void);

/* The file of a table (transfer full). */
char *wn_rows_path(const char *state, const char *table);

typedef struct WnRowsWriter WnRowsWriter;

/* n_columns is 1 to WN_ROWS_COLUMNS_MAX. */
WnRowsWriter *wn_rows_writer_new(unsigned n_columns);
void wn_rows_writer_free(WnRowsWriter *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnRowsWriter, wn_rows_writer_free)

/* Adds a row of n_columns fields.  False, and nothing is added: its first
 * field is empty or does not come behind the last one, a field is too long or
 * holds a NUL, or there is no room for more. */
bool wn_rows_writer_add(WnRowsWriter *self, const WnSpan *fields,
    GError **error);

/* Puts the file in its place, durably; the folder must exist. */
bool wn_rows_writer_publish(WnRowsWriter *self, const char *path,
    uint64_t revision, GError **error);

/* A file that was opened and verified. */
typedef struct WnRowsFile WnRowsFile;

/* NULL without error: there is none.  With error: it cannot be used. */
WnRowsFile *wn_rows_open(const char *path, GError **error);
/* The same of a descriptor, which stays the caller's; shown is for errors. */
WnRowsFile *wn_rows_open_fd(int fd, const char *shown, GError **error);
void wn_rows_free(WnRowsFile *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnRowsFile, wn_rows_free)

uint64_t wn_rows_revision(const WnRowsFile *self);
uint32_t wn_rows_count(const WnRowsFile *self);
unsigned wn_rows_n_columns(const WnRowsFile *self);

/* A walk over the rows: begins with offset 0, which each call moves on.
 * fields has room for n_columns; each has a NUL behind it and lives as long
 * as the file.  False: there is no further row. */
bool wn_rows_next(const WnRowsFile *self, size_t *offset, WnSpan *fields);

/* The fields of the row whose first one is at that place in the file. */
bool wn_rows_at(const WnRowsFile *self, const char *key, WnSpan *fields);
/* All records: what wn_rows_at() takes lies in there. */
WnSpan wn_rows_records(const WnRowsFile *self);
