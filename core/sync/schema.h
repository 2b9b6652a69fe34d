/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The tables of the settings database, as numbered steps of SQL that are part
 * of the program (schema.sql is step 1, migrations/NNN-*.sql the others).
 * winnowctl brings a database up to date; winnow-sync asks whether it is.
 */

#include "core/sync/database.h"

/* What this program knows: the number of the last file in migrations. */
#define WN_SCHEMA_VERSION 2u

/* The version of the database; 0: it has none of our tables. */
bool wn_schema_find_version(WnDatabase *database, unsigned *out_version,
    GError **error);

/* Fails with WN_DATABASE_ERROR_SCHEMA, both numbers and the cure unless the
 * version is this program's. */
bool wn_schema_require(WnDatabase *database, GError **error);

/* Applies what is missing up to version upto, one step after the other, and
 * calls on_step (nullable) after each.  A newer database is refused.  May be
 * repeated after any failure; of two at once one waits for the other. */
typedef void (*WnSchemaStepFn)(void *user, unsigned version, const char *file);
bool wn_schema_apply(WnDatabase *database, unsigned upto,
    WnSchemaStepFn on_step, void *user, GError **error);

/* Takes the next statement off the text of a file for the mysql client: lines
 * that begin with -- are comments, "DELIMITER x" changes what ends a statement
 * at the end of a line. */
typedef struct WnSqlReader {
    WnSpan rest;
    char delimiter[8]; /* "" is ";" */
} WnSqlReader;
bool wn_sql_next(WnSqlReader *reader, GString *out_statement);
