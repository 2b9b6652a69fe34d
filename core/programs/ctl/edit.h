/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Private to winnowctl: changes to one domain's settings, in whichever source
 * is in use.
 *
 *    ctl_edit_begin()    what the domain says now, under a lock or in a
 *                        transaction
 *    ctl_edit_*()        what is to change
 *    ctl_edit_finish()   makes all of it, or says why none of it
 *
 * The changed settings are checked as for a snapshot before anything is
 * written; a problem that was there before does not stand in the way.
 */

#include "core/base/fd.h"
#include "core/programs/ctl/database.h"
#include "core/programs/ctl/settings.h"

typedef enum {
    CTL_ADD_DOMAIN,
    CTL_REMOVE_DOMAIN,
    CTL_DOMAIN_KEY,
    CTL_FILTER_KEY,
    CTL_ADD_MAILBOX,
    CTL_REMOVE_MAILBOX,
    CTL_ADD_ACCESS,
    CTL_REMOVE_ACCESS
} CtlChangeKind;

typedef struct CtlChange {
    CtlChangeKind kind;
    char *filter; /* of a filter's key */
    char *key;    /* or the local part; "allow client" of an access entry */
    char *value;  /* NULL: as if it had never been set */
} CtlChange;

typedef struct CtlEdit {
    WnCtl *ctl;
    WnConfig *config;
    WnLoader *loader;
    WnCatalogue *catalogue;
    char *domain;
    WnDomainSetting *now; /* NULL: there is no such domain */
    GPtrArray *changes;   /* CtlChange */
    bool no_sync;
    bool shared; /* filters may change for other domains of the file, too */
    CtlAccount account;
    int lock_fd;          /* files: of the folder */
    WnDatabase *database; /* in a transaction */
    struct WnMirror *mirror;
} CtlEdit;

/* Takes --no-sync, --shared, --user and --password-file out of the words. */
bool ctl_edit_take_options(WnCtl *ctl, CtlEdit *edit);

/* domain add, set, unset, remove; false: it is none of these. */
bool ctl_domain_edit(WnCtl *ctl, WnExit *out_status);

/* WN_EXIT_OK, or what to end with after it was said why. */
WnExit ctl_edit_begin(CtlEdit *self, const char *domain);
WnExit ctl_edit_finish(CtlEdit *self);
void ctl_edit_clear(CtlEdit *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(CtlEdit, ctl_edit_clear)

/* Says it on standard error; false. */
bool ctl_edit_fail(const char *format, ...) G_GNUC_PRINTF(1, 2);

/* Said if there is no such domain. */
bool ctl_edit_is_there(const CtlEdit *self);

void ctl_edit_add(CtlEdit *self, CtlChangeKind kind, const char *key,
    const char *value);
void ctl_edit_filter(CtlEdit *self, const char *filter, const char *key,
    const char *value);

/* What the domain says of the filter; NULL: nothing. */
const WnFilterSetting *ctl_edit_filter_now(const CtlEdit *self,
    const char *filter);

/* The parts of edit.c for each source. */
bool ctl_edit_files_begin(CtlEdit *self);
bool ctl_edit_files_apply(CtlEdit *self);
bool ctl_edit_database_begin(CtlEdit *self);
bool ctl_edit_database_apply(CtlEdit *self);

/* What the value of one change means, in the member that its key stands for
 * (transfer full); NULL after it was said why it means nothing. */
WnDomainSetting *ctl_edit_parse(const CtlEdit *self, const CtlChange *change);

/*
 * Checks settings as for a snapshot: read calls fn for each domain, before or
 * after the edit.  False after the problems that only the edited ones have were
 * printed.
 */
typedef enum { CTL_BEFORE_EDIT, CTL_AFTER_EDIT } CtlMoment;
typedef bool (*CtlReadFn)(void *user, CtlMoment moment, WnProblems *problems,
    WnDomainFn fn, void *fn_user);
bool ctl_edit_check(const CtlEdit *self, CtlReadFn read, void *user);
