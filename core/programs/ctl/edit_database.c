/* SPDX-License-Identifier: MIT */

/*
 * Changes to the settings database: one transaction, in which the changed rows
 * are read back and checked as winnow-sync will do it, before the commit.  The
 * triggers record who; @winnow_actor is the person at the terminal.
 */

#include "core/programs/ctl/edit.h"

#include "core/sync/domain_rows.h"

#include <stdio.h>

/* A column of domain that a key of [domain] stands for. */
typedef struct DomainColumn {
    const char *key;
    const char *set;   /* value, domain */
    const char *unset; /* domain */
} DomainColumn;

#define DOMAIN_COLUMN(name)                                       \
    {                                                             \
        name, "UPDATE domain SET " name " = ? WHERE name = ?",    \
            "UPDATE domain SET " name " = DEFAULT WHERE name = ?" \
    }

static const DomainColumn domain_columns[] = {
    DOMAIN_COLUMN("enabled"),
    DOMAIN_COLUMN("status"),
    DOMAIN_COLUMN("delivery"),
    DOMAIN_COLUMN("mailboxes"),
    DOMAIN_COLUMN("filter_default"),
    DOMAIN_COLUMN("firewall"),
    DOMAIN_COLUMN("egress_pool"),
    DOMAIN_COLUMN("tls"),
    DOMAIN_COLUMN("max_message_size"),
    DOMAIN_COLUMN("reject_text"),
    DOMAIN_COLUMN("queue_lifetime"),
    DOMAIN_COLUMN("delay_notice"),
    DOMAIN_COLUMN("technical_contact"),
};

/* A column of domain_filter.  A row that is new says of enabled what holds
 * without it. */
typedef struct FilterColumn {
    const char *key;
    const char *set;   /* domain, filter, enabled, value */
    const char *unset; /* domain, filter */
} FilterColumn;

#define FILTER_COLUMN(name)                                             \
    {                                                                   \
        name,                                                           \
            "INSERT INTO domain_filter (domain, filter, enabled, " name \
            ") VALUES (?, ?, ?, ?) ON DUPLICATE KEY UPDATE " name       \
            " = VALUES(" name ")",                                      \
            "UPDATE domain_filter SET " name                            \
            " = NULL WHERE domain = ? AND filter = ?"                   \
    }

static const FilterColumn filter_columns[] = {
    FILTER_COLUMN("position"),
    FILTER_COLUMN("action"),
    FILTER_COLUMN("on_match"),
    FILTER_COLUMN("on_error"),
};

/*
 * Statements
 */

typedef struct Run {
    WnDatabase *database;
    const char *table;
    const char *sql;
} Run;

typedef struct Parameter {
    const char *text; /* NULL: number, or null */
    int64_t number;
    bool null;
} Parameter;

#define TEXT(value) ((Parameter){ .text = (value) })
#define NUMBER(value) ((Parameter){ .number = (value) })

static bool
run(Run self, const Parameter *parameters, unsigned n, uint64_t *out_affected)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(WnStatement) statement = wn_statement_new(self.database,
        self.table, self.sql, &error);

    for (unsigned i = 0; statement != NULL && i < n; i++)
        if (parameters[i].text != NULL)
            wn_statement_set_text(statement, i,
                wn_span_str(parameters[i].text));
        else if (parameters[i].null)
            wn_statement_set_null(statement, i);
        else
            wn_statement_set_int(statement, i, parameters[i].number);
    if (statement != NULL && wn_statement_execute(statement, &error)) {
        if (out_affected != NULL)
            *out_affected = wn_statement_affected(statement);
        return true;
    }
    ctl_database_fault(error);
    return false;
}

#define RUN(edit, table, sql, out_affected, ...)                        \
    run((Run){ (edit)->database, (table), (sql) },                      \
        (const Parameter[]){ __VA_ARGS__ },                             \
        sizeof((const Parameter[]){ __VA_ARGS__ }) / sizeof(Parameter), \
        (out_affected))

