/* SPDX-License-Identifier: MIT */
#include "core/event/command.h"

#include "core/event/reaper.h"

#include <sys/stat.h>
#include <unistd.h>

typedef struct Run {
    int status;
    char *output;
    bool ended;
} Run;

static void
on_end(void *user, int status, const char *output)
{
    Run *run = user;

    run->status = status;
    run->output = g_strdup(output);
    run->ended = true;
}

static Run
run_shell(const char *script, size_t output_max, int64_t timeout_ms)
{
    g_autoptr(WnLoop) loop = wn_loop_new();
    g_autoptr(WnCommand) command = NULL;
    g_autoptr(GError) error = NULL;
    const char *argv[] = { "sh", "-c", script, NULL };
    WnSpawn spawn = { .path = "/bin/sh", .argv = argv };
    Run run = { 0 };

    command = wn_command_run(loop, &spawn, output_max, timeout_ms, &error);
    g_assert_no_error(error);
    wn_command_on_end(command, on_end, &run);
    for (int i = 0; i < 20000 && !run.ended; i++)
        wn_loop_turn(loop);
    g_assert_true(run.ended);
    return run;
}

static void
test_results(void)
{
    static const struct {
        const char *script;
        const char *output;
        const char *why;
    } cases[] = {
        { "echo out; echo err >&2", "out\nerr\n", "exited with status 0" },
        { "exit 7", "", "exited with status 7" },
        { "kill -9 $$", "", "killed by signal 9" },
        { "exec /nonexistent", NULL, "exited with status 127" },
        { "printf 0123456789", "01234567", "exited with status 0" },
        { "cat", "", "exited with status 0" }, /* no standard input */
        { "trap '' HUP; kill -HUP $$; echo on", "on\n",
            "exited with status 0" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        size_t max = i == 4 ? 8 : 4096;
        Run run = run_shell(cases[i].script, max, 10000);
        g_autofree char *why = wn_reaper_describe(run.status);

        g_test_message("%s", cases[i].script);
        g_assert_cmpstr(why, ==, cases[i].why);
        if (cases[i].output != NULL)
            g_assert_cmpstr(run.output, ==, cases[i].output);
        g_free(run.output);
    }
}

static void
test_much_output_does_not_block(void)
{
    Run run = run_shell("head -c 3000000 /dev/zero | tr '\\0' x", 1000, 10000);

    g_assert_cmpint(run.status, ==, 0);
    g_assert_cmpint(strlen(run.output), ==, 1000);
    g_free(run.output);
}

/* Also one whose own child keeps the pipe open. */
static void
test_too_slow_is_killed(void)
{
    Run run = run_shell("echo begun; sleep 3 & exec sleep 3", 1000, 100);
    g_autofree char *why = wn_reaper_describe(run.status);

    g_assert_cmpstr(why, ==, "killed by signal 9");
    g_assert_cmpstr(run.output, ==, "begun\n");
    g_free(run.output);
}

static void
test_not_there(void)
{
    g_autoptr(WnLoop) loop = wn_loop_new();
    g_autoptr(GError) error = NULL;
    const char *argv[] = { "none", NULL };
    WnSpawn spawn = { .path = "/nonexistent/none", .argv = argv };

    g_assert_null(wn_command_run(loop, &spawn, 100, 1000, &error));
    g_assert_nonnull(strstr(error->message, "/nonexistent/none"));
}

/* A program gets what was named, in order, and nothing else. */
static void
test_descriptors(void)
{
    g_autoptr(WnLoop) loop = wn_loop_new();
    g_autoptr(WnCommand) command = NULL;
    const char *argv[] = { "sh", "-c",
        "cat <&3; cat <&4; ls /proc/self/fd | wc -l", NULL };
    WnSpawn spawn = { .path = "/bin/sh", .argv = argv, .n_fds = 2 };
    Run run = { 0 };
    int one[2], two[2], leaked[2];

    /* leaked lacks close-on-exec, as a careless library would leave it. */
    g_assert_true(pipe(leaked) == 0 && pipe(one) == 0 && pipe(two) == 0);
    g_assert_cmpint(write(one[1], "one\n", 4), ==, 4);
    g_assert_cmpint(write(two[1], "two\n", 4), ==, 4);
    close(one[1]);
    close(two[1]);
    spawn.fds[0] = one[0];
    spawn.fds[1] = two[0];
    command = wn_command_run(loop, &spawn, 4096, 10000, NULL);
    wn_command_on_end(command, on_end, &run);
    while (!run.ended)
        wn_loop_turn(loop);
    /* 0 to 4, and the folder that ls reads */
    g_assert_cmpstr(run.output, ==, "one\ntwo\n6\n");
    g_free(run.output);
    close(one[0]);
    close(two[0]);
    close(leaked[0]);
    close(leaked[1]);
}

static void
test_freed_while_running(void)
{
    g_autoptr(WnLoop) loop = wn_loop_new();
    const char *argv[] = { "sleep", "100", NULL };
    WnSpawn spawn = { .path = "/bin/sleep", .argv = argv };
    Run run = { 0 };
    WnCommand *command = wn_command_run(loop, &spawn, 100, 100000, NULL);

    wn_command_on_end(command, on_end, &run);
    wn_command_free(command);
    wn_loop_turn(loop);
    g_assert_false(run.ended);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/command/results", test_results);
    g_test_add_func("/command/much-output", test_much_output_does_not_block);
    g_test_add_func("/command/too-slow", test_too_slow_is_killed);
    g_test_add_func("/command/not-there", test_not_there);
    g_test_add_func("/command/descriptors", test_descriptors);
    g_test_add_func("/command/freed-while-running", test_freed_while_running);
    return g_test_run();
}
