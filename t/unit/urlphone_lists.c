/* SPDX-License-Identifier: MIT */
#include "t/unit/urlphone_lists.h"

typedef struct Rows {
    WnRows api;
    GPtrArray *lines; /* of GStrv */
    size_t at;
    WnStr fields[3];
} Rows;

typedef struct Sink {
    WnSink api;
    GByteArray *bytes;
} Sink;

static const WnStr *
next_row(WnRows *api)
{
    Rows *rows = (Rows *)api;
    char **line;

    if (rows->at == rows->lines->len)
        return NULL;
    line = rows->lines->pdata[rows->at++];
    for (size_t i = 0; i < G_N_ELEMENTS(rows->fields); i++) {
        const char *field = i < g_strv_length(line) ? line[i] : "";

        rows->fields[i] = (WnStr){ field, strlen(field) };
    }
    return rows->fields;
}

static int32_t
sink_write(WnSink *api, const void *data, size_t size)
{
    g_byte_array_append(((Sink *)api)->bytes, data, (guint)size);
    return WN_OK;
}

static int32_t
sink_write_at(WnSink *api, uint64_t offset, const void *data, size_t size)
{
    GByteArray *bytes = ((Sink *)api)->bytes;

    g_assert(offset + size <= bytes->len);
    memcpy(bytes->data + offset, data, size);
    return WN_OK;
}

static int
compare_lines(gconstpointer a, gconstpointer b)
{
    char *const *const *left = a, *const *const *right = b;

    return strcmp((*left)[0], (*right)[0]);
}

static void
compile_lines(ListBlob *self, ListKind kind, GPtrArray *lines)
{
    Rows rows = { .api = { .struct_size = sizeof(WnRows), .next = next_row },
        .lines = lines };
    Sink sink = { .api = { .struct_size = sizeof(WnSink),
                      .write = sink_write,
                      .write_at = sink_write_at },
        .bytes = g_byte_array_new() };
    WnError err = { .struct_size = sizeof err };
    int32_t done;

    g_ptr_array_sort(lines, compare_lines);
    done = kind == LIST_OF_URLS
               ? lists_compile_urls(&rows.api, &sink.api, &err)
               : lists_compile_phones(&rows.api, &sink.api, &err);
    g_assert_cmpint(done, ==, WN_OK);
    self->size = sink.bytes->len;
    self->data = g_memdup2(sink.bytes->data, self->size);
    g_byte_array_unref(sink.bytes);
    g_assert_cmpint(lists_check(self->data, self->size, &err), ==, WN_OK);
    g_assert_true(table_open(&self->table, self->data, self->size));
}

void
list_compile(ListBlob *self, ListKind kind, const char *const *rows, size_t n)
{
    g_autoptr(GPtrArray)
        lines = g_ptr_array_new_with_free_func((GDestroyNotify)g_strfreev);
    WnError err = { .struct_size = sizeof err };

    for (size_t i = 0; i < n; i++) {
        char **line = g_strsplit(rows[i], "\t", 3);
        WnStr value = { line[0], strlen(line[0]) };

        g_ptr_array_add(lines, line);
        if ((kind == LIST_OF_URLS ? lists_check_url(&value, &err)
                                  : lists_check_phone(&value, &err))
            != WN_OK)
            g_error("%s: %s", rows[i], err.text);
    }
    compile_lines(self, kind, lines);
}

void
list_compile_text(ListBlob *self, ListKind kind, const char *text)
{
    g_autoptr(GPtrArray)
        lines = g_ptr_array_new_with_free_func((GDestroyNotify)g_strfreev);
    g_auto(GStrv) rows = g_strsplit(text, "\n", -1);

    for (size_t i = 0; rows[i] != NULL; i++) {
        if (rows[i][0] != '\0')
            g_ptr_array_add(lines, g_strsplit(rows[i], "\t", 3));
    }
    compile_lines(self, kind, lines);
}

void
list_clear(ListBlob *self)
{
    g_clear_pointer(&self->data, g_free);
}

/*
 * Messages
 */

static WnStr
str_of(WnSpan span)
{
    return (WnStr){ span.ptr, span.len };
}

static void
add_found(GPtrArray *found, const TableRecord *record)
{
    char *value = g_strndup(record->value.ptr, record->value.len);

    if (g_ptr_array_find_with_equal_func(found, value, g_str_equal, NULL))
        g_free(value);
    else
        g_ptr_array_add(found, value);
}

static void
find_urls(const ListBlob *list, WnMessage *message, GPtrArray *found)
{
    for (uint32_t i = 0; i < wn_message_n_urls(message); i++) {
        const WnMessageUrl *from = wn_message_url(message, i);
        WnUrl url = { .struct_size = sizeof url,
            .flags = from->flags,
            .text = str_of(from->text),
            .host = str_of(from->host),
            .registered = str_of(from->registered),
            .path = str_of(from->path),
            .query = str_of(from->query),
            .part = from->part,
            .port = from->port };
        TableRecord record;

        if (match_url(&list->table, &url, &record))
            add_found(found, &record);
    }
}

static void
find_phones(const ListBlob *list, WnMessage *message, const char *country,
    GPtrArray *found)
{
    for (uint32_t i = 0; i < wn_message_n_phones(message, country); i++) {
        const WnMessagePhone *from = wn_message_phone(message, country, i);
        WnPhone phone = { .struct_size = sizeof phone,
            .flags = from->flags,
            .text = str_of(from->text),
            .digits = str_of(from->digits),
            .part = from->part };
        TableRecord record;

        if (match_phone(&list->table, &phone, &record))
            add_found(found, &record);
    }
}

static int
compare_texts(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

char *
list_find_all(const ListBlob *urls, const ListBlob *phones, WnMessage *message,
    const char *country)
{
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(g_free);

    find_urls(urls, message, found);
    find_phones(phones, message, country, found);
    if (found->len == 0)
        return g_strdup("-");
    g_ptr_array_sort(found, compare_texts);
    g_ptr_array_add(found, NULL);
    return g_strjoinv(" ", (char **)found->pdata);
}
