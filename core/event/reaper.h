/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Waits for one child process.  The kernel tells by a descriptor (pidfd), so
 * that each owner waits for its own children and a pid is never mistaken for
 * that of a later process.
 */

#include "core/event/loop.h"

#include <sys/types.h>

/* status as waitpid() gives it.  The child has been collected. */
typedef void (*WnReaperFn)(void *user, int status);

/* Embedded in its owner. */
typedef struct WnReaper {
    WnWatch watch;
    int pid_fd;
    pid_t pid; /* 0: none */
    WnReaperFn fn;
    void *user;
} WnReaper;

/* pid is a child that has not been collected yet. */
void wn_reaper_init(WnReaper *self, WnLoop *loop, pid_t pid, WnReaperFn fn,
    void *user);
void wn_reaper_kill(WnReaper *self, int signo); /* nothing if it has ended */

/* Kills a child that still runs, and collects it; fine when zeroed. */
void wn_reaper_clear(WnReaper *self);

/* "exited with status 1", "killed by signal 9" (transfer full). */
char *wn_reaper_describe(int status);
