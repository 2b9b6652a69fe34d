/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The rows that one blob is made of, from list files and a table, in memory:
 * sorted, each key once, and without what cannot be used.
 *
 * A list file holds one entry a line.  '#' begins a comment at the start of a
 * line and after white space; white space around an entry, CRLF line ends and
 * a byte order mark are no part of it.  A line that is not UTF-8, holds a NUL
 * or is longer than WN_ROWS_FIELD_MAX is refused by itself.
 *
 * Where several sources have a key, the row of the table stays, else that of
 * the file given first.
 */

#include "core/sync/row_sort.h"
#include "core/sync/rows.h"

#define WN_LIST_FILE_MAX (INT64_C(1) << 30)
#define WN_REFUSALS_SHOWN 20 /* of each source */

typedef struct WnRowSet WnRowSet;

/* n_columns of a row, of which a list file fills the first. */
WnRowSet *wn_row_set_new(unsigned n_columns);
void wn_row_set_free(WnRowSet *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnRowSet, wn_row_set_free)

/* Adds a table's rows; before any file. */
void wn_row_set_take_table(WnRowSet *self, WnRowsFile *take_table,
    const char *path);
/* Adds the lines of a file of that size.  False: it cannot be read. */
bool wn_row_set_read(WnRowSet *self, int fd, size_t size, const char *path,
    GError **error);

/* Sorts, and drops what is there twice. */
void wn_row_set_sort(WnRowSet *self);

/* Drops the rows for which fn gives a reason (transfer full); after sorting.
 * fields are NUL-terminated. */
typedef char *(*WnRowJudge)(void *user, const WnSpan *fields);
void wn_row_set_judge(WnRowSet *self, WnRowJudge fn, void *user);

size_t wn_row_set_count(const WnRowSet *self);
/* The path of a source that has rows, and none that can be used; NULL: there
 * is no such.  After judging. */
const char *wn_row_set_spoilt(const WnRowSet *self);
void wn_row_set_fields(const WnRowSet *self, size_t n, WnSpan *fields);

/* What was refused, in the form of a blob's report (core/conf/blob.h); at most
 * WN_BLOB_REPORT_MAX bytes (transfer full). */
char *wn_row_set_report(const WnRowSet *self);
