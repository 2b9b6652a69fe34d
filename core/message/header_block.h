/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Splits the top header of a message into fields by their places, without
 * changing or decoding a byte.  One linear pass over CRLF lines.  Found once
 * and used by everybody who needs the border between header and body.
 *
 * The header ends at the first empty line, or before the first line that is
 * neither a field nor a continuation (then the separator is missing and
 * malformed is set), or at the end of the message.  An mbox "From " line or
 * continuation lines at the very top are skipped: they belong to no field, and
 * what follows them is still the header, as it is for those who read the
 * message later.  A name whose colon stands on a continuation line is a field.
 */

#include "core/base/span.h"

#include <glib.h>

#define WN_HEADER_FIELDS_MAX 1000
#define WN_HEADER_BYTES_MAX (1024 * 1024)

typedef struct WnField {
    uint32_t offset;       /* of the name in the message */
    uint32_t name_len;     /* without white space before the colon */
    uint32_t value_offset; /* behind the colon */
    uint32_t end;          /* behind the CRLF of its last line */
} WnField;

typedef enum {
    WN_HEADER_OK,
    WN_HEADER_TOO_LARGE, /* over WN_HEADER_BYTES_MAX or WN_HEADER_FIELDS_MAX */
    WN_HEADER_NUL        /* a NUL byte in the header */
} WnHeaderStatus;

typedef struct WnHeaderBlock {
    GArray *fields; /* WnField, top first */
    size_t end;     /* behind the last field: where the empty line begins */
    size_t body;    /* where the body begins; = end without an empty line */
    bool separator; /* the empty line is there */
    bool malformed; /* a line that is no field ended the header, a first line
                     * that is a continuation, an mbox "From " line, a colon on
                     * a continuation line */
    size_t top;     /* where a field that is put on top goes: behind skipped
                     * lines, so that they cannot continue it */
} WnHeaderBlock;

void wn_header_block_init(WnHeaderBlock *self);
void wn_header_block_clear(WnHeaderBlock *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(WnHeaderBlock, wn_header_block_clear)

/* message holds CRLF lines and may be cut behind the header.  May be called
 * again for another message; then it allocates nothing unless there are more
 * fields than ever before.  If the header is too large, self holds the fields
 * up to there and end and body are the place where it was left. */
WnHeaderStatus wn_header_block_parse(WnHeaderBlock *self, WnSpan message);

WnSpan wn_field_name(WnSpan message, const WnField *field);
WnSpan wn_field_raw(WnSpan message, const WnField *field); /* behind the colon,
                                                            * with line ends */

/* True if a message has a body but no header and no empty line: then a field
 * that is put on top needs an empty line behind it. */
bool wn_header_block_needs_separator(const WnHeaderBlock *self,
    size_t message_len);
