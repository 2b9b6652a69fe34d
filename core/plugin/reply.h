/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The text of a refusal: substitutions made once, then cleaned to lines that
 * are legal in SMTP, whatever was put in.
 */

#include "core/base/arena.h"

#define WN_REPLY_LINES_MAX 4
#define WN_REPLY_LINE_MAX 400

typedef struct WnReplyFacts {
    WnSpan client;    /* %c */
    WnSpan sender;    /* %s */
    WnSpan recipient; /* %r */
    WnSpan domain;    /* %d */
    WnSpan filter;    /* %f */
    WnSpan evidence;  /* %e */
    WnSpan id;        /* %i */
    WnSpan host;      /* %h */
} WnReplyFacts;

/* Lines of printable ASCII, split by LF, none empty; no line at all gives the
 * empty span.  A line feed in text splits lines, in a fact it does not.  What
 * is too long is cut. */
WnSpan wn_reply_text(WnSpan text, const WnReplyFacts *facts, WnArena *arena);

/* "5.7.1" with the class of code (RFC 3463 §2). */
bool wn_reply_enhanced_is_valid(WnSpan enhanced, uint16_t code);
