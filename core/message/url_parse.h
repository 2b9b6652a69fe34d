/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * One URL, from text to its normal form, read as browsers read it: slashes
 * either way and in any number, line ends and tabs inside do not count, a user
 * before the host is nobody.  Schemes whose names are spoiled so that nothing
 * links them (hxxp, h**p) are read as what is meant.
 */

#include "core/base/arena.h"
#include "core/message/message.h"

#define WN_URL_TEXT_MAX 8192 /* what is longer is cut */

typedef enum {
    WN_URL_SCHEME_NONE,
    WN_URL_SCHEME_WEB, /* http, ftp and others that name a host */
    WN_URL_SCHEME_MAILTO
} WnUrlScheme;

/* The places in the text; all may be empty. */
typedef struct WnUrlParts {
    WnUrlScheme scheme;
    WnSpan user, host, port;
    WnSpan path, query, fragment; /* from the slash on; behind "?"; "#" */
    bool disguised;
} WnUrlParts;

/* The scheme that text begins with, and the length of it with the colon; the
 * length is 0 if there is none that is known. */
WnUrlScheme wn_url_scheme(WnSpan text, size_t *out_len, bool *out_disguised);

/* url is trimmed and without line ends.  False if it cannot name a host. */
bool wn_url_split(WnSpan url, WnUrlParts *out_parts);

/* Sets all but part; the only flags are those that say how the URL is written.
 * url is valid UTF-8.  Results are in the arena.  False if it is none. */
bool wn_url_parse(WnSpan url, WnArena *arena, WnMessageUrl *out_url);

/* Appends with each %XX as the byte; not those of control characters. */
void wn_url_decode(GString *out, WnSpan text);
