/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Private to winnow-queue: the words of "winnowctl queue" (DESIGN §10), and the
 * answers as text and JSON.
 */

#include "core/control/control.h"
#include "core/queue/queue.h"

/* words: list, show, retry, hold, release, delete, bounce and what belongs to
 * them.  Answers the call, now or later; nothing is done if one of the words is
 * wrong. */
void wn_queue_run_command(WnQueue *queue, const char *const *words,
    WnControlCall *call);
