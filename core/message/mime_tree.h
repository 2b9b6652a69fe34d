/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The MIME structure of a message, flattened depth first.  One pass over the
 * lines with a stack of its own: time is linear whatever the message holds, the
 * call stack stays flat, and memory is bounded by WN_MESSAGE_PARTS_MAX.
 */

#include "core/message/content.h"
#include "core/message/message.h"

typedef enum {
    WN_MIME_OTHER,
    WN_MIME_TEXT, /* any text but HTML; also what has no or a broken type */
    WN_MIME_HTML
} WnMimeKind;

typedef struct WnMimePart {
    WnMessagePart part; /* as wn_message_part() shows it */
    WnEncoding encoding;
    WnMimeKind kind;
    bool shown; /* not inside of anything with the disposition "attachment" */
} WnMimePart;

typedef struct WnMimeTree {
    GArray *parts; /* WnMimePart */
    uint32_t problems;
} WnMimeTree;

/* block is the header of the message.  Names and types go to the arena. */
void wn_mime_tree_init(WnMimeTree *self, WnSpan message,
    const WnHeaderBlock *block, WnArena *arena);
void wn_mime_tree_clear(WnMimeTree *self);
