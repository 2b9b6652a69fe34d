/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What a relay tells the settings database of itself: a sign of life in
 * relay_status, and what is wrong with the settings in sync_problem.
 */

#include "core/sync/database.h"

bool wn_relay_rows_tell(WnDatabase *database, const char *relay,
    uint64_t generation, uint64_t revision, GError **error);

/* Replaces the relay's rows, by one for each line "object: detail". */
bool wn_relay_rows_report(WnDatabase *database, const char *relay,
    const char *lines, GError **error);
