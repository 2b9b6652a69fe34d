/* SPDX-License-Identifier: MIT */
#include "core/sync/row_set.h"

#include "core/base/fd.h"
#include "core/base/text.h"
#include "core/conf/blob.h"
#include "core/conf/text_file.h"

#include <errno.h>

#define QUOTED_MAX 80 /* bytes of a row in the reason that refuses it */

typedef struct Refusal {
    uint32_t line;
    char *reason;
} Refusal;

typedef struct Source {
    char *path;
    char *text;        /* of a list file */
    size_t size;       /* of it */
    WnRowsFile *table; /* else */
    GArray *refusals;  /* the first ones, by line */
    uint64_t n_refused;
    uint64_t n_good; /* with those that another source has, too */
} Source;

struct WnRowSet {
    unsigned n_columns;
    GPtrArray *sources; /* Source; a table is the first */
    WnRow *rows;
    size_t n_rows, n_allocated;
};

static void
refusal_clear(void *data)
{
    g_free(((Refusal *)data)->reason);
}

static void
source_free(void *data)
{
    Source *source = data;

    g_free(source->path);
    g_free(source->text);
    wn_rows_free(source->table);
    g_array_unref(source->refusals);
    g_free(source);
}

static Source *
add_source(WnRowSet *self, const char *path)
{
    Source *source = g_new0(Source, 1);

    source->path = g_strdup(path);
    source->refusals = g_array_new(FALSE, FALSE, sizeof(Refusal));
    g_array_set_clear_func(source->refusals, refusal_clear);
    g_ptr_array_add(self->sources, source);
    return source;
}

WnRowSet *
wn_row_set_new(unsigned n_columns)
{
    WnRowSet *self = g_new0(WnRowSet, 1);

    g_assert(n_columns > 0 && n_columns <= WN_ROWS_COLUMNS_MAX);
    self->n_columns = n_columns;
    self->sources = g_ptr_array_new_with_free_func(source_free);
    return self;
}

void
wn_row_set_free(WnRowSet *self)
{
    if (self == NULL)
        return;
    g_ptr_array_unref(self->sources);
    g_free(self->rows);
    g_free(self);
}

static void
add_row(WnRowSet *self, WnSpan key, uint32_t line)
{
    if (self->n_rows == self->n_allocated) {
        self->n_allocated = MAX(1024, self->n_allocated * 2);
        self->rows = g_renew(WnRow, self->rows, self->n_allocated);
    }
    self->rows[self->n_rows++] = (WnRow){ .key = key.ptr,
        .len = (uint32_t)key.len,
        .line = line };
}

/* Keeps the reasons of the lines that come first, in whatever order they are
 * told. */
static void
refuse(Source *source, uint32_t line, char *take_reason)
{
    Refusal refusal = { line, take_reason };
    GArray *kept = source->refusals;
    unsigned at = kept->len;

    source->n_refused++;
    while (at > 0 && g_array_index(kept, Refusal, at - 1).line > line)
        at--;
    if (at == WN_REFUSALS_SHOWN) {
        g_free(take_reason);
        return;
    }
    if (kept->len == WN_REFUSALS_SHOWN)
        g_array_set_size(kept, WN_REFUSALS_SHOWN - 1);
    g_array_insert_val(kept, at, refusal);
}

/* The same of a row; where that came from a table, which has no lines to count,
 * the reason quotes it. */
static void
refuse_row(Source *source, WnSpan key, uint32_t line, char *take_reason)
{
    g_autofree char *reason = take_reason;
    g_autofree char *quoted = NULL;
    g_autoptr(GString) text = NULL;

    if (source->table == NULL) {
        refuse(source, line, g_steal_pointer(&reason));
        return;
    }
    key = wn_span_slice(key, 0, QUOTED_MAX);
    quoted = g_utf8_make_valid(key.ptr, (gssize)key.len);
    text = g_string_new(NULL);
    g_string_printf(text, "\"%s\": %s", quoted, reason);
    wn_text_clean(text);
    refuse(source, line, g_strdup(text->str));
}

