/* SPDX-License-Identifier: MIT */

/*
 * winnowctl db export: a list as db import reads it, one value a line, in the
 * order of the bytes; with --json all columns.
 */

#include "core/programs/ctl/db_entry.h"

#include "core/base/json.h"
#include "core/base/text.h"

#include <stdio.h>

/* Bytes of a column of so many characters. */
#define CHARACTERS(n) ((n)*4u)

const WnColumn ctl_entry_columns[CTL_ENTRY_N] = {
    { "id", WN_COLUMN_INT, WN_COLUMN_KEY, 0 },
    { "value", WN_COLUMN_TEXT, 0, CHARACTERS(768) },
    { "source", WN_COLUMN_TEXT, 0, CHARACTERS(64) },
    { "note", WN_COLUMN_TEXT, 0, CHARACTERS(255) },
    { "added_at", WN_COLUMN_TEXT, 0, 32 },
    { "expires_at", WN_COLUMN_TEXT, WN_COLUMN_NULLABLE, 32 },
};

void
ctl_entry_print_json(const WnStatement *row)
{
    g_autoptr(GString) out = g_string_new(NULL);
    WnJson json;

    wn_json_init(&json, out);
    wn_json_open_object(&json, NULL);
    for (unsigned i = 0; i < CTL_ENTRY_N; i++) {
        const char *name = ctl_entry_columns[i].name;

        if (ctl_entry_columns[i].kind == WN_COLUMN_INT)
            wn_json_int(&json, name, wn_statement_int(row, i));
        else if (wn_statement_is_null(row, i))
            wn_json_str(&json, name, NULL);
        else
            wn_json_span(&json, name, wn_statement_text(row, i));
    }
    wn_json_close_object(&json);
    puts(out->str);
}

/* Whether the value, alone on a line, is read again as it is. */
static bool
is_line(WnSpan value)
{
    if (value.len == 0 || value.ptr[0] == '#'
        || wn_span_trim(value).len != value.len)
        return false;
    for (size_t i = 0; i < value.len; i++) {
        unsigned char byte = (unsigned char)value.ptr[i];

        if (byte < ' ' || byte == 0x7f)
            return false;
    }
    return true;
}

/* False if the row could not be shown. */
static bool
print_row(const WnCtl *ctl, const WnStatement *row)
{
    WnSpan value = wn_statement_text(row, CTL_ENTRY_VALUE);

    if (ctl->json) {
        ctl_entry_print_json(row);
        return true;
    }
    if (!is_line(value)) {
        fprintf(stderr,
            "winnowctl: entry %" G_GINT64_FORMAT
            " is left out: it cannot stand on a line\n",
            wn_statement_int(row, CTL_ENTRY_ID));
        return false;
    }
    fwrite(value.ptr, 1, value.len, stdout);
    putchar('\n');
    return true;
}

static bool
print_rows(const WnCtl *ctl, WnStatement *statement, GError **error)
{
    bool whole = true;

    for (;;) {
        g_autoptr(GError) fault = NULL;
        WnRowResult result = wn_statement_next(statement, &fault);

        if (result == WN_ROW_END)
            return whole;
        if (result == WN_ROW_FAILED) {
            g_propagate_error(error, g_steal_pointer(&fault));
            return false;
        }
        if (result == WN_ROW_BAD)
            fprintf(stderr, "winnowctl: %s\n", fault->message);
        if (result == WN_ROW_BAD || !print_row(ctl, statement))
            whole = false;
    }
}

WnExit
ctl_db_export(WnCtl *ctl, const WnConfig *config, const CtlAccount *account,
    const CtlList *list)
{
    g_autoptr(WnDatabase) database = NULL;
    g_autoptr(WnStatement) statement = NULL;
    g_autoptr(GError) error = NULL;
    g_autofree char *sql = g_strconcat("SELECT " CTL_ENTRY_COLUMNS " FROM ",
        list->table, " ORDER BY value", NULL);

    if (ctl->words->len != 0)
        return ctl_db_usage();
    database = ctl_database_open(config, account, WN_DATABASE_READ);
    if (database == NULL)
        return WN_EXIT_NO;
    statement = wn_statement_new_query(database, list->table, sql,
        ctl_entry_columns, CTL_ENTRY_N, &error);
    if (statement != NULL && wn_statement_execute(statement, &error)
        && print_rows(ctl, statement, &error))
        return WN_EXIT_OK;
    if (error != NULL)
        ctl_database_fault(error);
    return WN_EXIT_NO;
}
