/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The elements that are open while HTML is read, each with what decides whether
 * its text is seen.  Bounded: what is nested deeper than WN_HTML_DEPTH_MAX
 * counts as part of the innermost one.  As browsers do, a block ends an open
 * paragraph, an item the one before it, and an end tag all that is open inside
 * of its element, but nothing outside of a table's cell.
 */

#include "core/message/html_box.h"
#include "core/message/html_sheet.h"

#define WN_HTML_DEPTH_MAX 512

typedef struct WnHtmlStack WnHtmlStack;

WnHtmlStack *wn_html_stack_new(void);
void wn_html_stack_free(WnHtmlStack *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnHtmlStack, wn_html_stack_free)

/* Of the innermost element. */
const WnHtmlBox *wn_html_stack_box(const WnHtmlStack *self);

/* Closes what the start tag ends. */
void wn_html_stack_make_room(WnHtmlStack *self, uint8_t tag, uint32_t flags);

typedef struct WnHtmlElement {
    WnSheetElement names;
    WnSpan style;    /* the attribute, without entities */
    WnCssStyle base; /* what its tag and other attributes say */
    uint8_t tag;
} WnHtmlElement;

/* Opens an element; sheet may be NULL. */
void wn_html_stack_push(WnHtmlStack *self, const WnHtmlElement *element,
    WnSheet *sheet);
void wn_html_stack_pop(WnHtmlStack *self);

/* Closes the element of the end tag; false if there is none. */
bool wn_html_stack_close(WnHtmlStack *self, uint8_t tag);

/* True if something was too deep. */
bool wn_html_stack_is_cut(const WnHtmlStack *self);
