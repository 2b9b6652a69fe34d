/* SPDX-License-Identifier: MIT */
#include "sdk/harness/finder.h"

enum { OPT_RULE, OPT_EVIDENCE, OPT_POINTS };

static const WnOption options[] = {
    { .name = "rule",
        .help = "What is found.",
        .type = WN_OPT_STRING,
        .fallback = "test" },
    { .name = "evidence",
        .help = "Why.",
        .type = WN_OPT_STRING,
        .fallback = "" },
    { .name = "points",
        .help = "Thousandths of a point.",
        .type = WN_OPT_INT,
        .fallback = "0" },
};

static int32_t
finder_new(const WnHost *host, const WnSettings *settings, void **self,
    WnError *err)
{
    (void)settings;
    (void)err;
    *self = (void *)(uintptr_t)host;
    return WN_OK;
}

static WnVerdict
finder_find(void *self, WnCall *call)
{
    const WnHost *host = self;
    const WnSettings *settings = host->call->settings(call);
    WnFinding finding = { .struct_size = sizeof finding };

    finding.rule = host->settings->string(settings, OPT_RULE).ptr;
    finding.evidence = host->settings->string(settings, OPT_EVIDENCE).ptr;
    finding.score = (int32_t)host->settings->integer(settings, OPT_POINTS);
    host->call->report(call, &finding);
    return WN_MATCH;
}

static const WnFilter late = { .struct_size = sizeof(WnFilter),
    .message = finder_find };
static const WnFilter early = { .struct_size = sizeof(WnFilter),
    .rcpt = finder_find };

#define FINDER(its_name, its_filter)                                     \
    {                                                                    \
        WN_PLUGIN_HEAD, .name = its_name, .version = WN_VERSION,         \
                        .summary = "Finds something in every message.",  \
                        .author = "winnow", .license = "MIT",            \
                        WN_OPTIONS(options), .instance_new = finder_new, \
                        .filter = &its_filter                            \
    }

const WnPlugin wn_finder_late = FINDER("harness_late", late);
const WnPlugin wn_finder_early = FINDER("harness_early", early);
