/* SPDX-License-Identifier: MIT */
#pragma once

/* What "winnowctl status" prints of a running winnowd. */

#include "core/control/supervisor.h"

void wn_status_print(const WnSupervisorView *view, GString *out);
void wn_status_print_json(const WnSupervisorView *view, GString *out);

/* The same of "winnowctl sync --status": the settings, and what is wrong with
 * single ones. */
void wn_status_print_sync(const WnSupervisorView *view, GString *out);
void wn_status_print_sync_json(const WnSupervisorView *view, GString *out);
