/* SPDX-License-Identifier: MIT */
#include "core/smtp/known_limits.h"

#include "core/base/shared_table.h"

#define SETS (1u << 15) /* 190,000 sets of servers in at most 8 MiB */
#define NAME WN_SPAN("limits")

/* A value: 0 is the table's "nothing". */
#define KNOWN (UINT64_C(1) << 63)
#define NO_UTF8 (UINT64_C(1) << 62)
#define SIZE_MASK (NO_UTF8 - 1)

struct WnKnownLimits {
    WnSharedTable *table;
};

int
wn_known_limits_create(void)
{
    return wn_shared_table_create(SETS);
}

WnKnownLimits *
wn_known_limits_new(int fd)
{
    WnSharedTable *table = wn_shared_table_new(fd);
    WnKnownLimits *self;

    if (table == NULL)
        return NULL;
    self = g_new0(WnKnownLimits, 1);
    self->table = table;
    return self;
}

void
wn_known_limits_free(WnKnownLimits *self)
{
    if (self == NULL)
        return;
    wn_shared_table_free(self->table);
    g_free(self);
}

void
wn_limits_key_begin(WnLimitsKey *self, WnTlsPolicy tls)
{
    self->len = (size_t)g_snprintf(self->text, sizeof(self->text), "%d", tls);
}

/* A space occurs in no host name. */
void
wn_limits_key_add(WnLimitsKey *self, WnSpan host, uint16_t port)
{
    size_t room = sizeof(self->text) - self->len;
    size_t need = host.len + sizeof(" :65535");

    if (self->len == 0)
        return;
    if (need > room) {
        self->len = 0;
        return;
    }
    self->len += (size_t)g_snprintf(self->text + self->len, room, " %.*s:%u",
        (int)host.len, host.ptr, port != 0 ? port : 25);
}

void
wn_limits_key_of_domain(WnLimitsKey *self, const WnSnapshot *snapshot,
    const WnDomain *domain)
{
    wn_limits_key_begin(self, domain->tls);
    for (uint32_t i = 0; i < domain->n_servers; i++) {
        WnServer server = wn_snapshot_server(snapshot, domain, i);

        wn_limits_key_add(self, server.host, server.port);
    }
}

void
wn_known_limits_note(WnKnownLimits *self, const WnLimitsKey *key,
    const WnLimits *limits)
{
    WnSpan name = wn_span(key->text, key->len);
    uint64_t value = 0;

    if (key->len == 0)
        return;
    if (limits != NULL)
        value = KNOWN | (limits->no_utf8 ? NO_UTF8 : 0)
                | MIN(limits->max_size, SIZE_MASK);
    /* There is one writer: what has been read is still there. */
    wn_shared_table_replace(self->table, NAME, name,
        wn_shared_table_load(self->table, NAME, name), value,
        WN_KNOWN_LIMITS_S);
}

WnLimits
wn_known_limits_get(const WnKnownLimits *self, const WnLimitsKey *key)
{
    uint64_t value = 0;

    if (key->len > 0)
        value = wn_shared_table_load(self->table, NAME,
            wn_span(key->text, key->len));
    if (!(value & KNOWN))
        return (WnLimits){ 0 };
    return (WnLimits){ .no_utf8 = (value & NO_UTF8) != 0,
        .max_size = value & SIZE_MASK };
}