/*
 * Begin
 */

/* The account is one for all; who sits at the terminal is told besides. */
static bool
tell_actor(const CtlEdit *self)
{
    const char *name = g_getenv("SUDO_USER");
    g_autofree char *actor = g_strdup_printf("%s (winnowctl)",
        name != NULL && g_utf8_validate(name, -1, NULL) ? name
                                                        : g_get_user_name());

    return RUN(self, "session", "SET @winnow_actor = ?", NULL, TEXT(actor));
}

static bool
read_domain(CtlEdit *self)
{
    const char *names[] = { self->domain, NULL };
    g_autoptr(GHashTable) revisions = wn_row_revisions_new();
    g_autoptr(GError) error = NULL;

    if (wn_domain_rows_read_some(self->database, revisions, names, self->mirror,
            &error))
        return true;
    ctl_database_fault(error);
    return false;
}

/* The other domains: this relay's copy knows them, or they are read. */
static bool
read_mirror(CtlEdit *self)
{
    g_autoptr(GHashTable) revisions = NULL;
    g_autoptr(GError) error = NULL;

    self->mirror = wn_mirror_read(self->config->state, NULL);
    if (self->mirror != NULL)
        return true;
    self->mirror = wn_mirror_new();
    revisions = wn_row_revisions_new();
    if (wn_domain_rows_read_all(self->database, revisions, self->mirror,
            &error))
        return true;
    ctl_database_fault(error);
    return false;
}

bool
ctl_edit_database_begin(CtlEdit *self)
{
    g_autoptr(GError) error = NULL;

    self->database = ctl_database_open(self->config, &self->account,
        WN_DATABASE_CHANGE);
    if (self->database == NULL)
        return false;
    if (!wn_database_begin(self->database, &error)) {
        ctl_database_fault(error);
        return false;
    }
    if (!tell_actor(self) || !read_mirror(self) || !read_domain(self))
        return false;
    self->now = wn_mirror_domain(self->mirror, self->domain, NULL);
    return true;
}

/*
 * Values
 */

/* Of the column that the key stands for. */
static Parameter
domain_value(const WnDomainSetting *typed, const char *key)
{
    if (strcmp(key, "enabled") == 0)
        return NUMBER(typed->enabled);
    if (strcmp(key, "status") == 0)
        return TEXT(wn_domain_status_name(typed->status));
    if (strcmp(key, "delivery") == 0)
        return TEXT(typed->delivery == WN_DELIVERY_EVEN ? "even" : "ordered");
    if (strcmp(key, "mailboxes") == 0)
        return TEXT(typed->mailboxes == WN_MAILBOXES_ANY ? "any" : "listed");
    if (strcmp(key, "filter_default") == 0)
        return TEXT(typed->filter_default ? "on" : "off");
    if (strcmp(key, "firewall") == 0)
        return NUMBER(typed->firewall);
    if (strcmp(key, "egress_pool") == 0)
        return TEXT(typed->egress_pool);
    if (strcmp(key, "tls") == 0)
        return TEXT(wn_tls_policy_name(typed->tls));
    if (strcmp(key, "max_message_size") == 0)
        return NUMBER(typed->max_message_size);
    if (strcmp(key, "reject_text") == 0)
        return TEXT(typed->reject_text);
    if (strcmp(key, "queue_lifetime") == 0)
        return NUMBER(typed->queue_lifetime_ms / 1000);
    if (strcmp(key, "delay_notice") == 0)
        return NUMBER(typed->delay_notice_ms / 1000);
    return TEXT(typed->technical_contact);
}

/*
 * Changes
 */

/* Weight and TLS policy as they were given with the server; the default of what
 * was not, which is NULL for the policy. */
