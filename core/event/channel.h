/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Messages between winnow's processes on one machine: a SOCK_SEQPACKET Unix
 * socket, one packet a message, with a type, a version and at most one
 * descriptor.  Sending never blocks: what the kernel does not take now is
 * queued here.  The receiver trusts nothing: a malformed packet ends the
 * channel, never the process.
 */

#include "core/base/span.h"
#include "core/event/loop.h"

#define WN_CHANNEL_VERSION 1
#define WN_CHANNEL_MESSAGE_MAX (160 * 1024)

typedef struct WnChannel WnChannel;

/* take_fd is -1 or a descriptor that is now the callee's.  payload is good
 * during the callback. */
typedef void (
    *WnChannelFn)(void *user, uint16_t type, WnSpan payload, int take_fd);

/* The peer is gone or broke the format.  Nothing follows; free it. */
typedef void (*WnChannelClosedFn)(void *user);

/* Takes a connected SOCK_SEQPACKET fd. */
WnChannel *wn_channel_new(WnLoop *loop, int take_fd, WnChannelFn on_message,
    WnChannelClosedFn on_closed, void *user);
void wn_channel_free(WnChannel *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnChannel, wn_channel_free)

/* Payload at most WN_CHANNEL_MESSAGE_MAX; pass_fd is duplicated, -1 for none.
 * A send to a peer that is gone is dropped; on_closed tells. */
void wn_channel_send(WnChannel *self, uint16_t type, WnSpan payload,
    int pass_fd);
size_t wn_channel_queued(const WnChannel *self); /* messages not yet taken */

/* Process id of the peer when it connected (SO_PEERCRED). */
int wn_channel_peer_pid(const WnChannel *self);

/* Two connected close-on-exec sockets, large buffers; false with errno. */
bool wn_channel_pair(int out_fds[2]);

/* Connects to a listening Unix socket of type SEQPACKET; -1 with errno. */
int wn_channel_dial(const char *path);
