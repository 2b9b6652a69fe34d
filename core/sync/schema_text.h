/* SPDX-License-Identifier: MIT */
#pragma once

/* The SQL files of core/sync, made part of the program by embed-sql.awk. */

typedef struct WnSchemaText {
    const char *file; /* "002-revision.sql" */
    const char *sql;
} WnSchemaText;

/* In the order of the versions; the first is version 1. */
extern const WnSchemaText wn_schema_texts[];
extern const unsigned wn_schema_n_texts;
