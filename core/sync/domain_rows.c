/* SPDX-License-Identifier: MIT */
#include "core/sync/domain_rows.h"

#include "core/conf/setting.h"
#include "core/sync/domain_values.h"

#include <string.h>

GHashTable *
wn_row_revisions_new(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

void
wn_row_revisions_note(GHashTable *self, const char *table, const char *key,
    uint64_t revision)
{
    g_autofree char *name = g_strconcat(table, "/", key, NULL);
    uint64_t *known = g_hash_table_lookup(self, name);

    if (known == NULL) {
        known = g_new0(uint64_t, 1);
        g_hash_table_insert(self, g_steal_pointer(&name), known);
    }
    *known = MAX(*known, revision);
}

/*
 * Statements
 */

static char *
make_sql(const WnDomainTable *table, bool of_one)
{
    GString *sql = g_string_new("SELECT ");

    for (unsigned i = 0; i < table->n_columns; i++)
        g_string_append_printf(sql, "%s`%s`", i > 0 ? ", " : "",
            table->columns[i].name);
    g_string_append_printf(sql, " FROM `%s`", table->name);
    if (of_one)
        g_string_append_printf(sql, " WHERE `%s` = ?", table->columns[0].name);
    g_string_append_printf(sql, " ORDER BY %s", table->order);
    return g_string_free(sql, FALSE);
}

static WnStatement *
prepare(WnDatabase *database, const WnDomainTable *table, bool of_one,
    GError **error)
{
    g_autofree char *sql = make_sql(table, of_one);

    return wn_statement_new_query(database, table->name, sql, table->columns,
        table->n_columns, error);
}

bool
wn_domain_rows_probe(WnDatabase *database, GError **error)
{
    for (unsigned i = 0; i < WN_DOMAIN_TABLES; i++) {
        g_autoptr(WnStatement)
            statement = prepare(database, &wn_domain_tables[i], true, error);

        if (statement == NULL)
            return false;
    }
    return true;
}

/*
 * Rows
 */

typedef struct Reading {
    WnDatabase *database;
    GHashTable *revisions;
    GHashTable *drafts; /* name to WnDomainDraft */
    WnMirror *mirror;
} Reading;

static WnDomainDraft *
draft_of(const Reading *self, const WnStatement *statement)
{
    g_autofree char *name = wn_span_dup(wn_statement_text(statement, 0));

    return g_hash_table_lookup(self->drafts, name);
}

static WnDomainDraft *
begin_draft(const Reading *self, const WnStatement *statement)
{
    g_autofree char *name = wn_span_dup(wn_statement_text(statement, 0));
    WnDomainDraft *draft;

    if (name[0] == '\0')
        return NULL;
    draft = wn_domain_draft_new(name, self->revisions);
    draft->previous = wn_mirror_domain(self->mirror, name, NULL);
    g_hash_table_replace(self->drafts, draft->domain->name, draft);
    return draft;
}

/* "HOST: TABLE KEY: what" as the mirror has it: "TABLE/KEY: what". */
static char *
fault_of(const Reading *self, const GError *error)
{
    g_autofree char *host = g_strconcat(wn_database_host(self->database), ": ",
        NULL);
    const char *text = g_str_has_prefix(error->message, host)
                           ? error->message + strlen(host)
                           : error->message;
    char *fault = g_strdup(text);
    char *space = strchr(fault, ' ');

    if (space != NULL)
        *space = '/';
    return fault;
}

static void
note_bad(const Reading *self, WnDomainDraft *draft, const GError *error)
{
    g_autofree char *fault = fault_of(self, error);

    if (draft != NULL)
        wn_domain_draft_add_fault(draft, fault);
    else
        wn_mirror_add_fault(self->mirror, fault);
}

/* Rows of domains that are not there can be no one's settings. */
static bool
take_rows(const Reading *self, const WnDomainTable *table,
    WnStatement *statement, GError **error)
{
    bool of_domains = table == &wn_domain_tables[0];

    while (true) {
        g_autoptr(GError) fault = NULL;
        WnRowResult result = wn_statement_next(statement, &fault);
        WnDomainDraft *draft;

        if (result == WN_ROW_END)
            return true;
        if (result == WN_ROW_FAILED) {
            g_propagate_error(error, g_steal_pointer(&fault));
            return false;
        }
        draft = of_domains ? begin_draft(self, statement)
                           : draft_of(self, statement);
        if (result == WN_ROW_BAD)
            note_bad(self, draft, fault);
        else if (draft != NULL)
            table->take(draft, statement);
    }
}

static void
put_drafts(Reading *self)
{
    GHashTableIter iter;
    void *value;

    g_hash_table_iter_init(&iter, self->drafts);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        WnDomainDraft *draft = value;

        wn_mirror_put(self->mirror, draft->domain, draft->faults);
    }
    g_hash_table_remove_all(self->drafts);
}

static void
reading_init(Reading *self, WnDatabase *database, GHashTable *revisions,
    WnMirror *mirror)
{
    self->database = database;
    self->revisions = revisions;
    self->mirror = mirror;
    self->drafts = g_hash_table_new_full(g_str_hash, g_str_equal, NULL,
        wn_domain_draft_free);
}

static void
reading_clear(Reading *self)
{
    g_hash_table_unref(self->drafts);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Reading, reading_clear)

bool
wn_domain_rows_read_all(WnDatabase *database, GHashTable *revisions,
    WnMirror *mirror, GError **error)
{
    g_auto(Reading) reading;

    reading_init(&reading, database, revisions, mirror);
    for (unsigned i = 0; i < WN_DOMAIN_TABLES; i++) {
        const WnDomainTable *table = &wn_domain_tables[i];
        g_autoptr(WnStatement)
            statement = prepare(database, table, false, error);

        if (statement == NULL || !wn_statement_execute(statement, error)
            || !take_rows(&reading, table, statement, error))
            return false;
    }
    put_drafts(&reading);
    return true;
}

static bool
read_some_of(Reading *self, const WnDomainTable *table,
    const char *const *names, GError **error)
{
    g_autoptr(WnStatement)
        statement = prepare(self->database, table, true, error);

    if (statement == NULL)
        return false;
    for (size_t i = 0; names[i] != NULL; i++) {
        wn_statement_set_text(statement, 0, wn_span_str(names[i]));
        if (!wn_statement_execute(statement, error)
            || !take_rows(self, table, statement, error))
            return false;
    }
    return true;
}

bool
wn_domain_rows_read_some(WnDatabase *database, GHashTable *revisions,
    const char *const *names, WnMirror *mirror, GError **error)
{
    g_auto(Reading) reading;

    reading_init(&reading, database, revisions, mirror);
    for (unsigned i = 0; i < WN_DOMAIN_TABLES; i++)
        if (!read_some_of(&reading, &wn_domain_tables[i], names, error))
            return false;
    for (size_t i = 0; names[i] != NULL; i++)
        if (!g_hash_table_contains(reading.drafts, names[i]))
            wn_mirror_remove(mirror, names[i]);
    put_drafts(&reading);
    return true;
}
