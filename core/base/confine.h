/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Giving up rights, for good and proven.  Called once by each program before
 * it reads anything from outside.
 */

#include <glib.h>
#include <stdbool.h>

/* No new privileges, no core dumps, not dumpable (so /proc/self belongs to root
 * afterwards); killed with the parent (PR_SET_PDEATHSIG) if die_with_parent. */
void wn_confine_process(bool die_with_parent);

/* As root: becomes user (groups, gid, uid), then proves that root is gone.
 * Not root, or user NULL: nothing to give up, true.  A user that is root is an
 * error.  May come before or after wn_confine_process(). */
bool wn_confine_become(const char *user, GError **error);
