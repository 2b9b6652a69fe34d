/* SPDX-License-Identifier: MIT */
#include "core/base/confine.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs check in a child, since rights do not come back; its result is the
 * number of the line that failed, or 0. */
static void
in_child(int (*check)(void))
{
    pid_t pid = fork();
    int status;

    g_assert_cmpint(pid, >=, 0);
    if (pid == 0)
        _exit(check());
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_true(WIFEXITED(status));
    g_assert_cmpint(WEXITSTATUS(status), ==, 0);
}

#define CHECK(condition)               \
    do {                               \
        if (!(condition))              \
            return __LINE__ % 255 + 1; \
    } while (0)

static int
check_process(void)
{
    struct rlimit core;
    int death_signal = 0;

    wn_confine_process(true);
    CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
#ifndef __SANITIZE_ADDRESS__
    CHECK(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
#endif
    CHECK(prctl(PR_GET_PDEATHSIG, &death_signal, 0, 0, 0) == 0);
    CHECK(death_signal == SIGKILL);
    CHECK(getrlimit(RLIMIT_CORE, &core) == 0);
    CHECK(core.rlim_cur == 0 && core.rlim_max == 0);
    return 0;
}

static int
check_process_outlives_parent(void)
{
    int death_signal = 7;

    wn_confine_process(false);
    CHECK(prctl(PR_GET_PDEATHSIG, &death_signal, 0, 0, 0) == 0);
    CHECK(death_signal == 0);
    return 0;
}

static int
check_become(void)
{
    g_autoptr(GError) error = NULL;
    gid_t groups[64];
    int death_signal = 0;
    int n_groups;

    wn_confine_process(true);
    CHECK(wn_confine_become("nobody", &error));
    CHECK(getuid() != 0 && geteuid() != 0);
    CHECK(getgid() != 0 && getegid() != 0);
    n_groups = getgroups(G_N_ELEMENTS(groups), groups);
    CHECK(n_groups >= 0);
    for (int i = 0; i < n_groups; i++)
        CHECK(groups[i] != 0);
    CHECK(setuid(0) != 0 && setgid(0) != 0);
    CHECK(prctl(PR_GET_PDEATHSIG, &death_signal, 0, 0, 0) == 0);
    CHECK(death_signal == SIGKILL);
#ifndef __SANITIZE_ADDRESS__
    CHECK(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
#endif
    /* a second time there is nothing left to give up */
    CHECK(wn_confine_become("nobody", &error));
    return 0;
}

static int
check_refused(void)
{
    g_autoptr(GError) error = NULL;

    CHECK(wn_confine_become(NULL, &error));
    CHECK(!wn_confine_become("no-such-user-here", &error));
    CHECK(error != NULL);
    g_clear_error(&error);
    CHECK(!wn_confine_become("root", &error));
    CHECK(error != NULL);
    CHECK(geteuid() == 0);
    return 0;
}

static bool
is_root(void)
{
    if (geteuid() == 0)
        return true;
    g_test_skip("not root");
    return false;
}

static void
test_process(void)
{
    in_child(check_process);
    in_child(check_process_outlives_parent);
}

static void
test_become(void)
{
    if (is_root())
        in_child(check_become);
}

static void
test_refused(void)
{
    if (is_root())
        in_child(check_refused);
}

static void
test_dies_with_parent(void)
{
    int fds[2];
    pid_t middle;
    char byte;

    g_assert_cmpint(pipe(fds), ==, 0);
    middle = fork();
    g_assert_cmpint(middle, >=, 0);
    if (middle == 0) {
        int ready[2];

        if (pipe(ready) != 0)
            _exit(1);
        if (fork() == 0) {
            wn_confine_process(true);
            if (write(ready[1], "x", 1) == 1)
                pause();
            _exit(0);
        }
        _exit(read(ready[0], &byte, 1) != 1);
    }
    close(fds[1]);
    /* ends when the grandchild, the last holder of fds[1], is gone */
    g_assert_cmpint(read(fds[0], &byte, 1), ==, 0);
    g_assert_cmpint(waitpid(middle, NULL, 0), ==, middle);
    close(fds[0]);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/base/confine/process", test_process);
    g_test_add_func("/base/confine/become", test_become);
    g_test_add_func("/base/confine/refused", test_refused);
    g_test_add_func("/base/confine/dies-with-parent", test_dies_with_parent);
    return g_test_run();
}
