/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Makes a segment smaller: writes the records that are still needed to a
 * successor, which then takes the segment's place and name.
 *
 *    step       on disk                          after a crash
 *    add        <segment>.new grows              the old one; .new is swept
 * away finish 1   .new is synced                   the same 2   the log holds
 * old outcomes, and  the same: outcomes of the new those of the new one; synced
 * one are no outcomes of the old 3   .new is renamed to <segment>     the old
 * or the new one, each with its outcomes in the log 4   the folder is synced
 * the new one 5   the log is written anew          the same
 *
 * So at every moment each message stands in exactly one segment, with what is
 * known of its recipients: nothing is lost, nothing is delivered twice.  A
 * segment's secret tells its outcomes from those of another.
 */

#include "core/journal/standing.h"

typedef struct WnCompaction WnCompaction;

/* Makes the successor's file.  fd reads the segment and is borrowed.  NULL
 * with error. */
WnCompaction *wn_compaction_begin(const char *spool, const char *segment,
    int fd, GError **error);

/* What was not finished leaves the segment as it was. */
void wn_compaction_free(WnCompaction *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnCompaction, wn_compaction_free)

/* Copies a record which wn_segment_scan() has found and checked. */
bool wn_compaction_add(WnCompaction *self, const WnRecordHeader *header,
    WnSpan envelope, GError **error);

/* Where the copy of the record at this offset stands; 0: it has none. */
uint64_t wn_compaction_place(const WnCompaction *self, uint64_t offset);

/* All of them, in the order of the old segment. */
typedef struct WnCompactionMove {
    uint64_t from, to;
} WnCompactionMove;
const WnCompactionMove *wn_compaction_moves(const WnCompaction *self,
    size_t *out_n);

uint64_t wn_compaction_secret(const WnCompaction *self);
uint64_t wn_compaction_len(const WnCompaction *self);

/* Brings what has been added to disk, so that finish has less to wait for. */
bool wn_compaction_sync(WnCompaction *self, GError **error);

typedef enum {
    WN_COMPACTED,          /* the successor stands in the segment's place */
    WN_COMPACTED_IN_DOUBT, /* it does, but only the next sync of the log will
                            * tell that it stays there; error is set */
    WN_NOT_COMPACTED       /* error is set, the segment is as it was */
} WnCompacted;

/* standings: how the recipients of the old segment stand now.  log is the
 * segment's, and belongs to the successor from here on. */
WnCompacted wn_compaction_finish(WnCompaction *self,
    const WnStandings *standings, WnOutcomeLog *log, GError **error);
