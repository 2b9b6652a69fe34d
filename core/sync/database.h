/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * One connection to the settings database.  Used by winnow-sync's reader
 * process and by winnowctl, which alone are linked with MariaDB's library; all
 * calls block, within the time limits of the settings, and a process that must
 * not wait longer than that altogether is killed by its parent.
 *
 * The server is trusted with nothing but its rows: it gets no local file, its
 * certificate is verified, and what it sends is bounded and must be UTF-8.
 * Values travel in prepared statements only.  Every error names the host, what
 * was asked for, and the server's SQLSTATE and number.
 */

#include "core/base/span.h"
#include "core/conf/config.h"

#define WN_DATABASE_PORT 3306

#define WN_DATABASE_ERROR (wn_database_error_quark())
typedef enum {
    WN_DATABASE_ERROR_SETTINGS,    /* what we were given to connect with */
    WN_DATABASE_ERROR_UNREACHABLE, /* no host answers, or not in time, or the
                                    * connection broke: try again later */
    WN_DATABASE_ERROR_TLS,         /* no TLS, or not with this certificate */
    WN_DATABASE_ERROR_DENIED,      /* user, password or rights */
    WN_DATABASE_ERROR_NO_DATABASE,
    WN_DATABASE_ERROR_SCHEMA, /* a table or column is missing or different */
    WN_DATABASE_ERROR_VALUE,  /* one row cannot be used, or is refused */
    WN_DATABASE_ERROR_BUSY, /* deadlock or lock wait: the transaction is rolled
                             * back and may be tried again */
    WN_DATABASE_ERROR_READ_ONLY,
    WN_DATABASE_ERROR_OTHER
} WnDatabaseError;
GQuark wn_database_error_quark(void);

/* A replica takes no changes: with WN_DATABASE_CHANGE such hosts are passed
 * over. */
typedef enum { WN_DATABASE_READ, WN_DATABASE_CHANGE } WnDatabaseUse;

typedef struct WnDatabaseSettings {
    char **hosts;         /* "name:3306", "[::1]:3306", "unix:/path" */
    const char *database; /* NULL: none is selected */
    const char *user;
    const char *password_file; /* NULL: no password */
    const char *tls_ca;        /* NULL: the system's authorities */
    bool tls;                  /* for hosts that are no local socket */
    WnDatabaseUse use;
    unsigned connect_s, read_s, write_s; /* time limits in seconds */
} WnDatabaseSettings;

typedef struct WnDatabase WnDatabase;

/* What the configuration says, with time limits of 5 seconds.  Strings are
 * borrowed from it. */
WnDatabaseSettings wn_database_settings(const WnConfig *config,
    WnDatabaseUse use);

/* Tries the hosts in order.  The error of each that failed is in the error. */
WnDatabase *wn_database_open(const WnDatabaseSettings *settings,
    GError **error);
void wn_database_free(WnDatabase *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnDatabase, wn_database_free)

/* The entry of hosts that answered. */
const char *wn_database_host(const WnDatabase *self);

/* One statement without values and without result: SQL of our own only. */
bool wn_database_run(WnDatabase *self, const char *sql, GError **error);

/* Reads everything from here on as it is now, until wn_database_finish(). */
bool wn_database_begin_snapshot(WnDatabase *self, GError **error);

/* Changes: all of them at wn_database_commit(), none if the connection ends or
 * wn_database_finish() comes first.  A commit whose answer is lost may have
 * happened. */
bool wn_database_begin(WnDatabase *self, GError **error);
bool wn_database_commit(WnDatabase *self, GError **error);
bool wn_database_finish(WnDatabase *self, GError **error);

/*
 * Statements.  While one has rows that were not read to the end, the
 * connection takes no other; wn_statement_free() gives up what is left.
 */
typedef struct WnStatement WnStatement;

typedef enum { WN_COLUMN_TEXT, WN_COLUMN_INT } WnColumnKind;
typedef enum {
    WN_COLUMN_NULLABLE = 1u << 0,
    WN_COLUMN_KEY = 1u << 1 /* names the row in errors */
} WnColumnFlag;

typedef struct WnColumn {
    const char *name;
    WnColumnKind kind;
    uint32_t flags;
    size_t max; /* bytes of a text; more is an error */
} WnColumn;

/* table is for errors.  columns are those of the result, in order, and must
 * stay valid; none for a statement without result. */
WnStatement *wn_statement_new(WnDatabase *database, const char *table,
    const char *sql, GError **error) G_GNUC_WARN_UNUSED_RESULT;
WnStatement *wn_statement_new_query(WnDatabase *database, const char *table,
    const char *sql, const WnColumn *columns, unsigned n_columns,
    GError **error) G_GNUC_WARN_UNUSED_RESULT;
void wn_statement_free(WnStatement *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnStatement, wn_statement_free)

/* The value of the n-th question mark, from 0.  A text is borrowed until the
 * statement was executed.  Values stay for the next execution. */
void wn_statement_set_text(WnStatement *self, unsigned n, WnSpan text);
void wn_statement_set_int(WnStatement *self, unsigned n, int64_t value);
void wn_statement_set_null(WnStatement *self, unsigned n);

bool wn_statement_execute(WnStatement *self, GError **error);

/* Rows that the last execution changed. */
uint64_t wn_statement_affected(const WnStatement *self);

typedef enum {
    WN_ROW_GOOD,
    WN_ROW_BAD, /* error says why this row cannot be used: too long, not UTF-8,
                 * NULL where none may be, not a number.  Only the columns that
                 * name the row can be asked for.  The next row can be read. */
    WN_ROW_END, /* all were read */
    WN_ROW_FAILED /* error says why there are no more */
} WnRowResult;

WnRowResult wn_statement_next(WnStatement *self, GError **error);

/* Of the row that was read last; borrowed until the next is read.  A NULL is
 * the empty text, and 0. */
bool wn_statement_is_null(const WnStatement *self, unsigned column);
WnSpan wn_statement_text(const WnStatement *self, unsigned column);
int64_t wn_statement_int(const WnStatement *self, unsigned column);
