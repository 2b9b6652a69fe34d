/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What is wrong with a configuration.  Reading never stops at the first
 * mistake: problems are collected, each with its place and its cure, and shown
 * all at once.
 *
 *    conf.d/20-rbl.conf:7: [filter rbl] zonez: unknown option (did you mean
 *    "zones"?)
 *
 * A warning is told to the operator and stops nothing.  It does not count as
 * a problem, so whoever asks "is it good?" need not know of it.
 *
 *    lists/phrases:12: warning: [filter phrase] phrases: row left out: fewer
 *    than five words
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* Files of our own that cannot be used: snapshots, catalogues. */
#define WN_CONF_ERROR (wn_conf_error_quark())
typedef enum { WN_CONF_ERROR_UNREADABLE, WN_CONF_ERROR_DAMAGED } WnConfError;
GQuark wn_conf_error_quark(void);

typedef struct WnProblems WnProblems;

typedef struct WnPlace {
    const char *file;  /* path as shown; NULL: no file */
    unsigned line;     /* 0: the whole file */
    const char *group; /* "filter rbl", NULL */
    const char *key;   /* NULL */
} WnPlace;

typedef struct WnProblem {
    char *file;
    unsigned line;
    char *group;
    char *key;
    char *text;
    bool is_warning;
} WnProblem;

WnProblems *wn_problems_new(void);
void wn_problems_free(WnProblems *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnProblems, wn_problems_free)

/* The same problem of the same place is kept once; past 10,000 problems they
 * are only counted.  Control characters in text from outside become spaces. */
void wn_problems_add(WnProblems *self, WnPlace place, const char *format, ...)
    G_GNUC_PRINTF(3, 4);
unsigned wn_problems_count(const WnProblems *self); /* without warnings */
/* How often wn_problems_add() was called: tells whether something went wrong
 * between two points, also when it is not kept. */
uint64_t wn_problems_reported(const WnProblems *self);
const WnProblem *wn_problems_get(const WnProblems *self, unsigned n);

/* Kept like problems, by themselves. */
void wn_problems_warn(WnProblems *self, WnPlace place, const char *format, ...)
    G_GNUC_PRINTF(3, 4);
unsigned wn_problems_n_warnings(const WnProblems *self);
const WnProblem *wn_problems_warning(const WnProblems *self, unsigned n);

/* "file:line: [group] key: text", without a line end; a warning has "warning: "
 * behind the place. */
void wn_problem_print(const WnProblem *self, GString *out);

/* One line each, warnings last. */
void wn_problems_print(const WnProblems *self, GString *out);

/* A list of {"file","line","group","key","error"}, a warning with "warning" in
 * place of "error". */
void wn_problems_print_json(const WnProblems *self, GString *out);

/* " (did you mean "x"?)" or nothing, to stand behind what was not known
 * (transfer full).  candidates is NULL-terminated. */
char *wn_problem_hint(const char *text, const char *const *candidates);
