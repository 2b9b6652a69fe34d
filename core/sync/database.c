/* SPDX-License-Identifier: MIT */
#include "core/sync/database.h"

#include <errmsg.h>
#include <errno.h>
#include <fcntl.h>
#include <mysqld_error.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/fd.h"
#include "core/base/netaddr.h"
#include "core/base/text.h"
#include "core/sync/database_private.h"

#define TIME_LIMIT_S 5
#define PASSWORD_MAX 1024
#define SHOWN_SQL_MAX 60
#define PACKET_MAX (64ul << 20)

/* The ways to log in that do not hand over the password itself. */
#define LOGIN_PLUGINS \
    "mysql_native_password,client_ed25519,caching_sha2_password"
#define TLS_VERSIONS "TLSv1.2,TLSv1.3"

/* A value that does not fit is an error, text is compared byte by byte, and
 * times are UTC, whatever the server's defaults are. */
#define SESSION_SQL                                               \
    "SET SESSION sql_mode = 'STRICT_ALL_TABLES,"                  \
    "ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION,"          \
    "NO_AUTO_VALUE_ON_ZERO', SESSION time_zone = '+00:00',"       \
    " SESSION autocommit = 1, SESSION innodb_lock_wait_timeout =" \
    " 10, SESSION lock_wait_timeout = 10"
#define NAMES_SQL "SET NAMES utf8mb4 COLLATE utf8mb4_nopad_bin"

G_DEFINE_QUARK(wn - database - error, wn_database_error)

