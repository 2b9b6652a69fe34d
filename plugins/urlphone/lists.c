/* SPDX-License-Identifier: MIT */
#include "lists.h"

#include "entry.h"
#include "match.h"

int32_t
lists_check_url(const WnStr *fields, WnError *err)
{
    UrlEntry entry;
    bool good;

    url_entry_init(&entry);
    good = url_entry_parse(&entry, fields[0], err);
    url_entry_clear(&entry);
    return good ? WN_OK : WN_E_INVALID;
}

int32_t
lists_check_phone(const WnStr *fields, WnError *err)
{
    char digits[ENTRY_PHONE_MAX + 1];

    return phone_entry_parse(fields[0], digits, err) ? WN_OK : WN_E_INVALID;
}

static WnStr
trimmed(WnStr text)
{
    while (text.len > 0 && g_ascii_isspace(text.ptr[0])) {
        text.ptr++;
        text.len--;
    }
    while (text.len > 0 && g_ascii_isspace(text.ptr[text.len - 1]))
        text.len--;
    return text;
}

static void
add_key(TableBuilder *builder, GString *key, char kind, const UrlEntry *entry,
    uint32_t flags)
{
    g_string_truncate(key, 0);
    g_string_append_c(key, kind);
    g_string_append_len(key, entry->host->str, (gssize)entry->host->len);
    if (kind != KEY_HOST)
        g_string_append_len(key, entry->path->str, (gssize)entry->path->len);
    table_builder_add(builder, key->str, key->len, flags);
}

static void
add_url(TableBuilder *builder, GString *key, const UrlEntry *entry)
{
    switch (entry->kind) {
    case URL_HOST:
        add_key(builder, key, KEY_HOST, entry, TABLE_LISTED);
        break;
    case URL_BELOW:
        add_key(builder, key, KEY_HOST, entry, TABLE_BELOW);
        break;
    case URL_PREFIX:
        add_key(builder, key, KEY_HOST, entry, TABLE_PATHS);
        add_key(builder, key, KEY_PREFIX, entry, TABLE_LISTED);
        break;
    case URL_PAGE:
        add_key(builder, key, KEY_HOST, entry, TABLE_PATHS);
        add_key(builder, key, KEY_PAGE, entry, TABLE_LISTED);
        break;
    }
}

/* A row that check_row refuses has been left out and reported already. */
int32_t
lists_compile_urls(WnRows *rows, WnSink *sink, WnError *err)
{
    TableBuilder *builder = table_builder_new();
    g_autoptr(GString) key = g_string_new(NULL);
    WnError ignored = { .struct_size = sizeof ignored };
    const WnStr *fields;
    UrlEntry entry;
    bool written;

    url_entry_init(&entry);
    while ((fields = rows->next(rows)) != NULL) {
        if (!url_entry_parse(&entry, fields[0], &ignored))
            continue;
        table_builder_record(builder, trimmed(fields[0]), trimmed(fields[1]),
            trimmed(fields[2]));
        add_url(builder, key, &entry);
    }
    url_entry_clear(&entry);
    written = table_builder_write(builder, sink, err);
    table_builder_free(builder);
    return written ? WN_OK : WN_E_FAILED;
}

int32_t
lists_compile_phones(WnRows *rows, WnSink *sink, WnError *err)
{
    TableBuilder *builder = table_builder_new();
    WnError ignored = { .struct_size = sizeof ignored };
    char key[1 + ENTRY_PHONE_MAX + 1] = { KEY_PHONE };
    const WnStr *fields;
    bool written;

    while ((fields = rows->next(rows)) != NULL) {
        if (!phone_entry_parse(fields[0], key + 1, &ignored))
            continue;
        table_builder_record(builder, trimmed(fields[0]), trimmed(fields[1]),
            trimmed(fields[2]));
        table_builder_add(builder, key, strlen(key), TABLE_LISTED);
    }
    written = table_builder_write(builder, sink, err);
    table_builder_free(builder);
    return written ? WN_OK : WN_E_FAILED;
}

int32_t
lists_check(const void *blob, size_t size, WnError *err)
{
    return table_check(blob, size, err) ? WN_OK : WN_E_INVALID;
}
