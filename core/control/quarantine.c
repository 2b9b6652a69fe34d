/* SPDX-License-Identifier: MIT */
#include "core/control/quarantine.h"

/* Filters of one configuration; what a wild process invents beyond is not
 * kept. */
#define FILTERS_MAX 1000

typedef struct Faults {
    int64_t times_ms[WN_QUARANTINE_FAULTS]; /* a ring, the oldest at next */
    unsigned n;
    unsigned next;
    bool held;
} Faults;

struct WnQuarantine {
    GHashTable *filters; /* name to Faults */
};

WnQuarantine *
wn_quarantine_new(void)
{
    WnQuarantine *self = g_new0(WnQuarantine, 1);

    self->filters = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
        g_free);
    return self;
}

void
wn_quarantine_free(WnQuarantine *self)
{
    if (self == NULL)
        return;
    g_hash_table_unref(self->filters);
    g_free(self);
}

static Faults *
faults_of(WnQuarantine *self, const char *filter)
{
    Faults *faults = g_hash_table_lookup(self->filters, filter);

    if (faults != NULL || g_hash_table_size(self->filters) >= FILTERS_MAX)
        return faults;
    faults = g_new0(Faults, 1);
    g_hash_table_insert(self->filters, g_strdup(filter), faults);
    return faults;
}

bool
wn_quarantine_note(WnQuarantine *self, const char *filter, int64_t now_ms)
{
    Faults *faults = faults_of(self, filter);

    if (faults == NULL || faults->held)
        return false;
    faults->times_ms[faults->next] = now_ms;
    faults->next = (faults->next + 1) % WN_QUARANTINE_FAULTS;
    faults->n = MIN(faults->n + 1, WN_QUARANTINE_FAULTS);
    faults->held = faults->n == WN_QUARANTINE_FAULTS
                   && now_ms - faults->times_ms[faults->next]
                          <= WN_QUARANTINE_WINDOW_MS;
    return faults->held;
}

bool
wn_quarantine_holds(const WnQuarantine *self, const char *filter)
{
    const Faults *faults = g_hash_table_lookup(self->filters, filter);

    return faults != NULL && faults->held;
}
