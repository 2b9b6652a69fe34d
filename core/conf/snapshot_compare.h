/* SPDX-License-Identifier: MIT */
#pragma once

/* Whether two settings files say the same. */

#include <stdbool.h>

/* Equal but for generation and time.  False also if one cannot be read. */
bool wn_snapshot_files_equal(const char *one, const char *other);
