/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Expressions over rules: && || ! + - * / and comparisons, as Perl has them.
 * Compiled to a small stack machine; no recursion, neither here nor there.
 */

#include "regex.h"

#include <stdint.h>

#define PATTERN_META_MAX 16384 /* tokens of one expression */

typedef struct PatternMeta PatternMeta;

/* The number that stands for a name, or PATTERN_META_UNKNOWN for an error. */
#define PATTERN_META_UNKNOWN UINT32_MAX
typedef uint32_t (*PatternMetaName)(void *user, const char *name);

PatternMeta *pattern_meta_new(const char *text, PatternMetaName name,
    void *user, GError **error);
void pattern_meta_free(PatternMeta *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PatternMeta, pattern_meta_free)

/* The names' numbers (uint32_t), some maybe twice. */
const GArray *pattern_meta_names(const PatternMeta *self);

/* values: by the names' numbers.  A division by zero gives 0. */
double pattern_meta_run(const PatternMeta *self, const uint32_t *values);

/* What a value may be. */
typedef struct PatternBounds {
    double least, most;
    bool never_zero;
} PatternBounds;

/* What the expression may come to; exact if all values are. */
PatternBounds pattern_meta_bounds(const PatternMeta *self,
    const PatternBounds *values);
