/* SPDX-License-Identifier: MIT */
#pragma once

/* Where in one message rules that may not be needed are still to be run. */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define PATTERN_WAITS_MAX 65536u /* of one message */

#define PATTERN_WAIT_EVERY UINT32_MAX /* all pieces */
#define PATTERN_WAIT_WHOLE UINT32_MAX /* anywhere in the piece */

typedef struct PatternWait {
    uint32_t piece;
    uint32_t at;
    uint32_t next; /* the rule's next one's number, or 0 */
} PatternWait;

typedef struct PatternWaiting {
    GArray *waits;   /* of PatternWait; the first is none */
    uint32_t *first; /* of each rule: number, or 0 */
    uint32_t *last;  /* of each rule */
    uint64_t *costs; /* of each rule: what running it would be */
    bool *impatient; /* of each rule: it must not wait any more */
} PatternWaiting;

PatternWaiting *pattern_waiting_new(guint n_rules);
void pattern_waiting_free(PatternWaiting *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PatternWaiting, pattern_waiting_free)

bool pattern_waiting_is_full(const PatternWaiting *self);
void pattern_waiting_add(PatternWaiting *self, uint32_t rule, PatternWait wait,
    uint64_t cost);
