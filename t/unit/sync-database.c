/* SPDX-License-Identifier: MIT */

/* What a connection refuses before it is made, and how failures of several
 * hosts are told.  The rest needs a server: t/e2e/database.t. */

#include "core/sync/database.h"

#include <glib/gstdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* With what must be in the error. */
static void
assert_refused(WnDatabaseSettings settings, WnDatabaseError code,
    const char *text)
{
    g_autoptr(GError) error = NULL;
    WnDatabase *database = NULL;

    settings.user = settings.user != NULL ? settings.user : "nobody";
    settings.connect_s = settings.read_s = settings.write_s = 2;
    database = wn_database_open(&settings, &error);
    g_assert_null(database);
    g_assert_error(error, WN_DATABASE_ERROR, (int)code);
    if (strstr(error->message, text) == NULL)
        g_error("\"%s\" is not in \"%s\"", text, error->message);
}

static const char *const bad_hosts[] = { "", "db1:", "db1:0", "db1:70000",
    "db1:x", "db1,db2", "db1;db2", "host=db1", "unix:", "unix:relative/sock",
    "[::1", "[]:3306", "[::1]x:3306", ":3306", "db 1" };

static void
test_hosts(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(bad_hosts); i++) {
        g_autofree char *host = g_strdup(bad_hosts[i]);
        char *hosts[] = { host, NULL };

        assert_refused((WnDatabaseSettings){ .hosts = hosts },
            WN_DATABASE_ERROR_SETTINGS, "not a host");
    }
}

static void
test_no_hosts(void)
{
    char *none[] = { NULL };

    assert_refused((WnDatabaseSettings){ .hosts = NULL },
        WN_DATABASE_ERROR_SETTINGS, "no hosts");
    assert_refused((WnDatabaseSettings){ .hosts = none },
        WN_DATABASE_ERROR_SETTINGS, "no hosts");
}

/* Nothing listens on these; the first thing that says more than that counts. */
static void
test_each_is_told(void)
{
    char dead[] = "unix:/nonexistent/one";
    char other[] = "unix:/nonexistent/two";
    char bad[] = "x=y";
    char *two[] = { dead, other, NULL };
    char *three[] = { dead, bad, other, NULL };

    assert_refused((WnDatabaseSettings){ .hosts = two },
        WN_DATABASE_ERROR_UNREACHABLE, "unix:/nonexistent/one: cannot connect");
    assert_refused((WnDatabaseSettings){ .hosts = two },
        WN_DATABASE_ERROR_UNREACHABLE,
        "; unix:/nonexistent/two: cannot connect");
    assert_refused((WnDatabaseSettings){ .hosts = three },
        WN_DATABASE_ERROR_SETTINGS, "x=y: not a host");
}

typedef struct PasswordCase {
    const char *name;
    mode_t mode;
    WnDatabaseError code;
    const char *text;
} PasswordCase;

static const PasswordCase password_cases[] = {
    { "own", 0600, WN_DATABASE_ERROR_UNREACHABLE, "cannot connect" },
    { "group reads", 0640, WN_DATABASE_ERROR_UNREACHABLE, "cannot connect" },
    { "others read", 0644, WN_DATABASE_ERROR_SETTINGS, "chmod" },
    { "group writes", 0660, WN_DATABASE_ERROR_SETTINGS, "chmod" },
    { "others write", 0602, WN_DATABASE_ERROR_SETTINGS, "chmod" },
};

static void
test_password(void)
{
    g_autofree char *folder = g_dir_make_tmp("winnow-database-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "password", NULL);
    g_autofree char *fifo = g_build_filename(folder, "fifo", NULL);
    char dead[] = "unix:/nonexistent/one";
    char *hosts[] = { dead, NULL };

    g_assert_true(g_file_set_contents(path, "secret\n", -1, NULL));
    for (size_t i = 0; i < G_N_ELEMENTS(password_cases); i++) {
        const PasswordCase *c = &password_cases[i];

        g_assert_cmpint(chmod(path, c->mode), ==, 0);
        assert_refused((WnDatabaseSettings){ .hosts = hosts,
                           .password_file = path },
            c->code, c->text);
    }
    g_assert_cmpint(mkfifo(fifo, 0600), ==, 0);
    assert_refused((WnDatabaseSettings){ .hosts = hosts,
                       .password_file = fifo },
        WN_DATABASE_ERROR_SETTINGS, "not a regular file");
    g_assert_cmpint(g_unlink(path), ==, 0);
    assert_refused((WnDatabaseSettings){ .hosts = hosts,
                       .password_file = path },
        WN_DATABASE_ERROR_SETTINGS, "cannot open the password file");
    g_assert_cmpint(g_unlink(fifo), ==, 0);
    g_assert_cmpint(g_rmdir(folder), ==, 0);
}

static void
test_authority(void)
{
    char dead[] = "127.0.0.1:1";
    char *hosts[] = { dead, NULL };

    assert_refused((WnDatabaseSettings){ .hosts = hosts,
                       .tls = true,
                       .tls_ca = "/nonexistent/ca.pem" },
        WN_DATABASE_ERROR_SETTINGS, "/nonexistent/ca.pem: No such file");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/sync/database/hosts", test_hosts);
    g_test_add_func("/sync/database/no_hosts", test_no_hosts);
    g_test_add_func("/sync/database/each_is_told", test_each_is_told);
    g_test_add_func("/sync/database/password", test_password);
    g_test_add_func("/sync/database/authority", test_authority);
    return g_test_run();
}
