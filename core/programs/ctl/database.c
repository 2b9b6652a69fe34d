/* SPDX-License-Identifier: MIT */
#include "core/programs/ctl/database.h"

#include "core/sync/schema.h"

#include <stdio.h>

/* Somebody waits at the terminal and can press ^C. */
#define STATEMENT_S 600

bool
ctl_take_account(WnCtl *ctl, CtlAccount *out_account)
{
    bool bad = false;

    out_account->user = ctl_take_option(ctl, "--user", &bad);
    out_account->password_file = ctl_take_option(ctl, "--password-file", &bad);
    if (!bad && out_account->password_file != NULL
        && out_account->user == NULL) {
        fputs("winnowctl: --password-file goes with --user\n", stderr);
        return false;
    }
    return !bad;
}

bool
ctl_database_is_named(const WnConfig *config)
{
    const char *missing = config->mariadb_hosts == NULL      ? "hosts"
                          : config->mariadb_database == NULL ? "database"
                          : config->mariadb_user == NULL     ? "user"
                                                             : NULL;

    if (missing == NULL)
        return true;
    fprintf(stderr, "winnowctl: no settings database: %s has no [mariadb] %s\n",
        config->path, missing);
    return false;
}

WnDatabaseSettings
ctl_database_settings(const WnConfig *config, const CtlAccount *account,
    WnDatabaseUse use)
{
    WnDatabaseSettings settings = wn_database_settings(config, use);

    settings.read_s = STATEMENT_S;
    settings.write_s = STATEMENT_S;
    if (account->user == NULL)
        return settings;
    settings.user = account->user;
    settings.password_file = account->password_file;
    return settings;
}

static const char *
cure_of(WnDatabaseError code)
{
    switch (code) {
    case WN_DATABASE_ERROR_SETTINGS:
    case WN_DATABASE_ERROR_VALUE:
    case WN_DATABASE_ERROR_OTHER:
        return NULL;
    case WN_DATABASE_ERROR_UNREACHABLE:
        return "is the server running, and are [mariadb] hosts right?";
    case WN_DATABASE_ERROR_TLS:
        return "the server's certificate must be for the name in [mariadb] "
               "hosts and signed by [mariadb] tls_ca; \"tls = off\" does "
               "without";
    case WN_DATABASE_ERROR_DENIED:
        return "another account may have the right: --user NAME "
               "[--password-file FILE]; \"winnowctl db init\" prints the "
               "GRANTs";
    case WN_DATABASE_ERROR_NO_DATABASE:
    case WN_DATABASE_ERROR_SCHEMA:
        return "\"winnowctl db init\" makes or completes the tables";
    case WN_DATABASE_ERROR_BUSY:
        return "somebody else changes the same rows: try again";
    case WN_DATABASE_ERROR_READ_ONLY:
        return "name a server that takes changes in [mariadb] hosts";
    }
    return NULL;
}

void
ctl_database_fault(const GError *error)
{
    const char *cure = error->domain == WN_DATABASE_ERROR
                           ? cure_of((WnDatabaseError)error->code)
                           : NULL;

    fprintf(stderr, "winnowctl: %s\n", error->message);
    if (cure != NULL && strstr(error->message, "winnowctl db init") == NULL)
        fprintf(stderr, "    %s\n", cure);
}

WnDatabase *
ctl_database_open(const WnConfig *config, const CtlAccount *account,
    WnDatabaseUse use)
{
    WnDatabaseSettings settings = ctl_database_settings(config, account, use);
    g_autoptr(WnDatabase) database = NULL;
    g_autoptr(GError) error = NULL;

    if (!ctl_database_is_named(config))
        return NULL;
    database = wn_database_open(&settings, &error);
    if (database != NULL && wn_schema_require(database, &error))
        return g_steal_pointer(&database);
    ctl_database_fault(error);
    return NULL;
}
