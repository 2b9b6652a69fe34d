/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Durable files.  Nothing else in winnow calls rename or fsyncs a directory:
 * a file is durable only after fsync of the file and of its directory.
 */

#include "core/base/span.h"

#include <glib.h>

/* Writes the bytes to a temporary file beside path, fsyncs, renames it over
 * path, fsyncs the directory.  Either the old or the new file exists after a
 * power cut. */
bool wn_file_publish(const char *path, WnSpan bytes, mode_t mode,
    GError **error);

/* The same over a file that exists: its mode, owner and group stay.  A link is
 * followed, so that the file it leads to is replaced, not the link. */
bool wn_file_replace(const char *path, WnSpan bytes, GError **error);

/* Removes what the functions above left unfinished in the folder because their
 * process was killed.  For the one process that publishes there. */
void wn_publish_sweep(const char *folder);

/* Removes the file; durable as well. */
bool wn_file_remove(const char *path, GError **error);

/* Renames a prepared folder into place: fsyncs every file in it and the
 * folder, renames, fsyncs the parent. */
bool wn_folder_publish(const char *from, const char *to, GError **error);

/* Points the symbolic link at target by rename, fsyncs its directory. */
bool wn_link_publish(const char *link_path, const char *target, GError **error);

bool wn_directory_sync(const char *path, GError **error);

/* Removes a folder of files and folders below; absent is fine. */
bool wn_folder_remove(const char *path, GError **error);
