/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Keeps the mirror like the settings database: asks for the revision, reads
 * what has changed since that of the mirror, all within one consistent view,
 * and writes it.  Calls block; they run in a process of their own
 * (source_process.h).
 *
 * A look that fails leaves the mirror as it was.  Everything is read anew where
 * the list of changes cannot tell: no mirror, a revision behind the mirror's,
 * changes that are no longer listed, or too many of them.
 *
 * A database that has lost more than a tenth of the domains that serve, and at
 * least five, or all of them at once, is not believed unless it is forced.
 */

#include "core/conf/config.h"
#include "core/sync/database.h"

typedef struct WnSourceReader WnSourceReader;

typedef enum { WN_LOOK_NORMAL, WN_LOOK_FORCED } WnLookMode;

/* What a look has found; texts are the callee's until the next call. */
typedef struct WnLook {
    bool changed; /* the mirror is another one than at the last look */
    const char *host;
    uint64_t revision;
    uint32_t n_domains;
    int64_t next_expiry; /* Unix time a row expires at; G_MAXINT64: none */
    const char *remark;  /* what did not stop it; "" */
} WnLook;

/* config is borrowed until free. */
WnSourceReader *wn_source_reader_new(const WnConfig *config);
void wn_source_reader_free(WnSourceReader *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnSourceReader, wn_source_reader_free)

/* One look, and a sign of life in relay_status: generation is the snapshot's
 * that this relay uses. */
bool wn_source_reader_look(WnSourceReader *self, WnLookMode mode,
    uint64_t generation, WnLook *out_look, GError **error);

/* Replaces this relay's rows of sync_problem: one for each line "object:
 * detail". */
bool wn_source_reader_report(WnSourceReader *self, const char *lines,
    GError **error);
