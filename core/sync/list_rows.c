/* SPDX-License-Identifier: MIT */
#include "core/sync/list_rows.h"

#include "core/sync/row_sort.h"
#include "core/sync/rows.h"

#include <string.h>

#define FIELDS 5u
#define ID_FIELD 3u
#define EXPIRY_FIELD 4u
#define FAULTS_MAX 20u

struct WnListTable {
    const char *name;
    const char *select; /* the columns, and FROM */
    const char *where;  /* one row by its id; NULL: always read as a whole */
    const WnColumn *columns;
};

/* A row in memory: its fields stand behind each other, each with a NUL. */
typedef struct Item {
    size_t at; /* in the arena */
    uint32_t len[FIELDS];
} Item;

typedef struct Items {
    const char *table;
    GByteArray *arena;
    GArray *items; /* Item */
    WnRow *rows;   /* sorted; line is the place in items */
    size_t n_rows;
} Items;

static void
items_init(Items *self, const WnListTable *table)
{
    *self = (Items){ .table = table->name,
        .arena = g_byte_array_new(),
        .items = g_array_new(FALSE, FALSE, sizeof(Item)) };
}

static void
items_clear(Items *self)
{
    g_byte_array_unref(self->arena);
    g_array_unref(self->items);
    g_free(self->rows);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Items, items_clear)

static void
items_add(Items *self, const WnSpan *fields)
{
    Item item = { .at = self->arena->len };

    for (unsigned i = 0; i < FIELDS; i++) {
        item.len[i] = (uint32_t)fields[i].len;
        g_byte_array_append(self->arena, (const guint8 *)fields[i].ptr,
            (guint)fields[i].len);
        g_byte_array_append(self->arena, (const guint8 *)"", 1);
    }
    g_array_append_val(self->items, item);
}

static void
items_fields(const Items *self, const WnRow *row, WnSpan *fields)
{
    const Item *item = &g_array_index(self->items, Item, row->line);
    const char *at = (const char *)self->arena->data + item->at;

    for (unsigned i = 0; i < FIELDS; i++) {
        fields[i] = wn_span(at, item->len[i]);
        at += item->len[i] + 1;
    }
}

/* The arena does not move any more. */
static void
items_sort(Items *self)
{
    size_t n = 0;

    self->n_rows = self->items->len;
    self->rows = g_new0(WnRow, self->n_rows + 1);
    for (guint i = 0; i < self->items->len; i++) {
        const Item *item = &g_array_index(self->items, Item, i);

        self->rows[i] = (WnRow){
            .key = (const char *)self->arena->data + item->at,
            .len = item->len[0],
            .line = i,
        };
    }
    wn_row_sort(self->rows, self->n_rows);
    for (size_t i = 0; i < self->n_rows; i++)
        if (n == 0 || wn_row_compare(&self->rows[n - 1], &self->rows[i]) != 0)
            self->rows[n++] = self->rows[i];
    self->n_rows = n;
}

/*
 * The tables
 */

#define ENTRY_SELECT(table)                                               \
    "SELECT value, source, DATE_FORMAT(added_at, '%Y-%m-%dT%H:%i:%sZ'), " \
    "id, UNIX_TIMESTAMP(expires_at) FROM " table

static const WnColumn entry_columns[FIELDS] = {
    { "value", WN_COLUMN_TEXT, WN_COLUMN_KEY, 3072 },
    { "source", WN_COLUMN_TEXT, WN_COLUMN_NULLABLE, 1024 },
    { "added_at", WN_COLUMN_TEXT, WN_COLUMN_NULLABLE, 64 },
    { "id", WN_COLUMN_TEXT, WN_COLUMN_KEY, 32 },
    { "expires_at", WN_COLUMN_TEXT, WN_COLUMN_NULLABLE, 32 },
};

static const WnColumn relay_columns[FIELDS] = {
    { "name", WN_COLUMN_TEXT, WN_COLUMN_KEY, 1024 },
    { "site", WN_COLUMN_TEXT, 0, 1024 },
    { "preference", WN_COLUMN_TEXT, 0, 32 },
    { "enabled", WN_COLUMN_TEXT, 0, 32 },
    { "expires_at", WN_COLUMN_TEXT, WN_COLUMN_NULLABLE, 32 },
};

static const WnListTable tables[WN_LIST_TABLES] = {
    { "url_entry", ENTRY_SELECT("url_entry"), "id", entry_columns },
    { "phone_entry", ENTRY_SELECT("phone_entry"), "id", entry_columns },
    { "phrase_entry", ENTRY_SELECT("phrase_entry"), "id", entry_columns },
    { "relay", "SELECT name, site, preference, enabled, NULL FROM relay", NULL,
        relay_columns },
};

