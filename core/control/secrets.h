/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Files and folders that plugins must not see, wherever the configuration has
 * put them.  Landlock gives rights and takes none away again: a folder that
 * holds a secret is opened up entry by entry, so what is made in it later stays
 * shut until the program is started again.
 */

#include "core/base/sandbox.h"
#include "core/conf/config.h"

typedef struct WnSecrets WnSecrets;

typedef enum {
    WN_SECRETS_OF_FILTERS, /* from plugins that run */
    WN_SECRETS_OF_CHECK    /* from plugins that are tried out, beside the
                            * configuration, which that program reads */
} WnSecretsOf;

/* What is not there is no secret. */
WnSecrets *wn_secrets_new(WnSecretsOf who, const WnConfig *config);
void wn_secrets_free(WnSecrets *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnSecrets, wn_secrets_free)

/* What the path, which exists, is or lies in, unless options may name what lies
 * there (conf.d); what lies there or below.  The key that names it ("tls_key");
 * NULL: nothing. */
const char *wn_secrets_around(const WnSecrets *self, const char *path);
const char *wn_secrets_within(const WnSecrets *self, const char *path);

/* Reading what is at the path and below, but no secret. */
void wn_secrets_allow_rest(const WnSecrets *self, const char *path,
    WnFileRules *rules);

/* Tells of options that name what their plugin will not be able to read. */
void wn_secrets_check(const WnConfig *config, WnProblems *problems);

/* Calls fn for each file or folder that a word of the value names, its whole
 * too.  Which options name files only the plugins know, and these are not
 * loaded before they are confined. */
typedef void (*WnNamedFn)(void *user, const char *path);
void wn_secrets_each_named(const WnSetting *setting, WnNamedFn fn, void *user);
