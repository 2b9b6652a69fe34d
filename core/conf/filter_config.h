/* SPDX-License-Identifier: MIT */
#pragma once

/* Reads [filter NAME] groups of conf.d: how plugins are used. */

#include "core/conf/config.h"
#include "core/conf/keyfile.h"

/* The filter, with defaults for what had problems.  position is the number
 * that the file's name begins with. */
WnFilterConfig *wn_filter_config_read(const WnKeyfile *file,
    const WnKeyGroup *group, int position, WnProblems *problems);
void wn_filter_config_free(void *self); /* a GDestroyNotify */
