/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * One segment as the spool follows it.  Part of spool.h; nothing else uses it.
 *
 *    FOLLOWED  a worker appends: read up to what it says is durable
 *    CLOSING   no writer any more: read up to the tail, bodies are verified
 *    COMPLETE  there is nothing further to be read
 */

#include "core/journal/compact.h"
#include "core/queue/spool.h"

typedef enum {
    WN_SEGMENT_FOLLOWED,
    WN_SEGMENT_CLOSING,
    WN_SEGMENT_COMPLETE
} WnSegmentState;

typedef struct WnSpoolCompaction WnSpoolCompaction;

struct WnSpoolSegment {
    WnSpool *spool;
    char *name;
    WnSegmentState state;
    int fd;
    const char *map; /* the whole file */
    size_t map_len;
    WnMapGuard guard; /* of the map */
    GArray *gaps;     /* WnSpoolGap */
    WnSegmentSkip skip;
    uint64_t skip_from;
    bool skipping; /* looks for the end of a gap, which begins there */
    bool unread;   /* what stands at offset: how far it goes is to be found */
    bool failed;   /* a read of the last step: each may take seconds */
    uint64_t secret;
    WnOutcomeLog *log;
    WnStandings *prior;     /* outcomes of earlier runs; NULL when used up */
    uint64_t offset;        /* of the next record to look at */
    uint64_t durable;       /* FOLLOWED: the writer's word; 0: none yet */
    uint64_t durable_first; /* the first one: what an earlier run has read
                             * stands before it */
    uint64_t n_unsettled;
    uint64_t n_holds;
    uint64_t held_bytes; /* of the records that are held */
    uint64_t n_reads;    /* contents that are being looked at */
    uint64_t log_floor;  /* the log's length when it was last written anew */
    GArray *places;      /* WnCompactionMove: where records stand that others
                          * know by the offset before; NULL: where they did */
    WnSpoolCompaction *compaction; /* under way; NULL */
    int64_t compact_from_ms;       /* not before; monotonic */
    bool damaged;
    bool listed;           /* among those with something to read */
    bool dirty;            /* among those with outcomes to be written */
    bool urgent;           /* more than deferrals is to be synced */
    int64_t dirty_ms;      /* monotonic, since when */
    int64_t complained_ms; /* of what cannot be read; monotonic, 0: never */
};

/* Opens, maps, and reads the outcomes of earlier runs.  NULL with error. */
WnSpoolSegment *wn_spool_segment_open(WnSpool *spool, const char *folder,
    const char *name, GError **error);
void wn_spool_segment_free(WnSpoolSegment *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnSpoolSegment, wn_spool_segment_free)

/* A writer that is gone does not come back. */
void wn_spool_segment_check_writer(WnSpoolSegment *self);

/* Is there a record to be looked at now? */
bool wn_spool_segment_has_more(const WnSpoolSegment *self);

/* Has all been looked at that an earlier run may have read? */
bool wn_spool_segment_is_caught_up(const WnSpoolSegment *self);

/* Looks at one record; fn is called if it is owed to somebody, or says what
 * became of others.  False: nothing more for now.  After a step that has failed
 * others are to have a turn. */
bool wn_spool_segment_step(WnSpoolSegment *self, GByteArray *scratch,
    WnSpoolFoundFn fn, void *user);

/* The same up to so many times, but not after a failure.  False: nothing has
 * moved. */
bool wn_spool_segment_read(WnSpoolSegment *self, unsigned max,
    GByteArray *scratch, WnSpoolFoundFn fn, void *user);

/* Nothing of it is needed any more. */
bool wn_spool_segment_is_done(const WnSpoolSegment *self);

/* The successor stands in the segment's place: uses it from here on. */
void wn_spool_segment_replace(WnSpoolSegment *self, const char *folder,
    const WnCompaction *successor);

/* Where the record with this offset stands now; 0: nowhere. */
uint64_t wn_spool_segment_place(const WnSpoolSegment *self, uint64_t offset);

/* An outcome came in, with the record's present place. */
void wn_spool_compaction_note(WnSpoolCompaction *self,
    const WnOutcome *outcome);

/* The pages that were lost may be there again.  Nobody looks at the map. */
bool wn_spool_segment_map_again(WnSpoolSegment *self);

/* Deletes the files, or sets them aside if damaged. */
bool wn_spool_segment_remove(const WnSpoolSegment *self, const char *folder,
    GError **error);

/* Nothing in it can be read: an operator may still want to look at it. */
bool wn_spool_segment_set_unreadable_aside(const char *folder, const char *name,
    GError **error);
