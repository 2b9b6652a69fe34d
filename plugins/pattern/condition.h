/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The conditions of rule files: ifplugin NAME, if (version >= 3.004), if
 * !plugin(...), if can(...).  winnow answers as SpamAssassin 4.0.1 with its
 * usual plugins would: what such a plugin computes are eval rules, which must
 * be seen to be named as unsupported.
 */

#include <stdbool.h>

typedef enum {
    PATTERN_CONDITION_FALSE,
    PATTERN_CONDITION_TRUE,
    PATTERN_CONDITION_UNREADABLE
} PatternCondition;

bool pattern_condition_plugin(const char *name);
PatternCondition pattern_condition(const char *expression);
