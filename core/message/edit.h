/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Edits of a header as actions ask for them, and their rendering to splices
 * over the message as received.  Rendering changes nothing else: all other
 * bytes of the message stay what they are.  What is inserted is ASCII lines of
 * at most 998 octets with CRLF ends: values are unfolded UTF-8, encoded by
 * RFC 2047 where needed, folded at 78; CR, LF and control characters in a value
 * become spaces, so no value can begin a new field.
 *
 * The edits of a list act one after another, each on what those before it have
 * made: a field that was added can be removed again, and the first of two
 * prefixes stands leftmost.
 */

#include "core/message/header_block.h"
#include "core/message/splice.h"

typedef enum {
    WN_EDIT_ADD,           /* a new field on top, in the order given */
    WN_EDIT_SET,           /* the first of that name replaced, others of it
                            * removed; on top if there is none */
    WN_EDIT_REMOVE,        /* all of that name */
    WN_EDIT_PREFIX_SUBJECT /* text before every Subject, unless it stands there
                            * already, alone or behind other tags; a Subject of
                            * its own if there is none */
} WnEditKind;

typedef struct WnEdit {
    WnEditKind kind;
    WnSpan name;  /* unused with PREFIX_SUBJECT */
    WnSpan value; /* or the text to put before the subject */
} WnEdit;

/* RFC 5322 §3.6.8: printable ASCII but the colon; at most 76 bytes. */
bool wn_edit_name_is_valid(WnSpan name);

/* Appends the edits in order (WnEdit array) as splices: normalised, if
 * out_splices was empty.  The insertions are allocated in strings and live as
 * long as it (a GStringChunk).  message is as received, unstuffed, and may be
 * cut behind the header; block is its header.  An edit that adds or sets a
 * field whose name is not valid does nothing.  If fields are put on top of a
 * body without a header, the empty line between them is inserted too; whoever
 * puts fields on top in another way asks wn_header_block_needs_separator(). */
void wn_edits_render(const WnEdit *edits, size_t n_edits, WnSpan message,
    const WnHeaderBlock *block, GStringChunk *strings, GArray *out_splices);

/* One header field "Name: value\r\n", encoded and folded, appended to out. */
void wn_edit_append_field(GString *out, WnSpan name, WnSpan value);
