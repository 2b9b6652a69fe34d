/* SPDX-License-Identifier: MIT */
#include "core/queue/account.h"

enum { ENTRY_LEN = 5 };

typedef struct Entry {
    WnId message;
    uint32_t recipient;
    WnOutcomeKind kind;
    WnId report;
} Entry;

struct WnAccounts {
    GHashTable *entries; /* Entry, itself */
};

void
wn_account_begin(const WnId *message, uint32_t n, WnWriter *out)
{
    wn_write_raw(out, message->bytes, sizeof(message->bytes));
    wn_write_u32(out, n);
}

void
wn_account_add(uint32_t recipient, WnOutcomeKind kind, WnWriter *out)
{
    wn_write_u32(out, recipient);
    wn_write_u8(out, (uint8_t)kind);
}

static guint
entry_hash(gconstpointer key)
{
    const Entry *entry = key;
    guint hash = entry->recipient * 31 + entry->kind;

    /* The end of an id is its random part. */
    for (size_t i = 8; i < sizeof(entry->message.bytes); i++)
        hash = hash * 31 + entry->message.bytes[i];
    return hash;
}

static gboolean
entry_equal(gconstpointer a, gconstpointer b)
{
    const Entry *one = a;
    const Entry *other = b;

    return one->recipient == other->recipient && one->kind == other->kind
           && wn_id_eq(&one->message, &other->message);
}

WnAccounts *
wn_accounts_new(void)
{
    WnAccounts *self = g_new0(WnAccounts, 1);

    self->entries = g_hash_table_new_full(entry_hash, entry_equal, g_free,
        NULL);
    return self;
}

void
wn_accounts_free(WnAccounts *self)
{
    if (self == NULL)
        return;
    g_hash_table_unref(self->entries);
    g_free(self);
}

void
wn_accounts_take(WnAccounts *self, const WnId *report, WnSpan about)
{
    WnReader reader = wn_reader(about);
    WnSpan id = wn_read_raw(&reader, sizeof(WnId));
    uint32_t n = wn_read_count(&reader, ENTRY_LEN);

    for (uint32_t i = 0; i < n && wn_reader_ok(&reader); i++) {
        Entry *entry = g_new0(Entry, 1);

        memcpy(entry->message.bytes, id.ptr, sizeof(entry->message.bytes));
        entry->recipient = wn_read_u32(&reader);
        entry->kind = wn_read_u8(&reader);
        entry->report = *report;
        g_hash_table_add(self->entries, entry);
    }
}

bool
wn_accounts_find(const WnAccounts *self, const WnId *message,
    uint32_t recipient, WnOutcomeKind kind, WnId *out_report)
{
    Entry key = { .message = *message, .recipient = recipient, .kind = kind };
    const Entry *found = g_hash_table_lookup(self->entries, &key);

    if (found == NULL)
        return false;
    *out_report = found->report;
    return true;
}