static const struct {
    unsigned first, last;
    WnDatabaseError code;
} number_codes[] = {
    { ER_DBACCESS_DENIED_ERROR, ER_ACCESS_DENIED_ERROR,
        WN_DATABASE_ERROR_DENIED },
    { ER_HOST_NOT_PRIVILEGED, ER_HOST_NOT_PRIVILEGED,
        WN_DATABASE_ERROR_DENIED },
    { ER_TABLEACCESS_DENIED_ERROR, ER_COLUMNACCESS_DENIED_ERROR,
        WN_DATABASE_ERROR_DENIED },
    { ER_SPECIFIC_ACCESS_DENIED_ERROR, ER_SPECIFIC_ACCESS_DENIED_ERROR,
        WN_DATABASE_ERROR_DENIED },
    { ER_PROCACCESS_DENIED_ERROR, ER_PROCACCESS_DENIED_ERROR,
        WN_DATABASE_ERROR_DENIED },
    { ER_BINLOG_CREATE_ROUTINE_NEED_SUPER, ER_BINLOG_CREATE_ROUTINE_NEED_SUPER,
        WN_DATABASE_ERROR_DENIED },
    { ER_ACCESS_DENIED_NO_PASSWORD_ERROR, ER_ACCESS_DENIED_NO_PASSWORD_ERROR,
        WN_DATABASE_ERROR_DENIED },
    { ER_BAD_DB_ERROR, ER_BAD_DB_ERROR, WN_DATABASE_ERROR_NO_DATABASE },
    { ER_BAD_FIELD_ERROR, ER_BAD_FIELD_ERROR, WN_DATABASE_ERROR_SCHEMA },
    { ER_NO_SUCH_TABLE, ER_NO_SUCH_TABLE, WN_DATABASE_ERROR_SCHEMA },
    { ER_SP_DOES_NOT_EXIST, ER_SP_DOES_NOT_EXIST, WN_DATABASE_ERROR_SCHEMA },
    { ER_CHECKREAD, ER_CHECKREAD, WN_DATABASE_ERROR_BUSY },
    { ER_LOCK_WAIT_TIMEOUT, ER_LOCK_WAIT_TIMEOUT, WN_DATABASE_ERROR_BUSY },
    { ER_LOCK_DEADLOCK, ER_LOCK_DEADLOCK, WN_DATABASE_ERROR_BUSY },
    { ER_OPTION_PREVENTS_STATEMENT, ER_OPTION_PREVENTS_STATEMENT,
        WN_DATABASE_ERROR_READ_ONLY },
    { ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION,
        ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION, WN_DATABASE_ERROR_READ_ONLY },
    { ER_BAD_NULL_ERROR, ER_BAD_NULL_ERROR, WN_DATABASE_ERROR_VALUE },
    { ER_DUP_ENTRY, ER_DUP_ENTRY, WN_DATABASE_ERROR_VALUE },
    { ER_WARN_DATA_OUT_OF_RANGE, WARN_DATA_TRUNCATED, WN_DATABASE_ERROR_VALUE },
    { ER_TRUNCATED_WRONG_VALUE, ER_TRUNCATED_WRONG_VALUE,
        WN_DATABASE_ERROR_VALUE },
    { ER_INVALID_CHARACTER_STRING, ER_INVALID_CHARACTER_STRING,
        WN_DATABASE_ERROR_VALUE },
    { ER_TRUNCATED_WRONG_VALUE_FOR_FIELD, ER_TRUNCATED_WRONG_VALUE_FOR_FIELD,
        WN_DATABASE_ERROR_VALUE },
    { ER_DATA_TOO_LONG, ER_DATA_TOO_LONG, WN_DATABASE_ERROR_VALUE },
    { ER_ROW_IS_REFERENCED_2, ER_NO_REFERENCED_ROW_2, WN_DATABASE_ERROR_VALUE },
    { ER_CONSTRAINT_FAILED, ER_CONSTRAINT_FAILED, WN_DATABASE_ERROR_VALUE },
    /* A node of a cluster that has lost the majority knows no command. */
    { ER_UNKNOWN_COM_ERROR, ER_UNKNOWN_COM_ERROR,
        WN_DATABASE_ERROR_UNREACHABLE },
    { ER_CON_COUNT_ERROR, ER_CON_COUNT_ERROR, WN_DATABASE_ERROR_UNREACHABLE },
    { ER_SERVER_SHUTDOWN, ER_SERVER_SHUTDOWN, WN_DATABASE_ERROR_UNREACHABLE },
    { ER_TOO_MANY_USER_CONNECTIONS, ER_TOO_MANY_USER_CONNECTIONS,
        WN_DATABASE_ERROR_UNREACHABLE },
    { ER_CONNECTION_KILLED, ER_CONNECTION_KILLED,
        WN_DATABASE_ERROR_UNREACHABLE },
    { CR_SSL_CONNECTION_ERROR, CR_SSL_CONNECTION_ERROR, WN_DATABASE_ERROR_TLS },
    { CR_MIN_ERROR, CR_MAX_ERROR, WN_DATABASE_ERROR_UNREACHABLE },
    { 5000, 5999, WN_DATABASE_ERROR_UNREACHABLE }, /* Connector/C's own */
};

static WnDatabaseError
code_of(unsigned number)
{
    if (number == 0)
        return WN_DATABASE_ERROR_UNREACHABLE;
    for (size_t i = 0; i < G_N_ELEMENTS(number_codes); i++) {
        if (number >= number_codes[i].first && number <= number_codes[i].last)
            return number_codes[i].code;
    }
    return WN_DATABASE_ERROR_OTHER;
}

void
wn_database_set_error(GError **error, const char *host, const char *action,
    unsigned number, const char *sqlstate, const char *text)
{
    g_autoptr(GString) clean = g_string_new(text);

    wn_text_clean(clean);
    if (clean->len == 0)
        g_string_assign(clean, "the connection was lost");
    g_set_error(error, WN_DATABASE_ERROR, (int)code_of(number),
        "%s: cannot %s: %s (%s/%u)", host, action, clean->str, sqlstate,
        number);
}

static void
set_error(const WnDatabase *self, const char *action, GError **error)
{
    wn_database_set_error(error, self->host, action, mysql_errno(self->mysql),
        mysql_sqlstate(self->mysql), mysql_error(self->mysql));
}

WnDatabaseSettings
wn_database_settings(const WnConfig *config, WnDatabaseUse use)
{
    return (WnDatabaseSettings){
        .hosts = config->mariadb_hosts,
        .database = config->mariadb_database,
        .user = config->mariadb_user,
        .password_file = config->mariadb_password_file,
        .tls_ca = config->mariadb_tls_ca,
        .tls = strcmp(config->mariadb_tls, "off") != 0,
        .use = use,
        .connect_s = TIME_LIMIT_S,
        .read_s = TIME_LIMIT_S,
        .write_s = TIME_LIMIT_S,
    };
}

