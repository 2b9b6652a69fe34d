/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * How parameters of DSN write what is no plain ASCII word: xtext of RFC 3461 §4
 * ("+2B") and the forms of an address of type utf-8 of RFC 6533 §3
 * ("\x{20AC}", or UTF-8 itself where that may pass).
 */

#include "core/base/span.h"

/* RFC 3461 §4 xtext that decodes to printable ASCII of at most max bytes. */
bool wn_xtext_is_valid(WnSpan text, size_t max);

/* Transfer full; what is no "+XX" stays as it is. */
char *wn_xtext_decode(WnSpan text);

/* Of an ORCPT value, "type;address", with no control character in what it
 * stands for.  utf8: UTF-8 itself may stand in it. */
bool wn_orcpt_is_valid(WnSpan value, bool utf8);

/* The address that an ORCPT value stands for, with its type in front ("rfc822;"
 * or "utf-8;"), as a report shows it (transfer full).  utf8: the report may
 * hold UTF-8. */
char *wn_orcpt_decode(WnSpan value, bool utf8);

/* With "\x{HEX}" for every character that is not ASCII (transfer full). */
char *wn_orcpt_to_ascii(WnSpan value);
