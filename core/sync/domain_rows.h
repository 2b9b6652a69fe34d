/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Domains out of the settings database into the mirror: the rows of domain and
 * of the tables that belong to it, checked for what any value must be.  What
 * depends on conf.d and plugins is checked when a snapshot is built.
 *
 * A row that cannot be used makes its domain faulty, and the reason is kept
 * with it; an error means that the database is in trouble.
 */

#include "core/sync/database.h"
#include "core/sync/mirror.h"

/* "TABLE/KEY" of rows to the revision (uint64_t, owned) that made them what
 * they are. */
GHashTable *wn_row_revisions_new(void);
void wn_row_revisions_note(GHashTable *self, const char *table, const char *key,
    uint64_t revision);

/* Fails unless every table has the columns that are read here. */
bool wn_domain_rows_probe(WnDatabase *database, GError **error);

/* All domains into an empty mirror. */
bool wn_domain_rows_read_all(WnDatabase *database, GHashTable *revisions,
    WnMirror *mirror, GError **error);

/* These domains as they are now; one that is gone is removed.  Rows that are
 * not in revisions keep the revision they have in the mirror. */
bool wn_domain_rows_read_some(WnDatabase *database, GHashTable *revisions,
    const char *const *names, WnMirror *mirror, GError **error);
