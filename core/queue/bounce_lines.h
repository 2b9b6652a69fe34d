/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The lines that a report is made of: CRLF, none too long, and nothing in them
 * that text from outside could end a line or a field with.  Part of bounce.h;
 * nothing else uses it.
 */

#include "core/queue/bounce.h"

void wn_bounce_add(GByteArray *out, const char *text);
void wn_bounce_add_line(GByteArray *out, const char *format, ...)
    G_GNUC_PRINTF(2, 3);

/* One line of printable text, whatever it was, of about max bytes at most
 * (transfer full).  utf8: it may hold more than ASCII. */
char *wn_bounce_clean(WnSpan text, size_t max, bool utf8);

/* A field whose value came from outside and must stay in one piece, an address
 * above all: on one line, as long as it may be. */
void wn_bounce_add_word(GByteArray *out, const char *name, WnSpan value,
    bool utf8);

/* A field whose text came from outside, folded between words. */
void wn_bounce_add_field(GByteArray *out, const char *name, const char *prefix,
    WnSpan value, bool utf8);

/* Lines of a paragraph, each with this in front. */
void wn_bounce_add_wrapped(GByteArray *out, const char *indent, WnSpan text,
    bool utf8);

/* The first part of a report: what happened, for people who do not know how
 * mail works. */
void wn_bounce_add_explanation(const WnDsn *dsn, bool utf8, GByteArray *out);
