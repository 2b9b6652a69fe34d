/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Reads GKeyFile syntax and keeps line numbers, which GKeyFile does not: groups
 * "[name]", "key = value", comments on lines of their own that begin with #.
 * CRLF line ends and a UTF-8 byte order mark are accepted; NUL bytes, invalid
 * UTF-8, a key before the first group, a group or key given twice and lines
 * over 64 KiB are problems.  Files over 64 MiB, and what is not a regular
 * file, are refused.
 */

#include "core/base/span.h"
#include "core/conf/problem.h"

#include <sys/types.h>

typedef struct WnKeyEntry {
    const char *key;
    const char *value; /* trimmed, NUL-terminated */
    unsigned line;
    bool used; /* set by the consumer */
} WnKeyEntry;

typedef struct WnKeyGroup {
    const char *name; /* "filter rbl": inner runs of spaces folded to one */
    unsigned line;
    GArray *entries; /* WnKeyEntry, in file order */
} WnKeyGroup;

typedef struct WnKeyfile {
    char *path;        /* as shown in problems */
    char *folder;      /* absolute, for relative paths in values */
    GPtrArray *groups; /* WnKeyGroup, in file order; one given
                        * twice stands here once */
    char *text;        /* owns all strings */
    uid_t owner;       /* of the file, for those who ask whether to trust it */
    gid_t file_group;
    mode_t mode;
} WnKeyfile;

/* NULL only if the file could not be read at all; every fault is in problems.
 * shown is the path for messages. */
WnKeyfile *wn_keyfile_read(const char *path, const char *shown,
    WnProblems *problems);
/* The same of a text; path says where it will stand. */
WnKeyfile *wn_keyfile_parse(WnSpan text, const char *path, const char *shown,
    WnProblems *problems);
void wn_keyfile_free(WnKeyfile *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnKeyfile, wn_keyfile_free)

WnKeyEntry *wn_key_group_find(const WnKeyGroup *group, const char *key);

/* "a; b ;c" to its trimmed, non-empty parts (transfer full, NULL-terminated).
 */
char **wn_key_split_list(const char *value);

/* The names of the *.conf files in a folder, in name order (transfer full);
 * editors' and package managers' left-overs are skipped, an absent folder is
 * empty. */
GPtrArray *wn_keyfile_list_folder(const char *folder, WnProblems *problems);
