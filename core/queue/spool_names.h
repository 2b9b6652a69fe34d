/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The files of the spool's folder, as far as their names tell.  Part of
 * spool.h; nothing else uses it.
 */

#include "core/base/span.h"

#include <glib.h>

bool wn_spool_is_segment_name(const char *name);

/* Is it a segment with the queue's own reports? */
bool wn_spool_is_own_name(const char *name);

/* Our own first. */
gint wn_spool_compare_names(gconstpointer a, gconstpointer b, gpointer user);

/* Removes what an earlier run has left behind: an outcome log whose segment is
 * gone, or one that was not finished.  Others stay. */
void wn_spool_remove_leftover(const char *folder, const char *name);