static bool
settings_fault(GError **error, const char *path, const char *fault)
{
    g_set_error(error, WN_DATABASE_ERROR, WN_DATABASE_ERROR_SETTINGS, "%s: %s",
        path, fault);
    return false;
}

/* A password that others may read is no password: said, not used.  The group
 * may read it, so that root owns the file and the daemon's user reads it. */
static bool
check_password_file(const char *path, GError **error)
{
    wn_autofd fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat status;

    if (fd < 0 || fstat(fd, &status) != 0) {
        g_set_error(error, WN_DATABASE_ERROR, WN_DATABASE_ERROR_SETTINGS,
            "%s: cannot open the password file: %s", path, g_strerror(errno));
        return false;
    }
    if (!S_ISREG(status.st_mode))
        return settings_fault(error, path,
            "the password file is not a regular file");
    if ((status.st_mode & (S_IRWXO | S_IWGRP)) != 0)
        return settings_fault(error, path,
            "others may read or change the password file (chmod 0640, or "
            "0600)");
    return true;
}

/* The first line.  (transfer full) */
static char *
read_password(const char *path, GError **error)
{
    g_autofree char *text = NULL;
    g_autoptr(GError) fault = NULL;

    if (path == NULL)
        return g_strdup("");
    if (!check_password_file(path, error))
        return NULL;
    text = wn_fd_read_file(path, PASSWORD_MAX, NULL, &fault);
    if (text == NULL) {
        g_set_error_literal(error, WN_DATABASE_ERROR,
            WN_DATABASE_ERROR_SETTINGS, fault->message);
        return NULL;
    }
    text[strcspn(text, "\r\n")] = '\0';
    return g_steal_pointer(&text);
}

typedef struct Place {
    char *name;   /* NULL: a local socket */
    char *socket; /* NULL: a name */
    uint16_t port;
} Place;

static void
place_clear(Place *self)
{
    g_free(self->name);
    g_free(self->socket);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Place, place_clear)

/* The library gives ',', ';' and '=' in host names a meaning of its own. */
static bool
is_host_name(const char *name)
{
    return name[0] != '\0'
           && strspn(name, "abcdefghijklmnopqrstuvwxyz"
                           "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-:")
                  == strlen(name);
}

static bool
parse_place(const char *host, Place *out_place)
{
    const char *colon = strrchr(host, ':');
    const char *close = strrchr(host, ']');
    bool bare_ip6 = host[0] != '[' && colon != NULL
                    && strchr(host, ':') != colon;

    if (g_str_has_prefix(host, "unix:")) {
        out_place->socket = g_strdup(host + strlen("unix:"));
        return out_place->socket[0] == '/';
    }
    out_place->port = WN_DATABASE_PORT;
    if (bare_ip6 || (close != NULL && colon < close))
        colon = NULL;
    if (colon != NULL
        && !wn_port_parse(wn_span_str(colon + 1), &out_place->port))
        return false;
    out_place->name = colon != NULL ? g_strndup(host, (gsize)(colon - host))
                                    : g_strdup(host);
    if (host[0] == '[') {
        size_t len = strlen(out_place->name);

        if (len < 3 || out_place->name[len - 1] != ']')
            return false;
        memmove(out_place->name, out_place->name + 1, len - 2);
        out_place->name[len - 2] = '\0';
    }
    return out_place->port != 0 && is_host_name(out_place->name);
}

/* A server may ask for any file that the client can read. */
static int
refuse_infile(void **data, const char *name, void *user)
{
    (void)data;
    (void)name;
    (void)user;
    return 1;
}

static int
read_nothing(void *data, char *buffer, unsigned len)
{
    (void)data;
    (void)buffer;
    (void)len;
    return -1;
}

static void
end_nothing(void *data)
{
    (void)data;
}

