/* SPDX-License-Identifier: MIT */
#include "core/event/reaper.h"

#include "core/base/fd.h"

#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void
forget(WnReaper *self)
{
    wn_watch_clear(&self->watch);
    wn_fd_close(self->pid_fd);
    self->pid_fd = -1;
    self->pid = 0;
}

static void
on_ready(void *user, int fd, unsigned ready)
{
    WnReaper *self = user;
    int status = 0;
    pid_t ended = waitpid(self->pid, &status, WNOHANG);

    (void)fd;
    (void)ready;
    if (ended == 0 || (ended < 0 && errno == EINTR))
        return;
    if (ended < 0)
        g_error("waitpid: %s", g_strerror(errno));
    forget(self);
    self->fn(self->user, status);
}

void
wn_reaper_init(WnReaper *self, WnLoop *loop, pid_t pid, WnReaperFn fn,
    void *user)
{
    *self = (WnReaper){ .pid = pid, .fn = fn, .user = user };
    self->pid_fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (self->pid_fd < 0)
        g_error("pidfd_open: %s", g_strerror(errno));
    wn_watch_init(&self->watch, loop, self->pid_fd, on_ready, self);
    wn_watch_set(&self->watch, WN_WATCH_READ);
}

void
wn_reaper_kill(WnReaper *self, int signo)
{
    if (self->pid > 0)
        kill(self->pid, signo); /* it is not collected: the pid is its own */
}

void
wn_reaper_clear(WnReaper *self)
{
    if (self->pid <= 0)
        return;
    kill(self->pid, SIGKILL);
    while (waitpid(self->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    forget(self);
}

char *
wn_reaper_describe(int status)
{
    if (WIFEXITED(status))
        return g_strdup_printf("exited with status %d", WEXITSTATUS(status));
    return g_strdup_printf("killed by signal %d", WTERMSIG(status));
}
