/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Runs a set of rules over a message.  Rules are grouped by what they look at;
 * each group has a prefilter, so that most rules cost nothing for most
 * messages.
 */

#include "views.h"

typedef struct PatternEngine PatternEngine;

typedef enum {
    PATTERN_SCORES,  /* what no score depends on may be not run: no hit */
    PATTERN_ALL_HITS /* every rule is run */
} PatternExtent;

/* rules: finished (transfer full). */
PatternEngine *pattern_engine_new(PatternRules *rules, PatternExtent extent);
void pattern_engine_free(PatternEngine *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PatternEngine, pattern_engine_free)

const PatternRules *pattern_engine_rules(const PatternEngine *self);

/* What one message may cost: the bytes that expressions looked at, and for each
 * that was given up as many again as it may have tried. */
#define PATTERN_WORK_MAX (16u * 1024 * 1024)
#define PATTERN_WORK_LIMIT (1u * 1024 * 1024)

/* What came of one message.  Rules not run, because the message cost too much
 * already, have not hit, nor have metas that need them. */
typedef struct PatternResults {
    uint32_t *hits;     /* of each rule, by its number */
    int64_t score;      /* thousandths: the sum */
    uint32_t n_limits;  /* matches given up at a limit */
    uint32_t n_skipped; /* rules not run */
    bool *skipped;      /* of each rule */
    uint64_t work;
} PatternResults;

void pattern_engine_run(const PatternEngine *self, PatternMatcher *matcher,
    const PatternMail *mail, PatternResults *out);
void pattern_results_clear(PatternResults *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(PatternResults, pattern_results_clear)
