/* SPDX-License-Identifier: MIT */
#include "core/queue/spool.h"

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/queue/complaints.h"
#include "core/queue/spool_compact.h"
#include "core/queue/spool_names.h"

#include <errno.h>

/* What is read in one turn of the loop: so many records or so long. */
#define STEP_RECORDS 256
#define SLICE_RECORDS 16
#define STEP_US 1000

/* After outcomes could not be written. */
#define RETRY_MS 1000
#define DEFERRED_SYNC_MS 1000

/* Between the steps of a compaction, and while it waits for somebody. */
#define COMPACT_STEP_MS 5
#define COMPACT_WAIT_MS 100

/* A log is written anew at twice what it needed then, but at least at this. */
#define LOG_REWRITE_BYTES (4 * 1024 * 1024)

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
    WnComplaints *complaints;
    bool flush_soon; /* within WN_OUTCOME_SYNC_MS */
    bool started;
    bool recovering;
    bool incomplete; /* something of the folder could not be opened */
    bool caught_up;
    int64_t all_read_ms; /* monotonic; 0: earlier runs' messages are not */
};

static void
enlist(WnSpool *self, WnSpoolSegment *segment)
{
    if (segment->listed || !wn_spool_segment_has_more(segment))
        return;
    segment->listed = true;
    g_queue_push_tail(&self->readable, segment);
    wn_deferred_soon(&self->step);
}

/* Errors show when they are synced.  Whatever may wait for the disk does this
 * first: what is written outlives this process. */
static void
write_all(void *user)
{
    WnSpool *self = user;

    for (guint i = 0; i < self->dirty->len; i++)
        wn_outcome_log_flush(((WnSpoolSegment *)self->dirty->pdata[i])->log,
            false, NULL);
}

static void
remove_if_done(WnSpool *self, WnSpoolSegment *segment)
{
    g_autoptr(GError) error = NULL;

    if (segment->listed || segment->dirty || !wn_spool_segment_is_done(segment)
        || (!self->caught_up && wn_spool_is_own_name(segment->name)))
        return;
    if (segment->compaction != NULL)
        g_clear_pointer(&self->compaction, wn_spool_compaction_free);
    write_all(self);
    if (!wn_spool_segment_remove(segment, self->folder, &error)) {
        wn_complain(self->complaints, "cannot remove a segment", error);
        return;
    }
    g_hash_table_remove(self->segments, segment->name);
}

static void
note_unopened(WnSpool *self, const char *name, const GError *error)
{
    g_autoptr(GError) again = NULL;

    if (error->code == ENOENT)
        return;
    if (error->code == EBADMSG
        && wn_spool_segment_set_unreadable_aside(self->folder, name, &again))
        return;
    self->incomplete = true;
    wn_complain(self->complaints, "cannot open a segment",
        again != NULL ? again : error);
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
    else
        note_unopened(self, name, error);
    return segment;
}

/* False: nothing has moved, the next scan tries again. */
static bool
read_records(WnSpool *self, WnSpoolSegment *segment, unsigned max)
{
    return wn_spool_segment_read(segment, max, self->scratch, self->fn,
        self->user);
}

/* Reads on in the first segment; it goes to the end of the line.  False: its
 * disk has troubles, which may have taken long. */
static bool
step_reading(WnSpool *self)
{
    WnSpoolSegment *segment = g_queue_pop_head(&self->readable);
    bool moved = read_records(self, segment, SLICE_RECORDS);
    bool sound = !segment->failed;

    segment->listed = false;
    if (moved)
        enlist(self, segment);
    remove_if_done(self, segment);
    return sound;
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
    bool sound = true;

    for (int i = 0; sound && i < STEP_RECORDS / SLICE_RECORDS; i++) {
        if (i > 0 && wn_clock_mono_us() >= end_us)
            break;
        if (!g_queue_is_empty(&self->readable))
            sound = step_reading(self);
        else if (!g_queue_is_empty(&self->unopened))
            step_opening(self);
    }
    if (!g_queue_is_empty(&self->readable)
        || !g_queue_is_empty(&self->unopened))
        wn_deferred_soon(&self->step);
    else
        self->recovering = false;
}

static void
list_folder(WnSpool *self)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GDir) folder = g_dir_open(self->folder, 0, &error);
    const char *name;

    self->incomplete = folder == NULL;
    if (folder == NULL) {
        wn_complain(self->complaints, "cannot list the spool", error);
        return;
    }
    while ((name = g_dir_read_name(folder)) != NULL) {
        if (wn_spool_is_segment_name(name)
            && !g_hash_table_contains(self->segments, name))
            g_queue_push_tail(&self->unopened, g_strdup(name));
        else if (!self->started)
            wn_spool_remove_leftover(self->folder, name);
    }
    g_queue_sort(&self->unopened, wn_spool_compare_names, NULL);
}

