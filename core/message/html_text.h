/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The text of HTML, parted into what a reader sees and what is hidden from
 * them.  Tags are taken out, entities are characters, blocks begin on a line of
 * their own, white space is collapsed, and pictures are their alternative
 * texts.  Hidden is text that styles, colours, sizes and attributes hide, and
 * what comments and the title hold; scripts and style sheets are left out.  No
 * tree, no recursion.  doc/text-forms.md has the rules.
 */

#include "core/base/span.h"

#include <glib.h>

typedef enum {
    WN_HTML_TEXT_TRUNCATED = 1u << 0, /* a text was cut at max bytes */
    WN_HTML_TEXT_TOO_DEEP = 1u << 1, /* elements were taken for their parents */
    WN_HTML_TEXT_TOO_MANY = 1u << 2  /* rules of a style sheet were not used */
} WnHtmlTextProblems;

/* html is valid UTF-8.  Appends to each until it is max bytes long; hidden may
 * be NULL.  Gives WN_HTML_TEXT_*. */
uint32_t wn_html_text_append(GString *shown, GString *hidden, WnSpan html,
    size_t max);
