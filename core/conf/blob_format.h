/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The layout of a blob's file.  core/conf/blob.c writes the header and reads
 * all of it; core/sync/compile.c puts the rest around it.
 *
 *    header     192 bytes
 *    report     text: the rows that were left out, and why
 *    payload    at a multiple of 64: what the plugin's compile() wrote
 *
 * Integers are in the machine's byte order, which byte_order shows: a blob is
 * compiled on the machine that uses it.  Any change of the layout raises
 * WN_BLOB_VERSION.
 */

#include "core/base/span.h"

#define WN_BLOB_MAGIC "wnblob\r\n"
#define WN_BLOB_BYTE_ORDER 0x01020304u
#define WN_BLOB_VERSION 1u
#define WN_BLOB_ALIGNMENT 64u
#define WN_BLOB_FINGERPRINT_LEN 32

typedef struct WnBlobHeader {
    char magic[8];
    uint32_t byte_order;
    uint32_t version;
    uint32_t crc;         /* CRC-32C of the header with 0 in this place */
    uint32_t content_crc; /* CRC-32C of all that comes after the header */
    uint32_t format;      /* the data set's */
    uint32_t report_len;
    uint64_t length; /* of the file */
    uint64_t offset; /* of the payload */
    uint64_t size;   /* of the payload; it ends the file */
    uint64_t rows;
    uint64_t generation;
    int64_t built; /* Unix time */
    uint8_t fingerprint[WN_BLOB_FINGERPRINT_LEN];
    uint8_t reserved[80];
} WnBlobHeader;

_Static_assert(sizeof(WnBlobHeader) == 192, "layout");

/* Where the payload stands behind a report of that length. */
static inline uint64_t
wn_blob_payload_offset(uint64_t report_len)
{
    uint64_t end = sizeof(WnBlobHeader) + report_len;

    return (end + WN_BLOB_ALIGNMENT - 1) / WN_BLOB_ALIGNMENT
           * WN_BLOB_ALIGNMENT;
}
