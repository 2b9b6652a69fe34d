/* SPDX-License-Identifier: MIT */
#pragma once

/* The folders an instance works in. */

#include "core/conf/config.h"

/* Makes run, state and spool where they are missing: mode 0700, the owner is
 * config->user if this process is root. */
bool wn_folders_make(const WnConfig *config, GError **error);

/* After giving up root: reports those that exist and cannot be used.
 * can_make: whoever starts winnowd can make what is missing. */
void wn_folders_check(const WnConfig *config, bool can_make,
    WnProblems *problems);
