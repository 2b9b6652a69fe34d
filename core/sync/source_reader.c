/* SPDX-License-Identifier: MIT */
#include "core/sync/source_reader.h"

#include "core/base/clock.h"
#include "core/conf/snapshot.h"
#include "core/sync/change_list.h"
#include "core/sync/domain_rows.h"
#include "core/sync/list_rows.h"
#include "core/sync/mirror.h"
#include "core/sync/relay_rows.h"
#include "core/sync/schema.h"

#include <string.h>

#define GUARD_PART 10u /* a tenth */
#define GUARD_MIN 5u
#define DOMAINS_ONE_BY_ONE 300u
#define ROWS_ONE_BY_ONE 2000u
#define HEARTBEAT_MS (10 * 1000)

struct WnSourceReader {
    const WnConfig *config;
    WnDatabase *database; /* NULL: not connected */
    WnMirror *mirror;     /* NULL: none, or to be read from its file again */
    bool lists_known;     /* the files of lists were looked at */
    int64_t next_expiry;  /* of all lists */
    uint64_t refused;     /* revision that the guard did not believe; 0: none */
    uint32_t refused_n, refused_lost;
    int64_t told_at; /* the last sign of life */
    uint64_t told_generation;
    char *host;
    GString *remark;
};

WnSourceReader *
wn_source_reader_new(const WnConfig *config)
{
    WnSourceReader *self = g_new0(WnSourceReader, 1);

    self->config = config;
    self->next_expiry = G_MAXINT64;
    self->host = g_strdup("");
    self->remark = g_string_new(NULL);
    wn_mirror_sweep(config->state);
    return self;
}

void
wn_source_reader_free(WnSourceReader *self)
{
    if (self == NULL)
        return;
    wn_database_free(self->database);
    wn_mirror_free(self->mirror);
    g_free(self->host);
    g_string_free(self->remark, TRUE);
    g_free(self);
}

static void
add_remark(WnSourceReader *self, const char *text)
{
    if (self->remark->len > 0)
        g_string_append(self->remark, "; ");
    g_string_append(self->remark, text);
}

/*
 * Before anything is read
 */

/* Without one of its files the mirror is none: all is read anew. */
static bool
has_lists(const WnSourceReader *self)
{
    for (unsigned i = 0; i < WN_LIST_TABLES; i++)
        if (!wn_list_table_has_file(wn_list_table_at(i), self->config->state))
            return false;
    return true;
}

static void
open_mirror(WnSourceReader *self)
{
    g_autoptr(GError) error = NULL;

    if (self->mirror != NULL)
        return;
    self->mirror = wn_mirror_read(self->config->state, &error);
    if (error != NULL)
        add_remark(self, error->message);
    if (self->mirror != NULL && !self->lists_known && !has_lists(self))
        g_clear_pointer(&self->mirror, wn_mirror_free);
}

static bool
connect_database(WnSourceReader *self, GError **error)
{
    WnDatabaseSettings settings = wn_database_settings(self->config,
        WN_DATABASE_READ);

    if (self->database != NULL)
        return true;
    self->database = wn_database_open(&settings, error);
    if (self->database == NULL)
        return false;
    g_free(self->host);
    self->host = g_strdup(wn_database_host(self->database));
    return true;
}

/* Every table with every column that is read here, also those that did not
 * change. */
static bool
probe(WnDatabase *database, GError **error)
{
    if (!wn_schema_require(database, error)
        || !wn_domain_rows_probe(database, error))
        return false;
    for (unsigned i = 0; i < WN_LIST_TABLES; i++)
        if (!wn_list_table_probe(wn_list_table_at(i), database, error))
            return false;
    return true;
}

/*
 * The guard
 */

static uint32_t
n_lost_of_snapshot(const WnSnapshot *snapshot, const WnMirror *mirror)
{
    uint32_t n = 0;
    WnDomain domain;

    for (uint32_t i = 0; wn_snapshot_domain_at(snapshot, i, &domain); i++) {
        g_autoptr(WnDomainSetting)
            found = wn_mirror_domain(mirror, domain.name.ptr, NULL);

        n += found == NULL || !found->enabled;
    }
    return n;
}

/* Of what serves now: the mirror's file, or the snapshot where there is
 * none. */
static void
count_lost(const WnSourceReader *self, uint32_t *out_n, uint32_t *out_lost)
{
    g_autoptr(WnMirror) before = wn_mirror_read(self->config->state, NULL);
    g_autoptr(WnSnapshot) snapshot = NULL;

    *out_n = *out_lost = 0;
    if (before != NULL) {
        *out_n = wn_mirror_n_enabled(before);
        *out_lost = wn_mirror_n_lost(before, self->mirror);
        return;
    }
    snapshot = wn_snapshot_open_current(self->config->state, NULL);
    if (snapshot == NULL)
        return;
    *out_n = wn_snapshot_n_domains(snapshot);
    *out_lost = n_lost_of_snapshot(snapshot, self->mirror);
}

