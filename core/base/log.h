/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The log: one event per line on standard error or to a file, as JSON or as
 * key=value text.  Every program opens it once.  Whatever bytes are handed in,
 * a line stays one line of printable text: strings are escaped and cut at
 * WN_LOG_FIELD_MAX here, so callers never do.  Writing never blocks: when the
 * reader is too slow, lines are dropped and counted, and the count is logged
 * as event "log_dropped" when it recovers.
 *
 *     WnEvent event;
 *
 *     wn_event_begin(&event, WN_LEVEL_INFO, "accepted");
 *     wn_event_id(&event, &id);
 *     wn_event_span(&event, "sender", sender);
 *     wn_event_end(&event);
 *
 * Names of events and keys are constants [a-z_]; DESIGN names those that
 * operators may rely on.
 *
 * Events that carry an id also go to the history (base/history.h), where there
 * is one, even when the reader is too slow for them.
 */

#include "core/base/id.h"
#include "core/base/span.h"

#include <glib.h>

struct WnHistory;

#define WN_LOG_FIELD_MAX 256
#define WN_LOG_LINE_MAX 16384 /* WN_HISTORY_LINE_MAX, in history.h */
#define WN_LOG_DEPTH_MAX 6    /* lists and objects in each other */

typedef enum {
    WN_LEVEL_ERROR, /* an operator must act */
    WN_LEVEL_WARNING,
    WN_LEVEL_INFO,
    WN_LEVEL_DEBUG
} WnLevel;

typedef enum { WN_LOG_JSON, WN_LOG_TEXT } WnLogFormat;

/* fd is borrowed and made non-blocking only if it is a pipe or socket. */
void wn_log_open(const char *program, WnLogFormat format, int fd);

/* For a command that people run: what it says may wait for its reader.  Its
 * standard output, which may be the same pipe, is left as it is. */
void wn_log_open_command(const char *program);
void wn_log_set_level(WnLevel level);
void wn_log_set_format(WnLogFormat format);
bool wn_log_enabled(WnLevel level);

/* Borrowed; NULL: none from now on. */
void wn_log_set_history(struct WnHistory *history);

/* A plain remark: event "log" with a "message".  Never for mail events. */
void wn_remark(WnLevel level, const char *format, ...) G_GNUC_PRINTF(2, 3);

typedef struct WnEvent {
    size_t len;
    bool active;        /* false: level not enabled, all calls are no-ops */
    bool has_id;        /* so it belongs to the history */
    bool only_history;  /* level not enabled, but there is a history */
    bool truncated;     /* the line is full; a mark to that end follows */
    unsigned int depth; /* of open lists and objects */
    unsigned int n_unopened; /* opened when there was no room for it */
    char path[WN_LOG_DEPTH_MAX + 1][64]; /* text form: what precedes a key */
    unsigned int index[WN_LOG_DEPTH_MAX + 1]; /* text form: next element */
    char line[WN_LOG_LINE_MAX];
} WnEvent;

/* Writes time, level, event, program and pid. */
void wn_event_begin(WnEvent *self, WnLevel level, const char *name);

/* The same for what is ordinary and frequent: below the level that is enabled
 * it still goes to the history. */
void wn_event_begin_traced(WnEvent *self, WnLevel level, const char *name);
void wn_event_id(WnEvent *self, const WnId *id); /* key "id" */
void wn_event_span(WnEvent *self, const char *key, WnSpan value);
void wn_event_str(WnEvent *self, const char *key, const char *value);
void wn_event_int(WnEvent *self, const char *key, int64_t value);
void wn_event_bool(WnEvent *self, const char *key, bool value);

/* A list of objects, such as the verdict ledger: open a list, then for each
 * element open_object, values, close_object; then close_list.  In text form
 * elements are numbered: "filters.0.filter=rbl". */
void wn_event_open_list(WnEvent *self, const char *key);
void wn_event_open_object(WnEvent *self);
void wn_event_close_object(WnEvent *self);
void wn_event_close_list(WnEvent *self);

void wn_event_end(WnEvent *self);
