/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Reads a line of the log back, in either of its forms: the opposite of log.h.
 * What stands in lists has the keys of the text form: "filters.0.rule".
 *
 * The line may come from anywhere.  Values are as they were before they were
 * escaped: whoever prints them escapes them again.
 */

#include "core/base/span.h"

#include <glib.h>

#define WN_LOG_LINE_FIELDS_MAX 4096
#define WN_LOG_LINE_INPUT_MAX (64 * 1024)

typedef enum {
    WN_LOG_STRING,
    WN_LOG_NUMBER,
    WN_LOG_TRUTH,
    WN_LOG_WORD /* text form, without quotes: any of these */
} WnLogKind;

typedef struct WnLogField {
    const char *key;
    const char *value;
    WnLogKind kind;
} WnLogField;

typedef struct WnLogLine WnLogLine;

/* NULL if it is no line of the log.  What syslog puts in front of it is passed
 * over. */
WnLogLine *wn_log_line_parse(WnSpan text);
void wn_log_line_free(WnLogLine *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnLogLine, wn_log_line_free)

/* In the line's order; strings live as long as self. */
const GArray *wn_log_line_fields(const WnLogLine *self); /* WnLogField */

/* The value of the first field with the key; NULL: there is none. */
const char *wn_log_line_get(const WnLogLine *self, const char *key);
