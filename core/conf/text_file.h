/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Reads the text files that people write: configuration, domains, mailboxes.
 * Only regular files of at most 64 MiB; anything else is refused at once, so a
 * fifo or a device never makes the reader wait.  The text is UTF-8 without NUL
 * bytes, its byte order mark removed.
 */

#include "core/base/span.h"
#include "core/conf/problem.h"

#include <sys/types.h>

#define WN_TEXT_FILE_MAX (64u << 20)

typedef struct WnTextFile {
    char *text; /* NUL-terminated */
    size_t len;
    uid_t owner;
    gid_t group;
    mode_t mode;
} WnTextFile;

/* False: the problem has been added.  shown is the path for messages. */
bool wn_text_file_read(const char *path, const char *shown,
    WnProblems *problems, WnTextFile *out_file);
/* The same of a text that stands in no file yet: copied and checked, with the
 * rights of nobody. */
bool wn_text_file_take(WnSpan text, const char *shown, WnProblems *problems,
    WnTextFile *out_file);
void wn_text_file_clear(WnTextFile *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(WnTextFile, wn_text_file_clear)

/* Takes the next line off *rest, without its LF or CRLF. */
bool wn_text_file_line(WnSpan *rest, WnSpan *out_line);

/* What a line of a list holds: without the white space around and a comment,
 * which a "#" at the line's start or behind white space begins.  Empty:
 * nothing. */
WnSpan wn_text_file_entry(WnSpan line);

/* The files in the folder whose names end in suffix, as names in byte order
 * (transfer full).  Folders, hidden files, dangling links and editors' and
 * package managers' left-overs are skipped; an absent folder is empty. */
GPtrArray *wn_text_file_list(const char *folder, const char *suffix,
    const char *shown, WnProblems *problems);
