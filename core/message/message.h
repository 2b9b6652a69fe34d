/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * One parsed, lazily decoded view of a message, shared by all filters and all
 * scopes.  Made in winnow-filter only.  Every view is made at its first use and
 * lives as long as the message.  All input is hostile: depth, parts, headers
 * and decoded sizes are bounded, and problems says what was cut.  The names of
 * views are those of the SDK's WnMessageApi; results are plain core types,
 * core/plugin turns them into the SDK's.  Spans have a NUL behind their end,
 * except those called raw, and the data of a part without an encoding.
 *
 * GMime decodes base64 and uuencode.  Structure, parameters and encoded words
 * are read here: GMime's parser bounds neither parts nor time (1.7 s for
 * 100,000 nested parts), and its decoder of encoded words is quadratic (0.8 s
 * for a header of 84 KB).
 */

#include "core/base/arena.h"
#include "core/message/header_block.h"

#define WN_MESSAGE_DEPTH_MAX 50
#define WN_MESSAGE_PARTS_MAX 1000
#define WN_MESSAGE_TEXT_MAX (4 * 1024 * 1024) /* of one part; of a form */

typedef enum { WN_FORM_SHOWN, WN_FORM_FOLDED, WN_FORM_HIDDEN } WnTextForms;

enum { /* = WN_MSG_* of the SDK */
    WN_MESSAGE_TOO_DEEP = 1u << 0,
    WN_MESSAGE_TOO_MANY = 1u << 1,
    WN_MESSAGE_TRUNCATED = 1u << 2,
    WN_MESSAGE_BARE_EOL = 1u << 3,
    WN_MESSAGE_8BIT_HEADER = 1u << 4
};

typedef struct WnMessageHeader {
    WnSpan name, raw, value;
} WnMessageHeader;

enum {                                    /* = WN_PART_* of the SDK */
    WN_MESSAGE_PART_ATTACHMENT = 1u << 0, /* by disposition or a file name */
    WN_MESSAGE_PART_MULTIPART = 1u << 1,
    WN_MESSAGE_PART_MESSAGE = 1u << 2,
    WN_MESSAGE_PART_BROKEN = 1u << 3
};

typedef struct WnMessagePart {
    uint32_t flags;
    int32_t parent;
    uint32_t depth;
    WnSpan type, charset, file_name, raw; /* raw: without the part's header */
} WnMessagePart;

typedef struct WnMessage WnMessage;

/* bytes: unstuffed, CRLF lines, without the final dot; borrowed until free. */
WnMessage *wn_message_new(WnSpan bytes);
void wn_message_free(WnMessage *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnMessage, wn_message_free)

WnSpan wn_message_raw(const WnMessage *self);

/* Reads the structure.  That a text was cut is known once it was asked for. */
uint32_t wn_message_problems(WnMessage *self);

const WnHeaderBlock *wn_message_header_block(WnMessage *self);

/* A field over WN_HEADER_TEXT_MAX has a value of its first bytes only, and
 * WN_MESSAGE_TRUNCATED is set.  NULL if there is no such header. */
uint32_t wn_message_n_headers(WnMessage *self);
const WnMessageHeader *wn_message_header(WnMessage *self, uint32_t n);
const WnMessageHeader *wn_message_header_named(WnMessage *self,
    const char *name, uint32_t n);

/* Depth first; part 0 is the top and always there.  A container too deep to be
 * read stands without its parts. */
uint32_t wn_message_n_parts(WnMessage *self);
const WnMessagePart *wn_message_part(WnMessage *self, uint32_t n);

/* Decoded bytes; empty for a multipart container. */
WnSpan wn_message_part_data(WnMessage *self, uint32_t n);

/* UTF-8 with LF line ends; empty unless the part is text. */
WnSpan wn_message_part_text(WnMessage *self, uint32_t n);

/* SHOWN has all text parts that a reader shows without being asked: those not
 * inside of anything with the disposition "attachment", and the top in any
 * case.  A file name alone does not hide a text part. */
WnSpan wn_message_text(WnMessage *self, WnTextForms form);
