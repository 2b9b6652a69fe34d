/* SPDX-License-Identifier: MIT */
#include "core/base/log.h"

#include "core/base/clock.h"
#include "core/base/fd.h"
#include "core/base/history.h"
#include "core/base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* What always fits behind the values: the mark of a truncated line, a bracket
 * for each level, the last brace and the line feed. */
enum { CLOSING_MAX = 64 };
G_STATIC_ASSERT(
    CLOSING_MAX >= sizeof ",\"truncated\":true}\n" + WN_LOG_DEPTH_MAX);

G_STATIC_ASSERT(WN_LOG_LINE_MAX <= WN_HISTORY_LINE_MAX);

static const char level_names[][8] = { [WN_LEVEL_ERROR] = "error",
    [WN_LEVEL_WARNING] = "warning",
    [WN_LEVEL_INFO] = "info",
    [WN_LEVEL_DEBUG] = "debug" };

/* The process's log. */
static struct {
    char program[32];
    WnLogFormat format;
    WnLevel level;
    int fd;
    uint64_t n_dropped;
    bool torn; /* the last line was cut short by a full pipe */
    WnHistory *history;
} log_state = { .program = "winnow",
    .format = WN_LOG_JSON,
    .level = WN_LEVEL_INFO,
    .fd = STDERR_FILENO };

/* A file is never made to wait for, and a terminal belongs to its shell. */
static bool
is_pipe_or_socket(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0
           && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode));
}

static void
set_log(const char *program, WnLogFormat format, int fd)
{
    g_strlcpy(log_state.program, program, sizeof log_state.program);
    log_state.format = format;
    log_state.fd = fd;
    log_state.n_dropped = 0;
    log_state.torn = false;
}

void
wn_log_open_command(const char *program)
{
    set_log(program, WN_LOG_TEXT, STDERR_FILENO);
}

void
wn_log_open(const char *program, WnLogFormat format, int fd)
{
    set_log(program, format, fd);
    if (is_pipe_or_socket(fd) && !wn_fd_set_nonblocking(fd))
        g_error("log: %s", g_strerror(errno));
}

void
wn_log_set_level(WnLevel level)
{
    log_state.level = level;
}

void
wn_log_set_format(WnLogFormat format)
{
    log_state.format = format;
}

bool
wn_log_enabled(WnLevel level)
{
    return level <= log_state.level;
}

void
wn_log_set_history(WnHistory *history)
{
    log_state.history = history;
}

static bool
is_json(void)
{
    return log_state.format == WN_LOG_JSON;
}

/* Adds the bytes, or sets truncated: from then on nothing is added, and
 * finish_value() takes back what the value has so far. */
static void
put(WnEvent *self, const char *ptr, size_t len)
{
    if (self->truncated)
        return;
    if (self->len + len > sizeof self->line - CLOSING_MAX) {
        self->truncated = true;
        return;
    }
    memcpy(self->line + self->len, ptr, len);
    self->len += len;
}

static void
put_str(WnEvent *self, const char *text)
{
    put(self, text, strlen(text));
}

/* One byte that must not appear as it is, or a character that must not. */
static void
put_escaped(WnEvent *self, WnSpan bytes, uint32_t code)
{
    char escape[16];

    if (is_json()) {
        g_snprintf(escape, sizeof escape, "\\u%04x", code);
        put_str(self, escape);
        return;
    }
    for (size_t i = 0; i < bytes.len; i++) {
        g_snprintf(escape, sizeof escape, "\\x%02x", (uint8_t)bytes.ptr[i]);
        put_str(self, escape);
    }
}

/* Cut before a character that would not be whole. */
static WnSpan
cut(WnSpan value)
{
    size_t len = WN_LOG_FIELD_MAX;

    if (value.len <= WN_LOG_FIELD_MAX)
        return value;
    while (len > WN_LOG_FIELD_MAX - 4 && (value.ptr[len] & 0xc0) == 0x80)
        len--;
    if ((value.ptr[len] & 0xc0) == 0x80)
        len = WN_LOG_FIELD_MAX;
    return wn_span(value.ptr, len);
}

