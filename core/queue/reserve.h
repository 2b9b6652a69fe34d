/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Room on the spool's disk that is given up when others have filled it: what
 * has been delivered can still be noted then, so that it is not delivered
 * again.  A file, "queue.reserve" in the spool; made when there is plenty of
 * space, made smaller by a step each time somebody finds none, made whole again
 * when space has come back.
 */

#include "core/event/loop.h"

#define WN_RESERVE_BYTES (UINT64_C(8) * 1024 * 1024)
#define WN_RESERVE_STEP (UINT64_C(1) * 1024 * 1024)
#define WN_RESERVE_LOOK_MS 10000
#define WN_RESERVE_NAME "queue.reserve"

typedef struct WnReserve WnReserve;

WnReserve *wn_reserve_new(WnLoop *loop, const char *spool);
void wn_reserve_free(WnReserve *self); /* the file stays */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnReserve, wn_reserve_free)

/* Gives up a step, if the error is one of space (its code is an errno).  True:
 * try again. */
bool wn_reserve_helps(WnReserve *self /* nullable */, const GError *error);
