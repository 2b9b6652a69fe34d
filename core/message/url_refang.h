/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Text with the tricks undone by which people keep programs from seeing URLs,
 * and the way back to the places in the text as it was: "[.]", "(dot)" and
 * their like are dots, invisible characters are gone, letters and dots of other
 * widths and alphabets of symbols are ASCII.  "(at)" becomes "@", so that an
 * address stays an address.
 */

#include "core/base/span.h"

#include <glib.h>

typedef struct WnRefanged {
    WnSpan original;
    GString *text;
    GArray *points;
} WnRefanged;

/* text is valid UTF-8 and stays borrowed. */
void wn_refanged_init(WnRefanged *self, WnSpan text);
void wn_refanged_clear(WnRefanged *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(WnRefanged, wn_refanged_clear)

/* The part of the original that start to end of text was made of, and whether
 * anything was changed there. */
WnSpan wn_refanged_origin(const WnRefanged *self, size_t start, size_t end,
    bool *out_changed);
