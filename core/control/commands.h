/* SPDX-License-Identifier: MIT */
#pragma once

/* winnowctl's words to winnowd: status [--json], reload, stop, sync [--force]
 * [--status] [--json]. */

#include "core/control/control.h"
#include "core/control/supervisor.h"

/* Listens at path; the supervisor is borrowed. */
WnControlServer *wn_commands_listen(WnLoop *loop, const char *path,
    WnSupervisor *supervisor, GError **error);
