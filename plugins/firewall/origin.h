/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Whether a client belongs to the domain it speaks for: anybody can claim a
 * name.  It does if
 *    - its verified name lies in the domain, or
 *    - another filter has found SPF to pass (tag "spf"), for sender domains, or
 *    - the domain's address records, or its mail servers', hold its address.
 */

#include <winnow/plugin.h>

#include <stdbool.h>

/* The first two, known at once.  domain: of the entry, in any case. */
bool origin_is_known(const WnHost *host, WnCall *call, const char *domain,
    bool is_sender);

/* Asks for the last.  fn is called in place of each answer's callback, with
 * whether it was the client; false: nothing was asked. */
typedef WnVerdict (*OriginFn)(void *user, WnCall *call, bool found);
bool origin_ask(const WnHost *host, WnCall *call, const char *domain,
    bool is_sender, OriginFn fn, void *user);
