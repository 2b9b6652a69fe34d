/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Private to winnowctl trace: what is known of one message.
 *
 *    trace.c         the command: its words, the queue's part, the answer
 *    trace_gather.c  finds the events, in the history and in log files
 *    trace_story.c   prints them, for people or as JSON
 */

#include "core/base/log_line.h"

/* One line of a log. */
typedef struct TraceEvent {
    WnLogLine *line;
    const char *time; /* the line's */
    const char *when; /* that it is sorted by: not after what follows from it */
    guint number;     /* as it was found */
} TraceEvent;

typedef struct Trace {
    GPtrArray *ids;    /* char*: the one that was asked for, then those that are
                        * linked with it */
    GPtrArray *events; /* TraceEvent, in the order of their times */
    bool more;         /* than can be shown */
    char *oldest;      /* time of the history's first event; NULL: none */
} Trace;

Trace *trace_new(const char *id);
void trace_free(Trace *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Trace, trace_free)

/* Reads the history in the state folder, which may be missing, and log files;
 * "-" is standard input.  False with error: a file cannot be read. */
bool trace_gather(Trace *self, const char *state, const GPtrArray *paths,
    GError **error);

void trace_print_story(const Trace *self, GString *out);
void trace_print_json(const Trace *self, GString *out);
