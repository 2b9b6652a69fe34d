/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What HTML loads or leads to: the values of attributes that hold addresses,
 * meta refresh, srcset, url() and @import in styles, the title, scripts (as
 * javascript: URLs).  Character
 * references are decoded.  What stands in comments does not count, but for the
 * conditional ones that some readers show.  One pass, no tree.
 */

#include "core/base/span.h"

#include <glib.h>

/* value is good during the call.  encoded: letters or punctuation of it were
 * written as character references. */
typedef void (*WnHtmlLinkFunc)(void *user, WnSpan value, bool encoded);

/* html is valid UTF-8. */
void wn_html_links(WnSpan html, WnHtmlLinkFunc on_link, void *user);

/* Appends text with its character references decoded, by the rules for
 * attributes; true if one of them stood for a character of URLs that needs
 * none. */
bool wn_html_decode_attribute(GString *out, WnSpan text);
