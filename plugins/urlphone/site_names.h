/* SPDX-License-Identifier: MIT */
#ifndef URLPHONE_SITE_NAMES_H
#define URLPHONE_SITE_NAMES_H

/* What DNS lists of sites are asked about for one message. */

#include <winnow/plugin.h>

#include <stdbool.h>

#define SITE_NAMES_MAX 20
#define SITE_NAME_LEN 253

typedef struct SiteName {
    char asked[SITE_NAME_LEN + 1]; /* an address the wrong way round */
    const WnUrl *url;              /* where it is first found */
} SiteName;

/* Whether nothing is asked about a registered domain. */
typedef bool (*SiteNameSkip)(void *user, WnStr domain, WnCall *call);

/* The names of the URLs of the call's message in the order of their weight, at
 * most SITE_NAMES_MAX. */
uint32_t site_names_collect(const WnHost *host, WnCall *call, SiteName *names,
    SiteNameSkip skips, void *user);

/* True if name is the domain or lies below it. */
bool site_name_is_in(WnStr name, WnStr domain);

#endif
