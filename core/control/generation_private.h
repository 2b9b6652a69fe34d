/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Private to the generation: generation.c (its programs and its state) and
 * generation_faults.c (what becomes of filters that bring programs down).
 */

#include "core/control/faults.h"
#include "core/control/generation.h"

struct WnGeneration {
    WnGenerationSpec spec;
    WnGenerationState state;
    WnConfig *config;
    int config_fd;
    int plugin_config_fd; /* without filters that were switched off; -1: as
                           * config_fd */
    int counts_fd;        /* of winnow-smtp's connections: a column for each */
    bool has_pairs;       /* false: they wait for the snapshot */
    WnPublished published;
    WnSettingsReport settings;
    WnFaults *faults;
    GPtrArray *members;
};

/* The configuration as a memory file; -1 with error. */
int wn_generation_seal_config(const WnConfig *config, GError **error);

/*
 * generation_faults.c
 */

bool wn_member_runs_plugins(const WnMember *member);

/* It has ended: notes which filter is to blame, tells the other programs, and
 * switches the filter off when it is time. */
void wn_member_note_fault(WnMember *member, const char *why);

/* Of WnProcessHandler; user is the member. */
int64_t wn_member_hook_max_ms(void *user, const WnScore *score);
