/* SPDX-License-Identifier: MIT */
#include "core/base/spawn.h"

#include "core/base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#define CANNOT_EXECUTE 127

/* Above every descriptor that is handed over, so that no dup2() overwrites one
 * that is still to be moved. */
#define ASIDE_FD 64

/* A handler that runs in the child would talk to the parent's event loop. */
static void
reset_signals(void)
{
    sigset_t none;

    for (int signo = 1; signo < NSIG; signo++)
        signal(signo, SIG_DFL); /* fails for the few that cannot change */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static bool
place_fds(const WnSpawn *spawn)
{
    int aside[WN_SPAWN_FDS_MAX];
    int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int output_fd = spawn->output_fd >= 0 ? spawn->output_fd : STDERR_FILENO;

    for (unsigned i = 0; i < spawn->n_fds; i++) {
        aside[i] = fcntl(spawn->fds[i], F_DUPFD_CLOEXEC, ASIDE_FD);
        if (aside[i] < 0)
            return false;
    }
    if (null_fd < 0 || dup2(output_fd, STDOUT_FILENO) < 0
        || dup2(STDOUT_FILENO, STDERR_FILENO) < 0
        || dup2(null_fd, STDIN_FILENO) < 0)
        return false;
    for (unsigned i = 0; i < spawn->n_fds; i++)
        if (dup2(aside[i], WN_SPAWN_FIRST_FD + (int)i) < 0)
            return false;
    /* All of ours are close-on-exec; this is for what a library has left. */
    return close_range(WN_SPAWN_FIRST_FD + spawn->n_fds, ~0U, 0) == 0
           || errno == ENOSYS;
}

G_NORETURN static void
become(const WnSpawn *spawn)
{
    union {
        const char *const *in;
        char *const *out;
    } argv = { .in = spawn->argv };

    reset_signals();
    if (place_fds(spawn))
        execv(spawn->path, argv.out);
    _exit(CANNOT_EXECUTE);
}

pid_t
wn_spawn(const WnSpawn *spawn, GError **error)
{
    sigset_t all, before;
    pid_t pid;
    int saved;

    g_assert(spawn->n_fds <= WN_SPAWN_FDS_MAX);
    if (access(spawn->path, X_OK) != 0) {
        wn_fd_set_error(error, errno, "execute", spawn->path);
        return -1;
    }
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid = fork();
    saved = errno;
    if (pid == 0)
        become(spawn);
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (pid < 0)
        wn_fd_set_error(error, saved, "execute", spawn->path);
    return pid;
}

char *
wn_program_path(const char *name)
{
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *folder = self != NULL ? g_path_get_dirname(self) : NULL;
    g_autofree char *beside = NULL;

    if (folder != NULL)
        beside = g_build_filename(folder, name, NULL);
    if (beside != NULL && access(beside, X_OK) == 0)
        return g_steal_pointer(&beside);
    return g_build_filename(WN_LIBEXECDIR, name, NULL);
}
