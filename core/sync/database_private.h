/* SPDX-License-Identifier: MIT */
#pragma once

/* Shared by database.c and database_statement.c alone. */

#include "core/sync/database.h"

#include <mysql.h>

struct WnDatabase {
    MYSQL *mysql;
    const char *host; /* as configured; stands in hosts */
    char **hosts;
};

/* "HOST: ACTION: what the server or the library says (SQLSTATE/number)"; a
 * number of 0 without text is called a lost connection. */
void wn_database_set_error(GError **error, const char *host, const char *action,
    unsigned number, const char *sqlstate, const char *text);
