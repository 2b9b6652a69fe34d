/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Text for matching: what looks the same becomes the same.  Case and width are
 * folded (NFKC), invisible characters (zero-width, soft hyphens, directions,
 * controls) are removed, each run of white space is one space.  What combining
 * marks come after the thirtieth in a row is removed too: no language has as
 * many, and ordering them takes quadratic time.
 */

#include "core/base/span.h"

#include <glib.h>

/* text is valid UTF-8 without NUL; so is what is appended.  Ends once out is
 * max bytes long (or a little longer); false if something was left. */
bool wn_text_fold_append(GString *out, WnSpan text, size_t max);
