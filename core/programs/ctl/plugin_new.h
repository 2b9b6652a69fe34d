/* SPDX-License-Identifier: MIT */
#pragma once

/* Private to winnowctl: plugin new. */

#include "core/programs/ctl/ctl.h"

WnExit ctl_plugin_new(WnCtl *ctl);
