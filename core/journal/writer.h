/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Appends messages to this process's own segment and tells when they are
 * durable.  One fdatasync serves all records that arrived during the last one;
 * it runs in a helper thread, the only one in winnow, so a commit never stops
 * the loop.
 *
 *    append --written--> PENDING --thread: fdatasync--> DURABLE  on_committed
 *       |                   |                                     in order
 *       +---- error --------+--> FAILED   the segment is closed for good and
 *                                         never synced again; a new one begins
 *
 * After a failed sync nothing in that segment that was not yet durable may be
 * acknowledged: its appends all fail.  The records stay in the file, so a
 * client that tries again may cause a second copy, never a loss; the failed
 * records are overwritten with a cancel mark where that is possible, before
 * their callbacks run.
 *
 * A sync begins at the end of the loop's turn, or at once when the thread has
 * finished the one before, so appends of one turn share it.  The next segment
 * is made by the thread when three quarters of the current one are used.
 */

#include "core/event/loop.h"
#include "core/journal/segment.h"

typedef struct WnJournal WnJournal;
typedef struct WnAppend WnAppend;

typedef enum {
    WN_COMMIT_DURABLE,
    WN_COMMIT_NO_SPACE, /* ENOSPC, EDQUOT, too few inodes: 452 4.3.1 */
    WN_COMMIT_FAILED    /* any other error: 451 4.3.0 */
} WnCommit;

typedef void (*WnCommitFn)(void *user, WnCommit result);

/* Told after each group: everything in the segment before durable is on disk.
 * sealed: nothing more will be appended to that segment. */
typedef void (*WnDurableFn)(void *user, const char *segment, uint64_t durable,
    bool sealed);

/* worker names this process's segments.  The first segment is made with the
 * first append. */
WnJournal *wn_journal_new(WnLoop *loop, const char *spool, const char *worker,
    WnDurableFn on_durable, void *user);

/* Waits for the commit under way (its callbacks do not run), seals, closes.
 * Not to be called from one of its callbacks. */
void wn_journal_free(WnJournal *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnJournal, wn_journal_free)

/* From now on a segment is kept ready whatever becomes of the space: made by
 * the thread before the first append, tried every WN_JOURNAL_PROBE_MS. */
void wn_journal_keep_ready(WnJournal *self);

/* Writes the record.  The body is wire form without the final dot, which is
 * added; given as a span, or with fd >= 0 copied from that file.  fn is called
 * from the loop, never before this returns, in the order of the appends, and
 * the result is good until then.  NULL fn: not interested, the result must not
 * be used. */
typedef struct WnAppendBody {
    WnSpan span;
    int fd;       /* -1: use span */
    uint64_t len; /* used with fd; from its beginning */
} WnAppendBody;

WnAppend *wn_journal_append(WnJournal *self, const WnId *id, WnSpan envelope,
    const WnAppendBody *body, WnCommitFn fn, void *user);

/* The result is no longer wanted; the record stays. */
void wn_append_forget(WnAppend *append);

/* Segment and offset where the append stands (borrowed until its callback);
 * NULL if it could not be written and its callback will say so. */
const char *wn_append_segment(const WnAppend *append, uint64_t *out_offset);

/* True after WN_JOURNAL_SUSPECT_AFTER failures in a row (too little space is
 * none), until a commit succeeds again: greet with 421 4.3.0.  As no messages
 * come then, making a segment is tried every WN_JOURNAL_PROBE_MS; success
 * counts like a commit. */
#define WN_JOURNAL_SUSPECT_AFTER 3
#define WN_JOURNAL_PROBE_MS 5000
bool wn_journal_is_suspect(const WnJournal *self);

/* Enough bytes and inodes for another message of this size, with min_free to
 * spare?  What is preallocated counts as there.  Cheap: asks the file system at
 * most every 200 ms. */
bool wn_journal_has_space(WnJournal *self, uint64_t size, uint64_t min_free);

/* Current segment and how far it is durable, for a queue that has just
 * connected; false if there is none. */
bool wn_journal_position(const WnJournal *self, const char **out_segment,
    uint64_t *out_durable);
