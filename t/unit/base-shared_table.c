/* SPDX-License-Identifier: MIT */
#include "core/base/shared_table.h"

#include "core/base/clock.h"
#include "core/base/fd.h"
#include "core/base/siphash.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAME WN_SPAN("firewall")
#define KEY WN_SPAN("192.0.2.1")
#define UNIX_MS INT64_C(1795000000000)
#define N_PROCESSES 4
#define N_ADDS 50000
#define N_KEYS 8
#define N_KILLS 40

static WnSpan
number_key(unsigned n, char out[16])
{
    g_snprintf(out, 16, "key%u", n);
    return wn_span_str(out);
}

/* The vectors of SipHash's authors for 128 bits, key 00 01 ... 0f, of the
 * texts "", 00, 00 01 .. 0e. */
static void
test_siphash(void)
{
    static const uint64_t key[2] = { UINT64_C(0x0706050403020100),
        UINT64_C(0x0f0e0d0c0b0a0908) };
    static const char text[] = "\0\1\2\3\4\5\6\7\10\11\12\13\14\15\16";
    WnHash128 none = wn_siphash128(key, WN_SPAN_EMPTY);
    WnHash128 one = wn_siphash128(key, wn_span(text, 1));
    WnHash128 fifteen = wn_siphash128(key, wn_span(text, 15));

    g_assert_cmphex(none.low, ==, UINT64_C(0xe6a825ba047f81a3));
    g_assert_cmphex(none.high, ==, UINT64_C(0x930255c71472f66d));
    g_assert_cmphex(one.low, ==, UINT64_C(0x44af996bd8c187da));
    g_assert_cmphex(one.high, ==, UINT64_C(0x45fc229b11597634));
    g_assert_cmphex(fifteen.low, ==, UINT64_C(0x11a8b03399e99354));
    g_assert_cmphex(fifteen.high, ==, UINT64_C(0xd9c3cf970fec087e));
}

static void
test_replace(void)
{
    g_autoptr(WnSharedTable) table = wn_shared_table_new(-1);

    g_assert_cmpuint(wn_shared_table_load(table, NAME, KEY), ==, 0);
    g_assert_false(wn_shared_table_replace(table, NAME, KEY, 7, 8, 60));
    g_assert_true(wn_shared_table_replace(table, NAME, KEY, 0, 5, 60));
    g_assert_false(wn_shared_table_replace(table, NAME, KEY, 0, 6, 60));
    g_assert_cmpuint(wn_shared_table_load(table, NAME, KEY), ==, 5);
    g_assert_true(
        wn_shared_table_replace(table, NAME, KEY, 5, G_MAXUINT64, 60));
    g_assert_cmpuint(wn_shared_table_load(table, NAME, KEY), ==, G_MAXUINT64);
    /* Another name's, and names do not run into keys. */
    g_assert_cmpuint(wn_shared_table_load(table, WN_SPAN("other"), KEY), ==, 0);
    g_assert_cmpuint(wn_shared_table_load(table, WN_SPAN("firewall1"),
                         WN_SPAN("92.0.2.1")),
        ==, 0);
    g_assert_true(
        wn_shared_table_replace(table, NAME, KEY, G_MAXUINT64, 0, 60));
    g_assert_cmpuint(wn_shared_table_load(table, NAME, KEY), ==, 0);
    g_assert_true(wn_shared_table_replace(table, NAME, KEY, 0, 0, 60));
}

static void
test_ttl(void)
{
    g_autoptr(WnSharedTable) table = wn_shared_table_new(-1);

    wn_clock_fake(1, UNIX_MS);
    g_assert_true(wn_shared_table_replace(table, NAME, KEY, 0, 5, 60));
    wn_clock_fake_step(59999);
    g_assert_cmpuint(wn_shared_table_load(table, NAME, KEY), ==, 5);
    wn_clock_fake_step(1);
    g_assert_cmpuint(wn_shared_table_load(table, NAME, KEY), ==, 0);
    g_assert_true(wn_shared_table_replace(table, NAME, KEY, 0, 6, G_MAXUINT32));
    wn_clock_fake_step(86400 * 1000);
    g_assert_cmpuint(wn_shared_table_load(table, NAME, KEY), ==, 6);
}

/* One set only: the one written longest ago gives way, however often it was
 * read; what is forgotten gives way first. */
