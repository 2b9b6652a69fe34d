/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The plugin's calls of sockets, where a test has peers: connections go to
 * those and to nobody else, each call may fail where the mode says so, and in
 * the mode "pieces" calls take and give a few bytes at a time and often none.
 * Without peers all calls are the real ones.
 */

#include "sdk/harness/peer.h"

/* For the plugin and the libraries that came with it (imports.h). */
void wn_sockets_watch(void *handle, const void *mark);

/* The peers of this test; NULL: it is over. */
void wn_sockets_use(WnPeers *peers);
