/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the columns of the settings database mean: the tables that a domain's
 * settings stand in, and how a row of each becomes part of them.  For
 * domain_rows.c.
 */

#include "core/conf/domain_file.h"
#include "core/sync/database.h"

#define WN_DOMAIN_TABLES 6u

/* A domain whose rows are being read. */
typedef struct WnDomainDraft {
    WnDomainSetting *domain;
    WnDomainSetting *previous; /* as the mirror has it; NULL: not at all */
    GPtrArray *faults;         /* char *, "TABLE/KEY: what is wrong" */
    GHashTable *revisions;     /* domain_rows.h; borrowed */
} WnDomainDraft;

WnDomainDraft *wn_domain_draft_new(const char *name, GHashTable *revisions);
void wn_domain_draft_free(void *self); /* a GDestroyNotify */

/* The domain is faulty from now on. */
void wn_domain_draft_add_fault(WnDomainDraft *self, const char *fault);

typedef struct WnDomainTable {
    const char *name;
    const char *order;       /* that of the rows: the primary key */
    const WnColumn *columns; /* the first is the domain */
    unsigned n_columns;
    void (*take)(WnDomainDraft *draft, const WnStatement *row);
} WnDomainTable;

/* The first is that of the domains themselves. */
extern const WnDomainTable wn_domain_tables[WN_DOMAIN_TABLES];
