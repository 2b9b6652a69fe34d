/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Private to winnowctl db import: the lines of a list, read, checked and told
 * apart before the database is asked for anything.
 */

#include "core/plugin/loader.h"
#include "core/programs/ctl/db.h"

typedef struct CtlLine {
    WnSpan value; /* trimmed */
    unsigned number;
} CtlLine;

typedef struct CtlLines {
    char *text;      /* owns the values */
    GArray *entries; /* CtlLine, each value once */
    unsigned n_duplicates;
    unsigned n_refused;
} CtlLines;

/* path is "-" for standard input.  source stands in every row.  Duplicates and
 * what the plugins or the table refuse is printed with its line number, the
 * first of many.  False after it was said why nothing could be read. */
bool ctl_lines_read(const char *path, const CtlList *list, WnLoader *loader,
    const char *source, CtlLines *out_lines);
void ctl_lines_clear(CtlLines *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(CtlLines, ctl_lines_clear)
