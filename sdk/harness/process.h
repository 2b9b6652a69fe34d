/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * One run of a test in a process of its own, watched by the one that started
 * it.  Whatever becomes of the run, its folder and the processes that it has
 * left behind are gone afterwards; so they are if the watching process is told
 * to end.
 */

#include <glib.h>

typedef struct WnProcess {
    void (*run)(void *user); /* does not return */
    void *user;
    int output_fd;   /* what the run prints */
    unsigned time_s; /* after which it is ended */
} WnProcess;

/* Gives the status as of waitpid(); SIGALRM's if the run had to be ended. */
int wn_process_run(const WnProcess *self);

/* In the run: a folder of its own, empty at first. */
const char *wn_process_folder(void);