/* NULL: it can be a key. */
static const char *
key_fault(WnSpan key)
{
    if (key.len > WN_ROWS_FIELD_MAX)
        return "it is too long";
    if (memchr(key.ptr, '\0', key.len) != NULL)
        return "a NUL byte in it";
    if (!g_utf8_validate_len(key.ptr, key.len, NULL))
        return "it is not valid UTF-8";
    return NULL;
}

/*
 * Sources
 */

void
wn_row_set_take_table(WnRowSet *self, WnRowsFile *take_table, const char *path)
{
    Source *source = add_source(self, path);
    WnSpan fields[WN_ROWS_COLUMNS_MAX];
    size_t offset = 0;

    g_assert(self->sources->len == 1);
    source->table = take_table;
    for (uint32_t line = 1; wn_rows_next(take_table, &offset, fields); line++) {
        const char *fault = key_fault(fields[0]);

        if (fault != NULL)
            refuse_row(source, fields[0], line, g_strdup(fault));
        else
            add_row(self, fields[0], line);
    }
}

static void
add_lines(WnRowSet *self, Source *source)
{
    static const char byte_order_mark[] = "\xef\xbb\xbf";
    WnSpan rest = wn_span(source->text, source->size);
    WnSpan line;

    if (g_str_has_prefix(source->text, byte_order_mark))
        rest = wn_span_slice(rest, 3, rest.len);
    for (uint32_t n = 1; wn_text_file_line(&rest, &line); n++) {
        WnSpan key = wn_text_file_entry(line);
        const char *fault;

        if (key.len == 0)
            continue;
        fault = key_fault(key);
        if (fault != NULL) {
            refuse(source, n, g_strdup(fault));
            continue;
        }
        source->text[key.ptr + key.len - source->text] = '\0';
        add_row(self, key, n);
    }
}

bool
wn_row_set_read(WnRowSet *self, int fd, size_t size, const char *path,
    GError **error)
{
    g_autofree char *text = NULL;
    Source *source;

    if (size > WN_LIST_FILE_MAX) {
        g_set_error(error, WN_ROWS_ERROR, 0,
            "%s: is too large (%zu bytes, at most %" G_GINT64_FORMAT ")", path,
            size, WN_LIST_FILE_MAX);
        return false;
    }
    text = g_malloc(size + 1);
    if (!wn_fd_pread_all(fd, text, size, 0)) {
        wn_fd_set_error(error, errno != 0 ? errno : EIO, "read", path);
        return false;
    }
    text[size] = '\0';
    source = add_source(self, path);
    source->text = g_steal_pointer(&text);
    source->size = size;
    add_lines(self, source);
    return true;
}

/*
 * Rows
 */

static WnSpan
bytes_of(const Source *source)
{
    if (source->table != NULL)
        return wn_rows_records(source->table);
    return wn_span(source->text, source->size + 1);
}

static unsigned
source_of(const WnRowSet *self, const WnRow *row)
{
    unsigned i = 0;

    for (; i + 1 < self->sources->len; i++) {
        WnSpan bytes = bytes_of(g_ptr_array_index(self->sources, i));

        if (row->key >= bytes.ptr && row->key < bytes.ptr + bytes.len)
            break;
    }
    return i;
}

/* Does the row come before the other with the same key? */
static bool
has_precedence(const WnRowSet *self, const WnRow *row, const WnRow *other)
{
    unsigned a = source_of(self, row);
    unsigned b = source_of(self, other);

    return a != b ? a < b : row->line < other->line;
}

/* Whoever judges the one that stays judges for both. */
static void
note_double(WnRowSet *self, const WnRow *row, const WnRow *other)
{
    unsigned a = source_of(self, row);
    unsigned b = source_of(self, other);

    if (a != b)
        ((Source *)g_ptr_array_index(self->sources, MAX(a, b)))->n_good++;
}

