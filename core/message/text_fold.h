/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Text for matching: what looks the same becomes the same.  Width and case are
 * folded (NFKC), letters of other alphabets that look like a Latin one are that
 * one, invisible characters (zero-width, soft hyphens, directions, controls)
 * are removed, each run of white space is one space and each run of one
 * punctuation mark that mark once.  Of combining marks the first eight in a row
 * stay.  Folding what was folded changes nothing.  doc/text-forms.md has the
 * rules.
 */

#include "core/base/span.h"

#include <glib.h>

/* = WN_TEXT_FORMS of the SDK.  Changes with any rule; part of the format of
 * each data set that is made from folded text. */
#define WN_TEXT_FORMS_VERSION 1

/* text is valid UTF-8 without NUL; so is what is appended.  Ends once out is
 * max bytes long (or a little longer); false if something was left. */
bool wn_text_fold_append(GString *out, WnSpan text, size_t max);

/* All of it.  (transfer full) */
GString *wn_text_fold(WnSpan text);
