/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The history: the last events of the log that carry an id, in one file of
 * fixed size that is written round and round, so that "winnowctl trace" finds
 * them though nobody kept the log.
 *
 *    header (one page)          ring
 *    magic size crc | head      [record][record]..[record, being written]..
 *
 * Several processes map the file and append; none waits for another.  head
 * counts all bytes that were ever reserved and is moved by an atomic addition;
 * whoever moved it owns what it skipped.  A record tells the position it was
 * reserved at and has a checksum over all of itself, so a reader knows what is
 * torn (its writer was killed), overwritten, or of the lap before, and looks
 * for the next record 8 bytes further on.
 *
 * An append is a copy and a checksum: no lock, no system call, no sync.  What
 * was appended survives the end of any process, however it ends; a power cut
 * may take the last seconds.  Nothing else depends on the file: where it cannot
 * be had, or is cut short under its writers, there is no history and that is
 * all.
 */

#include "core/base/span.h"

#include <glib.h>

#define WN_HISTORY_SIZE_MIN ((int64_t)1 << 20)
#define WN_HISTORY_SIZE_MAX ((int64_t)1 << 34)
#define WN_HISTORY_LINE_MAX 16384 /* WN_LOG_LINE_MAX, in log.h */

/* What became of the file of the run before. */
typedef enum {
    WN_HISTORY_KEPT,
    WN_HISTORY_NONE,    /* there was none */
    WN_HISTORY_RESIZED, /* it is "PATH.old" now */
    WN_HISTORY_DAMAGED  /* and gone */
} WnHistoryBefore;

typedef struct WnHistory WnHistory;

/* The file at path with that size, made if need be: its descriptor, or -1 with
 * error.  All its blocks are there, so that no writer meets a full disk. */
int wn_history_open(const char *path, int64_t size, WnHistoryBefore *out_before,
    GError **error);

/* Maps an open file, which stays the caller's.  NULL: it is no history. */
WnHistory *wn_history_new(int fd);
void wn_history_free(WnHistory *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnHistory, wn_history_free)

/* The line is kept without a line feed behind it; one that is too long is left
 * out.  False: the file was cut short under us, and nothing is kept any
 * more. */
bool wn_history_append(WnHistory *self, WnSpan line);

/*
 * Reading, from the oldest record to the newest at the time of the call.  The
 * file may be written meanwhile, and may hold anything.
 */
typedef struct WnHistoryReader WnHistoryReader;

/* NULL with error if the file cannot be read or is no history. */
WnHistoryReader *wn_history_reader_new(const char *path, GError **error);
void wn_history_reader_free(WnHistoryReader *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnHistoryReader, wn_history_reader_free)

/* The next line, good until the next call; false: that was the last. */
bool wn_history_reader_next(WnHistoryReader *self, WnSpan *out_line);