static void
rewrite_log(WnSpool *self, WnSpoolSegment *segment)
{
    g_autoptr(GError) error = NULL;

    if (!wn_outcome_log_rewrite(segment->log, &error))
        wn_complain(self->complaints, "cannot shorten a log of outcomes",
            error);
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
        wn_complain(self->complaints, "cannot compact a segment", error);
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
    write_all(self);
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
        wn_complain(self->complaints, "cannot compact a segment", error);
        break;
    }
    wn_spool_segment_put_off_compaction(segment, now_ms);
    g_clear_pointer(&self->compaction, wn_spool_compaction_free);
}

static bool
is_all_read(const WnSpool *self)
{
    GHashTableIter iter;
    void *value;

    if (!self->started || self->recovering || self->incomplete
        || self->unopened.length > 0)
        return false;
    g_hash_table_iter_init(&iter, self->segments);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        if (!wn_spool_segment_is_caught_up(value))
            return false;
    }
    return true;
}

/* What was noted until all was read is synced with the next flush. */
static void
catch_up(WnSpool *self)
{
    if (self->all_read_ms == 0 && is_all_read(self))
        self->all_read_ms = wn_clock_mono_ms();
    if (self->all_read_ms == 0)
        return;
    for (guint i = 0; i < self->dirty->len; i++)
        if (((const WnSpoolSegment *)self->dirty->pdata[i])->dirty_ms
            <= self->all_read_ms)
            return;
    self->caught_up = true;
}

/* Reports that were sent say what became of others. */
static bool
may_shrink(const WnSpool *self, const WnSpoolSegment *segment)
{
    return self->compaction == NULL && !self->recovering
           && (self->caught_up || !wn_spool_is_own_name(segment->name))
           && wn_spool_segment_wants_compaction(segment, wn_clock_mono_ms());
}

static void
check_segments(WnSpool *self)
{
    g_autoptr(GPtrArray) segments = g_ptr_array_new();
    GHashTableIter iter;
    void *value;

    catch_up(self);
    g_hash_table_iter_init(&iter, self->segments);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        g_ptr_array_add(segments, value);
    for (guint i = 0; i < segments->len; i++) {
        WnSpoolSegment *segment = segments->pdata[i];

        wn_spool_segment_check_writer(segment);
        enlist(self, segment);
        if (may_shrink(self, segment))
            begin_compaction(self, segment);
        remove_if_done(self, segment);
    }
}

static void
read_own(WnSpool *self)
{
    while (!g_queue_is_empty(&self->unopened)
           && wn_spool_is_own_name(g_queue_peek_head(&self->unopened))) {
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

bool
wn_spool_has_caught_up(const WnSpool *self)
{
    return self->caught_up;
}

void
wn_spool_durable(WnSpool *self, const char *name, uint64_t durable)
{
    WnSpoolSegment *segment;

    if (!wn_spool_is_segment_name(name))
        return;
    segment = open_segment(self, name);
    if (segment == NULL)
        return;
    if (segment->durable == 0)
        segment->durable_first = durable;
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
            wn_complain(self->complaints, "cannot write outcomes", error);
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
    g_autoptr(GPtrArray) dirty = NULL;

    write_all(self);
    dirty = g_steal_pointer(&self->dirty);
    self->dirty = g_ptr_array_new();
    wn_timer_unset(&self->flush);
    self->flush_soon = false;
    for (guint i = 0; i < dirty->len; i++) {
        WnSpoolSegment *segment = dirty->pdata[i];

        if ((all || is_sync_due(segment)) && flush_segment(self, segment)) {
            segment->dirty = false;
            segment->urgent = false;
        } else {
            g_ptr_array_add(self->dirty, segment);
        }
    }
    /* A report goes only when its message's outcome is on disk. */
    for (guint i = 0; i < dirty->len; i++)
        remove_if_done(self, dirty->pdata[i]);
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
    if (outcome->kind != WN_OUTCOME_DEFERRED) {
        segment->urgent = true;
        wn_outcome_log_flush(segment->log, false, NULL);
    }
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
    self->complaints = wn_complaints_new();
    self->scratch = g_byte_array_new();
    wn_deferred_init(&self->step, loop, on_step, self);
    wn_deferred_init(&self->write, loop, write_all, self);
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
    wn_complaints_free(self->complaints);
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
