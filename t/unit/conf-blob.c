/* SPDX-License-Identifier: MIT */
#include "core/conf/blob.h"
#include "core/conf/blob_format.h"
#include "core/conf/blob_shelf.h"

#include "core/base/fd.h"
#include "core/base/log.h"
#include "core/base/publish.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/mman.h>
#include <unistd.h>

static const char report[] = "3\t/lists/a\trow left out: too short\n";

/* A file of a blob; NULL: in memory. */
static int
make_blob(const char *path, const char *payload)
{
    int fd = path != NULL ? open(path, O_RDWR | O_CREAT | O_TRUNC, 0600)
                          : memfd_create("blob", MFD_CLOEXEC);
    WnBlobInfo info = { .format = 5,
        .rows = 2,
        .generation = 9,
        .built = 1234,
        .fingerprint = { { 1, 2, 3 } } };
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(fd, >=, 0);
    g_assert_true(wn_fd_pwrite_all(fd, wn_span_str(payload),
        wn_blob_payload_offset(sizeof report - 1)));
    wn_blob_seal(fd, &info, WN_SPAN(report), "blob", &error);
    g_assert_no_error(error);
    return fd;
}

static void
test_round_trip(void)
{
    wn_autofd fd = make_blob(NULL, "payload");
    g_autoptr(GError) error = NULL;
    g_autoptr(WnBlobFile) blob = wn_blob_open_fd(fd, "blob", &error);
    const WnBlobInfo *info;

    g_assert_no_error(error);
    info = wn_blob_info(blob);
    g_assert_cmpuint(info->format, ==, 5);
    g_assert_cmpuint(info->rows, ==, 2);
    g_assert_cmpuint(info->generation, ==, 9);
    g_assert_cmpint(info->built, ==, 1234);
    g_assert_cmpint(info->fingerprint.bytes[2], ==, 3);
    g_assert_true(wn_span_eq(wn_blob_payload(blob), WN_SPAN("payload")));
    g_assert_true(wn_span_eq(wn_blob_report(blob), WN_SPAN(report)));
    g_assert_cmpuint((uintptr_t)wn_blob_payload(blob).ptr % 64, ==, 0);
}

static void
test_empty_payload(void)
{
    wn_autofd fd = make_blob(NULL, "");
    g_autoptr(WnBlobFile) blob = wn_blob_open_fd(fd, "blob", NULL);

    g_assert_nonnull(blob);
    g_assert_cmpuint(wn_blob_payload(blob).len, ==, 0);
}

static bool
opens(const char *bytes, size_t len)
{
    wn_autofd fd = wn_fd_sealed_memory("blob", wn_span(bytes, len));
    g_autoptr(GError) error = NULL;
    g_autoptr(WnBlobFile) blob = wn_blob_open_fd(fd, "blob", &error);

    g_assert_true((blob == NULL) == (error != NULL));
    return blob != NULL;
}

/* Every cut, every bit, something behind. */
static void
test_damage(void)
{
    wn_autofd fd = make_blob(NULL, "some payload");
    size_t len = (size_t)lseek(fd, 0, SEEK_END);
    g_autofree char *bytes = g_malloc0(len + 1);

    g_assert_true(wn_fd_pread_all(fd, bytes, len, 0));
    g_assert_true(opens(bytes, len));
    for (size_t i = 0; i < len; i++)
        g_assert_false(opens(bytes, i));
    for (size_t i = 0; i < len * 8; i++) {
        bytes[i / 8] ^= (char)(1 << i % 8);
        g_assert_false(opens(bytes, len));
        bytes[i / 8] ^= (char)(1 << i % 8);
    }
    g_assert_false(opens(bytes, len + 1));
}

typedef struct Fixture {
    char *folder;
} Fixture;

static void
set_up(Fixture *self)
{
    self->folder = g_dir_make_tmp("blobs-XXXXXX", NULL);
}

static void
tear_down(Fixture *self)
{
    g_assert_true(wn_folder_remove(self->folder, NULL));
    g_free(self->folder);
}

static char *
path_of(const Fixture *self, unsigned generation)
{
    g_autofree char *folder = g_strdup_printf("%s/%u/data", self->folder,
        generation);

    g_assert_cmpint(g_mkdir_with_parents(folder, 0700), ==, 0);
    return g_build_filename(folder, "p.d.0", NULL);
}