const WnListTable *
wn_list_table_at(unsigned n)
{
    return &tables[n];
}

const char *
wn_list_table_name(const WnListTable *self)
{
    return self->name;
}

static WnStatement *
prepare(const WnListTable *self, WnDatabase *database, bool of_one,
    GError **error)
{
    g_autofree char *sql = of_one ? g_strdup_printf("%s WHERE %s = ?",
                               self->select, self->where)
                                  : g_strdup(self->select);

    return wn_statement_new_query(database, self->name, sql, self->columns,
        FIELDS, error);
}

bool
wn_list_table_probe(const WnListTable *self, WnDatabase *database,
    GError **error)
{
    g_autoptr(WnStatement)
        statement = prepare(self, database, self->where != NULL, error);

    return statement != NULL;
}

/*
 * Reading
 */

static int64_t
to_number(WnSpan text)
{
    uint64_t value;

    return wn_span_to_u64(text, &value) ? (int64_t)MIN(value, G_MAXINT64) : 0;
}

/* Whether the row has not expired; what expires first is noted. */
static bool
is_alive(WnListReading *reading, const WnSpan *fields)
{
    int64_t expiry;

    if (fields[EXPIRY_FIELD].len == 0)
        return true;
    expiry = to_number(fields[EXPIRY_FIELD]);
    if (expiry <= reading->now)
        return false;
    reading->next_expiry = MIN(reading->next_expiry, expiry);
    return true;
}

static void
note_bad(WnListReading *reading, const GError *error)
{
    g_autofree char *host = g_strconcat(wn_database_host(reading->database),
        ": ", NULL);
    const char *text = g_str_has_prefix(error->message, host)
                           ? error->message + strlen(host)
                           : error->message;
    char *fault;

    if (reading->faults->len >= FAULTS_MAX)
        return;
    fault = g_strdup(text);
    g_strdelimit(fault, "\n", ' ');
    if (strchr(fault, ' ') != NULL)
        *strchr(fault, ' ') = '/';
    g_ptr_array_add(reading->faults, fault);
}

static bool
take_rows(WnListReading *reading, WnStatement *statement, Items *items,
    GError **error)
{
    WnSpan fields[FIELDS];

    while (true) {
        g_autoptr(GError) fault = NULL;
        WnRowResult result = wn_statement_next(statement, &fault);

        if (result == WN_ROW_END)
            return true;
        if (result == WN_ROW_FAILED) {
            g_propagate_error(error, g_steal_pointer(&fault));
            return false;
        }
        for (unsigned i = 0; i < FIELDS; i++)
            fields[i] = wn_statement_text(statement, i);
        if (result == WN_ROW_BAD)
            note_bad(reading, fault);
        else if (fields[0].len > 0)
            items_add(items, fields);
        if (items->arena->len <= WN_ROWS_LENGTH_MAX)
            continue;
        g_set_error(error, WN_DATABASE_ERROR, WN_DATABASE_ERROR_VALUE,
            "%s: the list is larger than %u bytes", items->table,
            WN_ROWS_LENGTH_MAX);
        return false;
    }
}

/*
 * Writing
 */

/* A file in the making, and what it replaces. */
typedef struct Merge {
    WnListReading *reading;
    WnRowsFile *old; /* NULL: none */
    size_t offset;   /* of the walk over old */
    WnRowsWriter *writer;
    bool differs;
} Merge;

static bool
same_fields(const WnSpan *a, const WnSpan *b)
{
    for (unsigned i = 0; i < FIELDS; i++)
        if (!wn_span_eq(a[i], b[i]))
            return false;
    return true;
}

static bool
add(Merge *self, const WnSpan *fields, GError **error)
{
    return wn_rows_writer_add(self->writer, fields, error);
}

static bool
publish(const WnListTable *table, Merge *self, GError **error)
{
    g_autofree char *path = wn_rows_path(self->reading->state, table->name);

    if (self->old != NULL && !self->differs)
        return true;
    if (!wn_rows_writer_publish(self->writer, path, self->reading->revision,
            error))
        return false;
    self->reading->changed = true;
    return true;
}

/* A file of another make is none. */
static WnRowsFile *
open_old(const WnListTable *table, const char *state)
{
    g_autofree char *path = wn_rows_path(state, table->name);
    g_autoptr(WnRowsFile) file = wn_rows_open(path, NULL);

    return file != NULL && wn_rows_n_columns(file) == FIELDS
               ? g_steal_pointer(&file)
               : NULL;
}