static int
infile_error(void *data, char *text, unsigned len)
{
    (void)data;
    g_strlcpy(text, "the server asked for a file", len);
    return CR_UNKNOWN_ERROR;
}

static void
set_options(MYSQL *mysql, const WnDatabaseSettings *settings, bool local)
{
    unsigned off = 0;
    unsigned long packet_max = PACKET_MAX;
    my_bool yes = 1;
    unsigned protocol = local ? MYSQL_PROTOCOL_SOCKET : MYSQL_PROTOCOL_TCP;

    mysql_options(mysql, MYSQL_OPT_LOCAL_INFILE, &off);
    mysql_set_local_infile_handler(mysql, refuse_infile, read_nothing,
        end_nothing, infile_error, NULL);
    mysql_options(mysql, MYSQL_OPT_CONNECT_TIMEOUT, &settings->connect_s);
    mysql_options(mysql, MYSQL_OPT_READ_TIMEOUT, &settings->read_s);
    mysql_options(mysql, MYSQL_OPT_WRITE_TIMEOUT, &settings->write_s);
    mysql_options(mysql, MYSQL_OPT_MAX_ALLOWED_PACKET, &packet_max);
    mysql_options(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    mysql_options(mysql, MYSQL_OPT_PROTOCOL, &protocol);
    mysql_optionsv(mysql, MARIADB_OPT_RESTRICTED_AUTH, LOGIN_PLUGINS);
    mysql_options(mysql, MYSQL_REPORT_DATA_TRUNCATION, &yes);
    if (!settings->tls || local)
        return;
    mysql_ssl_set(mysql, NULL, NULL, settings->tls_ca, NULL, NULL);
    mysql_options(mysql, MYSQL_OPT_SSL_ENFORCE, &yes);
    mysql_options(mysql, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &yes);
    mysql_optionsv(mysql, MARIADB_OPT_TLS_VERSION, TLS_VERSIONS);
}

static bool
is_replica(WnDatabase *self, bool *out_replica, GError **error)
{
    static const WnColumn columns[] = { { "read_only", WN_COLUMN_INT, 0, 0 } };
    g_autoptr(WnStatement) statement = wn_statement_new_query(self, "server",
        "SELECT @@global.read_only", columns, 1, error);

    if (statement == NULL || !wn_statement_execute(statement, error))
        return false;
    if (wn_statement_next(statement, error) != WN_ROW_GOOD) {
        g_prefix_error(error, "asking whether it is a replica: ");
        return false;
    }
    *out_replica = wn_statement_int(statement, 0) != 0;
    return true;
}

/* Fails also for what the connection must be and is not. */
static bool
prepare_session(WnDatabase *self, const WnDatabaseSettings *settings,
    bool local, GError **error)
{
    bool replica = false;

    if (settings->tls && !local && mysql_get_ssl_cipher(self->mysql) == NULL) {
        g_set_error(error, WN_DATABASE_ERROR, WN_DATABASE_ERROR_TLS,
            "%s: the connection is not encrypted, and tls is required",
            self->host);
        return false;
    }
    if (!wn_database_run(self, SESSION_SQL, error)
        || !wn_database_run(self, NAMES_SQL, error))
        return false;
    if (settings->use == WN_DATABASE_READ)
        return true;
    if (!is_replica(self, &replica, error))
        return false;
    if (!replica)
        return true;
    g_set_error(error, WN_DATABASE_ERROR, WN_DATABASE_ERROR_READ_ONLY,
        "%s: the server is read-only: changes go to another host", self->host);
    return false;
}

static bool
connect_to(WnDatabase *self, const WnDatabaseSettings *settings,
    const char *password, GError **error)
{
    g_auto(Place) place = { 0 };
    bool local;

    if (!parse_place(self->host, &place)) {
        return settings_fault(error, self->host,
            "not a host (like db1:3306, [2001:db8::1]:3306 or "
            "unix:/run/mysqld/mysqld.sock)");
    }
    local = place.socket != NULL;
    self->mysql = mysql_init(NULL);
    g_assert(self->mysql != NULL);
    set_options(self->mysql, settings, local);
    if (mysql_real_connect(self->mysql, place.name, settings->user, password,
            settings->database, place.port, place.socket, 0)
        == NULL) {
        set_error(self, "connect", error);
        return false;
    }
    return prepare_session(self, settings, local, error);
}

/* The error tells what each host said; its code is the first that says more
 * than that there is no answer. */
static void
join_error(GError **joined, GError *take_error)
{
    g_autoptr(GError) error = take_error;
    char *text;

    if (*joined == NULL) {
        *joined = g_steal_pointer(&error);
        return;
    }
    if ((*joined)->code == WN_DATABASE_ERROR_UNREACHABLE)
        (*joined)->code = error->code;
    text = g_strconcat((*joined)->message, "; ", error->message, NULL);
    g_free((*joined)->message);
    (*joined)->message = text;
}

static bool
check_settings(const WnDatabaseSettings *settings, GError **error)
{
    if (settings->hosts == NULL || settings->hosts[0] == NULL)
        return settings_fault(error, "[mariadb]", "no hosts are given");
    if (settings->user == NULL)
        return settings_fault(error, "[mariadb]", "no user is given");
    if (settings->tls && settings->tls_ca != NULL
        && access(settings->tls_ca, R_OK) != 0)
        return settings_fault(error, settings->tls_ca, g_strerror(errno));
    return true;
}

WnDatabase *
wn_database_open(const WnDatabaseSettings *settings, GError **error)
{
    g_autofree char *password = NULL;
    g_autoptr(WnDatabase) self = NULL;
    g_autoptr(GError) joined = NULL;

    if (!check_settings(settings, error))
        return NULL;
    password = read_password(settings->password_file, error);
    if (password == NULL)
        return NULL;
    self = g_new0(WnDatabase, 1);
    self->hosts = g_strdupv(settings->hosts);
    for (unsigned i = 0; self->hosts[i] != NULL; i++) {
        GError *fault = NULL;

        self->host = self->hosts[i];
        if (connect_to(self, settings, password, &fault))
            return g_steal_pointer(&self);
        g_clear_pointer(&self->mysql, mysql_close);
        join_error(&joined, fault);
    }
    g_propagate_error(error, g_steal_pointer(&joined));
    return NULL;
}

void
wn_database_free(WnDatabase *self)
{
    if (self == NULL)
        return;
    g_clear_pointer(&self->mysql, mysql_close);
    g_strfreev(self->hosts);
    g_free(self);
}

const char *
wn_database_host(const WnDatabase *self)
{
    return self->host;
}

/* The first words of a statement, for errors. */
static char *
describe(const char *sql)
{
    bool whole = strlen(sql) <= SHOWN_SQL_MAX;
    g_autofree char *text = g_strdup_printf("run \"%.*s%s\"", SHOWN_SQL_MAX,
        sql, whole ? "" : "...");

    g_strdelimit(text, "\r\n\t", ' ');
    return g_steal_pointer(&text);
}

bool
wn_database_run(WnDatabase *self, const char *sql, GError **error)
{
    g_autofree char *action = NULL;

    if (mysql_real_query(self->mysql, sql, strlen(sql)) == 0
        && mysql_field_count(self->mysql) == 0)
        return true;
    action = describe(sql);
    if (mysql_errno(self->mysql) != 0) {
        set_error(self, action, error);
        return false;
    }
    g_set_error(error, WN_DATABASE_ERROR, WN_DATABASE_ERROR_OTHER,
        "%s: cannot %s: there are rows in the answer", self->host, action);
    return false;
}

bool
wn_database_begin_snapshot(WnDatabase *self, GError **error)
{
    return wn_database_run(self,
               "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", error)
           && wn_database_run(self,
               "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY", error);
}

bool
wn_database_begin(WnDatabase *self, GError **error)
{
    return wn_database_run(self, "START TRANSACTION READ WRITE", error);
}

bool
wn_database_commit(WnDatabase *self, GError **error)
{
    return wn_database_run(self, "COMMIT", error);
}

bool
wn_database_finish(WnDatabase *self, GError **error)
{
    return wn_database_run(self, "ROLLBACK", error);
}
