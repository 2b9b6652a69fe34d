/* SPDX-License-Identifier: MIT */
#ifndef RBL_POLICY_H
#define RBL_POLICY_H

/* One set of settings: the lists to ask, block lists first. */

#include "dnslist/spec.h"
#include "dnslist/zone.h"

/* Each list may need three questions and a call waits for at most 256. */
#define RBL_LISTS_MAX 32

enum { RBL_OPT_ZONES, RBL_OPT_ALLOW_ZONES };

typedef struct RblEntry {
    DnslistSpec spec;
    DnslistZone *zone;
} RblEntry;

typedef struct RblPolicy {
    uint32_t n;
    uint32_t n_block; /* the others are allow lists */
    RblEntry entries[];
} RblPolicy;

/* NULL with err, which names the option. */
RblPolicy *rbl_policy_new(DnslistZones *zones, const WnSettings *settings,
    WnError *err);
void rbl_policy_free(RblPolicy *self);

#endif
