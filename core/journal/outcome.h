/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What became of the recipients of a segment's messages: an append-only log
 * beside the segment, "<segment>.out" in place of "<segment>.seg".  Written by
 * winnow-queue alone, which holds a lock on it: opening the log of a segment
 * that another process delivers fails (EAGAIN).  Records carry a CRC; the
 * unfinished tail after a crash is ignored, a damaged record in the middle too,
 * and so are the outcomes of another segment, which stood here before this one
 * or was to stand here (see compact.h).  The segment is deleted before its
 * outcome log, so an outcome log without a segment is rubbish.
 *
 * Outcomes are synced together at most WN_OUTCOME_SYNC_MS after they are
 * written: what is lost with a power cut in between is delivered again.
 * Deferrals may wait longer: what is lost of them is tried again too early.
 */

#include "core/event/loop.h"
#include "core/journal/record.h"

#define WN_OUTCOME_SYNC_MS 50

typedef enum {
    WN_OUTCOME_DELIVERED = 1,
    WN_OUTCOME_DEFERRED, /* attempt count, next attempt, last reply */
    WN_OUTCOME_BOUNCED,  /* failed for good; the DSN, if any, is committed */
    WN_OUTCOME_EXPIRED,
    WN_OUTCOME_DELETED, /* by the operator */
    WN_OUTCOME_HELD,
    WN_OUTCOME_RELEASED,
    WN_OUTCOME_DELAY_NOTED, /* a delay notice went out */
    WN_OUTCOME_RELAYED /* delivered, and the sender is owed a report of that;
                        * DELIVERED follows when the report is committed */
} WnOutcomeKind;

typedef struct WnOutcome {
    WnOutcomeKind kind;
    uint64_t offset;    /* of the message's record in the segment */
    uint32_t recipient; /* index in the envelope */
    uint32_t attempts;
    int64_t at;           /* Unix seconds */
    int64_t next_attempt; /* Unix seconds; DEFERRED; HELD: when it expires, 0:
                           * never */
    WnSpan reply;         /* at most 512 bytes are kept */
} WnOutcome;

/* True for the kinds after which a recipient needs nothing any more. */
bool wn_outcome_is_final(WnOutcomeKind kind);

typedef struct WnOutcomeLog WnOutcomeLog;

/* Reads what is there, calling fn for each outcome, and opens for appending.
 * The segment must exist: its secret is in every outcome.  Errors are
 * WN_JOURNAL_ERROR with an errno value as code. */
typedef void (*WnOutcomeFn)(void *user, const WnOutcome *outcome);
WnOutcomeLog *wn_outcome_log_open(const char *spool, const char *segment,
    WnOutcomeFn fn, void *user, GError **error);
/* Only reads, without a lock: its writer may be at work.  A log that is not
 * there is empty. */
typedef struct WnOutcomeLook {
    uint64_t *out_len;
    bool *out_damaged; /* records follow on what is none */
} WnOutcomeLook;
bool wn_outcome_log_look(const char *spool, const char *segment, WnOutcomeFn fn,
    void *user, const WnOutcomeLook *look, GError **error);

void wn_outcome_log_free(WnOutcomeLog *self); /* writes and closes */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnOutcomeLog, wn_outcome_log_free)

/* Appended to memory; written by the next flush.  What has been written
 * outlives this process, what has been synced outlives a power cut. */
void wn_outcome_log_append(WnOutcomeLog *self, const WnOutcome *outcome);

/* Writes what was appended.  sync: and fdatasync.  False with error: nothing
 * is lost from memory, try again later.  Dirty: not synced yet. */
bool wn_outcome_log_flush(WnOutcomeLog *self, bool sync, GError **error);
bool wn_outcome_log_is_dirty(const WnOutcomeLog *self);

uint64_t wn_outcome_log_len(const WnOutcomeLog *self); /* on disk */

/* Tells all outcomes of the log, those not yet written too. */
bool wn_outcome_log_read(WnOutcomeLog *self, WnOutcomeFn fn, void *user,
    GError **error);

/* Puts a log in place of this one that says the same in fewer words: what was
 * noted of a recipient before its last word is gone.  Atomic; the file is
 * written under a name with WN_OUTCOME_UNMADE first.  Not before the folder is
 * synced, if that is due: the segment that stood here before a compaction may
 * come back with a power cut, and its outcomes with it. */
#define WN_OUTCOME_UNMADE ".new"
bool wn_outcome_log_rewrite(WnOutcomeLog *self, GError **error);

/* For compact.h.  From now on outcomes are those of the segment with this
 * secret, in the same file; returns the former.  Nothing may be unwritten. */
uint64_t wn_outcome_log_secret(const WnOutcomeLog *self);
uint64_t wn_outcome_log_change_secret(WnOutcomeLog *self, uint64_t secret);
void wn_outcome_log_forget_unsynced(WnOutcomeLog *self);

/* The next sync is one of the folder too. */
void wn_outcome_log_sync_folder(WnOutcomeLog *self);

/* Deletes segment and outcome log, in the order stated above; either may be
 * gone. */
bool wn_outcome_log_delete_segment(const char *spool, const char *segment,
    GError **error);
