/* SPDX-License-Identifier: MIT */
#include "core/sync/database_private.h"

#include "core/base/text.h"

/* Of one value of the statement, or of one column of a row. */
typedef struct Cell {
    int64_t number;
    unsigned long len;
    my_bool null;
    my_bool cut; /* it does not fit, or is not a number */
    char *text;
} Cell;

struct WnStatement {
    WnDatabase *database; /* borrowed */
    MYSQL_STMT *stmt;
    char *table;
    const WnColumn *columns;
    unsigned n_columns, n_values;
    MYSQL_BIND *values, *results;
    Cell *value_cells, *cells;
};

static void
set_error(const WnStatement *self, const char *verb, GError **error)
{
    g_autofree char *action = g_strdup_printf("%s %s", verb, self->table);

    wn_database_set_error(error, self->database->host, action,
        mysql_stmt_errno(self->stmt), mysql_stmt_sqlstate(self->stmt),
        mysql_stmt_error(self->stmt));
}

static void
bind_columns(WnStatement *self)
{
    self->cells = g_new0(Cell, self->n_columns);
    self->results = g_new0(MYSQL_BIND, self->n_columns);
    for (unsigned i = 0; i < self->n_columns; i++) {
        MYSQL_BIND *bind = &self->results[i];
        Cell *cell = &self->cells[i];

        bind->is_null = &cell->null;
        bind->length = &cell->len;
        bind->error = &cell->cut;
        if (self->columns[i].kind == WN_COLUMN_INT) {
            bind->buffer_type = MYSQL_TYPE_LONGLONG;
            bind->buffer = &cell->number;
            bind->buffer_length = sizeof(cell->number);
            continue;
        }
        cell->text = g_malloc0(self->columns[i].max + 1);
        bind->buffer_type = MYSQL_TYPE_STRING;
        bind->buffer = cell->text;
        bind->buffer_length = self->columns[i].max;
    }
}

static bool
check_shape(const WnStatement *self, GError **error)
{
    unsigned n = mysql_stmt_field_count(self->stmt);

    if (n == self->n_columns)
        return true;
    g_set_error(error, WN_DATABASE_ERROR, WN_DATABASE_ERROR_SCHEMA,
        "%s: %s: %u columns in the answer, not %u", self->database->host,
        self->table, n, self->n_columns);
    return false;
}

WnStatement *
wn_statement_new_query(WnDatabase *database, const char *table, const char *sql,
    const WnColumn *columns, unsigned n_columns, GError **error)
{
    g_autoptr(WnStatement) self = g_new0(WnStatement, 1);

    self->database = database;
    self->table = g_strdup(table);
    self->columns = columns;
    self->n_columns = n_columns;
    self->stmt = mysql_stmt_init(database->mysql);
    g_assert(self->stmt != NULL);
    if (mysql_stmt_prepare(self->stmt, sql, strlen(sql)) != 0) {
        set_error(self, "prepare a statement for", error);
        return NULL;
    }
    if (!check_shape(self, error))
        return NULL;
    self->n_values = (unsigned)mysql_stmt_param_count(self->stmt);
    self->values = g_new0(MYSQL_BIND, self->n_values);
    self->value_cells = g_new0(Cell, self->n_values);
    for (unsigned i = 0; i < self->n_values; i++)
        wn_statement_set_null(self, i);
    bind_columns(self);
    return g_steal_pointer(&self);
}

WnStatement *
wn_statement_new(WnDatabase *database, const char *table, const char *sql,
    GError **error)
{
    return wn_statement_new_query(database, table, sql, NULL, 0, error);
}

void
wn_statement_free(WnStatement *self)
{
    if (self == NULL)
        return;
    mysql_stmt_close(self->stmt);
    for (unsigned i = 0; self->cells != NULL && i < self->n_columns; i++)
        g_free(self->cells[i].text);
    g_free(self->cells);
    g_free(self->results);
    g_free(self->value_cells);
    g_free(self->values);
    g_free(self->table);
    g_free(self);
}

static MYSQL_BIND *
value_at(WnStatement *self, unsigned n, enum enum_field_types type)
{
    g_assert(n < self->n_values);
    self->values[n] = (MYSQL_BIND){ .buffer_type = type };
    return &self->values[n];
}

void
wn_statement_set_text(WnStatement *self, unsigned n, WnSpan text)
{
    MYSQL_BIND *bind = value_at(self, n, MYSQL_TYPE_STRING);

    self->value_cells[n].len = text.len;
    bind->length = &self->value_cells[n].len;
    bind->buffer = (void *)(uintptr_t)text.ptr; /* it is only read */
    bind->buffer_length = text.len;
}

