/* SPDX-License-Identifier: MIT */
#include "core/control/faults.h"

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/metrics.h"
#include "core/base/wire.h"
#include "core/control/quarantine.h"

#include <string.h>

#define NOTES_MAX 256 /* transactions and contents that are remembered */
#define CONTENT_FAULTS 2
#define FILTERS_MAX 1000

/* Deaths within a minute that no call of a filter is to blame for. */
#define FORGIVEN 2

typedef struct Forgiven {
    int64_t at_ms[FORGIVEN];
} Forgiven;

typedef struct Note {
    char filter[sizeof(((WnScore *)NULL)->filter)];
    bool has_id;
    WnId id;
    uint64_t content;
    bool off; /* everywhere */
} Note;

typedef struct Record {
    uint64_t n;
    bool off;
    int64_t last; /* Unix seconds */
    char *reason;
} Record;

struct WnFaults {
    WnQuarantine *quarantine;
    GQueue notes; /* Note, the newest first */
    unsigned n_last;
    GHashTable *records;  /* filter -> Record */
    GHashTable *forgiven; /* filter -> Forgiven */
};

static void
record_free(void *data)
{
    Record *record = data;

    g_free(record->reason);
    g_free(record);
}

WnFaults *
wn_faults_new(void)
{
    WnFaults *self = g_new0(WnFaults, 1);

    self->quarantine = wn_quarantine_new();
    g_queue_init(&self->notes);
    self->records = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
        record_free);
    self->forgiven = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
        g_free);
    return self;
}

void
wn_faults_free(WnFaults *self)
{
    if (self == NULL)
        return;
    wn_quarantine_free(self->quarantine);
    g_queue_clear_full(&self->notes, g_free);
    g_hash_table_unref(self->records);
    g_hash_table_unref(self->forgiven);
    g_free(self);
}

static void
add_note(WnFaults *self, const Note *note)
{
    g_queue_push_head(&self->notes, g_memdup2(note, sizeof *note));
    self->n_last++;
    if (g_queue_get_length(&self->notes) > NOTES_MAX)
        g_free(g_queue_pop_tail(&self->notes));
}

static unsigned
count_content(const WnFaults *self, const WnScore *score)
{
    unsigned n = 0;

    for (const GList *at = self->notes.head; at != NULL; at = at->next) {
        const Note *note = at->data;

        if (note->content == score->content
            && strcmp(note->filter, score->filter) == 0)
            n++;
    }
    return n;
}

/* The content of a note counts only with its transaction until it stands
 * alone, which is told apart by has_id. */
static void
take_notes(WnFaults *self, const WnScore *score, bool off)
{
    Note note = { .has_id = score->has_id,
        .id = score->id,
        .content = score->content };

    self->n_last = 0;
    g_strlcpy(note.filter, score->filter, sizeof note.filter);
    if (score->has_id)
        add_note(self, &note);
    note.has_id = false;
    if (score->content != 0 && count_content(self, score) >= CONTENT_FAULTS)
        add_note(self, &note);
    note.content = 0;
    note.off = off;
    if (off)
        add_note(self, &note);
}

/* A process gone wild may name what it likes; metrics are kept for ever. */
static bool
is_name(const char *filter)
{
    size_t len = strlen(filter);

    return len > 0
           && strspn(filter, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUV"
                             "WXYZ0123456789_-.")
                  == len;
}

static void
count(WnFaults *self, const WnScore *score, const char *reason, bool off)
{
    Record *record = g_hash_table_lookup(self->records, score->filter);
    g_autofree char *labels = NULL;

    if (!is_name(score->filter))
        return;
    if (record == NULL) {
        if (g_hash_table_size(self->records) >= FILTERS_MAX)
            return;
        record = g_new0(Record, 1);
        g_hash_table_insert(self->records, g_strdup(score->filter), record);
    }
    record->n++;
    record->off = record->off || off;
    record->last = wn_clock_unix();
    g_free(record->reason);
    record->reason = g_strdup(reason);
    labels = g_strdup_printf("filter=\"%s\"", score->filter);
    wn_metric_add(wn_metrics_counter("winnow_plugin_faults_total", labels,
                      "Times that a filter ended the program it runs in."),
        1);
    if (off)
        wn_metric_add(wn_metrics_counter("winnow_plugin_switched_off_total",
                          labels,
                          "Times that a filter was switched off for that."),
            1);
}

static void
begin_event(WnEvent *event, WnLevel level, const char *name,
    const WnScore *score)
{
    wn_event_begin(event, level, name);
    wn_event_str(event, "filter", score->filter);
    wn_event_str(event, "hook", score->hook);
    if (score->has_id)
        wn_event_id(event, &score->id);
}

