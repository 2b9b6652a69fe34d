/* SPDX-License-Identifier: MIT */
#pragma once

/* Private to winnowctl explain: what plugins see of a message (--view). */

#include "core/base/json.h"
#include "core/programs/ctl/explain_print.h"

void explain_view_json(const ExplainResult *self, WnJson *json);
void explain_view_text(const ExplainResult *self, GString *out);

/* A message may hold what would change a terminal: shown as \xNN. */
void explain_append_printable(GString *out, WnSpan text);

/* Each line by itself, set off from what explain says. */
void explain_append_lines(GString *out, const char *title, WnSpan text);
