/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The addresses that connections of a domain behind a firewall come from: those
 * of its pool, in turn, and never any other.
 */

#include "core/conf/config.h"

/* The next address of the pool that can talk to this one and that this host
 * really has; NULL: there is none, no connection may be made. */
const WnNetaddr *wn_egress_next(const WnEgressConfig *pool, unsigned *next,
    const WnNetaddr *to);

bool wn_egress_has(const WnEgressConfig *pool, const WnNetaddr *source);
bool wn_egress_has_family(const WnEgressConfig *pool, uint8_t address_len);
