/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Who may use winnow's own sockets.  The user alone does not tell a plugin from
 * winnowctl where all programs share one: so a control socket is for those that
 * winnowd has not started, and never for what runs below it.
 */

#include <stdbool.h>
#include <sys/types.h>

/* Root or the own user, at the other end of a connected socket, and not a
 * process that supervisor has started, nor one that such a process has.  False
 * also for one that has ended: a process below supervisor is alive, or does not
 * wait for an answer.  supervisor 0: the user alone. */
bool wn_caller_may_ask(int fd, pid_t supervisor);
