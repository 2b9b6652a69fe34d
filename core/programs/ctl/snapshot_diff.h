/* SPDX-License-Identifier: MIT */
#pragma once

/* Private to winnowctl snapshot: what two generations say differently. */

#include "core/conf/snapshot.h"

/* Readable lines, or with json one object a line: domains in the order of
 * their names, then the data sets in the two generations' folders. */
void snapshot_diff_print(const WnSnapshot *old, const WnSnapshot *new_,
    bool json, GString *out);
void snapshot_diff_data(const char *old_folder, const char *new_folder,
    bool json, GString *out);
