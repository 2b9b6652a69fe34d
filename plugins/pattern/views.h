/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The texts that body, rawbody, full and uri rules are matched against, each
 * as a list of pieces.  A rule sees one piece at a time.
 */

#include "headers.h"

typedef struct PatternPieces {
    GString *text;
    GArray *ends; /* size_t: where each piece ends in text */
} PatternPieces;

PatternPieces *pattern_pieces_new(void);
void pattern_pieces_free(PatternPieces *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PatternPieces, pattern_pieces_free)

void pattern_pieces_clear(PatternPieces *self);
void pattern_pieces_end(PatternPieces *self); /* of what was appended */
const char *pattern_pieces_at(const PatternPieces *self, guint n, size_t *len);

/* The subject, then the paragraphs of all text parts with white space runs as
 * one blank. */
void pattern_view_body(const PatternMail *mail, PatternPieces *out);

/* Paragraphs of the text: split at blank lines, long ones at blanks. */
void pattern_paragraphs_append(PatternPieces *out, const char *text,
    size_t len);

/* Text parts without their transfer encoding, in pieces of 2 to 4 KiB. */
void pattern_view_rawbody(const PatternMail *mail, PatternPieces *out);

/* The whole message with LF line ends. */
void pattern_view_full(const PatternMail *mail, PatternPieces *out);

void pattern_view_uri(const PatternMail *mail, PatternPieces *out);