static bool
write_server_words(const CtlEdit *self, const WnServerSetting *server)
{
    static const char
        sql[] = "UPDATE domain_server SET weight = ?, tls = "
                "NULLIF(?, '') WHERE domain = ? AND host = ? AND port = ?";
    WnTlsPolicy tls = wn_server_tls(server->own_tls, WN_TLS_POLICY_MAY);

    if (!server->has_words)
        return true;
    return RUN(self, "domain_server", sql, NULL, NUMBER(server->weight),
        TEXT(server->own_tls != 0 ? wn_tls_policy_name(tls) : ""),
        TEXT(self->domain), TEXT(server->host), NUMBER(server->port));
}

/* A server that stays keeps whether it is enabled, and its weight and TLS if
 * neither is given: rows of the others go, and the positions say the new
 * order. */
static bool
write_servers(const CtlEdit *self, const GPtrArray *servers)
{
    static const char shift[] = "UPDATE domain_server SET position = position "
                                "+ 1000000 WHERE domain = ? "
                                "ORDER BY position DESC";
    static const char keep[] = "UPDATE domain_server SET position = ? WHERE "
                               "domain = ? AND host = ? AND port = ? "
                               "ORDER BY position LIMIT 1";
    static const char add[] = "INSERT INTO domain_server (domain, position, "
                              "host, port) VALUES (?, ?, ?, ?)";
    static const char drop[] = "DELETE FROM domain_server WHERE domain = ? "
                               "AND position >= 1000000";

    if (!RUN(self, "domain_server", shift, NULL, TEXT(self->domain)))
        return false;
    for (guint i = 0; i < servers->len; i++) {
        const WnServerSetting *server = servers->pdata[i];
        int64_t position = ((int64_t)i + 1) * 10;
        uint64_t kept;

        if (!RUN(self, "domain_server", keep, &kept, NUMBER(position),
                TEXT(self->domain), TEXT(server->host), NUMBER(server->port)))
            return false;
        if (kept == 0
            && !RUN(self, "domain_server", add, NULL, TEXT(self->domain),
                NUMBER(position), TEXT(server->host), NUMBER(server->port)))
            return false;
        if (!write_server_words(self, server))
            return false;
    }
    return RUN(self, "domain_server", drop, NULL, TEXT(self->domain));
}

static bool
unset_domain_key(const CtlEdit *self, const CtlChange *change,
    const DomainColumn *column)
{
    if (column == NULL)
        return ctl_edit_fail("%s has no default", change->key);
    return RUN(self, "domain", column->unset, NULL, TEXT(self->domain));
}

static bool
change_domain_key(const CtlEdit *self, const CtlChange *change)
{
    g_autoptr(WnDomainSetting) typed = NULL;
    const DomainColumn *column = NULL;

    for (size_t i = 0; i < G_N_ELEMENTS(domain_columns); i++)
        if (strcmp(domain_columns[i].key, change->key) == 0)
            column = &domain_columns[i];
    if (change->value == NULL)
        return unset_domain_key(self, change, column);
    if (strcmp(change->key, "filters") == 0)
        return ctl_edit_fail("the database has no list of filters: \"winnowctl "
                             "filter "
                             "enable|disable|move %s FILTER ...\"",
            self->domain);
    typed = ctl_edit_parse(self, change);
    if (typed == NULL)
        return false;
    if (column == NULL)
        return write_servers(self, typed->servers);
    return RUN(self, "domain", column->set, NULL,
        domain_value(typed, change->key), TEXT(self->domain));
}

/* Whether conf.d has the filter on for every domain. */
static bool
is_on_by_default(const CtlEdit *self, const char *filter)
{
    const WnFilterConfig *config = wn_config_filter(self->config, filter);

    return config != NULL && config->enabled;
}

