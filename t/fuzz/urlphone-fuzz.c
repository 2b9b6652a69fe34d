/* SPDX-License-Identifier: MIT */

/*
 * Any lines as lists: what is accepted can be compiled, checked and found
 * again.  Any bytes as a blob: refused, or every look-up stays inside.
 */

#include "plugins/urlphone/table_format.h"
#include "t/unit/urlphone_lists.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
use_record(const TableRecord *record)
{
    g_assert(g_utf8_validate_len(record->value.ptr, record->value.len, NULL));
    g_assert(g_utf8_validate_len(record->source.ptr, record->source.len, NULL));
    g_assert(g_utf8_validate_len(record->added.ptr, record->added.len, NULL));
}

static void
look_up(const Table *table)
{
    static const char *const hosts[] = { "a", "a.b", "www.example.com",
        "192.0.2.1", "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p" };
    TableRecord record;

    for (size_t i = 0; i < G_N_ELEMENTS(hosts); i++) {
        WnUrl url = { .host = { hosts[i], strlen(hosts[i]) },
            .path = { "/a/b/c", 6 },
            .query = { "a=1&b=2", 7 },
            .port = 8080 };
        WnPhone phone = { .digits = { "18005550100", 7 + i } };

        if (match_url(table, &url, &record))
            use_record(&record);
        if (match_phone(table, &phone, &record))
            use_record(&record);
    }
}

/* Each slot is made to be found: its hash is that of a key which is asked. */
static void
steer(const TableHeader *header, uint8_t *bytes, size_t size)
{
    static const char *const keys[] = { "Ha", "Hb", "Ha.b", "Hexample.com",
        "T18005550100" };

    for (uint64_t i = 0; i < header->n_slots; i++) {
        const char *key = keys[i % G_N_ELEMENTS(keys)];
        SipHash hash = siphash(header->key, key, strlen(key));
        size_t at = header->slots_at + i * sizeof(TableSlot);

        if (at + sizeof hash <= size)
            memcpy(bytes + at, &hash, sizeof hash);
    }
}

/* The first two bytes choose the numbers of the header, or nothing would get
 * past it. */
static void
use_blob(const uint8_t *data, size_t size)
{
    g_autofree uint8_t *copy = NULL;
    WnError err = { .struct_size = sizeof err };
    TableHeader header = { TABLE_MAGIC, TABLE_FORMAT, 0, 0, { 0, 0 }, 0, 0,
        size };
    Table table;

    if (size < sizeof header)
        return;
    copy = g_memdup2(data, size);
    header.bits = copy[0] % 3;
    header.n_slots = copy[1] % 16;
    header.slots_at = table_slots_at(header.bits);
    header.records_at = header.slots_at + header.n_slots * sizeof(TableSlot);
    memcpy(copy, &header, sizeof header);
    steer(&header, copy, size);
    if (lists_check(copy, size, &err) == WN_OK
        && table_open(&table, copy, size))
        look_up(&table);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    g_auto(ListBlob) urls = { 0 };
    g_auto(ListBlob) phones = { 0 };

    list_compile_text(&urls, LIST_OF_URLS, text);
    list_compile_text(&phones, LIST_OF_PHONES, text);
    look_up(&urls.table);
    look_up(&phones.table);
    use_blob(data, size);
    return 0;
}
