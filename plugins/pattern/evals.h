/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Those of SpamAssassin's functions (eval rules) that need nothing but the
 * message and the rule files: whose outcome is well defined and cheap.  All
 * others stay unsupported, and so do their rules.
 */

#include "headers.h"

typedef struct PatternEval PatternEval;

/* Whether rule's call "eval:name('a', 'b')" is supported. */
bool pattern_eval_is_known(const char *call);

/* How often the rule, which is known, hits. */
uint32_t pattern_eval_run(const PatternRules *rules, const PatternRule *rule,
    const PatternMail *mail);
