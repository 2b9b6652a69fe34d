/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The TCP ports of winnowd: SMTP listeners and the address of the metrics.
 * Bound once and kept over reloads, so that no connection is refused: programs
 * get duplicates of these sockets.
 */

#include "core/conf/config.h"

typedef struct WnPorts WnPorts;

WnPorts *wn_ports_new(void);
void wn_ports_free(WnPorts *self); /* closes all */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnPorts, wn_ports_free)

/* Binds what config names and is not bound yet.  After a failure some of it
 * may be bound: call wn_ports_keep_only() with what shall stay. */
bool wn_ports_bind(WnPorts *self, const WnConfig *config, GError **error);

/* Closes what config does not name. */
void wn_ports_keep_only(WnPorts *self, const WnConfig *config);

/* New connections are refused from now on. */
void wn_ports_close(WnPorts *self);

/* Borrowed; -1: not bound. */
int wn_ports_find(const WnPorts *self, const WnNetaddr *address);
