/* SPDX-License-Identifier: MIT */
#include "sdk/harness/process.h"

#include "core/base/publish.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define GRACE_S 5 /* for the run's own alarm, which can say more */

/* Of a run. */
static char *run_folder;

const char *
wn_process_folder(void)
{
    return run_folder;
}

/* SIGCHLD, and what ends this process unless it ignores it. */
static sigset_t
watched_signals(void)
{
    static const int ends[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM };
    struct sigaction action;
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    for (size_t i = 0; i < G_N_ELEMENTS(ends); i++)
        if (sigaction(ends[i], NULL, &action) == 0
            && action.sa_handler != SIG_IGN)
            sigaddset(&set, ends[i]);
    return set;
}

G_NORETURN static void
be_the_run(const WnProcess *self, const sigset_t *mask)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigprocmask(SIG_SETMASK, mask, NULL);
    dup2(self->output_fd, STDOUT_FILENO);
    dup2(self->output_fd, STDERR_FILENO);
    alarm(self->time_s);
    self->run(self->user);
    g_assert_not_reached();
}

static bool
has_ended(pid_t child)
{
    siginfo_t info = { 0 };

    if (waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT) != 0)
        return errno != EINTR;
    return info.si_pid == child;
}

/* Zero when the run has ended, SIGALRM when its time is over, or the signal
 * that asks this process to end. */
static int
wait_for_end(const WnProcess *self, pid_t child, const sigset_t *watched)
{
    time_t until = time(NULL) + self->time_s + GRACE_S;

    while (!has_ended(child)) {
        struct timespec left = { .tv_sec = until - time(NULL) };
        int signo;

        if (left.tv_sec <= 0)
            return SIGALRM;
        signo = sigtimedwait(watched, NULL, &left);
        if (signo > 0 && signo != SIGCHLD)
            return signo;
    }
    return 0;
}

static void
remove_folder(void)
{
    g_autoptr(GError) error = NULL;

    if (!wn_folder_remove(run_folder, &error))
        fprintf(stderr, "winnow-plugin-test: %s\n", error->message);
    g_clear_pointer(&run_folder, g_free);
}

int
wn_process_run(const WnProcess *self)
{
    sigset_t watched = watched_signals();
    sigset_t mask;
    int status = 0;
    int reason;
    pid_t child;

    /* What may end this process comes before there is a folder. */
    fflush(stdout);
    signal(SIGCHLD, SIG_DFL);
    sigprocmask(SIG_BLOCK, &watched, &mask);
    run_folder = g_dir_make_tmp("winnow-test-XXXXXX", NULL);
    if (run_folder == NULL)
        g_error("no folder for a test");
    child = fork();
    if (child == 0)
        be_the_run(self, &mask);
    if (child < 0)
        g_error("no process for a test");
    setpgid(child, child);
    reason = wait_for_end(self, child, &watched);
    /* The child is not reaped yet, so the group's number is still its own. */
    kill(-child, SIGKILL);
    if (waitpid(child, &status, 0) != child)
        g_error("no status of a test");
    remove_folder();
    if (reason != 0 && reason != SIGALRM)
        raise(reason);
    sigprocmask(SIG_SETMASK, &mask, NULL);
    return reason == SIGALRM ? SIGALRM : status;
}
