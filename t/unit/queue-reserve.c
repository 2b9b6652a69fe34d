/* SPDX-License-Identifier: MIT */
#include "core/queue/reserve.h"

#include "core/base/clock.h"
#include "core/base/publish.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define STEPS (WN_RESERVE_BYTES / WN_RESERVE_STEP)

typedef struct Bench {
    char *folder;
    char *path;
    WnLoop *loop;
} Bench;

static void
bench_init(Bench *self)
{
    wn_clock_fake(1000000, 1800000000000);
    self->folder = g_dir_make_tmp("winnow-reserve-XXXXXX", NULL);
    self->path = g_build_filename(self->folder, WN_RESERVE_NAME, NULL);
    self->loop = wn_loop_new();
}

static void
bench_clear(Bench *self)
{
    wn_folder_remove(self->folder, NULL);
    wn_loop_free(self->loop);
    g_free(self->path);
    g_free(self->folder);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Bench, bench_clear)

/* Bytes that the file really takes from the disk. */
static uint64_t
allocated(const Bench *self)
{
    struct stat info;

    g_assert_cmpint(lstat(self->path, &info), ==, 0);
    return MIN((uint64_t)info.st_blocks * 512, (uint64_t)info.st_size);
}

static bool
helps(WnReserve *reserve, int errnum)
{
    g_autoptr(GError) error = g_error_new_literal(G_FILE_ERROR, errnum, "");

    return wn_reserve_helps(reserve, error);
}

static void
test_steps(void)
{
    g_auto(Bench) bench = { 0 };
    g_autoptr(WnReserve) reserve = NULL;

    bench_init(&bench);
    reserve = wn_reserve_new(bench.loop, bench.folder);
    g_assert_cmpuint(allocated(&bench), ==, WN_RESERVE_BYTES);
    for (uint64_t i = 1; i <= STEPS; i++) {
        g_assert_true(helps(reserve, i % 2 == 0 ? ENOSPC : EDQUOT));
        g_assert_cmpuint(allocated(&bench), ==,
            WN_RESERVE_BYTES - i * WN_RESERVE_STEP);
    }
    g_assert_false(helps(reserve, ENOSPC));
}

/* Space is no cure for these, and is not spent on them. */
static void
test_other_errors(void)
{
    g_auto(Bench) bench = { 0 };
    g_autoptr(WnReserve) reserve = NULL;

    bench_init(&bench);
    reserve = wn_reserve_new(bench.loop, bench.folder);
    g_assert_false(helps(reserve, EIO));
    g_assert_false(helps(reserve, EACCES));
    g_assert_cmpuint(allocated(&bench), ==, WN_RESERVE_BYTES);
    g_assert_false(helps(NULL, ENOSPC));
}

static void
test_made_whole_again(void)
{
    g_auto(Bench) bench = { 0 };
    g_autoptr(WnReserve) reserve = NULL;

    bench_init(&bench);
    reserve = wn_reserve_new(bench.loop, bench.folder);
    g_assert_true(helps(reserve, ENOSPC));
    wn_clock_fake_step(WN_RESERVE_LOOK_MS - 1);
    wn_loop_turn(bench.loop);
    g_assert_cmpuint(allocated(&bench), <, WN_RESERVE_BYTES);
    wn_clock_fake_step(1);
    for (int i = 0; i < 100 && allocated(&bench) < WN_RESERVE_BYTES; i++)
        wn_loop_turn(bench.loop);
    g_assert_cmpuint(allocated(&bench), ==, WN_RESERVE_BYTES);
    for (uint64_t i = 0; i < STEPS; i++)
        g_assert_true(helps(reserve, ENOSPC));
    g_assert_false(helps(reserve, ENOSPC));
}

/* What an earlier run has left is there; a file of holes is nothing. */
static void
test_left_behind(void)
{
    g_auto(Bench) bench = { 0 };

    bench_init(&bench);
    for (int run = 0; run < 3; run++) {
        g_autoptr(WnReserve) reserve = NULL;
        int fd = open(bench.path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

        g_assert_cmpint(fd, >=, 0);
        if (run == 1)
            g_assert_cmpint(ftruncate(fd, WN_RESERVE_STEP), ==, 0);
        if (run == 2) {
            g_assert_cmpint(ftruncate(fd, 0), ==, 0);
            g_assert_cmpint(ftruncate(fd, WN_RESERVE_BYTES), ==, 0);
        }
        close(fd);
        reserve = wn_reserve_new(bench.loop, bench.folder);
        g_assert_cmpuint(allocated(&bench), ==, WN_RESERVE_BYTES);
        g_assert_true(helps(reserve, ENOSPC));
    }
}

/* A link leads nowhere that is ours to fill; the queue works without. */
static void
test_cannot_be_made(void)
{
    g_auto(Bench) bench = { 0 };
    g_autoptr(WnReserve) reserve = NULL;
    g_autofree char *target = NULL;

    bench_init(&bench);
    target = g_build_filename(bench.folder, "target", NULL);
    g_assert_cmpint(symlink(target, bench.path), ==, 0);
    reserve = wn_reserve_new(bench.loop, bench.folder);
    g_assert_false(helps(reserve, ENOSPC));
    g_assert_false(g_file_test(target, G_FILE_TEST_EXISTS));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/queue/reserve/steps", test_steps);
    g_test_add_func("/queue/reserve/other-errors", test_other_errors);
    g_test_add_func("/queue/reserve/made-whole-again", test_made_whole_again);
    g_test_add_func("/queue/reserve/left-behind", test_left_behind);
    g_test_add_func("/queue/reserve/cannot-be-made", test_cannot_be_made);
    return g_test_run();
}
