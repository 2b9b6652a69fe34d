/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Starts winnow's other programs: fork, then exec with a fresh address space,
 * default signals, and exactly the descriptors that are named.  Standard input
 * is /dev/null.  They are killed when the thread that started them ends.
 */

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

#define WN_SPAWN_FIRST_FD 3
#define WN_SPAWN_FDS_MAX 8

typedef struct WnSpawn {
    const char *path;          /* absolute */
    const char *const *argv;   /* NULL-terminated, argv[0] included */
    int fds[WN_SPAWN_FDS_MAX]; /* become WN_SPAWN_FIRST_FD and following */
    unsigned n_fds;
    int output_fd; /* standard output and error; -1: both are our standard
                    * error */
} WnSpawn;

/* The child's pid, or -1 with error.  A path that cannot be executed ends the
 * child with status 127. */
pid_t wn_spawn(const WnSpawn *spawn, GError **error);

/* Where a program of winnow lies: beside the running one (a build tree), else
 * in the folder it is installed to (transfer full). */
char *wn_program_path(const char *name);
