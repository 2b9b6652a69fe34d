/* SPDX-License-Identifier: MIT */
#pragma once

/* Private to winnowctl: makes a change live, and says when it is. */

#include "core/programs/ctl/ctl.h"

/* Asks the running daemon to look at the settings; it answers when every
 * program works with them, or with what is wrong. */
WnExit ctl_ask_sync(const WnConfig *config, GString *out_text);

/* The same after a change has been stored, and the result is printed: no
 * daemon is no fault then. */
WnExit ctl_make_live(const WnConfig *config);
