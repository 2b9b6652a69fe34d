/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Is a file safe to run code from?  It and every folder above it belong to
 * root or to the user running, and nobody else may write there.  A folder
 * above the last one may be writable by all if it is sticky, as /tmp is.
 */

#include <glib.h>
#include <stdbool.h>

/* folder is absolute; *out_folder (transfer full) is it without links. */
bool wn_trust_folder(const char *folder, char **out_folder, GError **error);

/* A regular file in that folder, or a link to one that stays in it; folder as
 * given by wn_trust_folder().  *out_path (transfer full) is without links. */
bool wn_trust_file(const char *folder, const char *file_name, char **out_path,
    GError **error);
