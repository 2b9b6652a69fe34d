/* SPDX-License-Identifier: MIT */
#pragma once

/* The keys of winnow.conf's groups of fixed name. */

#include "core/conf/config.h"
#include "core/conf/key_table.h"

/* The table of [server], [limits] and so on; NULL: no such group. */
const WnKeyTable *wn_config_keys(const char *group);

/* For an [egress NAME] group. */
WnKeyTable wn_config_egress_keys(void);

/* Values that hold where no key is given (DESIGN §4). */
void wn_config_set_defaults(WnConfig *config);

/* NULL-terminated: the first words of all group names. */
const char *const *wn_config_group_names(void);
