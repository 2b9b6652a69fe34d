/* SPDX-License-Identifier: MIT */
#include "core/programs/ctl/trace.h"

#include "core/base/fd.h"
#include "core/base/history.h"
#include "core/base/id.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define EVENTS_MAX 200000
#define IDS_MAX 256

/* Keys whose value is the id of a message.  One event that has two of them
 * links the two. */
static const char *const id_keys[] = { "id", "original_id", "dsn" };

/* Every source is read again when an id was found that is linked with those
 * known before. */
typedef struct Gathering {
    Trace *trace;
    GPtrArray *files;  /* FILE* */
    GHashTable *texts; /* lines that were taken (set) */
    const char *state;
} Gathering;

Trace *
trace_new(const char *id)
{
    Trace *self = g_new0(Trace, 1);

    self->ids = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(self->ids, g_strdup(id));
    self->events = g_ptr_array_new();
    return self;
}

void
trace_free(Trace *self)
{
    if (self == NULL)
        return;
    for (guint i = 0; i < self->events->len; i++) {
        TraceEvent *event = self->events->pdata[i];

        wn_log_line_free(event->line);
        g_free(event);
    }
    g_ptr_array_unref(self->events);
    g_ptr_array_unref(self->ids);
    g_free(self->oldest);
    g_free(self);
}

/*
 * Lines
 */

static bool
knows(const Trace *self, const char *id)
{
    for (guint i = 0; i < self->ids->len; i++)
        if (strcmp(self->ids->pdata[i], id) == 0)
            return true;
    return false;
}

/* Anywhere in the line; whether it is the event's is seen later. */
static bool
may_concern(const Trace *self, WnSpan text)
{
    for (guint i = 0; i < self->ids->len; i++)
        if (memmem(text.ptr, text.len, self->ids->pdata[i], WN_ID_TEXT_LEN)
            != NULL)
            return true;
    return false;
}

static bool
concerns(const Trace *self, const WnLogLine *line)
{
    for (size_t i = 0; i < G_N_ELEMENTS(id_keys); i++) {
        const char *id = wn_log_line_get(line, id_keys[i]);

        if (id != NULL && knows(self, id))
            return true;
    }
    return false;
}

static void
follow(Trace *self, const WnLogLine *line)
{
    for (size_t i = 0; i < G_N_ELEMENTS(id_keys); i++) {
        const char *id = wn_log_line_get(line, id_keys[i]);
        WnId parsed;

        if (id == NULL || knows(self, id) || self->ids->len == IDS_MAX
            || !wn_id_parse(wn_span_str(id), &parsed))
            continue;
        g_ptr_array_add(self->ids, g_strdup(id));
    }
}

static void
add_event(Trace *self, WnLogLine *take_line)
{
    TraceEvent *event = g_new0(TraceEvent, 1);

    event->line = take_line;
    event->time = wn_log_line_get(take_line, "time");
    event->when = event->time;
    event->number = self->events->len;
    g_ptr_array_add(self->events, event);
}

/* The history and a log have the same lines. */
static void
look_at(Gathering *self, WnSpan text)
{
    Trace *trace = self->trace;
    g_autoptr(WnLogLine) line = NULL;
    g_autofree char *copy = NULL;

    if (!may_concern(trace, text))
        return;
    line = wn_log_line_parse(text);
    if (line == NULL || !concerns(trace, line))
        return;
    copy = wn_span_dup(wn_span_trim(text));
    if (g_hash_table_contains(self->texts, copy))
        return;
    if (trace->events->len == EVENTS_MAX) {
        trace->more = true;
        return;
    }
    g_hash_table_add(self->texts, g_steal_pointer(&copy));
    follow(trace, line);
    add_event(trace, g_steal_pointer(&line));
}

/*
 * Sources
 */

static void
note_oldest(Trace *self, WnSpan text)
{
    g_autoptr(WnLogLine) line = NULL;
    const char *time;

    line = wn_log_line_parse(text);
    time = line != NULL ? wn_log_line_get(line, "time") : NULL;
    if (time == NULL
        || (self->oldest != NULL && strcmp(self->oldest, time) <= 0))
        return;
    g_free(self->oldest);
    self->oldest = g_strdup(time);
}

/* That it is not there is nothing to complain of. */
static bool
scan_history(Gathering *self, const char *name, GError **error)
{
    g_autofree char *path = g_build_filename(self->state, name, NULL);
    g_autoptr(GError) problem = NULL;
    g_autoptr(WnHistoryReader) reader = wn_history_reader_new(path, &problem);
    bool first = true;
    WnSpan text;

    if (reader == NULL) {
        if (g_error_matches(problem, G_FILE_ERROR, G_FILE_ERROR_NOENT))
            return true;
        g_propagate_error(error, g_steal_pointer(&problem));
        return false;
    }
    while (wn_history_reader_next(reader, &text)) {
        if (first)
            note_oldest(self->trace, text);
        first = false;
        look_at(self, text);
    }
    return true;
}

