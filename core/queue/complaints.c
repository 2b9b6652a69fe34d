/* SPDX-License-Identifier: MIT */
#include "core/queue/complaints.h"

#include "core/base/clock.h"
#include "core/base/log.h"

/* Different troubles at a time; beyond that they are told too often. */
#define COMPLAINTS_MAX 64

struct WnComplaints {
    GHashTable *told_ms; /* text -> int64_t, monotonic */
};

WnComplaints *
wn_complaints_new(void)
{
    WnComplaints *self = g_new0(WnComplaints, 1);

    self->told_ms = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
        g_free);
    return self;
}

void
wn_complaints_free(WnComplaints *self)
{
    if (self == NULL)
        return;
    g_hash_table_unref(self->told_ms);
    g_free(self);
}

void
wn_complain(WnComplaints *self, const char *what, const GError *error)
{
    int64_t now_ms = wn_clock_mono_ms();
    g_autofree char *text = g_strdup_printf("%s: %s", what, error->message);
    const int64_t *told_ms = g_hash_table_lookup(self->told_ms, text);

    if (told_ms != NULL && now_ms - *told_ms < WN_COMPLAINT_MS)
        return;
    wn_remark(WN_LEVEL_ERROR, "%s", text);
    if (g_hash_table_size(self->told_ms) >= COMPLAINTS_MAX)
        g_hash_table_remove_all(self->told_ms);
    g_hash_table_insert(self->told_ms, g_steal_pointer(&text),
        g_memdup2(&now_ms, sizeof now_ms));
}
