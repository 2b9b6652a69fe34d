/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Runs a program to its end beside the loop and collects what it prints, up to
 * a bound; what is beyond is read and dropped.
 */

#include "core/base/spawn.h"
#include "core/event/loop.h"

typedef struct WnCommand WnCommand;

/* status as waitpid() gives it; output is good during the callback. */
typedef void (*WnCommandFn)(void *user, int status, const char *output);

/* output_fd of spawn is set here.  A program that runs longer than timeout_ms
 * is killed.  NULL with error if it could not be started. */
WnCommand *wn_command_run(WnLoop *loop, WnSpawn *spawn, size_t output_max,
    int64_t timeout_ms, GError **error);

/* Who is told of the end; to be set before the loop turns.  The command is
 * freed by its owner, also in the callback. */
void wn_command_on_end(WnCommand *self, WnCommandFn fn, void *user);

/* Kills what still runs; no callback after that. */
void wn_command_free(WnCommand *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnCommand, wn_command_free)
