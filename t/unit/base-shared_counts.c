/* SPDX-License-Identifier: MIT */
#include "core/base/shared_counts.h"

#include "core/base/fd.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static WnNetaddr
address(const char *text)
{
    WnNetaddr parsed;

    g_assert_true(wn_netaddr_parse(wn_span_str(text), &parsed));
    return parsed;
}

static WnNetaddr
numbered(uint32_t n)
{
    WnNetaddr made = { .len = 4 };

    memcpy(made.bytes, &n, sizeof n);
    return made;
}

static void
test_counts(void)
{
    g_autoptr(WnSharedCounts) counts = wn_shared_counts_new(-1, 0);
    WnNetaddr one = address("192.0.2.1");
    WnNetaddr other = address("192.0.2.2");

    g_assert_cmpuint(wn_shared_counts_sum(counts, &one), ==, 0);
    g_assert_cmpuint(wn_shared_counts_add(counts, &one), ==, 1);
    one.port = 4711; /* another connection of the same client */
    g_assert_cmpuint(wn_shared_counts_add(counts, &one), ==, 2);
    g_assert_cmpuint(wn_shared_counts_add(counts, &other), ==, 1);
    wn_shared_counts_remove(counts, &one);
    g_assert_cmpuint(wn_shared_counts_sum(counts, &one), ==, 1);
    wn_shared_counts_remove(counts, &one);
    wn_shared_counts_remove(counts, &one); /* never below nothing */
    g_assert_cmpuint(wn_shared_counts_sum(counts, &one), ==, 0);
    g_assert_cmpuint(wn_shared_counts_add(counts, &one), ==, 1);
    g_assert_cmpuint(wn_shared_counts_sum(counts, &other), ==, 1);
}

/* Addresses that look alike must not be the same. */
static void
test_families(void)
{
    static const char *const texts[] = { "0.0.0.0", "::", "1.2.3.4",
        "102:304::", "::1", "2001:db8::1", "2001:db8:0:1::", "2001:db8::1:0",
        "4.3.2.1", "255.255.255.255" };
    g_autoptr(WnSharedCounts) counts = wn_shared_counts_new(-1, 0);

    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        WnNetaddr client = address(texts[i]);

        g_assert_cmpuint(wn_shared_counts_add(counts, &client), ==, 1);
    }
}

static void
test_many(void)
{
    g_autoptr(WnSharedCounts) counts = wn_shared_counts_new(-1, 0);
    const uint32_t n = WN_SHARED_COUNTS_SLOTS / 2;

    for (uint32_t round = 0; round < 5; round++) {
        for (uint32_t i = 0; i < n; i++) {
            WnNetaddr client = numbered(round * 7777777 + i);

            g_assert_cmpuint(wn_shared_counts_add(counts, &client), ==, 1);
            g_assert_cmpuint(wn_shared_counts_add(counts, &client), ==, 2);
        }
        for (uint32_t i = 0; i < n; i++) {
            WnNetaddr client = numbered(round * 7777777 + i);

            g_assert_cmpuint(wn_shared_counts_sum(counts, &client), ==, 2);
            wn_shared_counts_remove(counts, &client);
            wn_shared_counts_remove(counts, &client);
        }
    }
}

/* More addresses than there is room for are not counted, and do no harm. */
static void
test_full(void)
{
    g_autoptr(WnSharedCounts) counts = wn_shared_counts_new(-1, 0);
    uint32_t n_counted = 0;

    for (uint32_t i = 0; i < 3 * WN_SHARED_COUNTS_SLOTS; i++) {
        WnNetaddr client = numbered(i);

        n_counted += wn_shared_counts_add(counts, &client) == 1;
    }
    g_assert_cmpuint(n_counted, <=, WN_SHARED_COUNTS_SLOTS);
    g_assert_cmpuint(n_counted, >, WN_SHARED_COUNTS_SLOTS / 2);
    for (uint32_t i = 0; i < 3 * WN_SHARED_COUNTS_SLOTS; i++) {
        WnNetaddr client = numbered(i);

        wn_shared_counts_remove(counts, &client);
        g_assert_cmpuint(wn_shared_counts_sum(counts, &client), ==, 0);
    }
}

static void
test_columns(void)
{
    wn_autofd fd = wn_shared_counts_create(3);
    g_autoptr(WnSharedCounts) first = wn_shared_counts_new(fd, 0);
    g_autoptr(WnSharedCounts) second = wn_shared_counts_new(fd, 1);
    WnSharedCounts *third = wn_shared_counts_new(fd, 2);
    WnNetaddr client = address("2001:db8::25");

    g_assert_cmpuint(wn_shared_counts_add(first, &client), ==, 1);
    g_assert_cmpuint(wn_shared_counts_add(second, &client), ==, 2);
    g_assert_cmpuint(wn_shared_counts_add(third, &client), ==, 3);
    g_assert_cmpuint(wn_shared_counts_add(third, &client), ==, 4);
    /* who ends takes his connections along */
    wn_shared_counts_free(third);
    g_assert_cmpuint(wn_shared_counts_sum(first, &client), ==, 2);
    /* nobody takes away what another has counted */
    wn_shared_counts_remove(first, &client);
    wn_shared_counts_remove(first, &client);
    g_assert_cmpuint(wn_shared_counts_sum(first, &client), ==, 1);
}