static void
test_eviction(void)
{
    wn_autofd fd = wn_shared_table_create(1);
    g_autoptr(WnSharedTable) table = wn_shared_table_new(fd);
    char key[16];

    wn_clock_fake(1, UNIX_MS);
    for (unsigned i = 0; i < WN_SHARED_TABLE_WAYS; i++)
        g_assert_true(wn_shared_table_replace(table, NAME, number_key(i, key),
            0, i + 1, 600));
    g_assert_true(
        wn_shared_table_replace(table, NAME, number_key(0, key), 1, 100, 600));
    g_assert_cmpuint(wn_shared_table_load(table, NAME, number_key(1, key)), ==,
        2);
    g_assert_true(
        wn_shared_table_replace(table, NAME, number_key(50, key), 0, 50, 600));
    g_assert_cmpuint(wn_shared_table_load(table, NAME, number_key(1, key)), ==,
        0);
    g_assert_cmpuint(wn_shared_table_load(table, NAME, number_key(0, key)), ==,
        100);
    g_assert_true(
        wn_shared_table_replace(table, NAME, number_key(4, key), 5, 0, 600));
    g_assert_true(
        wn_shared_table_replace(table, NAME, number_key(51, key), 0, 51, 600));
    g_assert_cmpuint(wn_shared_table_load(table, NAME, number_key(2, key)), ==,
        3);
}

static void
test_not_a_region(void)
{
    wn_autofd null = open("/dev/null", O_RDWR | O_CLOEXEC);
    wn_autofd loose = memfd_create("loose", MFD_CLOEXEC);
    wn_autofd good = wn_shared_table_create(4);

    g_assert_null(wn_shared_table_new(null));
    g_assert_cmpint(ftruncate(loose, 4096), ==, 0);
    g_assert_null(wn_shared_table_new(loose));
    g_assert_cmpint(ftruncate(good, 64), !=, 0);
    g_assert_cmpint(wn_shared_table_create(3), ==, -1);
    g_assert_cmpint(errno, ==, EINVAL);
}

static void
add_one(WnSharedTable *table, WnSpan key)
{
    uint64_t value;

    do
        value = wn_shared_table_load(table, NAME, key);
    while (!wn_shared_table_replace(table, NAME, key, value, value + 1, 3600));
}

G_NORETURN static void
hammer(int fd, unsigned n)
{
    g_autoptr(WnSharedTable) table = wn_shared_table_new(fd);
    char key[16];

    for (unsigned i = 0; i < n; i++)
        add_one(table, number_key(i % N_KEYS, key));
    _exit(0);
}

static pid_t
fork_hammer(int fd, unsigned n)
{
    pid_t pid = fork();

    g_assert_cmpint(pid, >=, 0);
    if (pid == 0)
        hammer(fd, n);
    return pid;
}

static void
test_counts_are_exact(void)
{
    wn_autofd fd = wn_shared_table_create(2);
    g_autoptr(WnSharedTable) table = wn_shared_table_new(fd);
    pid_t pids[N_PROCESSES];
    char key[16];

    for (unsigned i = 0; i < N_PROCESSES; i++)
        pids[i] = fork_hammer(fd, N_ADDS);
    for (unsigned i = 0; i < N_PROCESSES; i++) {
        int status;

        g_assert_cmpint(waitpid(pids[i], &status, 0), ==, pids[i]);
        g_assert_cmpint(status, ==, 0);
    }
    for (unsigned i = 0; i < N_KEYS; i++)
        g_assert_cmpuint(wn_shared_table_load(table, NAME, number_key(i, key)),
            ==, N_PROCESSES * N_ADDS / N_KEYS);
}

/* Whenever a writer is killed, the others get on, and no value is found that
 * nobody wrote: each only ever grows, by one. */
static void
test_killed_while_writing(void)
{
    wn_autofd fd = wn_shared_table_create(1);
    g_autoptr(WnSharedTable) table = wn_shared_table_new(fd);
    WnSpan key = WN_SPAN("key0");

    for (unsigned i = 0; i < N_KILLS; i++) {
        pid_t pid = fork_hammer(fd, G_MAXUINT32);
        uint64_t before;
        int status;

        g_usleep(1000 + (gulong)g_random_int_range(0, 3000));
        kill(pid, SIGKILL);
        g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
        g_assert_true(WIFSIGNALED(status));
        before = wn_shared_table_load(table, NAME, key);
        g_assert_cmpuint(before, <, 100000000);
        add_one(table, key);
        g_assert_cmpuint(wn_shared_table_load(table, NAME, key), ==,
            before + 1);
    }
}

