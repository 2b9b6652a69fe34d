/* SPDX-License-Identifier: MIT */

/* winnowctl db init: makes the database and its tables, or what is missing. */

#include "core/programs/ctl/db.h"

#include "core/base/json.h"
#include "core/sync/schema.h"

#include <stdio.h>

/* What a control panel may change. */
static const char *const settings_tables[] = { "domain", "domain_server",
    "domain_filter", "domain_filter_option", "mailbox", "access_entry",
    "url_entry", "phone_entry", "phrase_entry", "relay" };

typedef struct Applied {
    GString *text;
    GArray *versions; /* unsigned */
} Applied;

static void
on_step(void *user, unsigned version, const char *file)
{
    Applied *applied = user;

    g_array_append_val(applied->versions, version);
    g_string_append_printf(applied->text, "applied %s: version %u\n", file,
        version);
}

static bool
is_plain_name(const char *name)
{
    return strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                        "0123456789_-$")
               == strlen(name)
           && strlen(name) <= 64;
}

static WnDatabase *
create_database(WnDatabaseSettings settings, GString *text, GError **error)
{
    g_autoptr(WnDatabase) database = NULL;
    g_autofree char *sql = NULL;
    const char *name = settings.database;

    if (!is_plain_name(name)) {
        g_set_error(error, WN_DATABASE_ERROR, WN_DATABASE_ERROR_SETTINGS,
            "[mariadb] database: \"%s\" is no name of letters, digits, _ and -",
            name);
        return NULL;
    }
    settings.database = NULL;
    database = wn_database_open(&settings, error);
    sql = g_strdup_printf("CREATE DATABASE IF NOT EXISTS `%s` CHARACTER SET "
                          "utf8mb4 COLLATE utf8mb4_nopad_bin",
        name);
    if (database == NULL || !wn_database_run(database, sql, error))
        return NULL;
    g_string_append_printf(text, "created database %s\n", name);
    settings.database = name;
    return wn_database_open(&settings, error);
}

static WnDatabase *
open_or_create(const WnDatabaseSettings *settings, GString *text,
    GError **error)
{
    g_autoptr(GError) fault = NULL;
    WnDatabase *database = wn_database_open(settings, &fault);

    if (database != NULL)
        return database;
    if (g_error_matches(fault, WN_DATABASE_ERROR,
            WN_DATABASE_ERROR_NO_DATABASE))
        return create_database(*settings, text, error);
    g_propagate_error(error, g_steal_pointer(&fault));
    return NULL;
}

static void
print_relay_grants(const WnConfig *config)
{
    const char *name = config->mariadb_database;
    const char *user = config->mariadb_user;
    bool tls = strcmp(config->mariadb_tls, "off") != 0;

    printf("\n-- The relays read, and tell how they are:\n"
           "CREATE USER IF NOT EXISTS '%s'@'%%' IDENTIFIED BY '...'%s;\n"
           "GRANT SELECT ON `%s`.* TO '%s'@'%%';\n"
           "GRANT INSERT, UPDATE ON `%s`.relay_status TO '%s'@'%%';\n"
           "GRANT INSERT, UPDATE, DELETE ON `%s`.sync_problem TO '%s'@'%%';\n",
        user, tls ? " REQUIRE SSL" : "", name, user, name, user, name, user);
}

static void
print_panel_grants(const WnConfig *config)
{
    const char *name = config->mariadb_database;

    printf("\n-- A control panel, or an operator who imports lists, changes "
           "settings:\n"
           "CREATE USER IF NOT EXISTS 'winnow-panel'@'%%' IDENTIFIED BY "
           "'...';\n"
           "GRANT SELECT ON `%s`.* TO 'winnow-panel'@'%%';\n",
        name);
    for (size_t i = 0; i < G_N_ELEMENTS(settings_tables); i++)
        printf("GRANT INSERT, UPDATE, DELETE ON `%s`.%s TO "
               "'winnow-panel'@'%%';\n",
            name, settings_tables[i]);
    printf("GRANT EXECUTE ON PROCEDURE `%s`.winnow_table_changed TO "
           "'winnow-panel'@'%%';\n",
        name);
}

static void
print_json(const WnConfig *config, const WnDatabase *database,
    const Applied *applied)
{
    g_autoptr(GString) out = g_string_new(NULL);
    WnJson json;

    wn_json_init(&json, out);
    wn_json_open_object(&json, NULL);
    wn_json_str(&json, "host", wn_database_host(database));
    wn_json_str(&json, "database", config->mariadb_database);
    wn_json_int(&json, "version", WN_SCHEMA_VERSION);
    wn_json_open_list(&json, "applied");
    for (guint i = 0; i < applied->versions->len; i++)
        wn_json_int(&json, NULL, g_array_index(applied->versions, unsigned, i));
    wn_json_close_list(&json);
    wn_json_close_object(&json);
    puts(out->str);
}

WnExit
ctl_db_init(WnCtl *ctl, const WnConfig *config, const CtlAccount *account)
{
    WnDatabaseSettings settings = ctl_database_settings(config, account,
        WN_DATABASE_CHANGE);
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GArray) versions = g_array_new(FALSE, FALSE, sizeof(unsigned));
    g_autoptr(GError) error = NULL;
    g_autoptr(WnDatabase) database = open_or_create(&settings, text, &error);
    Applied applied = { text, versions };
    bool done = database != NULL
                && wn_schema_apply(database, WN_SCHEMA_VERSION, on_step,
                    &applied, &error);

    if (!done || !ctl->json)
        fputs(text->str, stdout);
    if (!done) {
        ctl_database_fault(error);
        return WN_EXIT_NO;
    }
    if (ctl->json) {
        print_json(config, database, &applied);
        return WN_EXIT_OK;
    }
    printf("%s: database %s has version %u of the schema%s\n",
        wn_database_host(database), config->mariadb_database, WN_SCHEMA_VERSION,
        versions->len == 0 ? ": nothing to do" : "");
    print_relay_grants(config);
    print_panel_grants(config);
    return WN_EXIT_OK;
}
