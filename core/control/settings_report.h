/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * How the source of the settings is, as winnow-sync tells it to winnowd with
 * WN_CHILD_SOURCE, for winnowctl status, sync and sync --status.
 */

#include "core/base/json.h"
#include "core/base/wire.h"

typedef struct WnSettingsReport {
    bool known;    /* false: nothing was told; all else is unset */
    bool database; /* false: of files, only the problems say something */
    bool up;       /* the database answers, and its settings are in use */
    uint64_t revision;
    int64_t succeeded; /* Unix time it last answered well; 0: never */
    char *host;
    char *error;    /* "" */
    char *problems; /* a line each: what is wrong with single settings; of
                     * files also warnings, wn_settings_report_is_warning() */
} WnSettingsReport;

void wn_settings_report_write(const WnSettingsReport *self, WnWriter *writer);

/* Replaces what is there; false, and nothing is replaced: not a report. */
bool wn_settings_report_read(WnSettingsReport *self, WnReader *reader);
void wn_settings_report_clear(WnSettingsReport *self);

bool wn_settings_report_is_warning(const char *line);
/* Of files, what is not only a warning: the settings in use are not those that
 * stand in them. */
bool wn_settings_report_stays_behind(const WnSettingsReport *self);

/* Lines for people, behind that of the source; nothing if not known. */
void wn_settings_report_print(const WnSettingsReport *self, GString *out);
/* How many problems there are, and what shows them. */
void wn_settings_report_print_hint(const WnSettingsReport *self, GString *out);
void wn_settings_report_print_problems(const WnSettingsReport *self,
    GString *out);

/* Members of an open object. */
void wn_settings_report_json(const WnSettingsReport *self, WnJson *json);
void wn_settings_report_json_problems(const WnSettingsReport *self,
    WnJson *json);
