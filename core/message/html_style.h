/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The style that a tag has from its name and its attributes.
 */

#include "core/message/html_attributes.h"
#include "core/message/html_stack.h"

#include <glib.h>

/* Fills in all but the tag's name.  scratch holds a style attribute that has
 * entities in it, until the next call. */
void wn_html_style_read(WnHtmlElement *self, uint32_t flags,
    const WnAttributes *attributes, GString *scratch);