static void
put_quoted(WnEvent *self, WnSpan value)
{
    put(self, "\"", 1);
    while (value.len > 0) {
        uint32_t code = (uint8_t)value.ptr[0];
        size_t len = wn_text_utf8_next(value, &code);
        WnSpan bytes = wn_span(value.ptr, MAX(len, 1));

        if (code == '"' || code == '\\')
            put(self, "\\", 1);
        if (len > 0 && wn_text_is_printable(code))
            put(self, bytes.ptr, bytes.len);
        else
            put_escaped(self, bytes, code);
        value = wn_span_slice(value, bytes.len, value.len);
    }
    put(self, "\"", 1);
}

/* The characters a value in text form may have without quotes. */
static bool
is_plain(WnSpan value)
{
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];

        if (!g_ascii_isgraph(c) || c == '"' || c == '=' || c == '\\')
            return false;
    }
    return value.len > 0;
}

/* Returns where the line ended before, for finish_value(). */
static size_t
begin_value(WnEvent *self, const char *key)
{
    size_t start = self->len;
    char last = start > 0 ? self->line[start - 1] : '\0';

    if (!is_json()) {
        if (start > 0)
            put(self, " ", 1);
        put_str(self, self->path[self->depth]);
        put_str(self, key);
        put(self, "=", 1);
        return start;
    }
    if (last != '{' && last != '[')
        put(self, ",", 1);
    if (key != NULL) {
        put(self, "\"", 1);
        put_str(self, key);
        put(self, "\":", 2);
    }
    return start;
}

static void
finish_value(WnEvent *self, size_t start)
{
    if (self->truncated)
        self->len = start;
}

static bool
takes_values(const WnEvent *self)
{
    return self->active && !self->truncated;
}

void
wn_event_span(WnEvent *self, const char *key, WnSpan value)
{
    WnSpan short_value = cut(value);
    size_t start;

    if (!takes_values(self))
        return;
    start = begin_value(self, key);
    if (!is_json() && is_plain(short_value))
        put(self, short_value.ptr, short_value.len);
    else
        put_quoted(self, short_value);
    finish_value(self, start);
}

void
wn_event_str(WnEvent *self, const char *key, const char *value)
{
    wn_event_span(self, key, wn_span_str(value));
}

void
wn_event_id(WnEvent *self, const WnId *id)
{
    char text[WN_ID_TEXT_LEN + 1];

    if (!takes_values(self))
        return;
    wn_id_format(id, text);
    wn_event_str(self, "id", text);
    self->has_id = true;
}

static void
put_bare(WnEvent *self, const char *key, const char *text)
{
    size_t start = begin_value(self, key);

    put_str(self, text);
    finish_value(self, start);
}

void
wn_event_int(WnEvent *self, const char *key, int64_t value)
{
    char text[24];

    if (!takes_values(self))
        return;
    g_snprintf(text, sizeof text, "%" G_GINT64_FORMAT, value);
    put_bare(self, key, text);
}

void
wn_event_bool(WnEvent *self, const char *key, bool value)
{
    if (takes_values(self))
        put_bare(self, key, value ? "true" : "false");
}

/* Counts the level in any case, so that its close finds the right one. */
static void
open_level(WnEvent *self, const char *key, const char *bracket)
{
    size_t start = self->len;

    if (self->truncated || self->depth == WN_LOG_DEPTH_MAX) {
        self->n_unopened++;
        self->truncated = true;
        return;
    }
    if (is_json()) {
        start = begin_value(self, key);
        put_str(self, bracket);
        finish_value(self, start);
    }
    if (self->truncated)
        self->n_unopened++;
    else
        self->depth++;
}

static void
close_level(WnEvent *self, char bracket)
{
    if (self->n_unopened > 0) {
        self->n_unopened--;
        return;
    }
    g_assert(self->depth > 0);
    self->depth--;
    if (is_json())
        self->line[self->len++] = bracket; /* CLOSING_MAX has room for it */
}

void
wn_event_open_list(WnEvent *self, const char *key)
{
    unsigned int level = self->active ? self->depth + 1 : 0;

    if (!self->active)
        return;
    open_level(self, key, "[");
    if (self->depth != level)
        return;
    self->index[level] = 0;
    g_snprintf(self->path[level], sizeof self->path[level], "%s%s.",
        self->path[level - 1], key);
}

void
wn_event_open_object(WnEvent *self)
{
    unsigned int level = self->active ? self->depth + 1 : 0;

    if (!self->active)
        return;
    open_level(self, NULL, "{");
    if (self->depth != level)
        return;
    g_snprintf(self->path[level], sizeof self->path[level], "%s%u.",
        self->path[level - 1], self->index[level - 1]++);
}

