/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Segment files: making, scanning, telling whether their writer still lives.
 *
 *    state       file                          who may touch it
 *    open        writer holds its lock         writer appends, queue reads
 *    sealed      SEAL record at the end        queue reads, then deletes
 *    orphaned    no SEAL, no lock              queue reads up to the tail that
 *                                              is no valid record, then deletes
 *    damaged     a bad record with valid ones  queue delivers what is valid and
 *                behind it, or the end of the  moves the file to spool/damaged
 *                file is missing
 */

#include "core/journal/record.h"

#define WN_SEGMENT_SIZE (64 * 1024 * 1024)
#define WN_SEGMENT_HEADER_LEN 64
#define WN_SEGMENT_UNMADE ".new"

/* Its codes are errno values. */
#define WN_JOURNAL_ERROR (wn_journal_error_quark())
GQuark wn_journal_error_quark(void);

/* The file's name: "<worker>-<16 hex digits>.seg"; a worker's name has at most
 * 40 characters.  The digits grow with time. */
typedef struct WnSegmentName {
    char text[64];
} WnSegmentName;

/* Makes, preallocates, locks and syncs a new segment (file and folder); its
 * descriptor, or -1 with error.  size is at least WN_SEGMENT_SIZE. */
int wn_segment_create(const char *spool, const char *worker, uint64_t size,
    WnSegmentName *out_name, GError **error);

/* Removes files that were being made when their maker died: those older than
 * WN_SEGMENT_UNMADE_S, so that one which is being made is left alone. */
#define WN_SEGMENT_UNMADE_S 60
void wn_segment_sweep(const char *spool);

/* Opens for reading and checks the header; -1 with error.  A damaged header is
 * got over if that of the first record is whole. */
int wn_segment_open(const char *spool, const char *name, GError **error);

/* The first record stands in for the segment's own header, which is no good. */
bool wn_segment_header_is_damaged(int fd);

/* The segment's secret (see record.h); false with errno. */
bool wn_segment_secret(int fd, uint64_t *out_secret);

/* Whether some process still has it open for appending. */
bool wn_segment_has_writer(int fd);

typedef enum {
    WN_SCAN_RECORD, /* *out_header, at *offset; envelope read and checked */
    WN_SCAN_SEAL,
    WN_SCAN_TAIL,    /* no valid record here (yet) */
    WN_SCAN_DAMAGED, /* what should be a valid record is none: *offset is moved
                      * behind it if its lengths can be believed, else to the
                      * next valid record, else to durable */
    WN_SCAN_ERROR    /* reading failed: errno */
} WnScanStatus;

/* Looks at the record at *offset (WN_SEGMENT_HEADER_LEN to begin with) and
 * moves *offset behind it; cancelled records are passed over.  The record that
 * was found begins at out_header->offset.
 *
 * Bytes before durable are known to be complete: a bad record there is damaged.
 * With UINT64_MAX, for segments without a writer, a bad record is damaged if
 * valid ones follow or the file is shorter than it was made, else the tail.
 *
 * check_body: read the body too and verify the CRC (at recovery); else only the
 * header's and the envelope's CRC are verified, the body's when it is used (see
 * wn_segment_body_is_intact).  envelope is filled with the envelope's bytes. */
WnScanStatus wn_segment_scan(int fd, uint64_t *offset, uint64_t durable,
    bool check_body, WnRecordHeader *out_header, GByteArray *envelope);

/* The header at offset, if it is whole and belongs there: it tells whose
 * message a damaged record was. */
bool wn_segment_read_header(int fd, uint64_t offset,
    WnRecordHeader *out_header);

/* Its envelope, if that is whole. */
bool wn_segment_read_envelope(int fd, const WnRecordHeader *header,
    GByteArray *envelope);

/* A search for the next record behind what the disk does not give.  Begins with
 * at: the place, all else 0. */
typedef struct WnSegmentSkip {
    uint64_t at; /* looked at next; when FOUND, where the record begins */
    unsigned n_failed;
} WnSegmentSkip;

typedef enum {
    WN_SKIP_FOUND,
    WN_SKIP_MORE, /* call again: each read that fails may take seconds */
    WN_SKIP_END   /* no record before durable, or before the end of the file */
} WnSkipStatus;

WnSkipStatus wn_segment_skip(int fd, uint64_t durable, WnSegmentSkip *skip);

/* Where the body of a record at offset begins. */
uint64_t wn_record_body_offset(uint64_t offset, const WnRecordHeader *header);

/* Whether the record's CRC is right, the body read from the file; false also if
 * it cannot be read (errno; 0 if it was read). */
bool wn_segment_body_is_intact(int fd, const WnRecordHeader *header,
    WnSpan envelope);
