/* SPDX-License-Identifier: MIT */
#include "core/control/trial.h"

#include "core/base/fd.h"

#include <stdlib.h>
#include <unistd.h>

static int
look_and_die(void *user, WnScoreboard *board)
{
    (void)user;
    wn_trial_on_hook(board, "looper", "message", NULL, G_MAXUINT64);
    _exit(7);
}

/* What stands for a message is a large number, and no number of rows: those
 * alone give a call more time. */
static void
test_content_gives_no_time(void)
{
    wn_autofd fd = wn_scoreboard_create();
    g_autoptr(WnScoreboard) board = wn_scoreboard_attach(fd);
    g_autofree char *fault = NULL;
    WnScore score;

    g_assert_cmpint(wn_trial_run_shown(look_and_die, NULL, fd, &fault), ==, -1);
    g_assert_nonnull(fault);
    g_assert_true(wn_scoreboard_get_ended(board, &score));
    g_assert_cmpstr(score.filter, ==, "looper");
    g_assert_cmpuint(score.content, ==, 0);
}

static void
wait_for_ever(void)
{
    for (;;)
        pause();
}

static int
leave_a_trap(void *user, WnScoreboard *board)
{
    (void)user;
    (void)board;
    atexit(wait_for_ever);
    return 3;
}

/* What a plugin does at the end of its process keeps nobody waiting. */
static void
test_ends_at_once(void)
{
    g_autofree char *fault = NULL;

#ifdef __SANITIZE_ADDRESS__
    g_test_skip("the process looks for leaks at its end");
    return;
#endif
    alarm(60);
    g_assert_cmpint(wn_trial_run(leave_a_trap, NULL, &fault), ==, 3);
    g_assert_null(fault);
    alarm(0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/control/trial/content-gives-no-time",
        test_content_gives_no_time);
    g_test_add_func("/control/trial/ends-at-once", test_ends_at_once);
    return g_test_run();
}
