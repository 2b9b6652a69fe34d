/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * SMTP replies as a structure: code, enhanced code and text are separate until
 * they are written, so no text can forge a reply line.  Used by the session,
 * the filters' decisions and the client's parser.
 */

#include "core/base/buffer.h"
#include "core/base/span.h"

#define WN_REPLY_LINES_MAX 4
#define WN_REPLY_LINE_TEXT_MAX 400

typedef struct WnReply {
    uint16_t code;        /* 200 to 559 */
    const char *enhanced; /* "2.0.0"; NULL where RFC 2034 has none */
    const char *text;     /* borrowed; lines split by LF */
} WnReply;

/* Writes one reply with as many lines as its text has, at most
 * WN_REPLY_LINES_MAX; anything but printable ASCII becomes a space or "?".  A
 * code outside 200 to 559 is written as 451 4.3.0; an enhanced code that does
 * not fit the code is left out. */
void wn_reply_write(const WnReply *reply, WnBuffer *out);

/* As above with " [ID]" behind the last line's text. */
void wn_reply_write_with_id(const WnReply *reply, const char *id,
    WnBuffer *out);

/* The length of the enhanced code at the beginning of text ("5.1.1" and then
 * the end or a space) if it is one and of this reply code's class, else 0. */
size_t wn_reply_enhanced_len(WnSpan text, uint16_t code);

/*
 * The client's side: one possibly multi-line reply out of a stream.  Bounded:
 * WN_REPLY_BYTES_MAX in all.
 */
#define WN_REPLY_BYTES_MAX (64 * 1024)
#define WN_REPLY_KEPT_MAX 2048

typedef enum {
    WN_REPLY_MORE,
    WN_REPLY_OK,
    WN_REPLY_BROKEN /* no code, code outside 200..599, mixed codes, NUL, a
                     * line feed without carriage return, too long */
} WnReplyStatus;

typedef struct WnReplyParser {
    uint16_t code; /* of the first line */
    size_t n_bytes;
    size_t n_lines;
    char enhanced[12]; /* "5.1.1" or empty */
    GString *text;     /* printable, without the enhanced code, lines joined by
                        * LF, at most WN_REPLY_KEPT_MAX */
} WnReplyParser;

void wn_reply_parser_init(WnReplyParser *self);
void wn_reply_parser_clear(WnReplyParser *self);
void wn_reply_parser_reset(WnReplyParser *self); /* for the next reply */

/* Called with each line as it comes in, for EHLO keywords.  (nullable) */
typedef void (*WnReplyLineFn)(void *user, WnSpan text);

/* Uses whole lines only: what *out_consumed leaves is offered again with more
 * bytes.  After WN_REPLY_OK the rest of input is not looked at. */
WnReplyStatus wn_reply_parse(WnReplyParser *self, WnSpan input,
    size_t *out_consumed, WnReplyLineFn on_line, void *user);
