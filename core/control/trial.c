/* SPDX-License-Identifier: MIT */
#include "core/control/trial.h"

#include "core/base/clock.h"
#include "core/base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* One call into a plugin may take so long; what it has compiled of a data set,
 * or is about to, gives it more time. */
#define CPU_MAX_MS (10 * 1000)
#define WALL_MAX_MS (30 * 1000)
#define CPU_MAX_PER_ROWS_MS 1000
#define ROWS 100000
#define ROWS_MAX (100 * 1000 * 1000)

#define LOOK_MS 250
#define HOOK_LOAD "load"

typedef struct Trial {
    WnScoreboard *board;
    pid_t pid;
    int result_fd; /* the child's last word */
    bool hung;
    unsigned version; /* of the board: another one with each call */
    int64_t began_ms; /* when that was seen, and the time used until then */
    int64_t began_cpu_ms;
} Trial;

void
wn_trial_on_load(void *user, const char *plugin)
{
    wn_scoreboard_set(user, plugin, plugin != NULL ? HOOK_LOAD : NULL, NULL, 0);
}

void
wn_trial_on_hook(void *user, const char *filter, const char *hook,
    const WnId *id, uint64_t content)
{
    (void)content; /* only rows of data sets give more time */
    wn_scoreboard_set(user, filter, hook, id, 0);
}

void
wn_trial_on_data(void *user, const char *plugin, const char *hook,
    uint64_t rows)
{
    wn_scoreboard_set(user, plugin, hook, NULL, rows);
}

/* The result goes through the pipe: a plugin can end a process with any exit
 * status, but does not know of that.  Destructors and what plugins have given
 * to atexit() do not run: nobody would see that they never end. */
G_NORETURN static void
run_child(const Trial *self, WnTrialFn fn, void *user, int result_fd,
    pid_t parent)
{
    int result;

    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 || getppid() != parent)
        _exit(1);
    result = fn(user, self->board);
    fflush(NULL);
    if (write(result_fd, &result, sizeof result) != sizeof result)
        _exit(1);
#ifdef __SANITIZE_ADDRESS__
    exit(result); /* which looks for leaks then */
#else
    _exit(result);
#endif
}

static int64_t
cpu_ms(pid_t pid)
{
    struct timespec used = { 0 };
    clockid_t clock;

    if (clock_getcpuclockid(pid, &clock) != 0
        || clock_gettime(clock, &used) != 0)
        return 0;
    return (int64_t)used.tv_sec * 1000 + used.tv_nsec / 1000000;
}

/* Only that the board does not change is no word of the child's. */
static bool
hangs(Trial *self)
{
    unsigned version = wn_scoreboard_version(self->board);
    int64_t cpu = cpu_ms(self->pid), now = wn_clock_mono_ms(), more;
    WnScore score;
    bool runs = wn_scoreboard_get(self->board, &score);

    if (version != self->version || self->began_ms == 0) {
        self->version = version;
        self->began_ms = now;
        self->began_cpu_ms = cpu;
    }
    more = (int64_t)(MIN(score.content, ROWS_MAX) / ROWS) * CPU_MAX_PER_ROWS_MS;
    return (runs || version % 2 != 0)
           && (cpu - self->began_cpu_ms > CPU_MAX_MS + more
               || now - self->began_ms > WALL_MAX_MS + 3 * more);
}

static int
wait_for_end(Trial *self)
{
    struct pollfd wait = { .fd = (int)syscall(SYS_pidfd_open, self->pid, 0),
        .events = POLLIN };
    int status = 0;

    while (wait.fd >= 0 && !self->hung && poll(&wait, 1, LOOK_MS) == 0)
        if (hangs(self)) {
            self->hung = true;
            kill(self->pid, SIGKILL);
        }
    wn_fd_close(wait.fd);
    while (waitpid(self->pid, &status, 0) < 0)
        if (errno != EINTR)
            g_error("waitpid: %s", g_strerror(errno));
    return status;
}

static char *
describe(const Trial *self, int status)
{
    if (self->hung)
        return g_strdup("does not return: ended");
    if (WIFSIGNALED(status))
        return g_strdup_printf("killed the process: %s",
            strsignal(WTERMSIG(status)));
    return g_strdup_printf("ended the process with exit status %d",
        WEXITSTATUS(status));
}

static bool
is_of_data(const char *hook)
{
    return strcmp(hook, "check_row") == 0 || strcmp(hook, "compile") == 0
           || strcmp(hook, "check") == 0;
}

static char *
fault_of(const Trial *self, int status)
{
    g_autofree char *what = describe(self, status);
    WnScore score;

    if (!wn_scoreboard_get_ended(self->board, &score))
        return g_strdup_printf("a plugin, or winnow itself, %s", what);
    if (strcmp(score.hook, HOOK_LOAD) == 0)
        return g_strdup_printf("plugin %s: %s when it was loaded", score.filter,
            what);
    if (is_of_data(score.hook))
        return g_strdup_printf("plugin %s: %s in %s of a data set",
            score.filter, what, score.hook);
    return g_strdup_printf("[filter %s]: its plugin %s in %s", score.filter,
        what, score.hook);
}

/* A child's exit status that is not its result's is a checker's, which found
 * something when the process ended. */
static int
conclude(Trial *self, int status, char **out_fault)
{
    int result = -1;

    if (read(self->result_fd, &result, sizeof result) == sizeof result) {
        if (WIFEXITED(status) && WEXITSTATUS(status) != result)
            return WEXITSTATUS(status);
        return result;
    }
    *out_fault = fault_of(self, status);
    return -1;
}

int
wn_trial_run(WnTrialFn fn, void *user, char **out_fault)
{
    wn_autofd board_fd = wn_scoreboard_create();

    return wn_trial_run_shown(fn, user, board_fd, out_fault);
}

int
wn_trial_run_shown(WnTrialFn fn, void *user, int board_fd, char **out_fault)
{
    g_autoptr(WnScoreboard) board = wn_scoreboard_attach(board_fd);
    Trial self = { .board = board };
    pid_t parent = getpid();
    int ends[2], result;

    *out_fault = NULL;
    if (board == NULL || pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
        g_error("no trial: %s", g_strerror(errno));
    fflush(NULL);
    self.pid = fork();
    if (self.pid < 0)
        g_error("fork: %s", g_strerror(errno));
    if (self.pid == 0) {
        wn_fd_close(ends[0]);
        run_child(&self, fn, user, ends[1], parent);
    }
    wn_fd_close(ends[1]);
    self.result_fd = ends[0];
    result = conclude(&self, wait_for_end(&self), out_fault);
    wn_fd_close(ends[0]);
    return result;
}
