/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The queue's view of the spool: follows every segment from its first record to
 * its deletion, gives out messages that are still owed to somebody, and notes
 * what became of them.
 *
 *    segment   found (at start, or told by a worker) -> followed up to durable
 *              -> sealed or orphaned -> all recipients settled -> deleted
 *                                       (damaged: moved to spool/damaged)
 *                                    -> little left -> compacted (journal's
 *                                       compact.h), as often as it pays
 *
 * An outcome is written when it is noted, a deferral when that turn of the loop
 * ends, so the death of this process repeats only deliveries whose outcome it
 * had not yet seen; it is synced WN_OUTCOME_SYNC_MS later, so a power cut
 * repeats those of that moment.
 *
 * A segment stays mapped while anybody holds one of its records, so a message
 * in memory is small: envelope and body are looked at where they are.
 */

#include "core/base/map_guard.h"
#include "core/journal/outcome.h"
#include "core/journal/segment.h"
#include "core/queue/reserve.h"

typedef struct WnSpool WnSpool;
typedef struct WnSpoolSegment WnSpoolSegment;

/* Where a message stands. */
typedef struct WnSpoolRecord {
    WnSpoolSegment *segment;
    uint64_t offset;
} WnSpoolRecord;

/* One recipient that is still owed its message, with what is known of it from
 * an earlier run. */
typedef struct WnSpoolRecipient {
    uint32_t index;
    uint32_t attempts;
    int64_t next_attempt; /* Unix seconds; 0: now; if held, when it expires; 0:
                           * never */
    bool held;
    bool delay_noted;
    int64_t relayed_at; /* Unix seconds: delivered then, and all that is owed is
                         * the report of it; 0: no */
    const char *last_reply; /* NULL */
} WnSpoolRecipient;

/* A message with unsettled recipients, or a report, with none too: what it says
 * of others (WnEnvelope.about) counts as long as it stands there.  Good during
 * the callback; who keeps the record calls wn_spool_record_hold().
 *
 * One that is damaged, but for its id, is given out too, for the operator: if
 * its envelope is, it has a single recipient, WN_SPOOL_NOBODY, who is settled
 * when nobody needs to see it any more. */
#define WN_SPOOL_NOBODY UINT32_MAX
typedef struct WnSpoolFound {
    WnSpoolRecord record;
    WnId id;
    uint64_t body_len;
    const char *damage;         /* what is wrong with it; NULL: nothing */
    const WnEnvelope *envelope; /* NULL: damaged */
    const WnSpoolRecipient *recipients;
    uint32_t n_recipients;
} WnSpoolFound;

/* In the order of the segment. */
typedef void (*WnSpoolFoundFn)(void *user, const WnSpoolFound *found);

WnSpool *wn_spool_new(WnLoop *loop, const char *folder, WnSpoolFoundFn fn,
    void *user);
/* Flushes outcomes.  Records that are still held become invalid. */
void wn_spool_free(WnSpool *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnSpool, wn_spool_free)

/* Finds what is there, in steps, so that other work goes on meanwhile; then
 * looks again every WN_SPOOL_SCAN_MS for what nobody told of and for segments
 * whose writer has died. */
#define WN_SPOOL_SCAN_MS 1000

/* What is given up where outcomes find no space (borrowed). */
void wn_spool_use_reserve(WnSpool *self, WnReserve *reserve);

/* The worker whose segments hold the queue's own reports.  They are read to
 * their end before wn_spool_scan() returns for the first time, ahead of the
 * messages that they are about, and they stay at least until the spool has
 * caught up: a run that dies before has perhaps sent a report, but not noted
 * it at its message. */
#define WN_SPOOL_OWN_WORKER "queue"
void wn_spool_scan(WnSpool *self);
bool wn_spool_is_recovering(const WnSpool *self);

/* All that earlier runs may have read has been found, and what was noted
 * because of it is on disk. */
bool wn_spool_has_caught_up(const WnSpool *self);

/* Something is being read, or waits to be. */
bool wn_spool_is_reading(const WnSpool *self);

/* A worker's word: the segment is durable up to here.  The same may be told
 * again. */
void wn_spool_durable(WnSpool *self, const char *segment, uint64_t durable);

/* Notes an outcome; a final kind settles the recipient. */
void wn_spool_settle(const WnSpoolRecord *record, const WnOutcome *outcome);

/* Writes and syncs what was noted; otherwise that happens at most
 * WN_OUTCOME_SYNC_MS later. */
void wn_spool_flush(WnSpool *self);

/* The segment stays mapped until every hold is dropped. */
void wn_spool_record_hold(const WnSpoolRecord *record);
void wn_spool_record_drop(const WnSpoolRecord *record);

/* The message: spans show the mapped segment and are good while the record is
 * held; what the disk does not give of it any more reads as zeros, and
 * content.segment's guard tells.  False with error: damaged; with its code EIO,
 * the disk does not give it now. */
typedef struct WnSpoolContent {
    WnSpoolSegment *segment; /* stays as it is while this is looked at */
    WnRecordHeader header;
    WnEnvelope envelope;
    WnSpan wire; /* the body in wire form with its final ".CRLF" */
} WnSpoolContent;

typedef enum {
    WN_SPOOL_ENVELOPE, /* only what envelope and header say is checked */
    WN_SPOOL_BODY,     /* and the disk gives all of it */
    WN_SPOOL_WHOLE     /* and the CRC of all of it */
} WnSpoolCheck;

bool wn_spool_read(const WnSpoolRecord *record, WnSpoolCheck check,
    WnSpoolContent *out, GError **error);
const WnMapGuard *wn_spool_content_guard(const WnSpoolContent *self);
void wn_spool_content_clear(WnSpoolContent *self);

uint64_t wn_spool_n_segments(const WnSpool *self);
uint64_t wn_spool_n_unsettled(const WnSpool *self); /* recipients */