void
wn_statement_set_int(WnStatement *self, unsigned n, int64_t value)
{
    MYSQL_BIND *bind = value_at(self, n, MYSQL_TYPE_LONGLONG);

    self->value_cells[n].number = value;
    bind->buffer = &self->value_cells[n].number;
}

void
wn_statement_set_null(WnStatement *self, unsigned n)
{
    value_at(self, n, MYSQL_TYPE_NULL);
}

/* The server may answer with other columns than those it had announced. */
bool
wn_statement_execute(WnStatement *self, GError **error)
{
    mysql_stmt_free_result(self->stmt);
    if ((self->n_values > 0
            && mysql_stmt_bind_param(self->stmt, self->values) != 0)
        || mysql_stmt_execute(self->stmt) != 0) {
        set_error(self, self->n_columns > 0 ? "read" : "change", error);
        return false;
    }
    if (!check_shape(self, error))
        return false;
    if (self->n_columns > 0
        && mysql_stmt_bind_result(self->stmt, self->results) != 0) {
        set_error(self, "read", error);
        return false;
    }
    return true;
}

uint64_t
wn_statement_affected(const WnStatement *self)
{
    return mysql_stmt_affected_rows(self->stmt);
}

static const char *
cell_fault(const WnColumn *column, const Cell *cell)
{
    WnSpan rest;
    uint32_t code;
    size_t len;

    if (cell->null)
        return (column->flags & WN_COLUMN_NULLABLE) != 0 ? NULL : "is NULL";
    if (column->kind == WN_COLUMN_INT)
        return cell->cut ? "is not a number that can stand here" : NULL;
    if (cell->len > column->max)
        return "is too long";
    rest = wn_span(cell->text, cell->len);
    while (rest.len > 0) {
        len = wn_text_utf8_next(rest, &code);
        if (len == 0 || rest.ptr[0] == '\0')
            return "is not UTF-8 text";
        rest = wn_span_slice(rest, len, rest.len);
    }
    return NULL;
}

/* "example.com/2": the columns that name the row, as far as they can be read.
 * What cannot be is the empty text from here on. */
static char *
describe_row(WnStatement *self)
{
    g_autoptr(GString) key = g_string_new(NULL);

    for (unsigned i = 0; i < self->n_columns; i++) {
        const WnColumn *column = &self->columns[i];
        Cell *cell = &self->cells[i];

        if (cell_fault(column, cell) != NULL)
            cell->null = 1;
        if ((column->flags & WN_COLUMN_KEY) == 0)
            continue;
        if (key->len > 0)
            g_string_append_c(key, '/');
        if (cell->null)
            g_string_append_c(key, '?');
        else if (column->kind == WN_COLUMN_INT)
            g_string_append_printf(key, "%" G_GINT64_FORMAT, cell->number);
        else
            g_string_append_len(key, cell->text, (gssize)cell->len);
    }
    wn_text_clean(key);
    return g_string_free(g_steal_pointer(&key), FALSE);
}

static WnRowResult
check_row(WnStatement *self, GError **error)
{
    for (unsigned i = 0; i < self->n_columns; i++) {
        const char *fault = cell_fault(&self->columns[i], &self->cells[i]);
        g_autofree char *key = NULL;

        if (fault == NULL)
            continue;
        key = describe_row(self);
        g_set_error(error, WN_DATABASE_ERROR, WN_DATABASE_ERROR_VALUE,
            "%s: %s %s: %s %s", self->database->host, self->table, key,
            self->columns[i].name, fault);
        return WN_ROW_BAD;
    }
    return WN_ROW_GOOD;
}

WnRowResult
wn_statement_next(WnStatement *self, GError **error)
{
    int result = mysql_stmt_fetch(self->stmt);

    if (result == MYSQL_NO_DATA)
        return WN_ROW_END;
    if (result == 0 || result == MYSQL_DATA_TRUNCATED)
        return check_row(self, error);
    set_error(self, "read", error);
    return WN_ROW_FAILED;
}

bool
wn_statement_is_null(const WnStatement *self, unsigned column)
{
    g_assert(column < self->n_columns);
    return self->cells[column].null != 0;
}

WnSpan
wn_statement_text(const WnStatement *self, unsigned column)
{
    g_assert(column < self->n_columns);
    if (self->cells[column].null || self->cells[column].text == NULL)
        return WN_SPAN_EMPTY;
    return wn_span(self->cells[column].text, self->cells[column].len);
}

int64_t
wn_statement_int(const WnStatement *self, unsigned column)
{
    g_assert(column < self->n_columns);
    return self->cells[column].null ? 0 : self->cells[column].number;
}
