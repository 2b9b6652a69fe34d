/* SPDX-License-Identifier: MIT */
#include "core/base/map_guard.h"

#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGES 4

typedef struct Map {
    FILE *file;
    size_t page;
    char *start;
    WnMapGuard guard;
} Map;

static void
map_init(Map *self, WnMapUse use)
{
    self->page = (size_t)sysconf(_SC_PAGESIZE);
    self->file = tmpfile();
    g_assert_nonnull(self->file);
    for (size_t i = 0; i < PAGES * self->page; i++)
        g_assert_cmpint(fputc('x', self->file), ==, 'x');
    g_assert_cmpint(fflush(self->file), ==, 0);
    self->start = mmap(NULL, PAGES * self->page, PROT_READ | PROT_WRITE,
        MAP_SHARED, fileno(self->file), 0);
    g_assert_true(self->start != MAP_FAILED);
    wn_map_guard(&self->guard, self->start, PAGES * self->page, use);
}

static void
map_clear(Map *self)
{
    wn_map_unguard(&self->guard);
    munmap(self->start, PAGES * self->page);
    fclose(self->file);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Map, map_clear)

static char
look(const Map *self, size_t page)
{
    return *(const volatile char *)(self->start + page * self->page);
}

static void
cut(const Map *self, size_t pages)
{
    g_assert_cmpint(ftruncate(fileno(self->file), (off_t)(pages * self->page)),
        ==, 0);
}

/* Only what is lost reads as zeros, and only its own guard tells. */
static void
test_read(void)
{
    g_auto(Map) one = { 0 };
    g_auto(Map) other = { 0 };

    map_init(&one, WN_MAP_READ);
    map_init(&other, WN_MAP_READ);
    cut(&one, 2);
    g_assert_cmpint(look(&one, 1), ==, 'x');
    g_assert_false(one.guard.lost);
    g_assert_cmpint(look(&one, 3), ==, 0);
    g_assert_true(one.guard.lost);
    g_assert_cmpint(look(&one, 0), ==, 'x');
    g_assert_cmpint(look(&other, 3), ==, 'x');
    g_assert_false(other.guard.lost);
}

static void
test_write(void)
{
    g_auto(Map) map = { 0 };

    map_init(&map, WN_MAP_WRITE);
    cut(&map, 1);
    memset(map.start, 'y', PAGES * map.page);
    g_assert_true(map.guard.lost);
    g_assert_cmpint(look(&map, 3), ==, 'y');
}

/* What nobody guards is a fault as ever. */
static void
test_unguarded(void)
{
    if (g_test_subprocess()) {
        g_auto(Map) map = { 0 };

        map_init(&map, WN_MAP_READ);
        wn_map_unguard(&map.guard);
        cut(&map, 1);
        look(&map, 3);
        return;
    }
    g_test_trap_subprocess(NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
    g_test_trap_assert_failed();
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/base/map_guard/read", test_read);
    g_test_add_func("/base/map_guard/write", test_write);
    g_test_add_func("/base/map_guard/unguarded", test_unguarded);
    return g_test_run();
}
