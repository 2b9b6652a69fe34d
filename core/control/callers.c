/* SPDX-License-Identifier: MIT */
#include "core/control/callers.h"

#include "core/base/fd.h"

#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define STAT_MAX 512 /* its first fields: number, name, state, parent */
#define DEPTH_MAX 64

/* The parent's number of a process; -1: it cannot be told. */
static pid_t
parent_of(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/stat", (int)pid);
    wn_autofd fd = open(path, O_RDONLY | O_CLOEXEC);
    char text[STAT_MAX];
    const char *name_end;
    ssize_t len = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;

    if (len <= 0)
        return -1;
    text[len] = '\0';
    /* A name may hold anything, brackets included. */
    name_end = strrchr(text, ')');
    if (name_end == NULL || strlen(name_end) < strlen(") S 1"))
        return -1;
    return (pid_t)g_ascii_strtoll(name_end + strlen(") S "), NULL, 10);
}

/* What cannot be told counts as below: where /proc shows nothing of others,
 * only root is known not to be a plugin.  The ancestor may be the first process
 * of all, in a container. */
static bool
is_below(pid_t pid, pid_t ancestor)
{
    for (int depth = 0; pid > 0 && depth < DEPTH_MAX; depth++) {
        if (pid == ancestor)
            return true;
        if (pid == 1)
            return false;
        pid = parent_of(pid);
    }
    return pid != 0;
}

bool
wn_caller_may_ask(int fd, pid_t supervisor)
{
    struct ucred peer = { 0 };
    socklen_t len = sizeof peer;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
        return false;
    if (peer.uid != 0 && peer.uid != geteuid())
        return false;
    if (supervisor == 0 || (peer.uid == 0 && geteuid() != 0))
        return true;
    return !is_below(peer.pid, supervisor);
}
