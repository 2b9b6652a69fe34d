/* SPDX-License-Identifier: MIT */
#include "core/queue/spool.h"

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/queue/spool_compact.h"

#include <errno.h>
#include <unistd.h>

/* What is read in one turn of the loop: so many records or bytes or so long. */
#define STEP_RECORDS 256
#define SLICE_RECORDS 16
#define STEP_BYTES (4 * 1024 * 1024)
#define STEP_US 1000

/* After outcomes could not be written. */
#define RETRY_MS 1000
#define DEFERRED_SYNC_MS 1000

/* Between the steps of a compaction, and while it waits for somebody. */
#define COMPACT_STEP_MS 5
#define COMPACT_WAIT_MS 100

/* A log of outcomes is written anew when it has grown to twice what was needed
 * then, but at least to this. */
#define LOG_REWRITE_BYTES (4 * 1024 * 1024)

/* Troubles that last are told so often. */
#define COMPLAINT_MS 60000

struct WnSpool {
    WnLoop *loop;
    char *folder;
    WnReserve *reserve; /* NULL: none */
    WnSpoolFoundFn fn;
    void *user;
    GHashTable *segments; /* name -> WnSpoolSegment */
    GQueue unopened;      /* char *, names found */
    GQueue readable;      /* WnSpoolSegment with something to read */
    GPtrArray *dirty;     /* WnSpoolSegment with outcomes to be written */
    WnSpoolCompaction *compaction; /* under way; NULL */
    GByteArray *scratch;
    WnDeferred step;
    WnDeferred write;
    WnTimer compact;
    WnTimer scan;
    WnTimer flush;
    int64_t complained_ms; /* monotonic */
    bool flush_soon;       /* within WN_OUTCOME_SYNC_MS */
    bool started;
    bool recovering;
};

static bool
is_segment_name(const char *name)
{
    return g_str_has_suffix(name, ".seg") && strchr(name, '/') == NULL
           && name[0] != '.' && strlen(name) < sizeof(WnSegmentName);
}

/* Errors that come again with every scan are not logged with every scan. */
static void
complain(WnSpool *self, const char *what, const GError *error)
{
    int64_t now_ms = wn_clock_mono_ms();

    if (self->complained_ms != 0 && now_ms - self->complained_ms < COMPLAINT_MS)
        return;
    self->complained_ms = now_ms;
    wn_remark(WN_LEVEL_ERROR, "%s: %s", what, error->message);
}

static void
enlist(WnSpool *self, WnSpoolSegment *segment)
{
    if (segment->listed || !wn_spool_segment_has_more(segment))
        return;
    segment->listed = true;
    g_queue_push_tail(&self->readable, segment);
    wn_deferred_soon(&self->step);
}

static void
remove_if_done(WnSpool *self, WnSpoolSegment *segment)
{
    g_autoptr(GError) error = NULL;

    if (segment->listed || segment->dirty || !wn_spool_segment_is_done(segment))
        return;
    if (segment->compaction != NULL)
        g_clear_pointer(&self->compaction, wn_spool_compaction_free);
    if (!wn_spool_segment_remove(segment, self->folder, &error)) {
        complain(self, "cannot remove a segment", error);
        return;
    }
    g_hash_table_remove(self->segments, segment->name);
}

/* Nothing in it can be read: an operator may still want to look at it. */
static void
set_unreadable_aside(WnSpool *self, const char *name)
{
    g_autoptr(GError) error = NULL;
    WnSpoolSegment segment = { .name = g_strdup(name), .damaged = true };

    wn_remark(WN_LEVEL_ERROR, "%s: no valid record, moved to damaged", name);
    if (!wn_spool_segment_remove(&segment, self->folder, &error))
        complain(self, "cannot set a segment aside", error);
    g_free(segment.name);
}

static WnSpoolSegment *
open_segment(WnSpool *self, const char *name)
{
    g_autoptr(GError) error = NULL;
    WnSpoolSegment *segment = g_hash_table_lookup(self->segments, name);

    if (segment != NULL)
        return segment;
    do {
        g_clear_error(&error);
        segment = wn_spool_segment_open(self, self->folder, name, &error);
    } while (segment == NULL && wn_reserve_helps(self->reserve, error));
    if (segment != NULL)
        g_hash_table_insert(self->segments, segment->name, segment);
    else if (error->code == EBADMSG)
        set_unreadable_aside(self, name);
    else if (error->code != ENOENT)
        complain(self, "cannot open a segment", error);
    return segment;
}

