/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The rules of a page's style sheets that can hide text: selectors of type,
 * class, id and descent, in @media that a wide screen fulfils.  All others are
 * passed over.  The number of rules and the work of finding those that apply
 * are bounded.
 */

#include "core/message/html_css.h"

#include <glib.h>

#define WN_SHEET_RULES_MAX 1000

typedef struct WnSheet WnSheet;

typedef struct WnSheetElement {
    WnSpan tag, id, classes; /* as the source has them */
} WnSheetElement;

/* work: how many comparisons matching may take, all elements together. */
WnSheet *wn_sheet_new(size_t work);
void wn_sheet_free(WnSheet *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnSheet, wn_sheet_free)

/* Adds what a <style> element holds. */
void wn_sheet_add(WnSheet *self, WnSpan text);

/* Puts what applies to the last of the elements, the others being around it,
 * over style. */
void wn_sheet_apply(WnSheet *self, const WnSheetElement *elements,
    size_t n_elements, WnCssStyle *style);

/* True if there were too many rules, or too much work. */
bool wn_sheet_is_cut(const WnSheet *self);