/* Every word of a set as a dead process may have left it. */
static void
test_wedged_set(void)
{
    wn_autofd fd = wn_shared_table_create(1);
    g_autoptr(WnSharedTable) table = wn_shared_table_new(fd);
    uint64_t *words;

    g_assert_true(wn_shared_table_replace(table, NAME, KEY, 0, 5, 3600));
    words = mmap(NULL, 512, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    g_assert_true(words != MAP_FAILED);
    words[32] |= 1; /* held, and never given back */
    g_assert_cmpuint(wn_shared_table_load(table, NAME, KEY), ==, 5);
    words[32] = UINT64_C(0xfedcba9800000001); /* by a process of another boot */
    g_assert_cmpuint(wn_shared_table_load(table, NAME, KEY), ==, 5);
    words[34 + 2] = 6; /* half written */
    g_assert_cmpuint(wn_shared_table_load(table, NAME, KEY), ==, 0);
    g_assert_true(wn_shared_table_replace(table, NAME, KEY, 0, 7, 3600));
    g_assert_cmpuint(wn_shared_table_load(table, NAME, KEY), ==, 7);
    munmap(words, 512);
}

static char *
temporary_path(char **out_folder)
{
    *out_folder = g_dir_make_tmp("winnow-table-XXXXXX", NULL);
    g_assert_nonnull(*out_folder);
    return g_build_filename(*out_folder, "shared", NULL);
}

static void
test_saved(void)
{
    g_autofree char *folder = NULL;
    g_autofree char *path = temporary_path(&folder);
    g_autoptr(WnSharedTable) table = wn_shared_table_new(-1);
    g_autoptr(WnSharedTable) next = wn_shared_table_new(-1);
    g_autoptr(GError) error = NULL;
    char key[16];

    wn_clock_fake(1, UNIX_MS);
    for (unsigned i = 0; i < 1000; i++)
        g_assert_true(wn_shared_table_replace(table, NAME, number_key(i, key),
            0, i + 1, i % 2 == 0 ? 600 : 60));
    g_assert_true(wn_shared_table_save(table, path, &error));
    wn_clock_fake_step(60000);
    g_assert_true(wn_shared_table_restore(next, path, &error));
    g_assert_no_error(error);
    for (unsigned i = 0; i < 1000; i++)
        g_assert_cmpuint(wn_shared_table_load(next, NAME, number_key(i, key)),
            ==, i % 2 == 0 ? i + 1 : 0);
    g_assert_true(
        wn_shared_table_replace(next, NAME, number_key(0, key), 1, 2, 60));
    g_remove(path);
    g_rmdir(folder);
}

/* Of a damaged file nothing is taken, wherever the damage is. */
static void
test_damaged_file(void)
{
    g_autofree char *folder = NULL;
    g_autofree char *path = temporary_path(&folder);
    g_autoptr(WnSharedTable) table = wn_shared_table_new(-1);
    g_autofree char *bytes = NULL;
    size_t len;

    g_assert_true(wn_shared_table_replace(table, NAME, KEY, 0, 5, 3600));
    g_assert_true(wn_shared_table_save(table, path, NULL));
    g_assert_true(g_file_get_contents(path, &bytes, &len, NULL));
    for (size_t i = 0; i < len; i++) {
        g_autoptr(WnSharedTable) next = NULL;
        bool in_secret = i >= 16 && i < 32;

        if (in_secret)
            continue; /* finds nothing, but does no harm */
        next = wn_shared_table_new(-1);
        bytes[i] = (char)(bytes[i] ^ 0x40);
        g_assert_true(g_file_set_contents(path, bytes, (gssize)len, NULL));
        g_assert_false(wn_shared_table_restore(next, path, NULL));
        g_assert_cmpuint(wn_shared_table_load(next, NAME, KEY), ==, 0);
        bytes[i] = (char)(bytes[i] ^ 0x40);
    }
    g_assert_true(g_file_set_contents(path, bytes, (gssize)len - 1, NULL));
    g_assert_false(wn_shared_table_restore(table, path, NULL));
    g_remove(path);
    g_assert_false(wn_shared_table_restore(table, path, NULL));
    g_rmdir(folder);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/base/shared_table/siphash", test_siphash);
    g_test_add_func("/base/shared_table/not-a-region", test_not_a_region);
    g_test_add_func("/base/shared_table/exact", test_counts_are_exact);
    g_test_add_func("/base/shared_table/killed", test_killed_while_writing);
    g_test_add_func("/base/shared_table/wedged", test_wedged_set);
    g_test_add_func("/base/shared_table/replace", test_replace);
    g_test_add_func("/base/shared_table/ttl", test_ttl);
    g_test_add_func("/base/shared_table/eviction", test_eviction);
    g_test_add_func("/base/shared_table/saved", test_saved);
    g_test_add_func("/base/shared_table/damaged-file", test_damaged_file);
    return g_test_run();
}