static void
log_fault(const WnScore *score, const char *plugin, const char *reason,
    bool off)
{
    WnEvent event;

    begin_event(&event, WN_LEVEL_ERROR, "plugin_fault", score);
    if (plugin != NULL)
        wn_event_str(&event, "plugin", plugin);
    wn_event_str(&event, "reason", reason);
    wn_event_bool(&event, "switched_off", off);
    wn_event_end(&event);
}

bool
wn_faults_note(WnFaults *self, const WnScore *score, const char *plugin,
    const char *why)
{
    const char *reason = score->reason[0] != '\0' ? score->reason : why;
    bool off = wn_quarantine_note(self->quarantine, score->filter,
        wn_clock_mono_ms());

    log_fault(score, plugin, reason, off);
    count(self, score, reason, off);
    take_notes(self, score, off);
    return off;
}

/* Is this one forgiven? */
static bool
forgive(WnFaults *self, const char *filter)
{
    int64_t now = wn_clock_mono_ms();
    Forgiven *forgiven = g_hash_table_lookup(self->forgiven, filter);

    if (forgiven == NULL) {
        if (g_hash_table_size(self->forgiven) >= FILTERS_MAX)
            return true;
        forgiven = g_new0(Forgiven, 1);
        g_hash_table_insert(self->forgiven, g_strdup(filter), forgiven);
    }
    for (size_t i = 0; i < FORGIVEN; i++) {
        if (forgiven->at_ms[i] != 0
            && now - forgiven->at_ms[i] <= WN_QUARANTINE_WINDOW_MS)
            continue;
        forgiven->at_ms[i] = now;
        return true;
    }
    return false;
}

bool
wn_faults_suspect(WnFaults *self, const WnScore *score, const char *plugin,
    const char *why)
{
    g_autofree char *reason = NULL;
    WnScore last = *score;

    self->n_last = 0;
    if (forgive(self, score->filter))
        return false;
    reason = g_strdup_printf("%s between calls: %s", why,
        score->threads ? "it has left a thread" : "it ran last, again");
    last.has_id = false;
    last.content = 0;
    last.reason[0] = '\0';
    return wn_faults_note(self, &last, plugin, reason);
}

static void
tell(const Note *note, WnProcess *process)
{
    g_auto(WnWriter) writer;

    wn_writer_init(&writer);
    wn_write_bytes(&writer, wn_span_str(note->filter));
    wn_write_bytes(&writer, note->has_id ? wn_span((const char *)note->id.bytes,
                                sizeof(note->id.bytes))
                                         : WN_SPAN_EMPTY);
    wn_write_u64(&writer, note->has_id ? 0 : note->content);
    wn_process_send(process, WN_CHILD_SKIP, wn_writer_span(&writer), -1);
}

void
wn_faults_tell(const WnFaults *self, WnProcess *process)
{
    for (const GList *at = self->notes.tail; at != NULL; at = at->prev)
        tell(at->data, process);
}

void
wn_faults_tell_last(const WnFaults *self, WnProcess *process)
{
    const GList *at = self->notes.head;

    for (unsigned i = 0; i < self->n_last && at != NULL; i++, at = at->next)
        tell(at->data, process);
}

static GList *
names(const WnFaults *self)
{
    return g_list_sort(g_hash_table_get_keys(self->records),
        (GCompareFunc)strcmp);
}

void
wn_faults_print(const WnFaults *self, GString *out)
{
    g_autoptr(GList) filters = names(self);

    for (const GList *at = filters; at != NULL; at = at->next) {
        const Record *record = g_hash_table_lookup(self->records, at->data);

        g_string_append_printf(out,
            "filter      %s: ended its program %" G_GUINT64_FORMAT
            " time%s (%s)%s\n",
            (const char *)at->data, record->n, record->n == 1 ? "" : "s",
            record->reason,
            record->off ? ", switched off until winnowctl reload" : "");
    }
}

void
wn_faults_json(const WnFaults *self, WnJson *json)
{
    g_autoptr(GList) filters = names(self);

    for (const GList *at = filters; at != NULL; at = at->next) {
        const Record *record = g_hash_table_lookup(self->records, at->data);

        wn_json_open_object(json, NULL);
        wn_json_str(json, "filter", at->data);
        wn_json_int(json, "faults", (int64_t)record->n);
        wn_json_bool(json, "switched_off", record->off);
        wn_json_str(json, "reason", record->reason);
        wn_json_int(json, "last", record->last);
        wn_json_close_object(json);
    }
}