static void
read_records(WnSpool *self, WnSpoolSegment *segment, unsigned max)
{
    uint64_t end = segment->offset + STEP_BYTES;

    for (unsigned i = 0; i < max && segment->offset < end; i++)
        if (!wn_spool_segment_step(segment, self->scratch, self->fn,
                self->user))
            break;
}

/* Reads on in the first segment; it goes to the end of the line. */
static void
step_reading(WnSpool *self)
{
    WnSpoolSegment *segment = g_queue_pop_head(&self->readable);
    uint64_t before = segment->offset;

    read_records(self, segment, SLICE_RECORDS);
    segment->listed = false;
    /* Without progress the next scan tries again. */
    if (segment->offset != before)
        enlist(self, segment);
    remove_if_done(self, segment);
}

static void
step_opening(WnSpool *self)
{
    g_autofree char *name = g_queue_pop_head(&self->unopened);
    WnSpoolSegment *segment = open_segment(self, name);

    if (segment != NULL)
        enlist(self, segment);
}

static void
on_step(void *user)
{
    WnSpool *self = user;
    int64_t end_us = wn_clock_mono_us() + STEP_US;

    for (int i = 0; i < STEP_RECORDS / SLICE_RECORDS; i++) {
        if (i > 0 && wn_clock_mono_us() >= end_us)
            break;
        if (!g_queue_is_empty(&self->readable))
            step_reading(self);
        else if (!g_queue_is_empty(&self->unopened))
            step_opening(self);
    }
    if (!g_queue_is_empty(&self->readable)
        || !g_queue_is_empty(&self->unopened))
        wn_deferred_soon(&self->step);
    else
        self->recovering = false;
}

/* An outcome log whose segment is gone says nothing any more. */
static void
remove_rubbish(WnSpool *self, const char *name)
{
    g_autofree char *stem = g_strndup(name, strlen(name) - 4);
    g_autofree char *segment = g_strdup_printf("%s/%s.seg", self->folder, stem);
    g_autofree char *path = g_build_filename(self->folder, name, NULL);

    if (access(segment, F_OK) != 0 && errno == ENOENT)
        unlink(path);
}

static bool
is_own(const char *name)
{
    return g_str_has_prefix(name, WN_SPOOL_OWN_WORKER "-");
}

static void
remove_unmade(const WnSpool *self, const char *name)
{
    g_autofree char *path = g_build_filename(self->folder, name, NULL);

    unlink(path);
}

/* Our own first. */
static gint
compare_names(gconstpointer a, gconstpointer b, gpointer user)
{
    (void)user;
    if (is_own(a) != is_own(b))
        return is_own(a) ? -1 : 1;
    return strcmp(a, b);
}

static void
list_folder(WnSpool *self)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GDir) folder = g_dir_open(self->folder, 0, &error);
    const char *name;

    if (folder == NULL) {
        complain(self, "cannot list the spool", error);
        return;
    }
    while ((name = g_dir_read_name(folder)) != NULL) {
        if (is_segment_name(name)
            && !g_hash_table_contains(self->segments, name))
            g_queue_push_tail(&self->unopened, g_strdup(name));
        else if (!self->started && g_str_has_suffix(name, ".out"))
            remove_rubbish(self, name);
        else if (!self->started
                 && g_str_has_suffix(name, ".out" WN_OUTCOME_UNMADE))
            remove_unmade(self, name);
    }
    g_queue_sort(&self->unopened, compare_names, NULL);
}

static void
rewrite_log(WnSpool *self, WnSpoolSegment *segment)
{
    g_autoptr(GError) error = NULL;

    if (!wn_outcome_log_rewrite(segment->log, &error))
        complain(self, "cannot shorten a log of outcomes", error);
    segment->log_floor = wn_outcome_log_len(segment->log);
}

static void
begin_compaction(WnSpool *self, WnSpoolSegment *segment)
{
    g_autoptr(GError) error = NULL;

    wn_spool_segment_put_off_compaction(segment, wn_clock_mono_ms());
    self->compaction = wn_spool_compaction_new(segment, self->folder, &error);
    if (self->compaction != NULL)
        wn_timer_set(&self->compact, COMPACT_STEP_MS);
    else
        complain(self, "cannot compact a segment", error);
}

