/* SPDX-License-Identifier: MIT */
#pragma once

/* The generations that stand in state/snapshots. */

#include <glib.h>
#include <stdint.h>

/* Their numbers, oldest first (transfer full). */
GArray *wn_generations_list(const char *folder);
