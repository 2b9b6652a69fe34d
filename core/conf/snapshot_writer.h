/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Makes a snapshot's settings file from domain settings: merges each domain
 * with conf.d's filters, checks it against the catalogue, folds equal chains
 * into classes, and writes the hash-indexed layout of snapshot_format.h.
 * Runs in winnow-check, a throw-away process.  The same settings in any order
 * give the same bytes, except generation and time.
 */

#include "core/conf/domain_file.h"
#include "core/conf/problem.h"
#include "core/conf/snapshot.h"

typedef struct WnSnapshotWriter WnSnapshotWriter;

/* config and catalogue are borrowed until free. */
WnSnapshotWriter *wn_snapshot_writer_new(const WnConfig *config,
    const WnCatalogue *catalogue);
void wn_snapshot_writer_free(WnSnapshotWriter *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnSnapshotWriter, wn_snapshot_writer_free)

/* From now on a domain that cannot be added, or that finish must leave out,
 * keeps the settings it has in the previous snapshot.  Borrowed until free. */
void wn_snapshot_writer_set_previous(WnSnapshotWriter *self,
    const WnSnapshot *previous);

/* Adds a domain, or reports why it cannot be (place, text) and returns false;
 * the others are not affected.  A domain that is not enabled is checked, but
 * not written.  Forward targets (action.to) are checked by finish, when all
 * domains are known. */
bool wn_snapshot_writer_add(WnSnapshotWriter *self,
    WnDomainSetting *take_domain, WnProblems *problems);

/* Checks what spans domains, and gives the file's bytes; NULL only if there is
 * more than the format can hold.  Called once. */
GByteArray *wn_snapshot_writer_finish(WnSnapshotWriter *self,
    uint64_t generation, WnProblems *problems);