bool
wn_list_table_has_file(const WnListTable *self, const char *state)
{
    g_autoptr(WnRowsFile) file = open_old(self, state);

    return file != NULL;
}

static void
merge_clear(Merge *self)
{
    wn_rows_writer_free(self->writer);
    wn_rows_free(self->old);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Merge, merge_clear)

static bool
write_all(Merge *self, const Items *items, GError **error)
{
    WnSpan fields[FIELDS], old[FIELDS];

    for (size_t i = 0; i < items->n_rows; i++) {
        items_fields(items, &items->rows[i], fields);
        if (!is_alive(self->reading, fields))
            continue;
        if (!self->differs
            && (self->old == NULL
                || !wn_rows_next(self->old, &self->offset, old)
                || !same_fields(fields, old)))
            self->differs = true;
        if (!add(self, fields, error))
            return false;
    }
    if (!self->differs && self->old != NULL
        && wn_rows_next(self->old, &self->offset, old))
        self->differs = true;
    return true;
}

bool
wn_list_table_read_all(const WnListTable *self, WnListReading *reading,
    GError **error)
{
    g_autoptr(WnStatement)
        statement = prepare(self, reading->database, false, error);
    g_auto(Merge) merge = { .reading = reading };
    g_auto(Items) items;

    items_init(&items, self);
    if (statement == NULL || !wn_statement_execute(statement, error)
        || !take_rows(reading, statement, &items, error))
        return false;
    items_sort(&items);
    merge.old = open_old(self, reading->state);
    merge.writer = wn_rows_writer_new(FIELDS);
    return write_all(&merge, &items, error) && publish(self, &merge, error);
}

static bool
read_ids(const WnListTable *self, WnListReading *reading, GHashTable *ids,
    Items *items, GError **error)
{
    g_autoptr(WnStatement)
        statement = prepare(self, reading->database, true, error);
    GHashTableIter iter;
    void *id;

    if (statement == NULL)
        return false;
    g_hash_table_iter_init(&iter, ids);
    while (g_hash_table_iter_next(&iter, &id, NULL)) {
        wn_statement_set_int(statement, 0, *(const int64_t *)id);
        if (!wn_statement_execute(statement, error)
            || !take_rows(reading, statement, items, error))
            return false;
    }
    return true;
}

/* Rows of the old file that were asked for anew are out of date. */
static bool
next_kept(Merge *self, GHashTable *ids, WnSpan *fields)
{
    while (wn_rows_next(self->old, &self->offset, fields)) {
        int64_t id = to_number(fields[ID_FIELD]);

        if ((ids == NULL || !g_hash_table_contains(ids, &id))
            && is_alive(self->reading, fields))
            return true;
        self->differs = true;
    }
    return false;
}

static int
compare(WnSpan a, WnSpan b)
{
    int order = memcmp(a.ptr, b.ptr, MIN(a.len, b.len));

    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* Both are sorted; the newer row of two with the same value stays. */
static bool
write_merged(Merge *self, const Items *items, GHashTable *ids, GError **error)
{
    WnSpan fresh[FIELDS], kept[FIELDS];
    bool more = next_kept(self, ids, kept);

    for (size_t i = 0; i < items->n_rows; i++) {
        items_fields(items, &items->rows[i], fresh);
        if (!is_alive(self->reading, fresh))
            continue;
        self->differs = true;
        while (more && compare(kept[0], fresh[0]) < 0) {
            if (!add(self, kept, error))
                return false;
            more = next_kept(self, ids, kept);
        }
        if (more && compare(kept[0], fresh[0]) == 0)
            more = next_kept(self, ids, kept);
        if (!add(self, fresh, error))
            return false;
    }
    for (; more; more = next_kept(self, ids, kept))
        if (!add(self, kept, error))
            return false;
    return true;
}

bool
wn_list_table_read_some(const WnListTable *self, WnListReading *reading,
    GHashTable *ids, GError **error)
{
    g_auto(Merge)
        merge = { .reading = reading, .old = open_old(self, reading->state) };
    g_auto(Items) items;

    items_init(&items, self);
    if (merge.old == NULL || (ids != NULL && self->where == NULL))
        return ids == NULL || wn_list_table_read_all(self, reading, error);
    if (ids != NULL && !read_ids(self, reading, ids, &items, error))
        return false;
    items_sort(&items);
    merge.writer = wn_rows_writer_new(FIELDS);
    return write_merged(&merge, &items, ids, error)
           && publish(self, &merge, error);
}
