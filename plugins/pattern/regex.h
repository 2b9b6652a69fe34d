/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Regular expressions as rule files write them, compiled by PCRE2 with JIT.
 * Bytes are matched; only an expression that names characters beyond one byte
 * is compiled for UTF-8.  Every match is bounded: an expression that would
 * backtrack without end fails with PATTERN_LIMIT instead.
 */

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

#define PATTERN_SOURCE_MAX (64u * 1024) /* of one expression */
#define PATTERN_MATCH_LIMIT 100000u
#define PATTERN_DEPTH_LIMIT 10000u
#define PATTERN_HEAP_LIMIT_KIB 4096u

#define PATTERN_ERROR pattern_error_quark()
GQuark pattern_error_quark(void);

/* An expression taken out of its delimiters. */
typedef struct PatternSource {
    char *text;
    bool caseless, extended, multi_line, dot_all;
    bool utf; /* needs UTF-8 */
} PatternSource;

/* Reads /.../ix, m{...}i, m!...! from the start of literal; *rest is behind
 * the flags. */
bool pattern_source_read(PatternSource *self, const char *literal,
    const char **rest, GError **error);
void pattern_source_clear(PatternSource *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(PatternSource, pattern_source_clear)

typedef struct PatternRegex PatternRegex;

PatternRegex *pattern_regex_new(const PatternSource *source, GError **error);
void pattern_regex_free(PatternRegex *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PatternRegex, pattern_regex_free)

/* What one thread needs to match: limits, stack and match data. */
typedef struct PatternMatcher PatternMatcher;

PatternMatcher *pattern_matcher_new(void);
void pattern_matcher_free(PatternMatcher *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PatternMatcher, pattern_matcher_free)

typedef enum { PATTERN_NO_MATCH, PATTERN_FOUND, PATTERN_LIMIT } PatternResult;

/* Lets it be looked for at single places, too. */
void pattern_regex_prepare_places(PatternRegex *self);

/* Looks from *at on; with PATTERN_FOUND *at is where to look for the next. */
PatternResult pattern_regex_match(const PatternRegex *self,
    PatternMatcher *matcher, const char *text, size_t len, size_t *at);

/* Looks at *at only, after pattern_regex_prepare_places(). */
PatternResult pattern_regex_match_at(const PatternRegex *self,
    PatternMatcher *matcher, const char *text, size_t len, size_t *at);
