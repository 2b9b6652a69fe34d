/* SPDX-License-Identifier: MIT */
#include "core/control/callers.h"

#include "core/base/fd.h"

#include <glib.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static char *path;

/* A process that connects and waits for the end of the connection. */
static pid_t
start_caller(const char *name)
{
    pid_t pid = fork();
    char byte;
    int fd;

    if (pid != 0)
        return pid;
    prctl(PR_SET_NAME, name);
    fd = wn_fd_dial(path, SOCK_STREAM);
    _exit(fd >= 0 && read(fd, &byte, 1) == 0 ? 0 : 1);
}

static int
listen_here(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_strlcpy(address.sun_path, path, sizeof address.sun_path);
    g_assert_cmpint(bind(fd, (struct sockaddr *)&address, sizeof address), ==,
        0);
    g_assert_cmpint(listen(fd, 5), ==, 0);
    return fd;
}

static void
test_parents(void)
{
    static const struct {
        const char *name; /* of the process: what a plugin may choose */
    } cases[] = { { "plain" }, { "a) R 1 (b" }, { ") S 1 1 1" } };
    wn_autofd listener = listen_here();

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        pid_t pid = start_caller(cases[i].name);
        int fd = accept(listener, NULL, NULL);
        int status;

        g_assert_cmpint(fd, >=, 0);
        g_assert_true(wn_caller_may_ask(fd, 0));
        g_assert_false(wn_caller_may_ask(fd, getpid()));
        g_assert_false(wn_caller_may_ask(fd, getppid()));
        g_assert_false(wn_caller_may_ask(fd, pid));
        wn_fd_close(fd);
        g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
        g_assert_cmpint(status, ==, 0);
    }
    unlink(path);
}

/* Somebody who is no descendant: this process itself, of the child's. */
static void
test_stranger(void)
{
    wn_autofd listener = listen_here();
    wn_autofd caller = wn_fd_dial(path, SOCK_STREAM);
    int fd = accept(listener, NULL, NULL);
    pid_t other = fork();

    if (other == 0) {
        pause();
        _exit(0);
    }
    g_assert_cmpint(caller, >=, 0);
    g_assert_true(wn_caller_may_ask(fd, other));
    kill(other, SIGKILL);
    g_assert_cmpint(waitpid(other, NULL, 0), ==, other);
    wn_fd_close(fd);
    unlink(path);
}

/* One that asks and dies at once cannot be told apart any more. */
static void
test_dead(void)
{
    wn_autofd listener = listen_here();
    pid_t pid = fork();
    int fd;

    if (pid == 0)
        _exit(wn_fd_dial(path, SOCK_STREAM) >= 0 ? 0 : 1);
    g_assert_cmpint(waitpid(pid, NULL, 0), ==, pid);
    fd = accept(listener, NULL, NULL);
    g_assert_cmpint(fd, >=, 0);
    g_assert_false(wn_caller_may_ask(fd, getpid()));
    wn_fd_close(fd);
    unlink(path);
}

/* A process whose parent has died is a child of the first process, which is
 * winnowd in a container. */
static void
test_first_process(void)
{
    wn_autofd listener = listen_here();
    pid_t pid = fork();
    pid_t adopter;
    int fd;

    if (pid == 0) {
        pid_t parent = getpid();

        if (fork() != 0)
            _exit(0);
        while (getppid() == parent)
            g_usleep(1000);
        fd = wn_fd_dial(path, SOCK_STREAM);
        adopter = getppid();
        if (write(fd, &adopter, sizeof adopter) != sizeof adopter)
            _exit(1);
        _exit(read(fd, &adopter, 1) == 0 ? 0 : 1);
    }
    g_assert_cmpint(waitpid(pid, NULL, 0), ==, pid);
    fd = accept(listener, NULL, NULL);
    g_assert_cmpint(read(fd, &adopter, sizeof adopter), ==, sizeof adopter);
    if (adopter == 1)
        g_assert_false(wn_caller_may_ask(fd, 1));
    else
        g_test_skip("orphans have another parent here");
    wn_fd_close(fd);
    unlink(path);
}

int
main(int argc, char **argv)
{
    g_autofree char *folder = g_dir_make_tmp("winnow-callers-XXXXXX", NULL);
    int result;

    g_test_init(&argc, &argv, NULL);
    path = g_build_filename(folder, "socket", NULL);
    g_test_add_func("/callers/parents", test_parents);
    g_test_add_func("/callers/stranger", test_stranger);
    g_test_add_func("/callers/dead", test_dead);
    g_test_add_func("/callers/first-process", test_first_process);
    result = g_test_run();
    rmdir(folder);
    g_free(path);
    return result;
}
