/* SPDX-License-Identifier: MIT */
#pragma once

/* What "winnowctl status" prints of a running winnowd. */

#include "core/control/supervisor.h"

void wn_status_print(const WnSupervisorView *view, GString *out);
void wn_status_print_json(const WnSupervisorView *view, GString *out);
