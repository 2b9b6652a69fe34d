/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The host of a URL in its one normal form: lower case, A-labels, IPv4 dotted
 * however it was written, IPv6 as RFC 5952 has it.  What a browser would not
 * look up is no host.  Bounded, whatever is given.
 */

#include "core/base/span.h"

#define WN_URL_HOST_MAX 253
#define WN_URL_HOST_RAW_MAX 1024 /* as written: what is longer is no host */

typedef struct WnUrlHost {
    char name[WN_URL_HOST_MAX + 1];
    size_t len;
    size_t registered; /* where the registered domain begins in name; len if
                        * there is none */
    bool is_ip;
    bool known;     /* ends in a suffix of the public suffix list */
    bool is_suffix; /* of a registry, as co.uk: nobody's own */
    bool disguised; /* not written as people write hosts */
} WnUrlHost;

/* raw: without user and port, in UTF-8.  False if it is no host; then out_host
 * says nothing. */
bool wn_url_host_parse(WnSpan raw, WnUrlHost *out_host);

/* The same without the public suffix list: registered, known and is_suffix say
 * nothing. */
bool wn_url_host_read(WnSpan raw, WnUrlHost *out_host);

/* For what is read but not seen: zero-width characters, soft hyphens, marks of
 * direction. */
bool wn_url_is_invisible(uint32_t code);

/* The ASCII character that stands for this one in the names of hosts (full
 * width, mathematical letters, ideographic full stop ...); 0 if there is
 * none. */
char wn_url_ascii_of(uint32_t code);
