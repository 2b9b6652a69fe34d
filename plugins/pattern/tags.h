/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * replace_tag: <A> in an expression stands for what a rule file has named A.
 * <pre P>, <inter I> and <post P> in the expression name what is put before,
 * between and behind tags.
 */

#include "rules.h"

/* Replaces *text (transfer full both ways); false if it became too long. */
bool pattern_tags_apply(const PatternRules *rules, char **text);