static void
count_in_child(int fd)
{
    WnSharedCounts *counts = wn_shared_counts_new(fd, 1);
    WnNetaddr client = address("192.0.2.1");

    for (int i = 0; i < 10; i++)
        wn_shared_counts_add(counts, &client);
    raise(SIGKILL);
}

static void
test_restart(void)
{
    wn_autofd fd = wn_shared_counts_create(2);
    g_autoptr(WnSharedCounts) survivor = wn_shared_counts_new(fd, 0);
    g_autoptr(WnSharedCounts) successor = NULL;
    WnNetaddr client = address("192.0.2.1");
    pid_t pid = fork();

    if (pid == 0)
        count_in_child(fd);
    g_assert_cmpint(waitpid(pid, NULL, 0), ==, pid);
    g_assert_cmpuint(wn_shared_counts_add(survivor, &client), ==, 11);
    successor = wn_shared_counts_new(fd, 1);
    g_assert_cmpuint(wn_shared_counts_sum(survivor, &client), ==, 1);
}

static void
hammer(int fd, unsigned column)
{
    WnSharedCounts *counts = wn_shared_counts_new(fd, column);
    uint64_t highest = 0;

    for (uint32_t i = 0; i < 20000; i++) {
        WnNetaddr client = numbered(i % 7);
        uint64_t sum = wn_shared_counts_add(counts, &client);

        highest = MAX(highest, sum);
        if (sum < 1)
            _exit(1);
        wn_shared_counts_remove(counts, &client);
    }
    _exit(highest <= 4 ? 0 : 2); /* each has at most one at a time */
}

static void
test_at_once(void)
{
    wn_autofd fd = wn_shared_counts_create(4);
    g_autoptr(WnSharedCounts) reader = NULL;
    pid_t pids[4];

    for (unsigned i = 0; i < G_N_ELEMENTS(pids); i++) {
        pids[i] = fork();
        if (pids[i] == 0)
            hammer(fd, i);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(pids); i++) {
        int status;

        g_assert_cmpint(waitpid(pids[i], &status, 0), ==, pids[i]);
        g_assert_cmpint(status, ==, 0);
    }
    reader = wn_shared_counts_new(fd, 0);
    for (uint32_t i = 0; i < 7; i++) {
        WnNetaddr client = numbered(i);

        g_assert_cmpuint(wn_shared_counts_sum(reader, &client), ==, 0);
    }
}

static void
test_refused(void)
{
    wn_autofd region = wn_shared_counts_create(2);
    wn_autofd empty = memfd_create("empty", MFD_CLOEXEC);
    wn_autofd unsealed = memfd_create("unsealed", MFD_CLOEXEC);
    wn_autofd foreign = wn_fd_sealed_memory("foreign", WN_SPAN("not a region"));
    struct stat st;

    g_assert_cmpint(wn_shared_counts_create(0), ==, -1);
    g_assert_cmpint(wn_shared_counts_create(WN_SHARED_COUNTS_COLUMNS_MAX + 1),
        ==, -1);
    g_assert_null(wn_shared_counts_new(region, 2));
    g_assert_null(wn_shared_counts_new(empty, 0));
    g_assert_null(wn_shared_counts_new(foreign, 0));
    g_assert_cmpint(fstat(region, &st), ==, 0);
    g_assert_cmpint(ftruncate(unsealed, st.st_size), ==, 0);
    g_assert_null(wn_shared_counts_new(unsealed, 0));
    g_assert_cmpint(ftruncate(region, 0), ==, -1); /* sealed */
}

/* Who has the region may write what it likes into it: nobody looks further than
 * what was mapped. */
static void
test_damaged(void)
{
    wn_autofd fd = wn_shared_counts_create(2);
    g_autoptr(WnSharedCounts) counts = wn_shared_counts_new(fd, 0);
    WnNetaddr client = address("192.0.2.1");
    uint64_t *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
        0);

    g_assert_true(memory != MAP_FAILED);
    memset(memory, 0xff, 4096);
    wn_shared_counts_add(counts, &client);
    wn_shared_counts_sum(counts, &client);
    wn_shared_counts_remove(counts, &client);
    munmap(memory, 4096);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/base/shared_counts/counts", test_counts);
    g_test_add_func("/base/shared_counts/families", test_families);
    g_test_add_func("/base/shared_counts/many", test_many);
    g_test_add_func("/base/shared_counts/full", test_full);
    g_test_add_func("/base/shared_counts/columns", test_columns);
    g_test_add_func("/base/shared_counts/restart", test_restart);
    g_test_add_func("/base/shared_counts/at-once", test_at_once);
    g_test_add_func("/base/shared_counts/refused", test_refused);
    g_test_add_func("/base/shared_counts/damaged", test_damaged);
    return g_test_run();
}