/* The rest of a line that is longer than any of ours. */
static void
skip_line(FILE *in)
{
    int c;

    do {
        c = getc(in);
    } while (c != '\n' && c != EOF);
}

static void
scan_file(Gathering *self, FILE *in)
{
    g_autofree char *buffer = g_malloc(WN_LOG_LINE_INPUT_MAX);

    rewind(in);
    while (fgets(buffer, WN_LOG_LINE_INPUT_MAX, in) != NULL) {
        size_t len = strlen(buffer);

        if (len == WN_LOG_LINE_INPUT_MAX - 1 && buffer[len - 1] != '\n')
            skip_line(in);
        else
            look_at(self, wn_span_trim(wn_span(buffer, len)));
    }
}

/* What can be read once only is kept in a file without a name. */
static FILE *
keep_input(FILE *in, GError **error)
{
    g_autofree char *buffer = g_malloc(WN_LOG_LINE_INPUT_MAX);
    FILE *copy;
    size_t n;

    if (fseek(in, 0, SEEK_SET) == 0)
        return fdopen(dup(fileno(in)), "r");
    copy = tmpfile();
    while (
        copy != NULL && (n = fread(buffer, 1, WN_LOG_LINE_INPUT_MAX, in)) > 0)
        if (fwrite(buffer, 1, n, copy) != n)
            break;
    if (copy != NULL && !ferror(copy) && !ferror(in) && fflush(copy) == 0)
        return copy;
    wn_fd_set_error(error, errno, "read", "standard input");
    if (copy != NULL)
        fclose(copy);
    return NULL;
}

static FILE *
open_file(const char *path, GError **error)
{
    FILE *file;

    if (strcmp(path, "-") == 0)
        return keep_input(stdin, error);
    file = fopen(path, "re");
    if (file == NULL)
        wn_fd_set_error(error, errno, "open", path);
    else if (fseek(file, 0, SEEK_SET) != 0) { /* a pipe with a name */
        FILE *copy = keep_input(file, error);

        fclose(file);
        file = copy;
    }
    return file;
}

static bool
open_files(Gathering *self, const GPtrArray *paths, GError **error)
{
    for (guint i = 0; i < paths->len; i++) {
        FILE *file = open_file(paths->pdata[i], error);

        if (file == NULL)
            return false;
        g_ptr_array_add(self->files, file);
    }
    return true;
}

static bool
scan(Gathering *self, GError **error)
{
    if (!scan_history(self, "history.old", error)
        || !scan_history(self, "history", error))
        return false;
    for (guint i = 0; i < self->files->len; i++) {
        FILE *file = self->files->pdata[i];

        scan_file(self, file);
        if (ferror(file)) {
            g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_IO,
                "a log file cannot be read: %s", g_strerror(errno));
            return false;
        }
    }
    return true;
}

/*
 * Order
 */

static gint
compare(gconstpointer a, gconstpointer b)
{
    const TraceEvent *one = *(TraceEvent *const *)a;
    const TraceEvent *other = *(TraceEvent *const *)b;
    int order = strcmp(one->when, other->when);

    if (order != 0)
        return order;
    order = strcmp(other->time, one->time); /* moved to before the other */
    return order != 0 ? order : (one->number > other->number) * 2 - 1;
}

static bool
is(const TraceEvent *event, const char *key, const char *value)
{
    const char *own = wn_log_line_get(event->line, key);

    return own != NULL && strcmp(own, value) == 0;
}

/* What is accepted is logged after the answer, by which time it may have been
 * delivered. */
static void
put_before_deliveries(const Trace *self, TraceEvent *accepted)
{
    const char *id = wn_log_line_get(accepted->line, "id");

    for (guint i = 0; id != NULL && i < self->events->len; i++) {
        const TraceEvent *other = self->events->pdata[i];

        if (is(other, "program", "winnow-queue") && is(other, "id", id)
            && strcmp(other->time, accepted->when) < 0)
            accepted->when = other->time;
    }
}

static void
sort(Trace *self)
{
    for (guint i = 0; i < self->events->len; i++)
        if (is(self->events->pdata[i], "event", "accepted"))
            put_before_deliveries(self, self->events->pdata[i]);
    g_ptr_array_sort(self->events, compare);
}

static void
close_file(void *file)
{
    fclose(file);
}

bool
trace_gather(Trace *self, const char *state, const GPtrArray *paths,
    GError **error)
{
    Gathering gathering = { .trace = self, .state = state };
    bool good;
    guint known;

    gathering.files = g_ptr_array_new_with_free_func(close_file);
    gathering.texts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
        NULL);
    good = open_files(&gathering, paths, error);
    do {
        known = self->ids->len;
        good = good && scan(&gathering, error);
    } while (good && self->ids->len > known);
    g_hash_table_unref(gathering.texts);
    g_ptr_array_unref(gathering.files);
    sort(self);
    return good;
}
