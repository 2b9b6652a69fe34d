/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Which addresses are this host, and this relay: a server found there would get
 * its own mail back (RFC 5321 §5.1).
 */

#include "core/base/netaddr.h"

#include <glib.h>

/* The host has this address now; its port does not matter.  It is asked each
 * time: addresses come and go. */
bool wn_is_this_host(const WnNetaddr *address);

/* A connection there would reach one of these listeners (WnNetaddr). */
bool wn_is_this_relay(const GArray *listen, const WnNetaddr *address);