static bool
refuse_loss(const WnSourceReader *self, uint32_t n, uint32_t lost,
    GError **error)
{
    g_set_error(error, WN_DATABASE_ERROR, WN_DATABASE_ERROR_VALUE,
        "%s: the database has lost %u of %u domains: the last settings stay; "
        "\"winnowctl sync --force\" accepts it",
        self->host, lost, n);
    return false;
}

/* An empty table that nobody has emptied row by row is not believed either. */
static bool
guard(WnSourceReader *self, uint64_t revision, bool whole, GError **error)
{
    uint32_t n, lost;

    count_lost(self, &n, &lost);
    if ((lost < GUARD_MIN || lost * GUARD_PART <= n)
        && !(whole && lost > 0 && wn_mirror_n_enabled(self->mirror) == 0))
        return true;
    self->refused = revision;
    self->refused_n = n;
    self->refused_lost = lost;
    return refuse_loss(self, n, lost, error);
}

/*
 * Reading
 */

typedef struct Reading {
    WnSourceReader *reader;
    WnLookMode mode;
    uint64_t revision; /* of the database */
    WnChangeList *changes;
    WnListReading lists;
} Reading;

static void
reading_clear(Reading *self)
{
    g_clear_pointer(&self->changes, wn_change_list_free);
    g_clear_pointer(&self->lists.faults, g_ptr_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Reading, reading_clear)

static bool
read_revision(WnDatabase *database, uint64_t *out_revision, GError **error)
{
    static const WnColumn columns[] = { { "revision", WN_COLUMN_INT, 0, 0 } };
    g_autoptr(WnStatement)
        statement = wn_statement_new_query(database, "settings_revision",
            "SELECT revision FROM settings_revision", columns, 1, error);
    WnRowResult result;

    if (statement == NULL || !wn_statement_execute(statement, error))
        return false;
    result = wn_statement_next(statement, error);
    if (result == WN_ROW_GOOD) {
        *out_revision = (uint64_t)wn_statement_int(statement, 0);
        return true;
    }
    if (result == WN_ROW_END)
        g_set_error(error, WN_DATABASE_ERROR, WN_DATABASE_ERROR_SCHEMA,
            "%s: settings_revision: its row is missing",
            wn_database_host(database));
    return false;
}

static bool
find_changes(Reading *self, GError **error)
{
    WnSourceReader *reader = self->reader;

    self->changes = wn_change_list_new();
    if (reader->mirror != NULL)
        return wn_change_list_read(self->changes, reader->database,
            wn_mirror_revision(reader->mirror), self->revision, error);
    self->changes->everything = true;
    return true;
}

static bool
reads_all_domains(const WnChangeList *changes)
{
    return changes->everything || changes->all_domains
           || g_hash_table_size(changes->domains) > DOMAINS_ONE_BY_ONE;
}

static bool
read_all_domains(Reading *self, GError **error)
{
    WnSourceReader *reader = self->reader;

    wn_mirror_free(reader->mirror);
    reader->mirror = wn_mirror_new();
    return wn_change_list_add_history(self->changes, reader->database,
               self->revision, error)
           && wn_domain_rows_read_all(reader->database,
               self->changes->revisions, reader->mirror, error);
}

static bool
read_domains(Reading *self, GError **error)
{
    bool whole = reads_all_domains(self->changes);
    g_autoptr(GPtrArray) names = wn_change_list_domain_names(self->changes);

    if (whole ? !read_all_domains(self, error)
              : !wn_domain_rows_read_some(self->reader->database,
                  self->changes->revisions, (const char *const *)names->pdata,
                  self->reader->mirror, error))
        return false;
    /* Fewer cannot be too many. */
    if (self->mode == WN_LOOK_FORCED || (!whole && names->len <= GUARD_MIN))
        return true;
    return guard(self->reader, self->revision, whole, error);
}

static bool
read_list(Reading *self, const WnListTable *table, GError **error)
{
    const WnChangedRows *rows = g_hash_table_lookup(self->changes->lists,
        wn_list_table_name(table));

    if (self->changes->everything
        || (rows != NULL
            && (rows->all || g_hash_table_size(rows->ids) > ROWS_ONE_BY_ONE)))
        return wn_list_table_read_all(table, &self->lists, error);
    return rows == NULL
           || wn_list_table_read_some(table, &self->lists, rows->ids, error);
}

static bool
write_mirror(Reading *self, GError **error)
{
    WnMirror *mirror = self->reader->mirror;

    for (guint i = 0; i < self->lists.faults->len; i++)
        add_remark(self->reader, self->lists.faults->pdata[i]);
    wn_mirror_set_revision(mirror, self->revision);
    return wn_mirror_write(mirror, self->reader->config->state, error);
}

/* Lists come before the mirror: its revision must not run ahead of them.  The
 * folder must be there for the first of them. */
static bool
read_changes(Reading *self, GError **error)
{
    if (!find_changes(self, error) || !read_domains(self, error)
        || !wn_mirror_make_folder(self->reader->config->state, error))
        return false;
    for (unsigned i = 0; i < WN_LIST_TABLES; i++)
        if (!read_list(self, wn_list_table_at(i), error))
            return false;
    return write_mirror(self, error);
}

/* Nothing is asked for while the database stays as it was. */
static bool
read_view(Reading *self, bool *out_changed, GError **error)
{
    WnSourceReader *reader = self->reader;

    if (!read_revision(reader->database, &self->revision, error))
        return false;
    if (reader->mirror != NULL
        && wn_mirror_revision(reader->mirror) == self->revision)
        return true;
    if (self->mode == WN_LOOK_NORMAL && reader->refused == self->revision)
        return refuse_loss(reader, reader->refused_n, reader->refused_lost,
            error);
    *out_changed = true;
    self->lists.revision = self->revision;
    if (read_changes(self, error)) {
        reader->refused = 0;
        return true;
    }
    /* It may be half new: its file still is as it was. */
    g_clear_pointer(&reader->mirror, wn_mirror_free);
    return false;
}

static bool
drop_expired(Reading *self, GError **error)
{
    WnSourceReader *reader = self->reader;

    if (reader->lists_known && self->lists.now < reader->next_expiry)
        return true;
    self->lists.next_expiry = G_MAXINT64;
    for (unsigned i = 0; i < WN_LIST_TABLES; i++)
        if (!wn_list_table_read_some(wn_list_table_at(i), &self->lists, NULL,
                error))
            return false;
    reader->next_expiry = self->lists.next_expiry;
    reader->lists_known = true;
    return true;
}

/* The error of the view, if any, goes before that of its end. */
static bool
read_all(Reading *self, bool *out_changed, GError **error)
{
    WnDatabase *database = self->reader->database;

    if (!probe(database, error) || !wn_database_begin_snapshot(database, error))
        return false;
    if (!read_view(self, out_changed, error)) {
        wn_database_finish(database, NULL);
        return false;
    }
    return wn_database_finish(database, error);
}

static void
tell(WnSourceReader *self, uint64_t generation)
{
    int64_t now = wn_clock_mono_ms();
    g_autoptr(GError) error = NULL;

    if (self->told_at != 0 && generation == self->told_generation
        && now - self->told_at < HEARTBEAT_MS)
        return;
    self->told_at = now;
    self->told_generation = generation;
    if (!wn_relay_rows_tell(self->database, self->config->hostname, generation,
            wn_mirror_revision(self->mirror), &error))
        add_remark(self, error->message);
}

static bool
look(WnSourceReader *self, Reading *reading, WnLook *out_look, GError **error)
{
    bool changed = false;

    if (!connect_database(self, error))
        return false;
    reading->lists.database = self->database;
    if (!read_all(reading, &changed, error))
        return false;
    if (changed) /* the rows that were read may expire earlier */
        self->next_expiry = MIN(self->next_expiry, reading->lists.next_expiry);
    if (!drop_expired(reading, error))
        return false;
    out_look->changed = changed || reading->lists.changed;
    return true;
}

bool
wn_source_reader_look(WnSourceReader *self, WnLookMode mode,
    uint64_t generation, WnLook *out_look, GError **error)
{
    g_auto(Reading) reading = { .reader = self, .mode = mode };

    *out_look = (WnLook){ .next_expiry = G_MAXINT64 };
    g_string_truncate(self->remark, 0);
    open_mirror(self);
    reading.lists = (WnListReading){ .state = self->config->state,
        .now = wn_clock_unix(),
        .next_expiry = G_MAXINT64,
        .faults = g_ptr_array_new_with_free_func(g_free) };
    if (!look(self, &reading, out_look, error)) {
        g_clear_pointer(&self->database, wn_database_free);
        return false;
    }
    tell(self, generation);
    out_look->host = self->host;
    out_look->revision = wn_mirror_revision(self->mirror);
    out_look->n_domains = wn_mirror_n_domains(self->mirror);
    out_look->next_expiry = self->next_expiry;
    out_look->remark = self->remark->str;
    return true;
}

bool
wn_source_reader_report(WnSourceReader *self, const char *lines, GError **error)
{
    if (!connect_database(self, error))
        return false;
    if (wn_relay_rows_report(self->database, self->config->hostname, lines,
            error))
        return true;
    g_clear_pointer(&self->database, wn_database_free);
    return false;
}
