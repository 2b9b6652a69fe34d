/* SPDX-License-Identifier: MIT */
#pragma once

/* Private to winnowctl db: its parts. */

#include "core/programs/ctl/database.h"

/* One of the lists that filters look into. */
typedef struct CtlList {
    const char *kind; /* "urls" */
    const char *table;
    unsigned max; /* characters of a value */
} CtlList;

/* "usage" is printed for every part alike. */
WnExit ctl_db_usage(void);

WnExit ctl_db_init(WnCtl *ctl, const WnConfig *config,
    const CtlAccount *account);
WnExit ctl_db_import(WnCtl *ctl, const WnConfig *config,
    const CtlAccount *account, const CtlList *list);
WnExit ctl_db_export(WnCtl *ctl, const WnConfig *config,
    const CtlAccount *account, const CtlList *list);
WnExit ctl_db_lookup(WnCtl *ctl, const WnConfig *config,
    const CtlAccount *account, const CtlList *list);
