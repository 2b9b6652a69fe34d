/* SPDX-License-Identifier: MIT */
#include "core/journal/standing.h"

struct WnStandings {
    GHashTable *table; /* WnStanding, set */
};

static guint
standing_hash(gconstpointer key)
{
    const WnStanding *standing = key;
    uint64_t mixed = (standing->offset >> 3) * UINT64_C(0x9e3779b97f4a7c15)
                     + standing->recipient;

    return (guint)(mixed ^ mixed >> 32);
}

static gboolean
standing_equal(gconstpointer a, gconstpointer b)
{
    const WnStanding *one = a;
    const WnStanding *other = b;

    return one->offset == other->offset && one->recipient == other->recipient;
}

static void
standing_free(gpointer data)
{
    WnStanding *standing = data;

    g_clear_pointer(&standing->reply, g_ref_string_release);
    g_free(standing);
}

WnStandings *
wn_standings_new(void)
{
    WnStandings *self = g_new0(WnStandings, 1);

    self->table = g_hash_table_new_full(standing_hash, standing_equal,
        standing_free, NULL);
    return self;
}

void
wn_standings_free(WnStandings *self)
{
    if (self == NULL)
        return;
    g_hash_table_unref(self->table);
    g_free(self);
}

const WnStanding *
wn_standings_get(const WnStandings *self, uint64_t offset, uint32_t recipient)
{
    WnStanding key = { .offset = offset, .recipient = recipient };

    return self != NULL ? g_hash_table_lookup(self->table, &key) : NULL;
}

guint
wn_standings_count(const WnStandings *self)
{
    return g_hash_table_size(self->table);
}

static void
note_deferral(WnStanding *standing, const WnOutcome *outcome)
{
    g_autofree char *reply = wn_span_dup(outcome->reply);

    standing->attempts = outcome->attempts;
    standing->next_attempt = outcome->next_attempt;
    g_clear_pointer(&standing->reply, g_ref_string_release);
    if (outcome->reply.len > 0)
        standing->reply = g_ref_string_new_intern(reply);
}

static WnStanding *
need(WnStandings *self, const WnOutcome *outcome)
{
    WnStanding key = { .offset = outcome->offset,
        .recipient = outcome->recipient };
    WnStanding *standing = g_hash_table_lookup(self->table, &key);

    if (standing == NULL) {
        standing = g_memdup2(&key, sizeof key);
        g_hash_table_add(self->table, standing);
    }
    return standing;
}

void
wn_standings_note(void *user, const WnOutcome *outcome)
{
    WnStanding *standing = need(user, outcome);

    standing->at = outcome->at;
    switch (outcome->kind) {
    case WN_OUTCOME_DELIVERED:
    case WN_OUTCOME_BOUNCED:
    case WN_OUTCOME_EXPIRED:
    case WN_OUTCOME_DELETED:
        standing->settled = outcome->kind;
        break;
    case WN_OUTCOME_DEFERRED:
        note_deferral(standing, outcome);
        break;
    case WN_OUTCOME_HELD:
        standing->held = true;
        if (outcome->reply.len > 0)
            note_deferral(standing, outcome);
        standing->next_attempt = outcome->next_attempt;
        break;
    case WN_OUTCOME_RELEASED:
        standing->held = false;
        standing->next_attempt = 0;
        break;
    case WN_OUTCOME_DELAY_NOTED:
        standing->delay_noted = true;
        break;
    case WN_OUTCOME_RELAYED:
        standing->relayed_at = outcome->at;
        break;
    }
}

static void
append(WnOutcomeLog *log, const WnStanding *standing, uint64_t offset,
    WnOutcomeKind kind)
{
    bool whole = kind == WN_OUTCOME_DEFERRED;
    bool timed = whole || kind == WN_OUTCOME_HELD;
    WnOutcome outcome = { .kind = kind,
        .offset = offset,
        .recipient = standing->recipient,
        .attempts = standing->attempts,
        .at = kind == WN_OUTCOME_RELAYED ? standing->relayed_at : standing->at,
        .next_attempt = timed ? standing->next_attempt : 0,
        .reply = whole ? wn_span_str(standing->reply) : WN_SPAN_EMPTY };

    wn_outcome_log_append(log, &outcome);
}

static void
write_one(const WnStanding *standing, uint64_t offset, WnOutcomeLog *log)
{
    if (standing->settled != 0) {
        append(log, standing, offset, standing->settled);
        return;
    }
    if (standing->attempts > 0 || standing->reply != NULL)
        append(log, standing, offset, WN_OUTCOME_DEFERRED);
    if (standing->held)
        append(log, standing, offset, WN_OUTCOME_HELD);
    if (standing->delay_noted)
        append(log, standing, offset, WN_OUTCOME_DELAY_NOTED);
    if (standing->relayed_at != 0)
        append(log, standing, offset, WN_OUTCOME_RELAYED);
}

void
wn_standings_write(const WnStandings *self, WnOutcomeLog *log,
    WnStandingPlaceFn place, void *user)
{
    GHashTableIter iter;
    void *value;

    g_hash_table_iter_init(&iter, self->table);
    while (g_hash_table_iter_next(&iter, &value, NULL)) {
        const WnStanding *standing = value;
        uint64_t offset = place != NULL ? place(user, standing->offset)
                                        : standing->offset;

        if (offset != 0)
            write_one(standing, offset, log);
    }
}
