/* SPDX-License-Identifier: MIT */

/*
 * winnowctl db import: all lines of a file in one transaction, or none.  A line
 * that the table has already changes nothing, so a file can be imported again.
 */

#include "core/programs/ctl/db_lines.h"

#include "core/base/json.h"
#include "core/base/text.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

/* A row is four values; a statement takes 65,535. */
#define BATCH 1000
#define VALUES_PER_ROW 4
/* With more lines than this, readers are told to read the table anew instead
 * of being told each row (schema: @winnow_bulk). */
#define BULK 10000
#define PROGRESS 100000

typedef struct Import {
    const CtlList *list;
    CtlLines lines;
    const char *source, *note;
    int64_t expires_at; /* 0: never */
    bool skip_refused;
    uint64_t n_added;
} Import;

static bool
parse_date(const char *text, int64_t *out_at)
{
    g_autoptr(GTimeZone) utc = g_time_zone_new_utc();
    g_autofree char *full = g_strconcat(text, "T00:00:00", NULL);
    g_autoptr(GDateTime) at = g_date_time_new_from_iso8601(full, utc);

    if (at == NULL)
        return false;
    *out_at = g_date_time_to_unix(at);
    return true;
}

/* TIMESTAMP ends in January 2038 on servers before 11.5. */
static bool
parse_expires(const char *text, int64_t *out_at)
{
    int64_t now = (int64_t)time(NULL);
    int64_t ms;

    if (wn_text_to_duration_ms(wn_span_str(text), &ms))
        *out_at = now + ms / 1000;
    else if (!parse_date(text, out_at))
        return false;
    return *out_at > now && *out_at < INT32_MAX;
}

static char *
batch_sql(const CtlList *list, unsigned n)
{
    GString *sql = g_string_new(NULL);

    g_string_printf(sql,
        "INSERT INTO %s (value, source, note, expires_at) VALUES ",
        list->table);
    for (unsigned i = 0; i < n; i++)
        g_string_append(sql, i == 0 ? "(?, ?, ?, FROM_UNIXTIME(?))"
                                    : ", (?, ?, ?, FROM_UNIXTIME(?))");
    g_string_append(sql, " ON DUPLICATE KEY UPDATE id = id");
    return g_string_free(sql, FALSE);
}

static void
set_row(const Import *self, WnStatement *statement, unsigned row, WnSpan value)
{
    unsigned n = row * VALUES_PER_ROW;

    wn_statement_set_text(statement, n, value);
    wn_statement_set_text(statement, n + 1, wn_span_str(self->source));
    wn_statement_set_text(statement, n + 2, wn_span_str(self->note));
    if (self->expires_at != 0)
        wn_statement_set_int(statement, n + 3, self->expires_at);
}

static void
show_progress(const Import *self, unsigned done, bool finished)
{
    unsigned all = self->lines.entries->len;

    if (all < PROGRESS)
        return;
    if (isatty(STDERR_FILENO) && (done % BATCH == 0 || finished))
        fprintf(stderr, "\r%u of %u lines%s", done, all, finished ? "\n" : "");
    else if (done % PROGRESS == 0 || finished)
        fprintf(stderr, "%u of %u lines\n", done, all);
}

/* Adds lines from *begin on in statements of n rows, as long as there are n. */
static bool
add_batches(Import *self, WnDatabase *database, unsigned n, unsigned *begin,
    GError **error)
{
    const GArray *entries = self->lines.entries;
    g_autofree char *sql = NULL;
    g_autoptr(WnStatement) statement = NULL;

    if (n == 0 || entries->len - *begin < n)
        return true;
    sql = batch_sql(self->list, n);
    statement = wn_statement_new(database, self->list->table, sql, error);
    if (statement == NULL)
        return false;
    while (entries->len - *begin >= n) {
        for (unsigned i = 0; i < n; i++)
            set_row(self, statement, i,
                g_array_index(entries, CtlLine, *begin + i).value);
        if (!wn_statement_execute(statement, error))
            return false;
        self->n_added += wn_statement_affected(statement);
        *begin += n;
        show_progress(self, *begin, *begin == entries->len);
    }
    return true;
}

