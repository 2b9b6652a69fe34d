/* SPDX-License-Identifier: MIT */
#include "core/base/publish.h"

#include "core/base/fd.h"

#include <glib/gstdio.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct Fixture {
    char *folder;
} Fixture;

static void
set_up(Fixture *self, gconstpointer data)
{
    (void)data;
    self->folder = g_dir_make_tmp("winnow-publish-XXXXXX", NULL);
    g_assert_nonnull(self->folder);
}

static void
tear_down(Fixture *self, gconstpointer data)
{
    (void)data;
    g_assert_true(wn_folder_remove(self->folder, NULL));
    g_assert_false(g_file_test(self->folder, G_FILE_TEST_EXISTS));
    g_free(self->folder);
}

static char *
below(const Fixture *self, const char *name)
{
    return g_build_filename(self->folder, name, NULL);
}

static guint
count_entries(const char *folder)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    guint n = 0;

    while (g_dir_read_name(dir) != NULL)
        n++;
    return n;
}

static void
assert_content(const char *path, const char *expected)
{
    g_autofree char *bytes = wn_fd_read_file(path, 1 << 20, NULL, NULL);

    g_assert_cmpstr(bytes, ==, expected);
}

static void
test_file(Fixture *self, gconstpointer data)
{
    g_autofree char *path = below(self, "file");
    g_autoptr(GError) error = NULL;
    mode_t old_mask = umask(077);
    struct stat st;

    (void)data;
    g_assert_true(wn_file_publish(path, WN_SPAN("old"), 0644, &error));
    g_assert_true(wn_file_publish(path, WN_SPAN("new"), 0640, &error));
    umask(old_mask);
    assert_content(path, "new");
    g_assert_cmpint(stat(path, &st), ==, 0);
    g_assert_cmphex(st.st_mode & 07777, ==, 0640);
    g_assert_cmpuint(count_entries(self->folder), ==, 1);
}

/* The old content stays, and nothing is left lying about. */
static void
test_file_fails_clean(Fixture *self, gconstpointer data)
{
    g_autofree char *path = below(self, "folder");
    g_autofree char *inner = below(self, "folder/x");
    g_autofree char *nowhere = below(self, "absent/file");
    g_autoptr(GError) error = NULL;

    (void)data;
    g_assert_cmpint(g_mkdir(path, 0755), ==, 0);
    g_assert_true(wn_file_publish(inner, WN_SPAN("x"), 0644, NULL));
    g_assert_false(wn_file_publish(path, WN_SPAN("new"), 0644, &error));
    g_assert_nonnull(error);
    g_assert_cmpuint(count_entries(self->folder), ==, 1);
    g_clear_error(&error);
    g_assert_false(wn_file_publish(nowhere, WN_SPAN("x"), 0644, &error));
    g_assert_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT);
}

/* The name of the temporary file made each error a new one: a full disk was
 * logged at every attempt. */
static void
test_errors_repeat_themselves(Fixture *self, gconstpointer data)
{
    g_autofree char *path = below(self, "absent/file");
    g_autoptr(GError) first = NULL;
    g_autoptr(GError) second = NULL;

    (void)data;
    g_assert_false(wn_file_publish(path, WN_SPAN("x"), 0644, &first));
    g_assert_false(wn_file_publish(path, WN_SPAN("x"), 0644, &second));
    g_assert_cmpstr(first->message, ==, second->message);
    g_assert_nonnull(strstr(first->message, "absent/file"));
}

static void
test_link(Fixture *self, gconstpointer data)
{
    g_autofree char *path = below(self, "current");
    g_autofree char *target = NULL;

    (void)data;
    g_assert_true(wn_link_publish(path, "1", NULL));
    g_assert_true(wn_link_publish(path, "2", NULL));
    target = g_file_read_link(path, NULL);
    g_assert_cmpstr(target, ==, "2");
    g_assert_cmpuint(count_entries(self->folder), ==, 1);
}

static void
test_folder(Fixture *self, gconstpointer data)
{
    g_autofree char *from = below(self, "prepared");
    g_autofree char *deep = below(self, "prepared/deep");
    g_autofree char *file = below(self, "prepared/deep/file");
    g_autofree char *to = below(self, "7");
    g_autofree char *moved = below(self, "7/deep/file");
    g_autoptr(GError) error = NULL;

    (void)data;
    g_assert_cmpint(g_mkdir_with_parents(deep, 0755), ==, 0);
    g_assert_true(g_file_set_contents(file, "x", 1, NULL));
    g_assert_true(wn_folder_publish(from, to, &error));
    g_assert_no_error(error);
    assert_content(moved, "x");
    g_assert_false(g_file_test(from, G_FILE_TEST_EXISTS));

    g_assert_false(wn_folder_publish(from, to, &error));
    g_assert_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT);
}

