/* SPDX-License-Identifier: MIT */
#include "core/sync/schema.h"

#include "core/sync/schema_text.h"

static const WnColumn number_column[] = {
    { "number", WN_COLUMN_INT, WN_COLUMN_NULLABLE, 0 },
};

/* One number; a NULL is -1. */
static bool
ask_number(WnDatabase *database, const char *table, const char *sql,
    int64_t *out_number, GError **error)
{
    g_autoptr(WnStatement) statement = wn_statement_new_query(database, table,
        sql, number_column, 1, error);
    WnRowResult result;

    if (statement == NULL || !wn_statement_execute(statement, error))
        return false;
    result = wn_statement_next(statement, error);
    if (result == WN_ROW_BAD || result == WN_ROW_FAILED)
        return false;
    *out_number = result == WN_ROW_END || wn_statement_is_null(statement, 0)
                      ? -1
                      : wn_statement_int(statement, 0);
    return true;
}

bool
wn_schema_find_version(WnDatabase *database, unsigned *out_version,
    GError **error)
{
    g_autoptr(GError) fault = NULL;
    int64_t version = 0;

    if (ask_number(database, "schema_version",
            "SELECT MAX(version) FROM schema_version", &version, &fault)) {
        *out_version = (unsigned)CLAMP(version, 0, G_MAXINT);
        return true;
    }
    if (!g_error_matches(fault, WN_DATABASE_ERROR, WN_DATABASE_ERROR_SCHEMA)) {
        g_propagate_error(error, g_steal_pointer(&fault));
        return false;
    }
    *out_version = 0;
    return true;
}

static bool
refuse_newer(const WnDatabase *database, unsigned version, GError **error)
{
    if (version <= WN_SCHEMA_VERSION)
        return true;
    g_set_error(error, WN_DATABASE_ERROR, WN_DATABASE_ERROR_SCHEMA,
        "%s: the database has version %u of the schema, this program knows "
        "%u: install the newer winnow here",
        wn_database_host(database), version, WN_SCHEMA_VERSION);
    return false;
}

bool
wn_schema_require(WnDatabase *database, GError **error)
{
    unsigned version;

    if (!wn_schema_find_version(database, &version, error)
        || !refuse_newer(database, version, error))
        return false;
    if (version == WN_SCHEMA_VERSION)
        return true;
    if (version == 0)
        g_set_error(error, WN_DATABASE_ERROR, WN_DATABASE_ERROR_SCHEMA,
            "%s: the database has no tables of winnow yet: run \"winnowctl db "
            "init\"",
            wn_database_host(database));
    else
        g_set_error(error, WN_DATABASE_ERROR, WN_DATABASE_ERROR_SCHEMA,
            "%s: the database has version %u of the schema, this program needs "
            "%u: run \"winnowctl db init\"",
            wn_database_host(database), version, WN_SCHEMA_VERSION);
    return false;
}

static WnSpan
take_line(WnSpan *rest)
{
    const char *end = memchr(rest->ptr, '\n', rest->len);
    size_t len = end != NULL ? (size_t)(end - rest->ptr) + 1 : rest->len;
    WnSpan line = wn_span_slice(*rest, 0, len);

    *rest = wn_span_slice(*rest, len, rest->len);
    return line;
}

static bool
ends_with(WnSpan text, const char *end)
{
    size_t len = strlen(end);

    return text.len >= len && memcmp(text.ptr + text.len - len, end, len) == 0;
}

bool
wn_sql_next(WnSqlReader *reader, GString *out_statement)
{
    static const WnSpan word = { "DELIMITER ", 10 };

    g_string_truncate(out_statement, 0);
    while (reader->rest.len > 0) {
        const char *delimiter = reader->delimiter[0] != '\0' ? reader->delimiter
                                                             : ";";
        WnSpan line = take_line(&reader->rest);
        WnSpan text = wn_span_trim(line);

        if (text.len == 0 || memcmp(text.ptr, "--", MIN(text.len, 2)) == 0)
            continue;
        if (out_statement->len == 0 && wn_span_case_starts(text, word)) {
            g_autofree char *value = wn_span_dup(
                wn_span_slice(text, word.len, text.len));

            g_strlcpy(reader->delimiter, value, sizeof(reader->delimiter));
            continue;
        }
        if (!ends_with(text, delimiter)) {
            g_string_append_len(out_statement, line.ptr, (gssize)line.len);
            continue;
        }
        g_string_append_len(out_statement, text.ptr,
            (gssize)(text.len - strlen(delimiter)));
        return true;
    }
    return out_statement->len > 0;
}

static bool
run_text(WnDatabase *database, const WnSchemaText *text, GError **error)
{
    WnSqlReader reader = { .rest = wn_span_str(text->sql) };
    g_autoptr(GString) statement = g_string_new(NULL);

    while (wn_sql_next(&reader, statement)) {
        if (statement->len == 0)
            continue;
        if (!wn_database_run(database, statement->str, error)) {
            g_prefix_error(error, "%s: ", text->file);
            return false;
        }
    }
    return true;
}

static bool
note_version(WnDatabase *database, unsigned version, GError **error)
{
    g_autoptr(WnStatement) statement = wn_statement_new(database,
        "schema_version",
        "INSERT INTO schema_version (version, applied_by) VALUES (?, USER()) "
        "ON DUPLICATE KEY UPDATE version = version",
        error);

    if (statement == NULL)
        return false;
    wn_statement_set_int(statement, 0, version);
    return wn_statement_execute(statement, error);
}

static bool
apply_missing(WnDatabase *database, unsigned upto, WnSchemaStepFn on_step,
    void *user, GError **error)
{
    unsigned version;

    if (!wn_schema_find_version(database, &version, error)
        || !refuse_newer(database, version, error))
        return false;
    for (unsigned i = version; i < MIN(upto, wn_schema_n_texts); i++) {
        if (!run_text(database, &wn_schema_texts[i], error)
            || !note_version(database, i + 1, error))
            return false;
        if (on_step != NULL)
            on_step(user, i + 1, wn_schema_texts[i].file);
    }
    return true;
}

bool
wn_schema_apply(WnDatabase *database, unsigned upto, WnSchemaStepFn on_step,
    void *user, GError **error)
{
    int64_t held;
    bool done;

    if (!ask_number(database, "lock", "SELECT GET_LOCK('winnow.schema', 60)",
            &held, error))
        return false;
    if (held != 1) {
        g_set_error(error, WN_DATABASE_ERROR, WN_DATABASE_ERROR_BUSY,
            "%s: another \"winnowctl db init\" is at work",
            wn_database_host(database));
        return false;
    }
    done = apply_missing(database, upto, on_step, user, error);
    ask_number(database, "lock", "SELECT RELEASE_LOCK('winnow.schema')", &held,
        NULL);
    return done;
}
