/* SPDX-License-Identifier: MIT */
#pragma once

/* One message's texts, and the rules' expressions run over them. */

#include "engine.h"
#include "group.h"
#include "waiting.h"

typedef struct PatternScan {
    const PatternRules *rules;
    const bool *may_wait; /* of each rule */
    PatternMatcher *matcher;
    const PatternMail *mail;
    PatternResults *results;
    PatternPieces *pieces[PATTERN_META]; /* by kind (nullable) */
    GString *text;                       /* of a header */
    GArray *candidates;                  /* uint32_t */
    GArray *places;                      /* PatternPlace */
    PatternWaiting *waiting;
    uint32_t *stamps; /* of each rule: the piece it was last run on */
    uint32_t *next;   /* of each rule: where it may match again in it */
    uint32_t stamp;
} PatternScan;

/* The members above text are the caller's. */
void pattern_scan_init(PatternScan *self);
void pattern_scan_clear(PatternScan *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(PatternScan, pattern_scan_clear)

/* Runs the group's rules, or notes where they are to be run. */
void pattern_scan_group(PatternScan *self, const PatternGroup *group);

/* Whether the rule was put off. */
bool pattern_scan_waits(const PatternScan *self, uint32_t number);

/* Runs a rule that was. */
void pattern_scan_catch_up(PatternScan *self, uint32_t number);

/* The most hits that are counted of a rule. */
uint32_t pattern_scan_hits_wanted(const PatternRule *rule);
