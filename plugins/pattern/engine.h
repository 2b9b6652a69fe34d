/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Runs a set of rules over a message.  Rules are grouped by what they look at;
 * each group has a prefilter, so that most rules cost nothing for most
 * messages.
 */

#include "views.h"

typedef struct PatternEngine PatternEngine;

/* rules: finished (transfer full). */
PatternEngine *pattern_engine_new(PatternRules *rules);
void pattern_engine_free(PatternEngine *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PatternEngine, pattern_engine_free)

const PatternRules *pattern_engine_rules(const PatternEngine *self);

/* What came of one message. */
typedef struct PatternResults {
    uint32_t *hits;    /* of each rule, by its number */
    int64_t score;     /* thousandths: the sum */
    uint32_t n_limits; /* matches given up at a limit */
} PatternResults;

void pattern_engine_run(const PatternEngine *self, PatternMatcher *matcher,
    const PatternMail *mail, PatternResults *out);
void pattern_results_clear(PatternResults *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(PatternResults, pattern_results_clear)
