/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Servers of a test's, which the plugin reaches as it would real ones: where
 * connect() names the address of one, the socket becomes one end of a pair and
 * a script (peer_script.h) holds the other.  Nothing leaves the process, and
 * nothing waits: scripts go on when the run does.
 *
 * Where the mode compares results, what a script expects and does not get is a
 * mistake of the plugin's.
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

typedef struct WnPeers WnPeers;

WnPeers *wn_peers_new(void);
void wn_peers_free(WnPeers *self);

/* "/path" or "192.0.2.1:3310" or "[2001:db8::1]:3310".  Several scripts of one
 * address take turns: the first connection has the first. */
bool wn_peers_add(WnPeers *self, const char *address, const char *lines,
    GError **error);
bool wn_peers_any(const WnPeers *self);

/* Lets each script go on as far as it gets; true: one did. */
bool wn_peers_turn(WnPeers *self);

/* When the next pause is over; -1: none is. */
int64_t wn_peers_next_ms(const WnPeers *self);

/* The test itself has cut short what goes on: nothing more is expected. */
void wn_peers_forgive(WnPeers *self);

/* At the end: nothing that was expected may be missing. */
void wn_peers_judge(WnPeers *self);

unsigned wn_peers_n_connections(const WnPeers *self);

/*
 * For sockets.c.  Results as of the system call, with errno.
 */

int wn_peers_connect(WnPeers *self, int fd, const struct sockaddr *address,
    socklen_t len);
/* Whether the descriptor is the plugin's end of a connection. */
bool wn_peers_has(const WnPeers *self, int fd);
bool wn_peers_is_reset(const WnPeers *self, int fd);
void wn_peers_break(WnPeers *self, int fd);
void wn_peers_closed(WnPeers *self, int fd);
