/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The character entities of HTML 4 by name, and those of HTML 5 that stand for
 * ASCII characters and for what cannot be seen.
 */

#include "core/base/span.h"

#include <glib.h>

/* name without "&" and ";"; 0 if there is none. */
uint32_t wn_html_entity(WnSpan name);

/* text begins with "&".  Gives the length of the reference to a character that
 * begins it, with its semicolon if it has one; 0 if it is none. */
size_t wn_html_entity_read(WnSpan text, uint32_t *out_code);

/* Appends text with its references as what they stand for. */
void wn_html_entities_decode(GString *out, WnSpan text);
