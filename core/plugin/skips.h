/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Which filters are not run, where: not over a transaction that one brought its
 * process down over, not over content that it did so over twice, and not at all
 * once it was switched off.  Such a filter counts as one that could not tell.
 *
 * Bounded: what was noted longest ago is forgotten.
 */

#include "core/base/id.h"

#include <glib.h>

typedef struct WnSkips WnSkips;

WnSkips *wn_skips_new(void);
void wn_skips_free(WnSkips *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnSkips, wn_skips_free)

/* id NULL and content 0: everywhere. */
void wn_skips_add(WnSkips *self, const char *filter, const WnId *id,
    uint64_t content);

/* Why the filter is not run now; NULL: it is.  id may be NULL, content 0. */
const char *wn_skips_why(const WnSkips *self, const char *filter,
    const WnId *id, uint64_t content);

/* What stands for the bytes of a message; never 0. */
uint64_t wn_skips_content(WnSpan bytes);
uint64_t wn_skips_content_len(uint64_t content); /* how many; 0 of none */
