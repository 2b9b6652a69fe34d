/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What text must hold for a regular expression to match: a set of strings, one
 * of which stands in every match, whatever its case.  Conservative: where the
 * expression is not understood there is no such set.
 */

#include "regex.h"

#define PATTERN_LITERAL_MIN 3
#define PATTERN_LITERAL_MAX 64
#define PATTERN_LITERALS_MAX 24

/* Lower-case strings of PATTERN_LITERAL_MIN bytes or more, as GByteArray
 * (transfer full), or NULL. */
GPtrArray *pattern_literals_find(const PatternSource *source);
