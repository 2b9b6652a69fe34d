/* SPDX-License-Identifier: MIT */
#pragma once

/* Two filters that always find something, for tests of actions: one in the
 * message, one at RCPT.  Options: rule, evidence, score. */

#include "core/plugin/sdk.h"

extern const WnPlugin wn_finder_late;
extern const WnPlugin wn_finder_early;
