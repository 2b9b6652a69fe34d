/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Private to winnowctl: its commands.  Each gets its own words without the
 * common options and gives the exit status; what it prints goes to standard
 * output, what is wrong to standard error.
 */

#include "core/conf/config.h"
#include "core/control/control.h"
#include "core/control/trial.h"
#include "core/plugin/loader.h"

typedef struct WnCtl {
    const char *config_path;
    bool json;
    GPtrArray *words;    /* char*, the command's arguments */
    WnScoreboard *board; /* of a command that loads plugins */
} WnCtl;

/* Takes "NAME value" out of the words; NULL if it is not there.  A missing
 * value is a usage error: *out_bad is set. */
const char *ctl_take_option(WnCtl *ctl, const char *name, bool *out_bad);
bool ctl_take_flag(WnCtl *ctl, const char *name);

/* False after it was said which of the words looks like an option. */
bool ctl_no_option_left(const WnCtl *ctl);
/* The same where "KEY VALUE ..." stands from the word pairs on: a value may
 * begin as an option does. */
bool ctl_no_option_but_values(const WnCtl *ctl, guint pairs);

/* The configuration, or NULL after its problems were printed. */
WnConfig *ctl_read_config(WnCtl *ctl);

/* For the plugins of the configuration. */
WnLoader *ctl_loader_new(const WnCtl *ctl, const WnConfig *config);

WnExit ctl_check(WnCtl *ctl);
WnExit ctl_daemon(WnCtl *ctl,
    const char *command); /* status reload stop sync */
WnExit ctl_sync(WnCtl *ctl);
WnExit ctl_snapshot(WnCtl *ctl);
WnExit ctl_queue(WnCtl *ctl);
WnExit ctl_fsck(WnCtl *ctl); /* queue fsck */
WnExit ctl_domain(WnCtl *ctl);
WnExit ctl_suspend(WnCtl *ctl, const char *verb); /* suspend, resume */
WnExit ctl_filter(WnCtl *ctl);
WnExit ctl_mailbox(WnCtl *ctl);
WnExit ctl_access(WnCtl *ctl);
WnExit ctl_plugin(WnCtl *ctl);
WnExit ctl_explain(WnCtl *ctl);
WnExit ctl_trace(WnCtl *ctl);
WnExit ctl_db(WnCtl *ctl);
WnExit ctl_sink(WnCtl *ctl);
