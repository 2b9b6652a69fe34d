/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Compaction of a segment that the spool follows, in steps, while its messages
 * wait and outcomes come in.  Part of spool.h; nothing else uses it.
 *
 *    COPYING   reads on; what is owed to somebody is copied
 *    WAITING   all is copied; somebody is just reading one of its messages, or
 *              keeps one that nothing is owed of
 *    done      the successor is mapped in place of the segment; whoever holds
 *              a record keeps the offset that it knows
 */

#include "core/queue/spool_segment.h"

/* A segment is compacted when less than a quarter of its file is needed and it
 * has been complete for so long (monotonic ms). */
#define WN_SPOOL_COMPACT_AFTER_MS 60000
#define WN_SPOOL_COMPACT_SHARE 4

bool wn_spool_segment_wants_compaction(const WnSpoolSegment *self,
    int64_t now_ms);

/* Not before WN_SPOOL_COMPACT_AFTER_MS again. */
void wn_spool_segment_put_off_compaction(WnSpoolSegment *self, int64_t now_ms);

/* The segment is borrowed and knows of it until it is freed. */
WnSpoolCompaction *wn_spool_compaction_new(WnSpoolSegment *segment,
    const char *folder, GError **error);
void wn_spool_compaction_free(WnSpoolCompaction *self);
WnSpoolSegment *wn_spool_compaction_segment(const WnSpoolCompaction *self);

typedef enum {
    WN_COMPACTING,
    WN_COMPACTION_WAITS,
    WN_COMPACTION_DONE,
    WN_COMPACTION_FAILED /* error is set, the segment is as it was */
} WnCompactionState;

WnCompactionState wn_spool_compaction_step(WnSpoolCompaction *self,
    GByteArray *scratch, GError **error);
