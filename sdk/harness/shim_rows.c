/* SPDX-License-Identifier: MIT */

/* Data sets from rows that a test gives: checked, compiled twice and checked as
 * the sync process does it. */

#include "core/plugin/dataset.h"
#include "sdk/harness/shim.h"

#include <string.h>

#define BLOB_ALIGN 64
#define SIZE_MAX_BLOB (64u * 1024 * 1024)

typedef struct Rows {
    WnRows sdk; /* first */
    GPtrArray *lines;
    unsigned next;
    unsigned n_columns;
    char **fields; /* of the row that was handed out */
    WnStr row[WN_DATASET_COLUMNS_MAX + 1];
} Rows;

static void
set_fields(Rows *self, const char *line)
{
    unsigned n;

    g_strfreev(self->fields);
    self->fields = g_strsplit(line, "\t", (int)self->n_columns);
    n = g_strv_length(self->fields);
    for (unsigned i = 0; i < self->n_columns; i++) {
        const char *field = i < n ? self->fields[i] : "";

        self->row[i] = (WnStr){ field, strlen(field) };
    }
}

static const WnStr *
rows_next(WnRows *rows)
{
    Rows *self = (Rows *)rows;

    if (self->next >= self->lines->len)
        return NULL;
    set_fields(self, g_ptr_array_index(self->lines, self->next++));
    return self->row;
}

typedef struct Sink {
    WnSink sdk; /* first */
    GByteArray *data;
    bool failed; /* compile() must say so */
} Sink;

static int32_t
sink_write(WnSink *sink, const void *data, size_t size)
{
    Sink *self = (Sink *)sink;

    if (self->failed)
        wn_mistake("compile: goes on after sink->write failed");
    self->failed = wn_shim_fails("sink->write") || size > SIZE_MAX_BLOB
                   || self->data->len + size > SIZE_MAX_BLOB;
    if (self->failed)
        return WN_E_LIMIT;
    g_byte_array_append(self->data, data, (guint)size);
    return WN_OK;
}

static int32_t
sink_write_at(WnSink *sink, uint64_t offset, const void *data, size_t size)
{
    Sink *self = (Sink *)sink;

    if (offset > self->data->len || size > self->data->len - offset)
        return WN_E_INVALID;
    memcpy(self->data->data + offset, data, size);
    return WN_OK;
}

static int
compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static GPtrArray *
sorted_lines(const char *text)
{
    GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);
    g_auto(GStrv) all = g_strsplit(text, "\n", -1);

    for (unsigned i = 0; all[i] != NULL; i++)
        if (all[i][0] != '\0')
            g_ptr_array_add(lines, g_strdup(all[i]));
    g_ptr_array_sort(lines, compare_keys);
    return lines;
}

/* Leaves out what the plugin refuses, and says so. */
static void
check_rows(WnShim *self, const WnDataset *dataset, Rows *rows)
{
    for (unsigned i = rows->lines->len; i-- > 0;) {
        g_autofree char *refusal = NULL;

        set_fields(rows, g_ptr_array_index(rows->lines, i));
        refusal = wn_dataset_refusal(dataset, rows->row);
        if (refusal == NULL)
            continue;
        g_string_append_printf(self->log, "row refused: %s: %s\n",
            (char *)g_ptr_array_index(rows->lines, i), refusal);
        g_ptr_array_remove_index(rows->lines, i);
    }
}

static GByteArray *
compile(const WnDataset *dataset, Rows *rows, GError **error)
{
    Sink sink = { .sdk = { .struct_size = sizeof(WnSink),
                      .write = sink_write,
                      .write_at = sink_write_at },
        .data = g_byte_array_new() };

    rows->next = 0;
    if (wn_dataset_compile(dataset, &rows->sdk, &sink.sdk, error)) {
        if (sink.failed)
            wn_mistake("compile: sink->write failed, and it says WN_OK");
        return sink.data;
    }
    g_byte_array_unref(sink.data);
    return NULL;
}

static bool
make_blob(const WnDataset *dataset, Rows *rows, GByteArray **out_data,
    GError **error)
{
    g_autoptr(GByteArray) data = compile(dataset, rows, error);
    g_autoptr(GByteArray) again = NULL;

    if (data == NULL)
        return false;
    again = compile(dataset, rows, error);
    if (again == NULL)
        return false;
    if (again->len != data->len
        || memcmp(again->data, data->data, data->len) != 0)
        wn_mistake("compile: the same rows give other bytes");
    if (!wn_dataset_check(dataset, wn_span((const char *)data->data, data->len),
            error))
        return false;
    *out_data = g_steal_pointer(&data);
    return true;
}

bool
wn_shim_rows(WnShim *self, const char *name, const char *lines, GError **error)
{
    int n = wn_dataset_find(self->module, name);
    const WnDataset *dataset;
    GByteArray *data;
    WnShimBlob *blob;
    Rows rows = { .sdk = { .struct_size = sizeof(WnRows), .next = rows_next } };
    bool made;

    if (n < 0)
        wn_mistake("the plugin has no data set %s", name);
    dataset = wn_dataset_get(self->module, (unsigned)n);
    if ((dataset->flags & WN_DATASET_FOLDED) != 0)
        wn_mistake("%s: rows of a folded data set come from a file", name);
    rows.lines = sorted_lines(lines);
    rows.n_columns = MAX(wn_dataset_n_columns(dataset), 1);
    check_rows(self, dataset, &rows);
    made = make_blob(dataset, &rows, &data, error);
    if (made) {
        blob = g_new0(WnShimBlob, 1);
        blob->name = g_strdup(name);
        blob->data = data;
        blob->rows = rows.lines->len;
        blob->format = dataset->format;
        g_ptr_array_add(self->blobs, blob);
    }
    g_strfreev(rows.fields);
    g_ptr_array_unref(rows.lines);
    return made;
}

/* Aligned as the SDK says, with what is left of the last 64 bytes behind. */
static const void *
lend_data(const WnShimCall *call, const WnShimBlob *blob)
{
    size_t whole = (blob->data->len + BLOB_ALIGN - 1) / BLOB_ALIGN * BLOB_ALIGN;
    char *data = wn_guard_alloc(call->guard, "data of the WnBlob", whole);

    memcpy(data, blob->data->data, blob->data->len);
    return data;
}

const WnBlob *
wn_shim_blob(WnShimCall *call, const char *name)
{
    const GPtrArray *blobs = call->instance->shim->blobs;
    WnBlob *blob = NULL;

    for (unsigned i = 0; i < blobs->len && blob == NULL; i++) {
        const WnShimBlob *from = g_ptr_array_index(blobs, i);

        if (g_strcmp0(from->name, name) != 0)
            continue;
        blob = wn_guard_alloc(call->guard, "the WnBlob", sizeof *blob);
        *blob = (WnBlob){ .struct_size = sizeof *blob,
            .format = from->format,
            .data = wn_mode()->damaged ? from->data->data
                                       : lend_data(call, from),
            .size = from->data->len,
            .generation = 1,
            .rows = from->rows };
    }
    return blob;
}