static void
on_compact(void *user)
{
    WnSpool *self = user;
    g_autoptr(GError) error = NULL;
    WnSpoolSegment *segment;
    int64_t now_ms = wn_clock_mono_ms();

    if (self->compaction == NULL)
        return;
    segment = wn_spool_compaction_segment(self->compaction);
    switch (wn_spool_compaction_step(self->compaction, self->scratch, &error)) {
    case WN_COMPACTING:
        wn_timer_set(&self->compact, COMPACT_STEP_MS);
        return;
    case WN_COMPACTION_WAITS:
        wn_timer_set(&self->compact, COMPACT_WAIT_MS);
        if (now_ms < segment->compact_from_ms)
            return;
        break; /* another time */
    case WN_COMPACTION_DONE:
        g_clear_pointer(&self->compaction, wn_spool_compaction_free);
        rewrite_log(self, segment);
        return;
    case WN_COMPACTION_FAILED:
        complain(self, "cannot compact a segment", error);
        break;
    }
    wn_spool_segment_put_off_compaction(segment, now_ms);
    g_clear_pointer(&self->compaction, wn_spool_compaction_free);
}

static void
check_segments(WnSpool *self)
{
    g_autoptr(GPtrArray) segments = g_ptr_array_new();
    GHashTableIter iter;
    void *value;

    g_hash_table_iter_init(&iter, self->segments);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        g_ptr_array_add(segments, value);
    for (guint i = 0; i < segments->len; i++) {
        WnSpoolSegment *segment = segments->pdata[i];

        wn_spool_segment_check_writer(segment);
        enlist(self, segment);
        if (self->compaction == NULL && !self->recovering
            && wn_spool_segment_wants_compaction(segment, wn_clock_mono_ms()))
            begin_compaction(self, segment);
        remove_if_done(self, segment);
    }
}

static void
read_own(WnSpool *self)
{
    while (!g_queue_is_empty(&self->unopened)
           && is_own(g_queue_peek_head(&self->unopened))) {
        step_opening(self);
        while (!g_queue_is_empty(&self->readable))
            step_reading(self);
    }
}

void
wn_spool_scan(WnSpool *self)
{
    if (!self->started)
        wn_segment_sweep(self->folder);
    if (g_queue_is_empty(&self->unopened))
        list_folder(self);
    if (!self->started)
        read_own(self);
    check_segments(self);
    if (!g_queue_is_empty(&self->unopened))
        wn_deferred_soon(&self->step);
    if (!self->started)
        self->recovering = wn_deferred_is_set(&self->step);
    self->started = true;
    wn_timer_set(&self->scan, WN_SPOOL_SCAN_MS);
}

static void
on_scan(void *user)
{
    wn_spool_scan(user);
}

void
wn_spool_use_reserve(WnSpool *self, WnReserve *reserve)
{
    self->reserve = reserve;
}

bool
wn_spool_is_reading(const WnSpool *self)
{
    return wn_deferred_is_set(&self->step);
}

bool
wn_spool_is_recovering(const WnSpool *self)
{
    return self->recovering;
}

void
wn_spool_durable(WnSpool *self, const char *name, uint64_t durable)
{
    WnSpoolSegment *segment;

    if (!is_segment_name(name))
        return;
    segment = open_segment(self, name);
    if (segment == NULL)
        return;
    segment->durable = MAX(segment->durable, durable);
    if (segment->listed || segment->state != WN_SEGMENT_FOLLOWED)
        return;
    read_records(self, segment, STEP_RECORDS);
    enlist(self, segment);
    remove_if_done(self, segment);
}

static bool
flush_segment(WnSpool *self, WnSpoolSegment *segment)
{
    g_autoptr(GError) error = NULL;

    while (!wn_outcome_log_flush(segment->log, true, &error)) {
        if (!wn_reserve_helps(self->reserve, error)) {
            complain(self, "cannot write outcomes", error);
            return false;
        }
        g_clear_error(&error);
    }
    if (segment->compaction == NULL
        && wn_outcome_log_len(segment->log)
               > MAX(LOG_REWRITE_BYTES, 2 * segment->log_floor))
        rewrite_log(self, segment);
    return true;
}

/* Errors show when they are synced. */
static void
on_write(void *user)
{
    WnSpool *self = user;

    for (guint i = 0; i < self->dirty->len; i++)
        wn_outcome_log_flush(((WnSpoolSegment *)self->dirty->pdata[i])->log,
            false, NULL);
}

/* Each sync stops the loop, and a backlog that is deferred brings many: what a
 * power cut takes of them is tried again too early, that is all. */
static bool
is_sync_due(const WnSpoolSegment *segment)
{
    return segment->urgent
           || wn_clock_mono_ms() - segment->dirty_ms >= DEFERRED_SYNC_MS;
}

static void
flush_segments(WnSpool *self, bool all)
{
    g_autoptr(GPtrArray) dirty = g_steal_pointer(&self->dirty);

    self->dirty = g_ptr_array_new();
    wn_timer_unset(&self->flush);
    self->flush_soon = false;
    for (guint i = 0; i < dirty->len; i++) {
        WnSpoolSegment *segment = dirty->pdata[i];

        if ((all || is_sync_due(segment)) && flush_segment(self, segment)) {
            segment->dirty = false;
            segment->urgent = false;
            remove_if_done(self, segment);
        } else {
            g_ptr_array_add(self->dirty, segment);
        }
    }
    if (self->dirty->len > 0)
        wn_timer_set(&self->flush, RETRY_MS);
}