static bool
change_enabled(const CtlEdit *self, const CtlChange *change)
{
    static const char sql[] = "INSERT INTO domain_filter (domain, filter, "
                              "enabled) VALUES (?, ?, ?) ON DUPLICATE KEY "
                              "UPDATE enabled = VALUES(enabled)";
    g_autoptr(WnDomainSetting) typed = NULL;
    bool on = is_on_by_default(self, change->filter);

    if (change->value != NULL) {
        typed = ctl_edit_parse(self, change);
        if (typed == NULL)
            return false;
        on = ((const WnFilterSetting *)typed->filter_settings->pdata[0])
                 ->enabled
             == 1;
    }
    return RUN(self, "domain_filter", sql, NULL, TEXT(self->domain),
        TEXT(change->filter), NUMBER(on));
}

/* What a row that is made for another column says. */
static bool
enabled_now(const CtlEdit *self, const char *filter)
{
    const WnFilterSetting *own = ctl_edit_filter_now(self, filter);

    return own != NULL && own->enabled >= 0 ? own->enabled == 1
                                            : is_on_by_default(self, filter);
}

static Parameter
filter_value(const WnFilterSetting *typed, const char *key)
{
    if (strcmp(key, "position") == 0)
        return NUMBER(typed->position);
    if (strcmp(key, "action") == 0)
        return TEXT(typed->action);
    if (strcmp(key, "on_match") == 0)
        return TEXT(wn_on_match_name((WnOnMatch)typed->on_match));
    return TEXT(wn_on_error_name((WnOnError)typed->on_error));
}

static bool
change_filter_column(const CtlEdit *self, const CtlChange *change,
    const FilterColumn *column)
{
    g_autoptr(WnDomainSetting) typed = NULL;

    if (change->value == NULL)
        return RUN(self, "domain_filter", column->unset, NULL,
            TEXT(self->domain), TEXT(change->filter));
    typed = ctl_edit_parse(self, change);
    if (typed == NULL)
        return false;
    return RUN(self, "domain_filter", column->set, NULL, TEXT(self->domain),
        TEXT(change->filter), NUMBER(enabled_now(self, change->filter)),
        filter_value(typed->filter_settings->pdata[0], change->key));
}

static bool
change_option(const CtlEdit *self, const CtlChange *change)
{
    static const char set[] = "INSERT INTO domain_filter_option (domain, "
                              "filter, name, value) VALUES (?, ?, ?, ?) ON "
                              "DUPLICATE KEY UPDATE value = VALUES(value)";
    static const char unset[] = "DELETE FROM domain_filter_option WHERE domain "
                                "= ? AND filter = ? AND name = ?";
    g_autoptr(WnDomainSetting) typed = NULL;
    uint64_t n;

    if (change->value == NULL) {
        if (!RUN(self, "domain_filter_option", unset, &n, TEXT(self->domain),
                TEXT(change->filter), TEXT(change->key)))
            return false;
        return n > 0
               || ctl_edit_fail("%s is not set for filter %s", change->key,
                   change->filter);
    }
    typed = ctl_edit_parse(self, change);
    if (typed == NULL)
        return false;
    return RUN(self, "domain_filter_option", set, NULL, TEXT(self->domain),
        TEXT(change->filter), TEXT(change->key), TEXT(change->value));
}

static bool
change_filter_key(const CtlEdit *self, const CtlChange *change)
{
    if (strcmp(change->key, "enabled") == 0)
        return change_enabled(self, change);
    for (size_t i = 0; i < G_N_ELEMENTS(filter_columns); i++)
        if (strcmp(filter_columns[i].key, change->key) == 0)
            return change_filter_column(self, change, &filter_columns[i]);
    return change_option(self, change);
}

/* value: "", " filtering=on" or " filtering=off" */
static bool
add_mailbox(const CtlEdit *self, const CtlChange *change)
{
    static const char sql[] = "INSERT INTO mailbox (domain, local_part, "
                              "filtering) VALUES (?, ?, ?) ON DUPLICATE KEY "
                              "UPDATE filtering = VALUES(filtering)";
    const char *equals = strchr(change->value, '=');

    return RUN(self, "mailbox", sql, NULL, TEXT(self->domain),
        TEXT(change->key), TEXT(equals != NULL ? equals + 1 : "default"));
}

