/* SPDX-License-Identifier: MIT */
#pragma once

/* Private to winnowctl db: one row of a list, as export and lookup show it. */

#include "core/programs/ctl/db.h"

/* The columns, in order, for a SELECT. */
#define CTL_ENTRY_COLUMNS                           \
    "id, value, source, note, "                     \
    "DATE_FORMAT(added_at, '%Y-%m-%dT%H:%i:%sZ'), " \
    "DATE_FORMAT(expires_at, '%Y-%m-%dT%H:%i:%sZ')"

enum {
    CTL_ENTRY_ID,
    CTL_ENTRY_VALUE,
    CTL_ENTRY_SOURCE,
    CTL_ENTRY_NOTE,
    CTL_ENTRY_ADDED_AT,
    CTL_ENTRY_EXPIRES_AT,
    CTL_ENTRY_N
};

extern const WnColumn ctl_entry_columns[CTL_ENTRY_N];

/* One JSON object and a line feed. */
void ctl_entry_print_json(const WnStatement *row);
