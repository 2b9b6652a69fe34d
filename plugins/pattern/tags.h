/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * replace_tag: <A> in an expression stands for what a rule file has named A.
 * <pre P>, <inter I> and <post P> in the expression name what is put before,
 * between and behind tags.
 */

#include "rules.h"

#define PATTERN_TAGS_MAX (512u * 1024)

/* Replaces *text (transfer full both ways); false if it became too long. */
bool pattern_tags_apply(const PatternRules *rules, char **text);

/* The same with each tag as a named group that is called where the tag stood:
 * short, where the text above is too long to be compiled.  NULL if the text
 * has groups that are referred to by number (transfer full). */
char *pattern_tags_as_groups(const PatternRules *rules, const char *text);
