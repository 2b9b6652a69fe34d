/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The commit thread: the only thread in winnow besides the loop.  Private to
 * core/journal.  It takes jobs in the order they were given:
 *
 *    SYNC    fdatasync of a segment; one job serves every record that is
 *            written when it begins
 *    CLOSE   seals and closes a segment; of an abandoned one, cancels what was
 *            not synced and closes it
 *    MAKE    makes the next segment before it is needed
 *
 * and gives them back with their results through wn_committer_take(), after
 * writing to the notify descriptor.  A segment's file belongs to the loop, but
 * from its CLOSE job on to the thread; nothing follows that job.
 */

#include "core/journal/active.h"

typedef struct WnCommitter WnCommitter;

typedef enum { WN_JOB_SYNC, WN_JOB_CLOSE, WN_JOB_MAKE } WnJobKind;

typedef struct WnJob {
    struct WnJob *next;
    WnJobKind kind;
    WnActive *segment; /* of MAKE: the result, NULL with error */
    int64_t now_ms;    /* of MAKE: for the name */
    uint64_t durable;  /* result of SYNC and CLOSE */
    int error;         /* result: errno or 0 */
} WnJob;

/* notify_fd is an eventfd, borrowed. */
WnCommitter *wn_committer_new(const WnJournalIo *io, const char *spool,
    const char *worker, int notify_fd);

/* Before the first job only. */
void wn_committer_set_io(WnCommitter *self, const WnJournalIo *io);

/* Does all jobs that were given, then ends the thread.  What came back and was
 * not taken can still be taken before. */
void wn_committer_stop(WnCommitter *self);
void wn_committer_free(
    WnCommitter *self); /* after stop, with nothing to take */

/* The segment has been written up to its end.  True: the thread sleeps and
 * wn_committer_wake() is needed; a caller who expects more may wait with it. */
bool wn_committer_written(WnCommitter *self, WnActive *segment);
void wn_committer_wake(WnCommitter *self);

/* Wakes the thread.  With a segment whose error is set: it is abandoned. */
void wn_committer_close(WnCommitter *self, WnActive *segment);
void wn_committer_make(WnCommitter *self, int64_t now_ms);

/* The oldest job that came back, to be freed with g_free(); NULL: none. */
WnJob *wn_committer_take(WnCommitter *self);
