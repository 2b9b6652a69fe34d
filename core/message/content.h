/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The content of one MIME part: from its transfer encoding to bytes, and from
 * its charset to text.
 */

#include "core/base/arena.h"

#include <glib.h>

typedef enum {
    WN_ENCODING_NONE, /* 7bit, 8bit, binary, and what is not known */
    WN_ENCODING_BASE64,
    WN_ENCODING_QUOTED,
    WN_ENCODING_UU
} WnEncoding;

/* The value of Content-Transfer-Encoding, raw. */
WnEncoding wn_encoding_find(WnSpan value);

/* False for what RFC 2045 does not know, or more than one. */
bool wn_encoding_is_known(WnSpan value);

/* False if raw breaks the rules of its encoding (RFC 2045 §6.7, §6.8): it is
 * decoded all the same. */
bool wn_content_is_sound(WnSpan raw, WnEncoding encoding);

/* raw itself if there is nothing to decode, else in the arena. */
WnSpan wn_content_decode(WnSpan raw, WnEncoding encoding, WnArena *arena);

/* CRLF and CR become LF. */
void wn_content_unify_lines(GString *text);

/* A line feed with a space or tab behind it goes, with that. */
void wn_content_unfold_lines(GString *text);

/* A CR or LF without the other. */
bool wn_content_has_bare_line_end(WnSpan bytes);

/* Calendars and cards have folded lines (RFC 5545 §3.1), in the middle of
 * words. */
bool wn_content_is_folded_type(WnSpan type);

/* A page in an attachment: a picture that is one, or any type where the name
 * says what opens it. */
bool wn_content_is_page(WnSpan type, WnSpan file_name);
