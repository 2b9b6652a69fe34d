/* SPDX-License-Identifier: MIT */
#pragma once

/* Rules that look at the same text, and what finds those that may match. */

#include "prefilter.h"
#include "rules.h"
#include "window.h"

typedef struct PatternGroup {
    PatternKind kind;
    char *header; /* (nullable) */
    PatternForm form;
    GArray *rules;    /* uint32_t: run on every piece */
    GArray *filtered; /* uint32_t: run where the prefilter finds them */
    PatternPrefilter *prefilter; /* (nullable) */
    PatternWindows *windows;     /* (nullable) */
} PatternGroup;

/* wanted: of each rule, whether it is to be run.  Of PatternGroup. */
GPtrArray *pattern_groups_new(const PatternRules *rules, const bool *wanted);
