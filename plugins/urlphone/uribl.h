/* SPDX-License-Identifier: MIT */
#ifndef URLPHONE_URIBL_H
#define URLPHONE_URIBL_H

/*
 * DNS lists of sites (URIBL, SURBL, DBL), asked about the registered domains of
 * a message's URLs and about addresses in their place.
 *
 * The domains of links come first, then those of text, then of headers and mail
 * addresses; SITE_NAMES_MAX are asked about, each once, at every list, all at
 * once and for two seconds together.  Domains of the recipients are not asked
 * about, nor those that the option names.
 *
 * Which answers count says dnslist/spec.h, when a list counts dnslist/zone.h:
 * nothing is believed of a list before it has passed its test.  A call makes
 * the tests that are due, beside its questions, and waits for them.
 */

#include "dnslist/spec.h"
#include "dnslist/zone.h"

/* A call waits for at most 256 things: a list may need 20 questions, and three
 * for its test. */
#define URIBL_ZONES_MAX 8

typedef struct UriblEntry {
    DnslistSpec spec;
    DnslistZone *zone;
} UriblEntry;

/* One set of settings. */
typedef struct UriblPolicy {
    uint32_t skip_option;
    uint32_t n;
    UriblEntry entries[];
} UriblPolicy;

typedef struct Uribl {
    const WnHost *host;
    DnslistZones zones;
    int32_t listed; /* metric */
    uint32_t findings_max;
} Uribl;

/* Makes metrics: in instance_new only. */
void uribl_init(Uribl *self, const WnHost *host, uint32_t findings_max);

/* The options' places.  NULL with err, which names the option. */
UriblPolicy *uribl_policy_new(Uribl *self, const WnSettings *settings,
    uint32_t zones_option, uint32_t skip_option, WnError *err);
void uribl_policy_free(UriblPolicy *policy);

/* For a hook to return. */
WnVerdict uribl_look(Uribl *self, WnCall *call, const UriblPolicy *policy);

#endif
