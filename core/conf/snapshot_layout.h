/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Lays out a snapshot's settings file: takes classes, then domains sorted by
 * name, gives the bytes.  Knows nothing of what they mean.
 */

#include "core/conf/snapshot_chain.h"

typedef struct WnSnapshotLayout WnSnapshotLayout;

WnSnapshotLayout *wn_snapshot_layout_new(void); /* class 0 is in it */
void wn_snapshot_layout_free(WnSnapshotLayout *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnSnapshotLayout, wn_snapshot_layout_free)

/* The number of the class. */
uint32_t wn_snapshot_layout_add_class(WnSnapshotLayout *self,
    const WnChain *chain);

/* Sorts the domain's mailboxes. */
void wn_snapshot_layout_add_domain(WnSnapshotLayout *self,
    WnDomainSetting *domain, uint32_t class_id);

/* NULL: larger than the format can hold.  self can only be freed then. */
GByteArray *wn_snapshot_layout_finish(WnSnapshotLayout *self,
    uint64_t generation, int64_t built);
