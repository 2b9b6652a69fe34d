/* SPDX-License-Identifier: MIT */
#pragma once

/* The events of winnowd. */

#include "core/control/generation.h"

/* problem NULL: all went well. */
void wn_supervisor_log_reload(const char *result, uint64_t generation,
    const char *problem);
void wn_supervisor_log_ready(const WnPublished *published);
