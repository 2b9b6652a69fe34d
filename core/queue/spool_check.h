/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * "winnowctl queue fsck": reads every file of a spool, says what stands in it,
 * and repairs what can be repaired without losing anything.  Looking changes
 * nothing and may be done beside a running daemon: what is being written, or
 * has gone meanwhile, is no fault.
 */

#include "core/journal/segment.h"

typedef enum {
    WN_SPOOL_SEGMENT,
    WN_SPOOL_UNREADABLE, /* called a segment, but none */
    WN_SPOOL_LEFT_OVER,  /* of something that was cut short; goes at the next
                          * start */
    WN_SPOOL_UNKNOWN     /* nothing of ours */
} WnSpoolFileKind;

typedef struct WnSpoolDamage {
    uint64_t offset;
    WnId id; /* zeros: not known */
    const char *what;
} WnSpoolDamage;

typedef struct WnSpoolFile {
    const char *name;
    WnSpoolFileKind kind;
    uint64_t bytes; /* on disk */
    char *error;    /* why it cannot be read; NULL */

    /* Of a segment. */
    bool has_writer;
    uint64_t n_live, n_done;
    uint64_t live_bytes;
    uint64_t outcome_bytes;
    bool outcomes_damaged;
    GArray *damages; /* WnSpoolDamage */
    bool repaired;
    bool aside; /* in spool/damaged, and name says so: what is live there is
                 * delivered by nobody */
} WnSpoolFile;

bool wn_spool_file_is_wrong(const WnSpoolFile *self);

/* What is told is good during the call. */
typedef void (*WnSpoolFileFn)(void *user, const WnSpoolFile *file);

typedef enum { WN_SPOOL_LOOK, WN_SPOOL_REPAIR } WnSpoolCheckMode;

/* Calls fn for each file, by name, then for the segments in spool/damaged,
 * which are never repaired.  What the disk does not give of a segment counts as
 * damaged.  False with error: the folder cannot be
 * read, or is to be repaired while a winnow-queue works on it (EWOULDBLOCK).
 *
 * Repair: a damaged segment that nobody writes is kept in spool/damaged; a new
 * one with the messages that can be read and are owed to somebody takes its
 * place.  A file that is no segment goes to spool/damaged. */
bool wn_spool_check(const char *folder, WnSpoolCheckMode mode, WnSpoolFileFn fn,
    void *user, GError **error);
