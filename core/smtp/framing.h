/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The one decoder of DATA in winnow: finds CRLF.CRLF and nothing else, and
 * keeps the message in wire form, dot-stuffed, as it was received.  Pure and
 * incremental: the result does not depend on how the input is cut.
 *
 * Bare CR and LF are seen and counted, never taken for a line end; the session
 * refuses or normalises by configuration after the true end.
 */

#include "core/base/span.h"

#include <glib.h>

#define WN_MESSAGE_LINE_MAX (1024 * 1024) /* octets; longer: 554 5.6.0 */

typedef struct WnFraming {
    uint8_t state;      /* progress towards CRLF.CRLF */
    uint64_t n_bytes;   /* of wire form so far, without the final ".CRLF" */
    uint64_t n_stuffed; /* lines that begin with a stuffed dot */
    uint64_t line_len;  /* of the current line, without CRLF and the dot */
    uint64_t longest_line;
    bool bare_cr, bare_lf, nul, eight_bit;
    bool nul_dot; /* a line that is the end of data to those who ignore NUL */
    uint8_t disguise; /* progress towards nul_dot */
} WnFraming;

typedef enum {
    WN_FRAMING_MORE, /* all input was message */
    WN_FRAMING_END   /* the true end was reached */
} WnFramingStatus;

void wn_framing_init(WnFraming *self);

/* Looks at input; *out_message bytes of it belong to the wire form,
 * *out_consumed were used up (the final ".CRLF" is consumed but is no message).
 * A dot at the very end of input may be held back: then both are one or two
 * less than input.len and the rest must be offered again with more bytes. */
WnFramingStatus wn_framing_scan(WnFraming *self, WnSpan input,
    size_t *out_message, size_t *out_consumed);

/* Wire form to the message itself: takes one dot from each line that begins
 * with one.  Appends to out. */
void wn_framing_unstuff(WnSpan wire, GByteArray *out);

/* The message to wire form: a dot before each line that begins with one, CRLF
 * at the end if it has none.  Appends to out. */
void wn_framing_stuff(WnSpan message, GByteArray *out);

/* The place in wire form of a place in the unstuffed message: of the beginning
 * of a line before its stuffed dot. */
uint64_t wn_framing_wire_offset(WnSpan wire, uint64_t offset);

/* Turns each bare CR and bare LF into CRLF; for bare_newlines = normalise.
 * Works on the unstuffed message.  Appends to out. */
void wn_framing_normalise(WnSpan message, GByteArray *out);
