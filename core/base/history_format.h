/* SPDX-License-Identifier: MIT */
#pragma once

/* Private to history.c and history_reader.c: the file.  In the byte order of
 * the machine, which it never leaves. */

#include "core/base/span.h"

#include <stdatomic.h>

#define WN_HISTORY_HEADER_LEN 4096
#define WN_HISTORY_RECORD_MAGIC 0x544e5648u

/* Records begin at multiples of it, as does the ring's length. */
#define WN_HISTORY_STEP 8

typedef struct WnHistoryHeader {
    char magic[8];
    uint32_t version;
    uint32_t crc;          /* of what stands before and behind it, but head */
    uint64_t ring_len;     /* of all that follows the header */
    uint8_t unused[40];    /* head is in a cache line of its own */
    _Atomic uint64_t head; /* bytes reserved since the beginning */
} WnHistoryHeader;

typedef struct WnHistoryRecord {
    uint32_t magic;
    uint32_t len;      /* of the line that follows */
    uint64_t position; /* head before it was reserved */
    uint32_t crc;      /* of the members before, then of the line */
    uint32_t unused;
} WnHistoryRecord;

/* What a record with that line takes. */
static inline uint64_t
wn_history_record_len(uint32_t line_len)
{
    return (sizeof(WnHistoryRecord) + line_len + WN_HISTORY_STEP - 1)
           & ~(uint64_t)(WN_HISTORY_STEP - 1);
}

uint32_t wn_history_header_crc(const WnHistoryHeader *header);
uint32_t wn_history_record_crc(const WnHistoryRecord *record, WnSpan line);

/* Is it the header of a file of that size? */
bool wn_history_header_fits(const WnHistoryHeader *header, int64_t file_size);
