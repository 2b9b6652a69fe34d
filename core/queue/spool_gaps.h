/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Places of a segment that its disk does not give.  Part of spool.h; nothing
 * else uses it.
 *
 *    reading fails --> the next record is searched for, in steps --> reading
 *    goes on there; the gap in between is tried again every WN_SPOOL_GAP_MS
 *
 * A segment with a gap stays for WN_SPOOL_GAP_PATIENCE_MS when nothing else of
 * it is needed, then it is set aside.
 */

#include "core/queue/spool_segment.h"

#define WN_SPOOL_GAP_MS 10000
#define WN_SPOOL_GAP_PATIENCE_MS (10 * 60 * 1000)

typedef struct WnSpoolGap {
    uint64_t at, end; /* UINT64_MAX: the file's */
    int64_t since_ms; /* monotonic */
    int64_t again_ms;
} WnSpoolGap;

/* The record there cannot even be told from others. */
void wn_spool_gap_begin(WnSpoolSegment *self, uint64_t offset);

/* Goes on with the search for its end. */
void wn_spool_gap_search(WnSpoolSegment *self);

/* header: what stands there; NULL: even that is not known. */
void wn_spool_gap_add(WnSpoolSegment *self, uint64_t at, uint64_t end,
    const WnRecordHeader *header);

/* One that is to be tried again; NULL: none. */
WnSpoolGap *wn_spool_gap_due(const WnSpoolSegment *self, int64_t now_ms);
void wn_spool_gap_put_off(WnSpoolGap *gap);
void wn_spool_gap_remove_if_read(WnSpoolSegment *self, WnSpoolGap *gap);

/* They are left behind with the segment, which has been set aside. */
void wn_spool_gaps_tell(const WnSpoolSegment *self);

bool wn_spool_gap_is_waited_for(const WnSpoolSegment *self);
