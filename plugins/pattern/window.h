/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Finds in one pass over a text which of many expressions could match in it:
 * for those without a good literal, whose letters are classes and whose gaps
 * may be filled.  For each expression it knows which bytes can stand at each of
 * the next WINDOW bytes from where some part of it begins; a bit for each
 * expression, a table for each of the bytes, and the text is looked at through
 * all tables at once.  The cost does not depend on the text.
 */

#include "expression.h"

#define PATTERN_WINDOW 8u

typedef struct PatternWindows PatternWindows;

PatternWindows *pattern_windows_new(void);
void pattern_windows_free(PatternWindows *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PatternWindows, pattern_windows_free)

/* False if nothing can be said of it: it may match the empty text, most texts
 * look like it, or it is too large. */
bool pattern_windows_add(PatternWindows *self, const Expression *expression,
    uint32_t id);

/* After the last. */
void pattern_windows_build(PatternWindows *self);

/* Where a match of an expression may begin. */
typedef struct PatternPlace {
    uint32_t id;
    uint32_t at;
} PatternPlace;

/* Appends to somewhere the ids (uint32_t) of those that could match anywhere
 * in the text, and to places (PatternPlace) where each of those could begin of
 * which only that is known, in ascending order for each.  A text is at most
 * UINT32_MAX long. */
void pattern_windows_scan(PatternWindows *self, const char *text, size_t len,
    GArray *somewhere, GArray *places);