void
wn_event_close_object(WnEvent *self)
{
    if (self->active)
        close_level(self, '}');
}

void
wn_event_close_list(WnEvent *self)
{
    if (self->active)
        close_level(self, ']');
}

static void
begin(WnEvent *self, WnLevel level, const char *name)
{
    char time[WN_DATE_MAX];

    self->active = true;
    self->has_id = false;
    self->only_history = false;
    self->truncated = false;
    self->len = 0;
    self->depth = 0;
    self->n_unopened = 0;
    self->path[0][0] = '\0';
    if (is_json())
        put(self, "{", 1);
    wn_clock_iso8601(wn_clock_unix_ms(), time);
    wn_event_str(self, "time", time);
    wn_event_str(self, "level", level_names[level]);
    wn_event_str(self, "event", name);
    wn_event_str(self, "program", log_state.program);
    wn_event_int(self, "pid", getpid());
}

void
wn_event_begin(WnEvent *self, WnLevel level, const char *name)
{
    self->active = wn_log_enabled(level);
    if (self->active)
        begin(self, level, name);
}

void
wn_event_begin_traced(WnEvent *self, WnLevel level, const char *name)
{
    bool enabled = wn_log_enabled(level);

    self->active = enabled || log_state.history != NULL;
    if (!self->active)
        return;
    begin(self, level, name);
    self->only_history = !enabled;
}

/* Writes into the room that put() has left. */
static void
finish(WnEvent *self)
{
    const char *end = is_json() ? "}\n" : "\n";

    self->n_unopened = 0;
    while (self->depth > 0)
        close_level(self, self->depth % 2 == 1 ? ']' : '}');
    if (self->truncated)
        end = is_json() ? ",\"truncated\":true}\n" : " truncated=true\n";
    memcpy(self->line + self->len, end, strlen(end));
    self->len += strlen(end);
}

static struct iovec
vector(WnSpan bytes)
{
    union {
        const void *in;
        void *out; /* as struct iovec has it for readv() */
    } base = { .in = bytes.ptr };

    return (struct iovec){ base.out, bytes.len };
}

/* One call, so that lines of several processes do not mix.  A pipe that is
 * almost full may still take only a part of a line longer than PIPE_BUF; the
 * next line then begins with a line feed. */
static bool
write_line(const WnEvent *event)
{
    WnSpan feed = log_state.torn ? WN_SPAN("\n") : WN_SPAN_EMPTY;
    struct iovec parts[] = { vector(feed),
        vector(wn_span(event->line, event->len)) };
    ssize_t n;

    do {
        n = writev(log_state.fd, parts, G_N_ELEMENTS(parts));
    } while (n < 0 && errno == EINTR);
    if (n <= 0)
        return false;
    log_state.torn = (size_t)n < feed.len + event->len;
    return !log_state.torn;
}

static bool
report_dropped(void)
{
    WnEvent event;

    begin(&event, WN_LEVEL_WARNING, "log_dropped");
    wn_event_int(&event, "lines", (int64_t)log_state.n_dropped);
    finish(&event);
    if (!write_line(&event))
        return false;
    log_state.n_dropped = 0;
    return true;
}

/* What has cut the file short is not known; the next start makes it anew. */
static void
keep(const WnEvent *self)
{
    if (wn_history_append(log_state.history, wn_span(self->line, self->len)))
        return;
    log_state.history = NULL;
    wn_remark(WN_LEVEL_ERROR,
        "the history was cut short: nothing is kept in it until the program "
        "starts again");
}

void
wn_event_end(WnEvent *self)
{
    if (!self->active)
        return;
    self->active = false;
    finish(self);
    if (self->has_id && log_state.history != NULL)
        keep(self);
    if (self->only_history)
        return;
    if (log_state.n_dropped > 0 && !report_dropped())
        log_state.n_dropped++;
    else if (!write_line(self))
        log_state.n_dropped++;
}

void
wn_remark(WnLevel level, const char *format, ...)
{
    char message[WN_LOG_FIELD_MAX + 8]; /* cut by the event, not in here */
    WnEvent event;
    va_list args;

    if (!wn_log_enabled(level))
        return;
    va_start(args, format);
    g_vsnprintf(message, sizeof message, format, args);
    va_end(args);
    wn_event_begin(&event, level, "log");
    wn_event_str(&event, "message", message);
    wn_event_end(&event);
}
