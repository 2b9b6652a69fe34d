/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A configuration as bytes.  winnowd reads the files once and hands what it
 * read to all programs of a generation, so that one which is started again
 * works with what was checked, whatever has been edited since.
 */

#include "core/base/wire.h"
#include "core/conf/config.h"

void wn_config_write(const WnConfig *self, WnWriter *writer);

/* NULL with error if the bytes are not those of a configuration. */
WnConfig *wn_config_from_bytes(WnSpan bytes, GError **error);

/* From a file that holds the bytes, such as a sealed memory file; fd stays the
 * caller's. */
WnConfig *wn_config_from_fd(int fd, GError **error);