/* One change for all rows, which makes every reader read the table. */
static bool
tell_table(const Import *self, WnDatabase *database, GError **error)
{
    g_autoptr(WnStatement) statement = NULL;

    if (self->n_added == 0)
        return true;
    statement = wn_statement_new(database, "setting_change",
        "CALL winnow_table_changed(?, JSON_OBJECT('added', ?, 'source', ?))",
        error);
    if (statement == NULL)
        return false;
    wn_statement_set_text(statement, 0, wn_span_str(self->list->table));
    wn_statement_set_int(statement, 1, (int64_t)self->n_added);
    wn_statement_set_text(statement, 2, wn_span_str(self->source));
    return wn_statement_execute(statement, error);
}

/* The connection's end undoes what was not committed. */
static bool
add_all(Import *self, WnDatabase *database, GError **error)
{
    bool bulk = self->lines.entries->len > BULK;
    unsigned begin = 0;

    return (!bulk || wn_database_run(database, "SET @winnow_bulk = 1", error))
           && wn_database_begin(database, error)
           && add_batches(self, database, BATCH, &begin, error)
           && add_batches(self, database, self->lines.entries->len - begin,
               &begin, error)
           && (!bulk || tell_table(self, database, error))
           && wn_database_commit(database, error);
}

static void
print_result(const WnCtl *ctl, const Import *self)
{
    g_autoptr(GString) out = g_string_new(NULL);
    uint64_t n_present = self->lines.entries->len - self->n_added;
    WnJson json;

    if (!ctl->json) {
        printf("%s: %" G_GUINT64_FORMAT " added, %" G_GUINT64_FORMAT
               " were there already, %u twice in the file, %u refused\n",
            self->list->kind, self->n_added, n_present,
            self->lines.n_duplicates, self->lines.n_refused);
        return;
    }
    wn_json_init(&json, out);
    wn_json_open_object(&json, NULL);
    wn_json_str(&json, "list", self->list->kind);
    wn_json_int(&json, "added", (int64_t)self->n_added);
    wn_json_int(&json, "present", (int64_t)n_present);
    wn_json_int(&json, "duplicates", self->lines.n_duplicates);
    wn_json_int(&json, "refused", self->lines.n_refused);
    wn_json_close_object(&json);
    puts(out->str);
}

static WnExit
run_import(const WnCtl *ctl, Import *self, const WnConfig *config,
    const CtlAccount *account)
{
    g_autoptr(WnDatabase) database = NULL;
    g_autoptr(GError) error = NULL;

    if (self->lines.n_refused > 0 && !self->skip_refused) {
        fprintf(stderr,
            "winnowctl: %u lines are refused: nothing was imported "
            "(--skip-refused imports the others)\n",
            self->lines.n_refused);
        return WN_EXIT_NO;
    }
    database = ctl_database_open(config, account, WN_DATABASE_CHANGE);
    if (database == NULL)
        return WN_EXIT_NO;
    if (!add_all(self, database, &error)) {
        ctl_database_fault(error);
        fputs("winnowctl: nothing was imported\n", stderr);
        return WN_EXIT_NO;
    }
    print_result(ctl, self);
    return WN_EXIT_OK;
}

static bool
take_options(WnCtl *ctl, Import *out_import)
{
    bool bad = false;
    const char *source = ctl_take_option(ctl, "--source", &bad);
    const char *note = ctl_take_option(ctl, "--note", &bad);
    const char *expires = ctl_take_option(ctl, "--expires", &bad);

    out_import->skip_refused = ctl_take_flag(ctl, "--skip-refused");
    out_import->source = source != NULL ? source : "";
    out_import->note = note != NULL ? note : "";
    if (bad || !ctl_no_option_left(ctl) || ctl->words->len != 1)
        return false;
    if (expires == NULL || parse_expires(expires, &out_import->expires_at))
        return true;
    fprintf(stderr,
        "winnowctl: --expires \"%s\" is not a time to come, like 30d or "
        "2027-12-31\n",
        expires);
    return false;
}

WnExit
ctl_db_import(WnCtl *ctl, const WnConfig *config, const CtlAccount *account,
    const CtlList *list)
{
    g_autoptr(WnLoader) loader = NULL;
    Import import = { .list = list };
    WnExit result = WN_EXIT_NO;

    if (!take_options(ctl, &import))
        return ctl_db_usage();
    loader = ctl_loader_new(ctl, config);
    if (ctl_lines_read(ctl->words->pdata[0], list, loader, import.source,
            &import.lines))
        result = run_import(ctl, &import, config, account);
    ctl_lines_clear(&import.lines);
    return result;
}
