/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What two programs may read in two ways: in the header of a message, and the
 * stable names of all such problems.
 */

#include "core/message/header_block.h"

/* WN_MESSAGE_* of the top header. */
uint32_t wn_header_problems(WnSpan message, const WnHeaderBlock *block);

/* The name of the problem with that bit, as logs and `winnowctl explain` have
 * it: "twice-from"; NULL behind the last. */
const char *wn_message_problem_name(uint32_t bit);
