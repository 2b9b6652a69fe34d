/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What has changed in the settings database between two revisions, from
 * setting_change: which domains, and which rows of which lists.
 */

#include "core/sync/database.h"

/* Of one list. */
typedef struct WnChangedRows {
    bool all;
    GHashTable *ids; /* int64_t, as a set */
} WnChangedRows;

typedef struct WnChangeList {
    bool everything;       /* it cannot be told: all must be read */
    bool all_domains;      /* a table of domains has changed as a whole */
    GHashTable *domains;   /* names, as a set */
    GHashTable *lists;     /* name of the table to WnChangedRows */
    GHashTable *revisions; /* of domains' rows, see domain_rows.h */
} WnChangeList;

WnChangeList *wn_change_list_new(void);
void wn_change_list_free(WnChangeList *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnChangeList, wn_change_list_free)

/* Adds what has changed after revision since; upto is the database's. */
bool wn_change_list_read(WnChangeList *self, WnDatabase *database,
    uint64_t since, uint64_t upto, GError **error);

/* Adds the revisions that rows have from changes long ago, as far as it is
 * worth while to look for them. */
bool wn_change_list_add_history(WnChangeList *self, WnDatabase *database,
    uint64_t upto, GError **error);

/* NULL-terminated; borrows the names. */
GPtrArray *wn_change_list_domain_names(const WnChangeList *self);
