/* SPDX-License-Identifier: MIT */
#include "core/event/command.h"

#include "core/base/fd.h"
#include "core/event/reaper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

struct WnCommand {
    WnLoop *loop;
    WnReaper reaper;
    WnWatch readable;
    WnTimer deadline;
    WnDeferred tell;
    int fd;
    GString *output;
    size_t output_max;
    int status;
    bool ended;
    WnCommandFn fn;
    void *user;
};

static void
on_tell(void *user)
{
    WnCommand *self = user;

    if (self->fn != NULL)
        self->fn(self->user, self->status, self->output->str);
}

static void
stop_reading(WnCommand *self)
{
    wn_watch_clear(&self->readable);
    wn_fd_close(self->fd);
    self->fd = -1;
}

/* The end of both: what it printed last may come after its death. */
static void
check_end(WnCommand *self)
{
    if (!self->ended || self->fd >= 0)
        return;
    wn_timer_unset(&self->deadline);
    wn_deferred_soon(&self->tell);
}

static void
on_readable(void *user, int fd, unsigned ready)
{
    WnCommand *self = user;
    char *room = wn_loop_scratch(self->loop);
    ssize_t n = read(fd, room, WN_LOOP_SCRATCH);
    size_t wanted;

    (void)ready;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        stop_reading(self);
        check_end(self);
        return;
    }
    wanted = MIN((size_t)n, self->output_max - self->output->len);
    g_string_append_len(self->output, room, (gssize)wanted);
}

static void
on_ended(void *user, int status)
{
    WnCommand *self = user;

    self->status = status;
    self->ended = true;
    check_end(self);
}

static void
on_deadline(void *user)
{
    WnCommand *self = user;

    wn_reaper_kill(&self->reaper, SIGKILL);
    /* Somebody else may have inherited the other end. */
    stop_reading(self);
    check_end(self);
}

static WnCommand *
command_new(WnLoop *loop, pid_t pid, int take_fd, size_t output_max)
{
    WnCommand *self = g_new0(WnCommand, 1);

    self->loop = loop;
    self->fd = take_fd;
    self->output = g_string_new(NULL);
    self->output_max = output_max;
    wn_deferred_init(&self->tell, loop, on_tell, self);
    wn_timer_init(&self->deadline, loop, on_deadline, self);
    wn_reaper_init(&self->reaper, loop, pid, on_ended, self);
    wn_watch_init(&self->readable, loop, take_fd, on_readable, self);
    wn_watch_set(&self->readable, WN_WATCH_READ);
    return self;
}

WnCommand *
wn_command_run(WnLoop *loop, WnSpawn *spawn, size_t output_max,
    int64_t timeout_ms, GError **error)
{
    int ends[2];
    wn_autofd read_fd = -1;
    wn_autofd write_fd = -1;
    WnCommand *self;
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) < 0) {
        wn_fd_set_error(error, errno, "make a pipe for", spawn->path);
        return NULL;
    }
    read_fd = ends[0];
    write_fd = ends[1];
    /* Ours alone: the program's own end blocks as usual. */
    if (!wn_fd_set_nonblocking(read_fd)) {
        wn_fd_set_error(error, errno, "make a pipe for", spawn->path);
        return NULL;
    }
    spawn->output_fd = write_fd;
    pid = wn_spawn(spawn, error);
    if (pid < 0)
        return NULL;
    self = command_new(loop, pid, wn_fd_steal(&read_fd), output_max);
    wn_timer_set(&self->deadline, timeout_ms);
    return self;
}

void
wn_command_on_end(WnCommand *self, WnCommandFn fn, void *user)
{
    self->fn = fn;
    self->user = user;
}

void
wn_command_free(WnCommand *self)
{
    if (self == NULL)
        return;
    wn_deferred_unset(&self->tell);
    wn_timer_clear(&self->deadline);
    if (self->fd >= 0)
        stop_reading(self);
    wn_reaper_clear(&self->reaper);
    g_string_free(self->output, TRUE);
    g_free(self);
}