static void
test_folder_never_replaces(Fixture *self, gconstpointer data)
{
    g_autofree char *from = below(self, "prepared");
    g_autofree char *to = below(self, "7");
    g_autofree char *file = below(self, "7/file");

    (void)data;
    g_assert_cmpint(g_mkdir(from, 0755), ==, 0);
    g_assert_cmpint(g_mkdir(to, 0755), ==, 0);
    g_assert_true(g_file_set_contents(file, "x", 1, NULL));
    g_assert_false(wn_folder_publish(from, to, NULL));
    assert_content(file, "x");
}

/* A link to elsewhere is removed, what it points at is not. */
static void
test_remove_does_not_follow(Fixture *self, gconstpointer data)
{
    g_autofree char *doomed = below(self, "doomed");
    g_autofree char *kept = below(self, "kept");
    g_autofree char *file = below(self, "kept/file");
    g_autofree char *link = below(self, "doomed/link");
    g_autofree char *absent = below(self, "absent");

    (void)data;
    g_assert_cmpint(g_mkdir(doomed, 0755), ==, 0);
    g_assert_cmpint(g_mkdir(kept, 0755), ==, 0);
    g_assert_true(g_file_set_contents(file, "x", 1, NULL));
    g_assert_cmpint(symlink("../kept", link), ==, 0);
    g_assert_true(wn_folder_remove(doomed, NULL));
    g_assert_false(g_file_test(doomed, G_FILE_TEST_EXISTS));
    assert_content(file, "x");
    g_assert_true(wn_folder_remove(absent, NULL));
}

/* A process that was killed while it published left its temporary file for
 * ever: winnow-sync's filled the disk with copies of the lists. */
static void
test_sweep_after_kill(Fixture *self, gconstpointer data)
{
    static const char *const swept[] = { ".rows.01M81EDR95CHS09QZJEEF6DH11",
        ".a.b.01M81EDR95CHS09QZJEEF6DH12" };
    static const char *const kept[] = { "rows", ".hidden", ".lock.short",
        "rows.01M81EDR95CHS09QZJEEF6DH11", ".01M81EDR95CHS09QZJEEF6DH11",
        ".rows-01M81EDR95CHS09QZJEEF6DH11" };
    g_autofree char *absent = below(self, "absent");

    (void)data;
    for (size_t i = 0; i < G_N_ELEMENTS(swept); i++) {
        g_autofree char *path = below(self, swept[i]);

        g_assert_true(g_file_set_contents(path, "x", 1, NULL));
    }
    for (size_t i = 0; i < G_N_ELEMENTS(kept); i++) {
        g_autofree char *path = below(self, kept[i]);

        g_assert_true(g_file_set_contents(path, "x", 1, NULL));
    }
    wn_publish_sweep(absent);
    wn_publish_sweep(self->folder);
    for (size_t i = 0; i < G_N_ELEMENTS(swept); i++) {
        g_autofree char *path = below(self, swept[i]);

        g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
    }
    for (size_t i = 0; i < G_N_ELEMENTS(kept); i++) {
        g_autofree char *path = below(self, kept[i]);

        assert_content(path, "x");
    }
}

static void
test_directory_sync(Fixture *self, gconstpointer data)
{
    g_autofree char *file = below(self, "file");

    (void)data;
    g_assert_true(wn_directory_sync(self->folder, NULL));
    g_assert_false(wn_directory_sync(file, NULL));
    g_assert_true(g_file_set_contents(file, "x", 1, NULL));
    g_assert_false(wn_directory_sync(file, NULL));
}

#define ADD(name, function)                                            \
    g_test_add("/base/publish/" name, Fixture, NULL, set_up, function, \
        tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("file", test_file);
    ADD("file-fails-clean", test_file_fails_clean);
    ADD("errors-repeat-themselves", test_errors_repeat_themselves);
    ADD("link", test_link);
    ADD("folder", test_folder);
    ADD("folder-never-replaces", test_folder_never_replaces);
    ADD("remove-does-not-follow", test_remove_does_not_follow);
    ADD("sweep-after-kill", test_sweep_after_kill);
    ADD("directory-sync", test_directory_sync);
    return g_test_run();
}
