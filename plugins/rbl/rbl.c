/* SPDX-License-Identifier: MIT */

/*
 * rbl: asks DNS lists about the client's address.
 *
 * All lists are asked at once, the instance's own at connect, so that their
 * answers are there when the first recipient is named; those that only a domain
 * has at RCPT.  The resolver keeps answers, so a list is not asked twice.  Each
 * list has two seconds from the first question about a connection; what does
 * not answer is not waited for again on that connection.  Connect and a
 * transaction wait for three seconds together at most.
 *
 * A list may go wrong: dnslist/zone.h says when it counts.  Its test needs DNS,
 * which a plugin has in a call only.  So the calls make it:
 *
 *    - Nothing is believed of a list that has not passed its first test.  Each
 *      call asks the test together with the question about the client.  Only a
 *      call whose client is listed waits for it, within the same two seconds.
 *    - Later, when a test is due, one call asks it, from connect: there the
 *      call stays open until the test is answered, while the dialogue with the
 *      client goes on.  At RCPT no call waits for a test.
 *
 * A list that is switched off counts as not configured; one that DNS does not
 * answer for has failed.  Where all block lists have failed and none lists the
 * client, the filter could not tell.
 */

#include "look.h"

#include <stdlib.h>

static const WnOption options[] = {
    [RBL_OPT_ZONES] = { .name = "zones",
        .help = "DNS lists whose clients are a match: zone[=codes[/mask]], as"
                " zen.example=127.0.0.2,127.0.0.4-127.0.0.11.",
        .type = WN_OPT_STRING_LIST,
        .flags = WN_OPT_PER_DOMAIN,
        .fallback = "",
        .max = RBL_LISTS_MAX },
    [RBL_OPT_ALLOW_ZONES] = { .name = "allow_zones",
        .help = "DNS lists whose clients are trusted, written as zones are.",
        .type = WN_OPT_STRING_LIST,
        .flags = WN_OPT_PER_DOMAIN,
        .fallback = "",
        .max = RBL_LISTS_MAX },
};

static WnVerdict
rbl_connect(void *self, WnCall *call)
{
    return rbl_look(self, call, RBL_HOLD_FOR_TESTS);
}

static WnVerdict
rbl_rcpt(void *self, WnCall *call)
{
    return rbl_look(self, call, RBL_LEAVE_TESTS);
}

/*
 * The instance
 */

static int32_t
rbl_new(const WnHost *host, const WnSettings *settings, void **self,
    WnError *err)
{
    Rbl *rbl = calloc(1, sizeof *rbl);

    (void)settings;
    if (rbl == NULL) {
        wn_error_set(err, "out of memory");
        return WN_E_FAILED;
    }
    rbl->host = host;
    dnslist_zones_init(&rbl->zones, host, DNSLIST_OF_CLIENTS);
    rbl->listed = host->metrics->counter(host, "listed",
        "Listings of clients, each counted when it is found.");
    *self = rbl;
    return WN_OK;
}

static void
rbl_free(void *self)
{
    free(self);
}

static int32_t
rbl_make_policy(void *self, const WnSettings *settings, void **policy,
    WnError *err)
{
    Rbl *rbl = self;

    *policy = rbl_policy_new(&rbl->zones, settings, err);
    return *policy != NULL ? WN_OK : WN_E_INVALID;
}

static void
rbl_drop_policy(void *self, void *policy)
{
    (void)self;
    rbl_policy_free(policy);
}

static const WnFilter filter = {
    .struct_size = sizeof(WnFilter),
    .flags = WN_FILTER_RCPT_SHARED,
    .connect = rbl_connect,
    .rcpt = rbl_rcpt,
};

static const WnPlugin plugin = {
    WN_PLUGIN_HEAD,
    .name = "rbl",
    .version = "1.0",
    .summary = "Asks DNS lists about clients.",
    .author = "the winnow authors",
    .license = "MIT",
    WN_OPTIONS(options),
    .instance_new = rbl_new,
    .instance_free = rbl_free,
    .policy_new = rbl_make_policy,
    .policy_free = rbl_drop_policy,
    .filter = &filter,
};

WN_PLUGIN(rbl, &plugin)
