/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Text that came from outside or goes to people: sizes and durations as they
 * are written in configuration, and cleaning.
 */

#include "core/base/span.h"

#include <glib.h>

/* "30s", "5m", "4h", "5d", "250ms", or a number of seconds; milliseconds. */
bool wn_text_to_duration_ms(WnSpan text, int64_t *out_ms);

/* "50M", "64k", "1G", or bytes; powers of 1024. */
bool wn_text_to_size(WnSpan text, int64_t *out_bytes);

/* "2.5" to 2500; at most three decimals. */
bool wn_text_to_score(WnSpan text, int64_t *out_thousandths);

/* "true yes on 1" and "false no off 0". */
bool wn_text_to_bool(WnSpan text, bool *out_value);

/* The entry of candidates (NULL-terminated) that text was probably meant to
 * be, or NULL: for "did you mean" in errors. */
const char *wn_text_closest(const char *text, const char *const *candidates);

/* Control characters, DEL and invalid UTF-8 become spaces, as does CR LF. */
void wn_text_clean(GString *text);

/* The length of the UTF-8 character (RFC 3629) text begins with, and its code
 * point; 0 if it begins with none. */
size_t wn_text_utf8_next(WnSpan text, uint32_t *out_code);

/* False for what must not reach a terminal or a log as it is: controls, line
 * separators, and marks that turn the direction of writing. */
bool wn_text_is_printable(uint32_t code);
