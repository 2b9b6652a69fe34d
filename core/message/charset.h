/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Text in whatever charset mail declares, to UTF-8.  Never fails: what cannot
 * be converted becomes U+FFFD.  Without a charset, with US-ASCII, or with one
 * that is not known, the bytes are UTF-8 if they can be and else windows-1252,
 * which is what mail readers guess; ISO-8859-1 is windows-1252 too.  NUL
 * characters, which no reader shows, are left out.
 */

#include "core/base/span.h"

#include <glib.h>

typedef struct WnCharset {
    char name[40]; /* for iconv; empty if one of the two built in */
    bool guess;    /* UTF-8 if valid, else windows-1252 */
    bool latin;    /* windows-1252 */
} WnCharset;

/* name as declared, any case. */
WnCharset wn_charset_find(WnSpan name);

/* Appends to out, until out is max bytes long; false if bytes were left. */
bool wn_charset_append(GString *out, const WnCharset *charset, WnSpan bytes,
    size_t max);

/* The length of the ASCII bytes, NUL excepted, that begin the span. */
size_t wn_ascii_prefix(WnSpan bytes);