static void
put(const Fixture *self, unsigned generation, const char *payload)
{
    g_autofree char *path = path_of(self, generation);

    close(make_blob(path, payload));
}

static void
spoil(const Fixture *self, unsigned generation)
{
    g_autofree char *path = path_of(self, generation);
    wn_autofd fd = open(path, O_RDWR);

    g_assert_true(wn_fd_pwrite_all(fd, WN_SPAN("X"),
        wn_blob_payload_offset(sizeof report - 1)));
}

/* What the shelf gives, or "none". */
static char *
look_up(WnBlobShelf *shelf)
{
    WnBlobFile *blob = wn_blob_shelf_get(shelf, "p.d.0");

    g_assert_true(wn_blob_shelf_get(shelf, "p.d.0") == blob);
    return blob != NULL ? wn_span_dup(wn_blob_payload(blob)) : g_strdup("none");
}

static void
test_shelf(void)
{
    static const struct {
        const char *name;
        unsigned generation, spoilt, removed;
        const char *expected;
    } cases[] = {
        { "its own", 3, 0, 0, "three" },
        { "an earlier one for a spoilt one", 3, 3, 0, "two" },
        { "a later one where it is gone", 2, 0, 2, "three" },
        { "none in its generation", 5, 0, 0, "none" },
        { "nothing earlier", 2, 2, 0, "none" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *payload = NULL;
        g_autofree char *gone = NULL;
        WnBlobShelf *shelf;
        Fixture self;

        g_test_message("%s", cases[i].name);
        set_up(&self);
        put(&self, 2, "two");
        put(&self, 3, "three");
        g_free(path_of(&self, 5));
        if (cases[i].spoilt > 0)
            spoil(&self, cases[i].spoilt);
        gone = g_strdup_printf("%s/%u", self.folder, cases[i].removed);
        if (cases[i].removed > 0)
            g_assert_true(wn_folder_remove(gone, NULL));
        shelf = wn_blob_shelf_new(self.folder, cases[i].generation);
        payload = look_up(shelf);
        g_assert_cmpstr(payload, ==, cases[i].expected);
        wn_blob_shelf_free(shelf);
        tear_down(&self);
    }
}

/* A link to a file that is open is the same object; another file is not. */
static void
test_shelf_learns(void)
{
    g_autofree char *two = NULL;
    g_autofree char *three = NULL;
    WnBlobShelf *shelves[3];
    WnBlobFile *blob;
    Fixture self;

    set_up(&self);
    put(&self, 2, "two");
    two = path_of(&self, 2);
    three = path_of(&self, 3);
    g_assert_cmpint(link(two, three), ==, 0);
    put(&self, 4, "four");
    for (unsigned i = 0; i < 3; i++)
        shelves[i] = wn_blob_shelf_new(self.folder, i + 2);
    blob = wn_blob_ref(wn_blob_shelf_get(shelves[0], "p.d.0"));
    for (unsigned i = 1; i < 3; i++)
        wn_blob_shelf_learn(shelves[i], shelves[i - 1]);
    wn_blob_shelf_free(shelves[0]);
    g_assert_true(wn_blob_shelf_get(shelves[1], "p.d.0") == blob);
    g_assert_false(wn_blob_shelf_get(shelves[2], "p.d.0") == blob);
    wn_blob_shelf_free(shelves[1]);
    wn_blob_shelf_free(shelves[2]);
    g_assert_true(wn_span_eq(wn_blob_payload(blob), WN_SPAN("two")));
    wn_blob_unref(blob);
    tear_down(&self);
}

int
main(int argc, char **argv)
{
    wn_autofd null = open("/dev/null", O_WRONLY);

    g_test_init(&argc, &argv, NULL);
    wn_log_open("test", WN_LOG_TEXT, null);
    g_test_add_func("/blob/round-trip", test_round_trip);
    g_test_add_func("/blob/empty", test_empty_payload);
    g_test_add_func("/blob/damage", test_damage);
    g_test_add_func("/blob/shelf", test_shelf);
    g_test_add_func("/blob/shelf-learns", test_shelf_learns);
    return g_test_run();
}