static bool
remove_mailbox(const CtlEdit *self, const CtlChange *change)
{
    uint64_t n;

    if (!RUN(self, "mailbox",
            "DELETE FROM mailbox WHERE domain = ? AND local_part = ?", &n,
            TEXT(self->domain), TEXT(change->key)))
        return false;
    return n > 0
           || ctl_edit_fail("%s has no mailbox %s", self->domain, change->key);
}

/* key: "allow client"; value: of the entry */
static bool
change_access(const CtlEdit *self, const CtlChange *change)
{
    bool adds = change->kind == CTL_ADD_ACCESS;
    g_auto(GStrv) words = g_strsplit(change->key, " ", 2);
    uint64_t n;

    if (!RUN(self, "access_entry",
            adds ? "INSERT INTO access_entry (domain, verdict, kind, value) "
                   "VALUES (?, ?, ?, ?)"
                 : "DELETE FROM access_entry WHERE domain = ? AND verdict = ? "
                   "AND kind = ? AND value = ?",
            &n, TEXT(self->domain), TEXT(words[0]), TEXT(words[1]),
            TEXT(change->value)))
        return false;
    return n > 0
           || ctl_edit_fail("there is no entry %s %s", change->key,
               change->value);
}

static bool
make_change(const CtlEdit *self, const CtlChange *change)
{
    switch (change->kind) {
    case CTL_ADD_DOMAIN:
        return RUN(self, "domain", "INSERT INTO domain (name) VALUES (?)", NULL,
            TEXT(self->domain));
    case CTL_REMOVE_DOMAIN:
        return RUN(self, "domain", "DELETE FROM domain WHERE name = ?", NULL,
            TEXT(self->domain));
    case CTL_DOMAIN_KEY:
        return change_domain_key(self, change);
    case CTL_FILTER_KEY:
        return change_filter_key(self, change);
    case CTL_ADD_MAILBOX:
        return add_mailbox(self, change);
    case CTL_REMOVE_MAILBOX:
        return remove_mailbox(self, change);
    case CTL_ADD_ACCESS:
    case CTL_REMOVE_ACCESS:
        return change_access(self, change);
    }
    return false;
}

/*
 * Check and commit
 */

typedef struct Moment {
    CtlEdit *edit;
    bool given_up; /* the transaction, to see what was before it */
} Moment;

static bool
read_moment(void *user, CtlMoment moment, WnProblems *problems, WnDomainFn fn,
    void *fn_user)
{
    Moment *self = user;
    CtlEdit *edit = self->edit;

    if (moment == CTL_BEFORE_EDIT) {
        self->given_up = true;
        if (!wn_database_finish(edit->database, NULL) || !read_domain(edit))
            return false;
    }
    wn_mirror_each(edit->mirror, problems, fn, fn_user);
    return true;
}

static bool
make_changes(const CtlEdit *self)
{
    for (guint i = 0; i < self->changes->len; i++)
        if (!make_change(self, self->changes->pdata[i]))
            return false;
    return true;
}

static bool
begin_again(const CtlEdit *self)
{
    g_autoptr(GError) error = NULL;

    if (wn_database_begin(self->database, &error))
        return make_changes(self);
    ctl_database_fault(error);
    return false;
}

static bool
commit(CtlEdit *self)
{
    g_autoptr(GError) error = NULL;

    if (wn_database_commit(self->database, &error)) {
        printf("changed %s in the database at %s\n", self->domain,
            wn_database_host(self->database));
        return true;
    }
    ctl_database_fault(error);
    return false;
}

bool
ctl_edit_database_apply(CtlEdit *self)
{
    Moment moment = { .edit = self };

    if (!make_changes(self) || !read_domain(self)
        || !ctl_edit_check(self, read_moment, &moment))
        return false;
    if (moment.given_up && !begin_again(self))
        return false;
    return commit(self);
}
