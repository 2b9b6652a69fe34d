/* SPDX-License-Identifier: MIT */

#include "waiting.h"

PatternWaiting *
pattern_waiting_new(guint n_rules)
{
    PatternWaiting *self = g_new0(PatternWaiting, 1);
    PatternWait none = { .next = 0 };

    self->waits = g_array_new(FALSE, FALSE, sizeof(PatternWait));
    g_array_append_val(self->waits, none);
    self->first = g_new0(uint32_t, n_rules);
    self->last = g_new0(uint32_t, n_rules);
    self->costs = g_new0(uint64_t, n_rules);
    self->impatient = g_new0(bool, n_rules);
    return self;
}

void
pattern_waiting_free(PatternWaiting *self)
{
    if (self == NULL)
        return;
    g_array_unref(self->waits);
    g_free(self->first);
    g_free(self->last);
    g_free(self->costs);
    g_free(self->impatient);
    g_free(self);
}

bool
pattern_waiting_is_full(const PatternWaiting *self)
{
    return self->waits->len > PATTERN_WAITS_MAX;
}

void
pattern_waiting_add(PatternWaiting *self, uint32_t rule, PatternWait wait,
    uint64_t cost)
{
    uint32_t number = self->waits->len;

    wait.next = 0;
    g_array_append_val(self->waits, wait);
    if (self->first[rule] == 0)
        self->first[rule] = number;
    else
        g_array_index(self->waits, PatternWait, self->last[rule]).next = number;
    self->last[rule] = number;
    self->costs[rule] += cost;
}
