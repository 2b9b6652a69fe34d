/* SPDX-License-Identifier: MIT */
#include "core/smtp/store.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <sys/resource.h>
#include <unistd.h>

typedef struct Fixture {
    char *folder;
    WnStore store;
} Fixture;

static void
set_up(Fixture *fixture, gconstpointer memory_max)
{
    g_autoptr(GError) error = NULL;

    fixture->folder = g_dir_make_tmp("winnow-store-XXXXXX", &error);
    g_assert_no_error(error);
    wn_store_init(&fixture->store, fixture->folder,
        GPOINTER_TO_SIZE(memory_max));
}

static void
tear_down(Fixture *fixture, gconstpointer memory_max)
{
    g_autoptr(GDir) dir = g_dir_open(fixture->folder, 0, NULL);

    (void)memory_max;
    wn_store_clear(&fixture->store);
    g_assert_null(g_dir_read_name(dir));
    g_assert_cmpint(g_rmdir(fixture->folder), ==, 0);
    g_free(fixture->folder);
}

static void
append_numbers(WnStore *store, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++) {
        char text[16];

        g_snprintf(text, sizeof(text), "%08u\r\n", i);
        g_assert_true(wn_store_append(store, wn_span(text, 10)));
    }
}

static void
check_numbers(WnStore *store, unsigned n)
{
    WnSpan bytes;

    g_assert_true(wn_store_finish(store, &bytes));
    g_assert_cmpuint(bytes.len, ==, n * 10);
    for (unsigned i = 0; i < n; i++) {
        char text[16];

        g_snprintf(text, sizeof(text), "%08u\r\n", i);
        g_assert_cmpmem(bytes.ptr + i * 10, 10, text, 10);
    }
}

static void
test_memory(Fixture *fixture, gconstpointer data)
{
    (void)data;
    append_numbers(&fixture->store, 0, 100);
    g_assert_cmpint(fixture->store.fd, ==, -1);
    check_numbers(&fixture->store, 100);
}

static void
test_empty(Fixture *fixture, gconstpointer data)
{
    (void)data;
    check_numbers(&fixture->store, 0);
}

static void
test_file(Fixture *fixture, gconstpointer data)
{
    char bytes[10];

    (void)data;
    append_numbers(&fixture->store, 0, 20000);
    g_assert_cmpint(fixture->store.fd, >=, 0);
    check_numbers(&fixture->store, 20000);
    g_assert_cmpint(pread(fixture->store.fd, bytes, 10, 10 * 19999), ==, 10);
    g_assert_cmpmem(bytes, 10, "00019999\r\n", 10);
}

static void
test_reuse(Fixture *fixture, gconstpointer data)
{
    (void)data;
    for (int round = 0; round < 3; round++) {
        unsigned n = round == 1 ? 20000 : 50;

        append_numbers(&fixture->store, 0, n);
        check_numbers(&fixture->store, n);
        wn_store_reset(&fixture->store);
        g_assert_cmpint(fixture->store.fd, ==, -1);
        g_assert_cmpuint(fixture->store.memory.capacity, <=, WN_STORE_KEEP);
    }
}

/* A file that may not grow stands for a full disk. */
static void
test_full(Fixture *fixture, gconstpointer data)
{
    struct rlimit before;
    struct rlimit limit;
    bool failed = false;

    (void)data;
    signal(SIGXFSZ, SIG_IGN);
    g_assert_cmpint(getrlimit(RLIMIT_FSIZE, &before), ==, 0);
    limit = before;
    limit.rlim_cur = 5000;
    g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &limit), ==, 0);
    for (unsigned i = 0; i < 1000 && !failed; i++)
        failed = !wn_store_append(&fixture->store, WN_SPAN("0123456789"));
    g_assert_true(failed);
    g_assert_cmpint(errno, ==, EFBIG);
    g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &before), ==, 0);
    wn_store_reset(&fixture->store);
    append_numbers(&fixture->store, 0, 3);
    check_numbers(&fixture->store, 3);
}

static void
test_no_folder(void)
{
    WnStore store;

    wn_store_init(&store, "/nonexistent", 4);
    g_assert_true(wn_store_append(&store, WN_SPAN("0123")));
    g_assert_false(wn_store_append(&store, WN_SPAN("4")));
    g_assert_cmpint(errno, ==, ENOENT);
    wn_store_clear(&store);
}

#define ADD(name, memory_max, fn)                                          \
    g_test_add("/smtp/store/" name, Fixture, GSIZE_TO_POINTER(memory_max), \
        set_up, fn, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("memory", 1000, test_memory);
    ADD("empty", 1000, test_empty);
    ADD("file", 1000, test_file);
    ADD("reuse", 100000, test_reuse);
    ADD("full", 1000, test_full);
    g_test_add_func("/smtp/store/no-folder", test_no_folder);
    return g_test_run();
}
