/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Many literals looked for in one pass, whatever their case: three bytes of
 * each are in a hash table that the text's three bytes are looked up in.  The
 * cost of a scan hardly depends on the number of literals.
 */

#include <glib.h>
#include <stdint.h>

typedef struct PatternPrefilter PatternPrefilter;

PatternPrefilter *pattern_prefilter_new(void);
void pattern_prefilter_free(PatternPrefilter *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PatternPrefilter, pattern_prefilter_free)

/* literals: from pattern_literals_find(). */
void pattern_prefilter_add(PatternPrefilter *self, const GPtrArray *literals,
    uint32_t id);

/* After the last literal. */
void pattern_prefilter_build(PatternPrefilter *self);

/* Appends each id (uint32_t) with a literal in text to out; an id may come
 * more than once. */
void pattern_prefilter_scan(const PatternPrefilter *self, const char *text,
    size_t len, GArray *out);
