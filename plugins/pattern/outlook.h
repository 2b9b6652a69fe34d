/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What metas will come to while some of their rules have not been run: each
 * rule has bounds for its hits, and a meta is decided as soon as the bounds of
 * those that it names leave one outcome.  So a rule without a score of its own
 * is run only if the score depends on it.
 */

#include "rules.h"

typedef struct PatternOutlook PatternOutlook;

/* rules: finished; must live as long. */
PatternOutlook *pattern_outlook_new(const PatternRules *rules);
void pattern_outlook_free(PatternOutlook *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PatternOutlook, pattern_outlook_free)

/* Whether the rule has a score or a meta with one depends on it. */
bool pattern_outlook_needs(const PatternOutlook *self, uint32_t number);

/* One message's. */
typedef struct PatternForecast PatternForecast;

/* Every rule has not hit. */
PatternForecast *pattern_forecast_new(const PatternOutlook *outlook);
void pattern_forecast_free(PatternForecast *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PatternForecast, pattern_forecast_free)

/* The rule, no meta, has so many hits. */
void pattern_forecast_set(PatternForecast *self, uint32_t number,
    uint32_t least, uint32_t most);

/* The rule to run next: the cheapest of those with open bounds that a meta
 * with a score depends on; PATTERN_META_UNKNOWN when all scores are known.
 * Bounds may only be narrowed from the first call on. */
uint32_t pattern_forecast_next(PatternForecast *self, const uint64_t *costs);

/* Takes what is still open for no hit, and writes the hits of all metas. */
void pattern_forecast_finish(PatternForecast *self, uint32_t *hits);
