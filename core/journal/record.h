/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What stands in a journal segment.  A segment is a file of fixed size,
 * preallocated and zeroed:
 *
 *    +---------+--------+--------+-----+------------------+
 *    | segment | record | record | ... | zeros to the end |
 *    | header  |        |        |     |                  |
 *    +---------+--------+--------+-----+------------------+
 *
 *    record: header, envelope, then the body once, in wire form with its final
 *            dot, then zeros up to a multiple of 8
 *
 *    record header, 64 bytes:
 *       0 magic "WNR1"       24 envelope length   40 CRC of this header
 *       4 version, kind, 0   28 CRC of it all     44 CRC of the envelope
 *       8 id                 32 body length       48 segment's secret
 *                                                 56 own offset
 *
 * A record is valid if its CRC is right over header, envelope and body.  The
 * header has a CRC of its own, so a damaged body does not hide what follows.
 * The segment's secret is a random number that stands in the segment's header
 * and in each record's: bytes of a message can never pass for a record, even
 * when records are searched for behind damage.  The first bytes that are no
 * valid record are the unfinished tail of a segment whose writer died: they
 * were never acknowledged.  All integers are little-endian; a record begins at
 * a multiple of 8.
 */

#include "core/base/id.h"
#include "core/base/wire.h"

#include <glib.h>

#define WN_RECORD_HEADER_LEN 64
#define WN_RECORD_ENVELOPE_MAX (16 * 1024 * 1024)
#define WN_RECORD_BODY_MAX (UINT64_C(1) << 32)

/* The end of every body: the message itself is body_len less this. */
#define WN_RECORD_DOT ".\r\n"
#define WN_RECORD_DOT_LEN 3

typedef enum {
    WN_RECORD_MESSAGE = 1,
    WN_RECORD_SEAL = 2, /* the writer has closed this segment; nothing follows
                         * (lengths 0) */
    WN_RECORD_CANCELLED = 3 /* a message that was refused after all, because its
                             * commit failed; only its lengths matter.  Scanning
                             * skips it. */
} WnRecordKind;

typedef struct WnRecordHeader {
    WnRecordKind kind;
    WnId id;
    uint32_t envelope_len;
    uint64_t body_len; /* with the final dot */
    uint32_t crc; /* of the header (both its CRCs zero), envelope and body */
    uint32_t envelope_crc;
    uint64_t secret; /* of the segment */
    uint64_t offset; /* of the record in the segment */
} WnRecordHeader;

/* The header's own CRC is made here. */
void wn_record_header_write(const WnRecordHeader *self,
    uint8_t out[WN_RECORD_HEADER_LEN]);

/* Exactly one header; false if it is none, its own CRC is wrong, or a length is
 * out of range.  Whether it stands in its place is for the caller to check. */
bool wn_record_header_read(WnSpan bytes, WnRecordHeader *out_header);

/* The whole length, padded to 8. */
uint64_t wn_record_len(const WnRecordHeader *self);

/* CRC over header and envelope; the body's bytes are then added with
 * wn_crc32c(). */
uint32_t wn_record_crc(const WnRecordHeader *self, WnSpan envelope);

/*
 * The envelope of a message: who sent it, and for each scope its recipients
 * and its edits.
 */
typedef struct WnEnvelopeRecipient {
    WnSpan address; /* local@domain as the client gave it */
    WnSpan notify;  /* DSN, as given; empty if absent */
    WnSpan orcpt;
    uint32_t scope; /* index */
} WnEnvelopeRecipient;

typedef struct WnEnvelopeScope {
    WnSpan domain;   /* whose route is taken: the customer domain of the
                      * recipients; of the target, if redirected */
    WnSpan redirect; /* sent to this address instead; empty: no */
    WnSpan prepend;  /* trace header fields put before the message, CRLF */
    GArray *splices; /* WnSplice over the wire form; NULL: none */
    bool caught;     /* a filter's action applied to it: its sender, who may be
                      * forged, gets no report */
} WnEnvelopeScope;

typedef enum {
    WN_ENVELOPE_8BIT = 1u << 0,
    WN_ENVELOPE_UTF8 = 1u << 1, /* the header is UTF-8 and said to be */
    WN_ENVELOPE_DSN = 1u << 2   /* made by us: never answered by a DSN */
} WnEnvelopeFlags;

typedef struct WnEnvelope {
    int64_t arrived_ms; /* Unix */
    uint32_t flags;
    uint64_t generation;
    WnSpan sender; /* empty: <> */
    WnSpan ret, envid;
    WnSpan client; /* address text, for bounces and logs */
    WnSpan helo;
    WnSpan about;       /* of a report made by us: which recipients of which
                         * message it accounts for; else empty */
    GArray *scopes;     /* WnEnvelopeScope */
    GArray *recipients; /* WnEnvelopeRecipient */
} WnEnvelope;

void wn_envelope_init(WnEnvelope *self);
void wn_envelope_clear(
    WnEnvelope *self); /* frees arrays, not what spans show */
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(WnEnvelope, wn_envelope_clear)
void wn_envelope_write(const WnEnvelope *self, WnWriter *writer);

/* Spans are borrowed from bytes.  self was init'ed; false if anything is out
 * of bounds or out of range. */
bool wn_envelope_read(WnEnvelope *self, WnSpan bytes);
