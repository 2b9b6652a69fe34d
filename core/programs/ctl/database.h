/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Private to winnowctl: the settings database as an operator reaches it, with
 * the configuration's account or one named in the command.  What goes wrong is
 * printed together with its cure.
 */

#include "core/programs/ctl/ctl.h"
#include "core/sync/database.h"

typedef struct CtlAccount {
    const char *user;          /* NULL: the configuration's */
    const char *password_file; /* of that user; NULL: no password */
} CtlAccount;

/* Takes --user NAME and --password-file FILE; false after a usage error. */
bool ctl_take_account(WnCtl *ctl, CtlAccount *out_account);

/* False, and said, where winnow.conf names no database. */
bool ctl_database_is_named(const WnConfig *config);

/* The settings for wn_database_open() with room for long statements. */
WnDatabaseSettings ctl_database_settings(const WnConfig *config,
    const CtlAccount *account, WnDatabaseUse use);

/* Connected, and the schema is this program's; NULL after it was printed what
 * is wrong. */
WnDatabase *ctl_database_open(const WnConfig *config, const CtlAccount *account,
    WnDatabaseUse use);

/* Prints the error and what to do about it. */
void ctl_database_fault(const GError *error);
