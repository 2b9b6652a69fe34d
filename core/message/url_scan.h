/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Finds URLs in text as readers' programs do, and those that people are meant
 * to put together themselves: with a scheme, behind "www.", or a bare name
 * whose end is on the public suffix list; "example[.]com", "example (dot) com".
 * The domain of an e-mail address is no bare name.  Linear in the text.
 */

#include "core/base/span.h"

enum {
    WN_URL_SCAN_SCHEMES = 0,        /* always: "http://...", "www...." */
    WN_URL_SCAN_BARE = 1u << 0,     /* and bare names */
    WN_URL_SCAN_ADDRESSES = 1u << 1 /* and e-mail addresses, as "mailto:" */
};

typedef struct WnUrlFound {
    WnSpan text; /* as it stands there */
    WnSpan url;  /* with the tricks undone; good during the call */
    bool disguised;
} WnUrlFound;

typedef void (*WnUrlFoundFunc)(void *user, const WnUrlFound *found);

/* text is valid UTF-8. */
void wn_url_scan(WnSpan text, unsigned what, WnUrlFoundFunc on_found,
    void *user);
