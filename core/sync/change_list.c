/* SPDX-License-Identifier: MIT */
#include "core/sync/change_list.h"

#include "core/sync/domain_rows.h"

#include <string.h>

#define CHANGES_MAX 20000u
#define HISTORY_MAX 500000u
#define ALL_ROWS "*"

/* The columns of both statements, in this order. */
enum { REVISION, TABLE, DOMAIN, ROW_KEY, N_COLUMNS };

static const WnColumn columns[N_COLUMNS] = {
    [REVISION] = { "revision", WN_COLUMN_INT, WN_COLUMN_KEY, 0 },
    [TABLE] = { "table_name", WN_COLUMN_TEXT, 0, 256 },
    [DOMAIN] = { "domain", WN_COLUMN_TEXT, WN_COLUMN_NULLABLE, 1024 },
    [ROW_KEY] = { "row_key", WN_COLUMN_TEXT, 0, 2048 },
};

static void
changed_rows_free(void *data)
{
    WnChangedRows *self = data;

    g_hash_table_unref(self->ids);
    g_free(self);
}

WnChangeList *
wn_change_list_new(void)
{
    WnChangeList *self = g_new0(WnChangeList, 1);

    self->domains = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
        NULL);
    self->lists = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
        changed_rows_free);
    self->revisions = wn_row_revisions_new();
    return self;
}

void
wn_change_list_free(WnChangeList *self)
{
    if (self == NULL)
        return;
    g_hash_table_unref(self->domains);
    g_hash_table_unref(self->lists);
    g_hash_table_unref(self->revisions);
    g_free(self);
}

GPtrArray *
wn_change_list_domain_names(const WnChangeList *self)
{
    GPtrArray *names = g_ptr_array_new();
    GHashTableIter iter;
    void *name;

    g_hash_table_iter_init(&iter, self->domains);
    while (g_hash_table_iter_next(&iter, &name, NULL))
        g_ptr_array_add(names, name);
    g_ptr_array_add(names, NULL);
    return names;
}

static WnChangedRows *
rows_of(WnChangeList *self, const char *table)
{
    WnChangedRows *rows = g_hash_table_lookup(self->lists, table);

    if (rows != NULL)
        return rows;
    rows = g_new0(WnChangedRows, 1);
    rows->ids = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free,
        NULL);
    g_hash_table_insert(self->lists, g_strdup(table), rows);
    return rows;
}

static bool
is_of_domains(const char *table)
{
    static const char *const tables[] = { "domain", "domain_server",
        "domain_filter", "domain_filter_option", "mailbox", "access_entry",
        NULL };

    return g_strv_contains(tables, table);
}

static void
take_row_of_list(WnChangeList *self, const char *table, const char *key)
{
    WnChangedRows *rows = rows_of(self, table);
    uint64_t id;

    if (!wn_span_to_u64(wn_span_str(key), &id) || id > G_MAXINT64) {
        rows->all = true;
        return;
    }
    g_hash_table_add(rows->ids,
        g_memdup2(&(int64_t){ (int64_t)id }, sizeof(int64_t)));
}

static void
take_change(WnChangeList *self, const WnStatement *row)
{
    g_autofree char *table = wn_span_dup(wn_statement_text(row, TABLE));
    g_autofree char *domain = wn_span_dup(wn_statement_text(row, DOMAIN));
    g_autofree char *key = wn_span_dup(wn_statement_text(row, ROW_KEY));

    if (!is_of_domains(table)) {
        take_row_of_list(self, table, key);
    } else if (domain[0] == '\0' || strcmp(key, ALL_ROWS) == 0) {
        self->all_domains = true;
    } else {
        wn_row_revisions_note(self->revisions, table, key,
            (uint64_t)wn_statement_int(row, REVISION));
        g_hash_table_add(self->domains, g_steal_pointer(&domain));
    }
}

static void
take_old(WnChangeList *self, const WnStatement *row)
{
    g_autofree char *table = wn_span_dup(wn_statement_text(row, TABLE));
    g_autofree char *key = wn_span_dup(wn_statement_text(row, ROW_KEY));

    wn_row_revisions_note(self->revisions, table, key,
        (uint64_t)wn_statement_int(row, REVISION));
}

typedef void (*TakeFn)(WnChangeList *self, const WnStatement *row);

/* Rows that cannot be used leave a gap; out_n counts the others. */
static bool
take_all(WnChangeList *self, WnStatement *statement, TakeFn take,
    uint64_t *out_n, GError **error)
{
    while (true) {
        WnRowResult result;
        g_autoptr(GError) fault = NULL;

        result = wn_statement_next(statement, &fault);
        if (result == WN_ROW_END)
            return true;
        if (result == WN_ROW_FAILED) {
            g_propagate_error(error, g_steal_pointer(&fault));
            return false;
        }
        if (result == WN_ROW_BAD)
            continue;
        take(self, statement);
        ++*out_n;
    }
}

static WnStatement *
execute(WnDatabase *database, const char *sql, uint64_t since, uint64_t upto,
    GError **error)
{
    g_autoptr(WnStatement) statement = wn_statement_new_query(database,
        "setting_change", sql, columns, N_COLUMNS, error);

    if (statement == NULL)
        return NULL;
    wn_statement_set_int(statement, 0, (int64_t)since);
    wn_statement_set_int(statement, 1, (int64_t)upto);
    return wn_statement_execute(statement, error) ? g_steal_pointer(&statement)
                                                  : NULL;
}

/* Each change has a revision of its own, so a list without gaps has as many
 * rows as revisions lie between. */
bool
wn_change_list_read(WnChangeList *self, WnDatabase *database, uint64_t since,
    uint64_t upto, GError **error)
{
    g_autoptr(WnStatement) statement = NULL;
    uint64_t n = 0;

    if (upto < since || upto - since > CHANGES_MAX) {
        self->everything = true;
        return true;
    }
    statement = execute(database,
        "SELECT revision, table_name, domain, row_key FROM setting_change "
        "WHERE revision > ? AND revision <= ?",
        since, upto, error);
    if (statement == NULL || !take_all(self, statement, take_change, &n, error))
        return false;
    if (n != upto - since)
        self->everything = true;
    return true;
}

bool
wn_change_list_add_history(WnChangeList *self, WnDatabase *database,
    uint64_t upto, GError **error)
{
    uint64_t since = upto > HISTORY_MAX ? upto - HISTORY_MAX : 0;
    uint64_t n = 0;
    g_autoptr(WnStatement) statement = execute(database,
        "SELECT revision, table_name, domain, row_key FROM setting_change "
        "WHERE revision > ? AND revision <= ? AND domain IS NOT NULL",
        since, upto, error);

    return statement != NULL && take_all(self, statement, take_old, &n, error);
}