void
wn_row_set_sort(WnRowSet *self)
{
    size_t n = 0;

    wn_row_sort(self->rows, self->n_rows);
    for (size_t i = 0; i < self->n_rows; i++) {
        WnRow *row = &self->rows[i];

        if (n == 0 || wn_row_compare(&self->rows[n - 1], row) != 0) {
            self->rows[n++] = *row;
            continue;
        }
        note_double(self, &self->rows[n - 1], row);
        if (has_precedence(self, row, &self->rows[n - 1]))
            self->rows[n - 1] = *row;
    }
    self->n_rows = n;
}

static const WnRowsFile *
table_of(const WnRowSet *self, const WnRow *row)
{
    const Source *first = g_ptr_array_index(self->sources, 0);
    WnSpan records;

    if (first->table == NULL)
        return NULL;
    records = wn_rows_records(first->table);
    return row->key >= records.ptr && row->key < records.ptr + records.len
               ? first->table
               : NULL;
}

void
wn_row_set_fields(const WnRowSet *self, size_t n, WnSpan *fields)
{
    const WnRow *row = &self->rows[n];
    const WnRowsFile *table = table_of(self, row);
    WnSpan all[WN_ROWS_COLUMNS_MAX];
    unsigned n_given = 0;

    if (table != NULL && wn_rows_at(table, row->key, all))
        n_given = MIN(self->n_columns, wn_rows_n_columns(table));
    for (unsigned i = 0; i < self->n_columns; i++)
        fields[i] = i < n_given ? all[i] : WN_SPAN_EMPTY;
    fields[0] = wn_span(row->key, row->len);
}

void
wn_row_set_judge(WnRowSet *self, WnRowJudge fn, void *user)
{
    WnSpan fields[WN_ROWS_COLUMNS_MAX];
    size_t n = 0;

    for (size_t i = 0; i < self->n_rows; i++) {
        WnRow *row = &self->rows[i];
        Source *source;
        char *reason;

        wn_row_set_fields(self, i, fields);
        reason = fn(user, fields);
        source = g_ptr_array_index(self->sources, source_of(self, row));
        if (reason != NULL) {
            refuse_row(source, fields[0], row->line, reason);
            continue;
        }
        source->n_good++;
        self->rows[n++] = *row;
    }
    self->n_rows = n;
}

size_t
wn_row_set_count(const WnRowSet *self)
{
    return self->n_rows;
}

const char *
wn_row_set_spoilt(const WnRowSet *self)
{
    for (unsigned i = 0; i < self->sources->len; i++) {
        const Source *source = g_ptr_array_index(self->sources, i);

        if (source->n_refused > 0 && source->n_good == 0)
            return source->path;
    }
    return NULL;
}

static void
report_source(const Source *source, GString *out)
{
    for (unsigned i = 0; i < source->refusals->len; i++) {
        const Refusal *refusal = &g_array_index(source->refusals, Refusal, i);

        g_string_append_printf(out, "%u\t%s\trow left out: %s\n",
            source->table == NULL ? refusal->line : 0, source->path,
            refusal->reason);
    }
    if (source->n_refused > source->refusals->len)
        g_string_append_printf(out,
            "0\t%s\tand %" G_GUINT64_FORMAT " more rows left out\n",
            source->path, source->n_refused - source->refusals->len);
}

char *
wn_row_set_report(const WnRowSet *self)
{
    GString *out = g_string_new(NULL);

    for (unsigned i = 0; i < self->sources->len; i++) {
        size_t before = out->len;

        report_source(g_ptr_array_index(self->sources, i), out);
        if (out->len > WN_BLOB_REPORT_MAX)
            g_string_truncate(out, before);
    }
    return g_string_free(out, FALSE);
}
