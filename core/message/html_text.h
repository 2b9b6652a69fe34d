/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The text of HTML as a reader sees it, roughly: tags and comments are taken
 * out, what script, style and title hold is dropped, entities are characters,
 * blocks begin on a line of their own and white space is collapsed.  One pass,
 * no tree, no recursion.
 */

#include "core/base/span.h"

#include <glib.h>

/* html is valid UTF-8.  Appends to out until it is max bytes long; false if
 * something was left. */
bool wn_html_text_append(GString *out, WnSpan html, size_t max);
