/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The text of header fields: from the bytes of a field to what people read
 * (RFC 2047), and back.  Both directions are linear and bounded; decoding
 * never fails, encoding never gives a byte that could begin a new line of the
 * header on its own.
 */

#include "core/base/span.h"

#include <glib.h>

/* What is decoded of one field; the rest of a longer one is not looked at. */
#define WN_HEADER_TEXT_MAX (100 * 1024)

/* Appends the value of a field (wn_field_raw) to out: unfolded, trimmed,
 * encoded words decoded, valid UTF-8, control characters as spaces.  False if
 * it was cut. */
bool wn_header_text_decode(GString *out, WnSpan raw);

/* Appends text as the value of a field whose line has column bytes already:
 * without control characters, folded at 78, encoded where needed.  Nothing is
 * put behind the last line. */
void wn_header_text_encode(GString *out, size_t column, WnSpan text);

/* Appends text as encoded words, whatever it holds. */
void wn_header_text_encode_all(GString *out, size_t column, WnSpan text);
