/* SPDX-License-Identifier: MIT */
#include "core/base/sandbox.h"

#include "core/base/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(condition)               \
    do {                               \
        if (!(condition))              \
            return __LINE__ % 255 + 1; \
    } while (0)

static char *folder; /* with "in" and "out", a file in each */

/* In a child, since rights do not come back; 0, or the line that failed. */
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

static char *
in(const char *name)
{
    return g_build_filename(folder, name, NULL);
}

static bool
refused(long result)
{
    return result < 0 && (errno == EACCES || errno == EPERM);
}

static int
check_files(void)
{
    g_autoptr(WnFileRules) rules = wn_file_rules_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *inside = in("in");
    g_autofree char *one = in("in/file");
    g_autofree char *made = in("in/made");
    g_autofree char *moved = in("in/below/moved");
    g_autofree char *outside = in("out/file");
    g_autofree char *elsewhere = in("out/made");
    g_autofree char *single = in("single");
    g_autofree char *beside = in("beside");
    g_autofree char *absent = in("absent");

    wn_file_rules_allow(rules, inside, WN_FILES_READ | WN_FILES_WRITE);
    wn_file_rules_allow(rules, single, WN_FILES_READ);
    wn_file_rules_allow(rules, absent, WN_FILES_READ);
    wn_file_rules_allow(rules, NULL, WN_FILES_READ);
    wn_confine_process(false);
    CHECK(wn_sandbox_files(rules, &error));
    CHECK(open(one, O_RDWR | O_CLOEXEC) >= 0);
    CHECK(open(made, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0);
    CHECK(rename(made, moved) == 0);
    CHECK(unlink(moved) == 0);
    CHECK(open(single, O_RDONLY | O_CLOEXEC) >= 0);
    CHECK(refused(open(single, O_WRONLY | O_CLOEXEC)));
    CHECK(refused(open(beside, O_RDONLY | O_CLOEXEC)));
    CHECK(refused(open(outside, O_RDONLY | O_CLOEXEC)));
    CHECK(refused(open(elsewhere, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)));
    CHECK(refused(unlink(outside)));
    CHECK(rename(one, elsewhere) < 0);
    CHECK(refused(open("/etc/passwd", O_RDONLY | O_CLOEXEC)));
    if (wn_sandbox_landlock() >= 6)
        CHECK(refused(kill(getppid(), 0)));
    return 0;
}

static void *
run_thread(void *data)
{
    *(int *)data = 1;
    return NULL;
}

static int
check_calls(void)
{
    char *const argv[] = { (char[]){ "true" }, NULL };
    g_autoptr(GError) error = NULL;
    struct stat info;
    pthread_t thread;
    int ran = 0;

    wn_confine_process(false);
    CHECK(wn_sandbox_calls(WN_CALLS_ONLINE, &error));
    CHECK(refused(execv("/bin/true", argv)));
#ifndef __SANITIZE_ADDRESS__
    CHECK(refused(fork()));
#endif
    CHECK(refused(kill(getppid(), 0)));
    CHECK(kill(getpid(), 0) == 0);
    CHECK(refused(setresuid(0, 0, 0)));
    CHECK(refused(chmod(folder, 0700)));
    CHECK(socket(AF_PACKET, SOCK_RAW, 0) < 0 && errno == EAFNOSUPPORT);
    CHECK(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0) >= 0);
    CHECK(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0);
    CHECK(refused(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)));
    CHECK(refused(fcntl(0, F_SETOWN, getppid())));
    CHECK(refused(fcntl(0, F_SETSIG, SIGKILL)));
    CHECK(refused(ioctl(0, FIOSETOWN, &(int){ getppid() })));
    CHECK(refused(ioctl(0, SIOCSPGRP, &(int){ getppid() })));
    CHECK(refused(ioctl(0, TIOCSTI, "x")));
    CHECK(fcntl(0, F_GETFL) >= 0);
    CHECK(stat(folder, &info) == 0);
    CHECK(pthread_create(&thread, NULL, run_thread, &ran) == 0);
    CHECK(pthread_join(thread, NULL) == 0 && ran == 1);
    return 0;
}

static int
check_offline(void)
{
    g_autoptr(GError) error = NULL;

    wn_confine_process(false);
    CHECK(wn_sandbox_calls(WN_CALLS_OFFLINE, &error));
    CHECK(refused(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)));
    CHECK(refused(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)));
    return 0;
}

static void
test_files(void)
{
    if (wn_sandbox_landlock() == 0)
        g_test_skip("this kernel has no Landlock");
    else
        in_child(check_files);
}

static void
test_calls(void)
{
    if (!wn_sandbox_filters_calls())
        g_test_skip("this kernel has no seccomp");
    else {
        in_child(check_calls);
        in_child(check_offline);
    }
}

static void
make(const char *name, bool is_folder)
{
    g_autofree char *path = in(name);

    if (is_folder)
        g_assert_cmpint(g_mkdir(path, 0700), ==, 0);
    else
        g_assert_true(g_file_set_contents(path, "x", 1, NULL));
}

static void
clear(void)
{
    static const char *const names[] = { "in/file", "out/file", "single",
        "beside", "in/below", "in", "out", "" };

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = in(names[i]);

        g_assert_cmpint(remove(path), ==, 0);
    }
    g_free(folder);
}

int
main(int argc, char **argv)
{
    int result;

    g_test_init(&argc, &argv, NULL);
    folder = g_dir_make_tmp("winnow-sandbox-XXXXXX", NULL);
    make("in", true);
    make("in/below", true);
    make("out", true);
    make("in/file", false);
    make("out/file", false);
    make("single", false);
    make("beside", false);
    g_test_add_func("/base/sandbox/files", test_files);
    g_test_add_func("/base/sandbox/calls", test_calls);
    result = g_test_run();
    clear();
    return result;
}
