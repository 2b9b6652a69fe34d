/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Lists out of the settings database into the mirror's row files: what the
 * filters' data sets are made of, and the relays.  A file is written only when
 * its rows have changed.  Rows that have expired are left out.
 *
 * The columns of a file are those that a data set asks for (value, source,
 * added_at) and two more: the row's id, and the Unix time it expires at, which
 * is empty where it never does.
 */

#include "core/sync/database.h"

#define WN_LIST_TABLES 4u

typedef struct WnListTable WnListTable;

const WnListTable *wn_list_table_at(unsigned n); /* below WN_LIST_TABLES */
const char *wn_list_table_name(const WnListTable *self);

typedef struct WnListReading {
    WnDatabase *database;
    const char *state;
    uint64_t revision;
    int64_t now;
    GPtrArray *faults; /* gets char *, rows that cannot be used */

    bool changed;        /* set when a file was written */
    int64_t next_expiry; /* the earliest, of all files that were looked at;
                          * G_MAXINT64: none */
} WnListReading;

/* Whether its file is there and can be used. */
bool wn_list_table_has_file(const WnListTable *self, const char *state);

bool wn_list_table_probe(const WnListTable *self, WnDatabase *database,
    GError **error);

/* All rows. */
bool wn_list_table_read_all(const WnListTable *self, WnListReading *reading,
    GError **error);

/* The rows with these ids (int64_t, as a set) as they are now; NULL: none, only
 * what has expired goes, and the database is not asked. */
bool wn_list_table_read_some(const WnListTable *self, WnListReading *reading,
    GHashTable *ids, GError **error);
