/* SPDX-License-Identifier: MIT */
#pragma once

/* A test's scene, mail and run behind wn-harness.h. */

#include "sdk/harness/run.h"
#include "sdk/harness/wn-harness.h"

struct WnHarness {
    const WnModule *module;
    char *folder;
    char *options, *domain;
    char *rule, *evidence, *refusal;
    int32_t score;
    bool early;
    bool refused; /* as was expected */
    char *helo, *rdns, *sender, *message;
    WnChainClient client;
    GPtrArray *recipients;
    bool usual_recipient;
    WnZone *zone;
    WnShim *shim;
    WnWorld *world;
    WnRun *run;
};
