/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Making the file of a segment.  Private to core/journal; also runs in the
 * commit thread.
 */

#include "core/journal/io.h"
#include "core/journal/segment.h"

#define WN_SEGMENT_MAGIC "WNSEG1\r\n"

typedef struct WnSegmentFile {
    int fd;
    WnSegmentName name;
    uint64_t secret;
} WnSegmentFile;

typedef struct WnSegmentPlan {
    const char *spool;
    const char *worker;
    uint64_t size;
    int64_t now_ms; /* Unix; the commit thread reads no clock */
} WnSegmentPlan;

/* The header of a segment's file. */
void wn_segment_fill_header(const WnSegmentPlan *plan, uint64_t secret,
    uint8_t out[WN_SEGMENT_HEADER_LEN]);

/* 0 or errno. */
int wn_segment_make(const WnJournalIo *io, const WnSegmentPlan *plan,
    WnSegmentFile *out_file);
