/* SPDX-License-Identifier: MIT */
#include "core/dns/cache.h"

typedef struct Entry {
    GList link; /* in by_use */
    WnAnswer *answer;
    char key[];
} Entry;

static size_t
entry_size(const Entry *entry)
{
    return sizeof(*entry) + strlen(entry->key) + 1 + entry->answer->size;
}

static void
remove_entry(WnDnsCache *self, Entry *entry)
{
    self->n_bytes -= entry_size(entry);
    g_queue_unlink(&self->by_use, &entry->link);
    g_hash_table_remove(self->entries, entry->key);
    wn_answer_unref(entry->answer);
    g_free(entry);
}

void
wn_dns_cache_init(WnDnsCache *self)
{
    self->entries = g_hash_table_new(g_str_hash, g_str_equal);
    g_queue_init(&self->by_use);
    self->n_bytes = 0;
}

void
wn_dns_cache_clear(WnDnsCache *self)
{
    while (!g_queue_is_empty(&self->by_use))
        remove_entry(self, g_queue_peek_head(&self->by_use));
    g_clear_pointer(&self->entries, g_hash_table_unref);
}

WnAnswer *
wn_dns_cache_get(WnDnsCache *self, const char *key, int64_t now_ms)
{
    Entry *entry = g_hash_table_lookup(self->entries, key);

    if (entry == NULL)
        return NULL;
    if (entry->answer->resolution.expires_ms <= now_ms) {
        remove_entry(self, entry);
        return NULL;
    }
    g_queue_unlink(&self->by_use, &entry->link);
    g_queue_push_tail_link(&self->by_use, &entry->link);
    return entry->answer;
}

void
wn_dns_cache_put(WnDnsCache *self, const char *key, WnAnswer *answer)
{
    Entry *entry = g_hash_table_lookup(self->entries, key);
    size_t key_size = strlen(key) + 1;

    if (entry != NULL)
        remove_entry(self, entry);
    entry = g_malloc0(sizeof(*entry) + key_size);
    entry->link.data = entry;
    entry->answer = wn_answer_ref(answer);
    memcpy(entry->key, key, key_size);
    g_hash_table_insert(self->entries, entry->key, entry);
    g_queue_push_tail_link(&self->by_use, &entry->link);
    self->n_bytes += entry_size(entry);
    while (self->by_use.length > WN_DNS_CACHE_MAX
           || self->n_bytes > WN_DNS_CACHE_BYTES_MAX)
        remove_entry(self, g_queue_peek_head(&self->by_use));
}
