/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * "winnowctl sync" in winnowd: asks winnow-sync of the generation that serves,
 * and answers when every program works with the result.
 *
 *    IDLE --send--> ASKED --published--> SPREADING --all use it--> IDLE
 *                     |                      |
 *                     +--- failed, late -----+--> IDLE, the answer is no
 *
 * Requests that come meanwhile are answered together by one more.
 */

#include "core/control/control.h"
#include "core/control/generation.h"

/* What the answer begins with when something was published; what stays behind
 * follows. */
#define WN_SYNC_PUBLISHED "snapshot "

typedef struct WnSyncRequest WnSyncRequest;

WnSyncRequest *wn_sync_request_new(WnLoop *loop);
void wn_sync_request_free(WnSyncRequest *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnSyncRequest, wn_sync_request_free)

void wn_sync_request_add(WnSyncRequest *self, WnControlCall *call, bool force);

/* Sends what waits, if nothing is under way. */
void wn_sync_request_send(WnSyncRequest *self, WnGeneration *generation);

void wn_sync_request_synced(WnSyncRequest *self, WnGeneration *generation,
    uint32_t serial, const char *problem);

/* The generation is complete: everyone uses what was published. */
void wn_sync_request_complete(WnSyncRequest *self, WnGeneration *generation);

/* The answer to all is no. */
void wn_sync_request_fail(WnSyncRequest *self, const char *why);
