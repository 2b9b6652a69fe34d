/* SPDX-License-Identifier: MIT */
#include "core/base/spawn.h"

#include "core/base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
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

/* From the first moment on: a program that is still being loaded holds what it
 * has been given, too.  A parent that died before the call sends no signal any
 * more. */
static bool
die_with(pid_t parent)
{
    return prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0
           && getppid() == parent;
}

/* What decides where libraries and modules are looked for is nothing that a
 * program may take from whoever started the first of them.  LD_PRELOAD stays:
 * it looks for nothing that is named elsewhere. */
static bool
leads_astray(const char *variable)
{
    static const char *const prefixes[] = { "LTDL_", "LD_LIBRARY_PATH=",
        "LD_AUDIT=", "LD_CONFIG=", "LD_ORIGIN_PATH=", "LD_PROFILE",
        "GCONV_PATH=", "GIO_", "OPENSSL_CONF=", "OPENSSL_MODULES=",
        "OPENSSL_ENGINES=", "LOCPATH=", "NLSPATH=", "MARIADB_PLUGIN_DIR=" };

    for (size_t i = 0; i < G_N_ELEMENTS(prefixes); i++)
        if (g_str_has_prefix(variable, prefixes[i]))
            return true;
    return false;
}

/* Made before the fork: nothing is allocated behind it. */
static char **
clean_environment(void)
{
    GPtrArray *kept = g_ptr_array_new();

    for (char **at = environ; *at != NULL; at++)
        if (!leads_astray(*at))
            g_ptr_array_add(kept, *at);
    g_ptr_array_add(kept, NULL);
    return (char **)g_ptr_array_free(kept, FALSE);
}

G_NORETURN static void
become(const WnSpawn *spawn, pid_t parent, char **environment)
{
    union {
        const char *const *in;
        char *const *out;
    } argv = { .in = spawn->argv };

    reset_signals();
    if (die_with(parent) && place_fds(spawn))
        execve(spawn->path, argv.out, environment);
    _exit(CANNOT_EXECUTE);
}

pid_t
wn_spawn(const WnSpawn *spawn, GError **error)
{
    pid_t parent = getpid();
    g_autofree char **environment = clean_environment();
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
        become(spawn, parent, environment);
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
