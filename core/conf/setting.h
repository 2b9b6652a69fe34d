/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Settings of filters against the schema of plugins.  "phrases" is an option
 * of the filter's plugin, "action.text" is option "text" of the action's
 * plugin.  The same check serves conf.d, domains.d and the database.
 */

#include "core/conf/config.h"

#define WN_ACTION_PREFIX "action."
#define WN_INSTANCE_NAME_MAX 64
/* Below state, and beside winnow.conf. */
#define WN_LISTS_FOLDER "lists"

/* key and value are copied; file is NULL for what comes from a database. */
WnSetting *wn_setting_new(const char *key, const char *value, const char *file,
    const char *folder, unsigned line);
void wn_setting_free(void *self); /* a GDestroyNotify */

typedef enum { WN_SETTING_OF_SERVER, WN_SETTING_OF_DOMAIN } WnSettingLevel;

typedef struct WnSettingCheck {
    const WnPluginInfo *plugin;
    const WnPluginInfo *action; /* NULL: report only */
    WnSettingLevel level;
    const char *group; /* for messages */
    /* Given: values come from a database.  Who writes there does not choose
     * what the relay may read: they name files of its folders for lists. */
    const WnConfig *database_of;
    WnProblems *problems;
} WnSettingCheck;

/* The option that the key names, or NULL. */
const WnOptionSpec *wn_setting_spec(const WnSettingCheck *check,
    const char *key);

/* False: unknown, not allowed at this level or a bad value; reported. */
bool wn_setting_check(const WnSettingCheck *check, const WnSetting *setting);

/* The value as stored and compared: file names absolute (transfer full). */
char *wn_setting_text(const WnSetting *setting, const WnOptionSpec *spec);

/* The action's plugin; NULL if there is none of that name, reported with what
 * was probably meant. */
const WnPluginInfo *wn_setting_find_action(const WnCatalogue *catalogue,
    const char *name, WnPlace place, WnProblems *problems);

/* [a-z0-9][a-z0-9_-]*, for names of filters and egress pools. */
bool wn_setting_is_name(const char *name);

/* What holds if on_match is not given. */
WnOnMatch wn_setting_default_on_match(const char *action);
