/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * winnow.conf and conf.d/ as one checked structure (DESIGN §4).  Every program
 * reads it at its start and never again: a reload starts new processes.
 * Options of filters are kept as written here; they are checked against the
 * plugins' schemas by wn_config_check_filters(), which needs a catalogue.
 */

#include "core/base/netaddr.h"
#include "core/conf/catalogue.h"
#include "core/conf/problem.h"

typedef enum { WN_ISOLATION_PROCESS, WN_ISOLATION_NONE } WnIsolation;
typedef enum { WN_SANDBOX_OFF, WN_SANDBOX_TRY, WN_SANDBOX_REQUIRE } WnSandbox;
typedef enum { WN_BARE_REFUSE, WN_BARE_NORMALISE } WnBareNewlines;
typedef enum { WN_SOURCE_FILES, WN_SOURCE_MARIADB } WnSettingsSource;
typedef enum { WN_ON_ERROR_SKIP, WN_ON_ERROR_TEMPFAIL } WnOnError;
typedef enum { WN_ON_MATCH_STOP, WN_ON_MATCH_CONTINUE } WnOnMatch;
typedef enum { WN_DECIDE_DOMAIN, WN_DECIDE_LISTENER } WnDecide;

/* One "key = value" of a filter, with where it was written. */
typedef struct WnSetting {
    char *key; /* "phrases", "action.text" */
    char *value;
    char *file;   /* shown path */
    char *folder; /* absolute: relative paths in the value start here */
    unsigned line;
} WnSetting;

/* [filter NAME] of conf.d: an instance of a plugin. */
typedef struct WnFilterConfig {
    char *name;
    char *plugin;
    bool enabled;
    int position; /* from the key, else the number of the file's name */
    char *action; /* NULL: report only, "none" */
    WnOnError on_error;
    WnOnMatch on_match; /* default continue for modify_subject, else stop */
    bool on_match_given;
    WnDecide decide;
    int64_t timeout_ms;
    char *file; /* shown path, and line of the group */
    unsigned line;
    GPtrArray *settings; /* WnSetting: plugin options and action.* */
} WnFilterConfig;

typedef struct WnEgressConfig {
    char *name;
    GArray *addresses; /* WnNetaddr */
} WnEgressConfig;

/* An 8-bit message for a server that does not offer 8BITMIME. */
typedef enum { WN_8BIT_SEND, WN_8BIT_BOUNCE } WnWithout8bitmime;

typedef struct WnConfig {
    char *path;   /* of winnow.conf, absolute */
    char *folder; /* it stands in */

    char *hostname;
    GArray *listen; /* WnNetaddr with port */
    char *user;     /* NULL: stay */
    unsigned workers;
    WnIsolation isolation;
    WnSandbox sandbox;
    char *spool, *state, *run, *plugins; /* absolute */
    char *tls_certificate, *tls_key;     /* NULL: no TLS */
    GArray *proxy_from;                  /* WnNetwork */
    WnNetaddr metrics;                   /* len 0: none */
    WnBareNewlines bare_newlines;
    bool log_json;
    int64_t history; /* bytes; 0: none */

    int64_t max_message_size;
    unsigned max_recipients;
    unsigned max_connections;
    unsigned max_connections_per_client;
    int64_t min_free_space;
    int64_t filter_memory; /* of one winnow-filter; 0: any */

    char *dns_servers; /* "127.0.0.1:53; ..." */

    WnSettingsSource source;
    int64_t interval_ms;
    char **mariadb_hosts; /* as written; checked by winnow-sync's source */
    char *mariadb_database, *mariadb_user, *mariadb_password_file;
    char *mariadb_tls;    /* "off"; "required": with a verified certificate */
    char *mariadb_tls_ca; /* NULL: the system's authorities */

    GArray *retry_ms; /* int64_t, at least one; the last repeats */
    int64_t lifetime_ms, delay_notice_ms;
    int64_t connect_timeout_ms, reply_timeout_ms, message_timeout_ms;
    WnWithout8bitmime without_8bitmime;

    GPtrArray *egress;  /* WnEgressConfig */
    GPtrArray *filters; /* WnFilterConfig in position, then name order */
    char **refused;     /* plugins that winnowd has switched off; NULL: none */
} WnConfig;

/* Reads winnow.conf and conf.d beside it.  Never NULL; usable only if problems
 * got no new entry.  Unset keys have DESIGN's values. */
WnConfig *wn_config_read(const char *path, WnProblems *problems);
void wn_config_free(WnConfig *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnConfig, wn_config_free)

const WnFilterConfig *wn_config_filter(const WnConfig *self, const char *name);
/* Adds to refused. */
void wn_config_refuse_plugin(WnConfig *self, const char *name);
const WnEgressConfig *wn_config_egress(const WnConfig *self, const char *name);

/* The line of winnow.conf that sets the key, as the file is now; 0 if none
 * does.  For messages about values that turn out to be wrong later. */
unsigned wn_config_line(const WnConfig *self, const char *group,
    const char *key);

/* Checks plugin names, actions, options and action.* of every filter. */
void wn_config_check_filters(const WnConfig *self, const WnCatalogue *catalogue,
    WnProblems *problems);

/* The default action for a position-free look-up of names in errors. */
const char *wn_on_error_name(WnOnError value);
const char *wn_on_match_name(WnOnMatch value);

/* A value that names a file: absolute against the setting's folder (transfer
 * full). */
char *wn_setting_resolve(const WnSetting *setting);
