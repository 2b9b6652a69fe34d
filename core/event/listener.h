/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Accepts connections on a listening socket that may be shared with other
 * processes.  When descriptors run out it gives up its reserve, answers with
 * the refusal text, takes the reserve back and pauses for 100 ms instead of
 * spinning.
 */

#include "core/base/netaddr.h"
#include "core/event/loop.h"

typedef struct WnListener WnListener;

/* fd is connected, non-blocking, and now the callee's. */
typedef void (*WnAcceptFn)(void *user, int take_fd, const WnNetaddr *peer);

/* Takes the listening fd.  refusal is sent when descriptors are short
 * (nullable, copied). */
WnListener *wn_listener_new(WnLoop *loop, int take_fd, const char *refusal,
    WnAcceptFn fn, void *user);
void wn_listener_free(WnListener *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnListener, wn_listener_free)

/* Off: connections stay in the kernel's queue for other processes. */
void wn_listener_set_accepting(WnListener *self, bool on);

/* A listening TCP socket, close-on-exec; -1 with error. */
int wn_listener_bind(const WnNetaddr *address, GError **error);

/* A listening Unix socket of this socket type, mode 0600, replacing a stale
 * one; -1 with error. */
int wn_listener_bind_unix(const char *path, int type, GError **error);
