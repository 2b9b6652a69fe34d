/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * winnow-filter's end of the channel: decodes requests, hands them to the
 * engine, encodes responses.  A malformed request ends the channel, and so
 * does one that cannot be taken: this program is not what it was.
 *
 * The engine keeps the sessions of whoever asked.  Session numbers begin anew
 * with another asker, so wn_engine_forget_sessions() stands between two
 * servers.
 */

#include "core/event/channel.h"
#include "core/filtering/engine.h"

typedef struct WnFilterServer WnFilterServer;

/* The asker is gone; or it is there and waits, and a request of its could not
 * be taken. */
typedef enum { WN_SERVER_DESERTED, WN_SERVER_BROKEN } WnServerEnd;

/* The channel is gone; nothing follows.  May free the server. */
typedef void (*WnFilterServerClosedFn)(void *user, WnServerEnd end);

WnFilterServer *wn_filter_server_new(WnLoop *loop, WnEngine *engine,
    int take_fd, WnFilterServerClosedFn on_closed, void *user);
/* Cancels what is under way. */
void wn_filter_server_free(WnFilterServer *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnFilterServer, wn_filter_server_free)