void
wn_spool_flush(WnSpool *self)
{
    flush_segments(self, true);
}

static void
on_flush(void *user)
{
    flush_segments(user, false);
}

void
wn_spool_settle(const WnSpoolRecord *record, const WnOutcome *outcome)
{
    WnSpoolSegment *segment = record->segment;
    WnSpool *self = segment->spool;
    WnOutcome full = *outcome;

    full.offset = wn_spool_segment_place(segment, record->offset);
    wn_outcome_log_append(segment->log, &full);
    if (segment->compaction != NULL)
        wn_spool_compaction_note(segment->compaction, &full);
    if (wn_outcome_is_final(outcome->kind)) {
        g_assert(segment->n_unsettled > 0);
        segment->n_unsettled--;
    }
    segment->urgent |= outcome->kind != WN_OUTCOME_DEFERRED;
    if (!segment->dirty) {
        segment->dirty = true;
        segment->dirty_ms = wn_clock_mono_ms();
        g_ptr_array_add(self->dirty, segment);
    }
    wn_deferred_soon(&self->write);
    if (segment->urgent && !self->flush_soon) {
        self->flush_soon = true;
        wn_timer_set(&self->flush, WN_OUTCOME_SYNC_MS);
    } else if (!wn_timer_is_set(&self->flush)) {
        wn_timer_set(&self->flush, DEFERRED_SYNC_MS);
    }
}

WnSpool *
wn_spool_new(WnLoop *loop, const char *folder, WnSpoolFoundFn fn, void *user)
{
    WnSpool *self = g_new0(WnSpool, 1);

    self->loop = loop;
    self->folder = g_strdup(folder);
    self->fn = fn;
    self->user = user;
    self->segments = g_hash_table_new_full(g_str_hash, g_str_equal, NULL,
        (GDestroyNotify)wn_spool_segment_free);
    g_queue_init(&self->unopened);
    g_queue_init(&self->readable);
    self->dirty = g_ptr_array_new();
    self->scratch = g_byte_array_new();
    wn_deferred_init(&self->step, loop, on_step, self);
    wn_deferred_init(&self->write, loop, on_write, self);
    wn_timer_init(&self->compact, loop, on_compact, self);
    wn_timer_init(&self->scan, loop, on_scan, self);
    wn_timer_init(&self->flush, loop, on_flush, self);
    return self;
}

static void
ignore(void *user, const WnSpoolFound *found)
{
    (void)user;
    (void)found;
}

/* A segment whose last record was its seal, such as that of our own journal,
 * need not wait for the next start. */
static void
remove_what_is_done(WnSpool *self)
{
    self->fn = ignore;
    wn_spool_flush(self);
    for (guint i = self->readable.length; i > 0; i--)
        ((WnSpoolSegment *)g_queue_pop_head(&self->readable))->listed = false;
    check_segments(self);
    while (!g_queue_is_empty(&self->readable)) {
        WnSpoolSegment *segment = g_queue_pop_head(&self->readable);

        segment->listed = false;
        if (segment->n_unsettled == 0)
            read_records(self, segment, STEP_RECORDS / 4);
        remove_if_done(self, segment);
    }
}

void
wn_spool_free(WnSpool *self)
{
    if (self == NULL)
        return;
    g_clear_pointer(&self->compaction, wn_spool_compaction_free);
    if (self->started)
        remove_what_is_done(self);
    wn_deferred_unset(&self->step);
    wn_deferred_unset(&self->write);
    wn_timer_clear(&self->compact);
    wn_timer_clear(&self->scan);
    wn_timer_clear(&self->flush);
    g_queue_clear_full(&self->unopened, g_free);
    g_queue_clear(&self->readable);
    g_ptr_array_unref(self->dirty);
    g_hash_table_unref(self->segments);
    g_byte_array_unref(self->scratch);
    g_free(self->folder);
    g_free(self);
}

uint64_t
wn_spool_n_segments(const WnSpool *self)
{
    return g_hash_table_size(self->segments);
}

uint64_t
wn_spool_n_unsettled(const WnSpool *self)
{
    uint64_t n = 0;
    GHashTableIter iter;
    void *value;

    g_hash_table_iter_init(&iter, self->segments);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        n += ((const WnSpoolSegment *)value)->n_unsettled;
    return n;
}
