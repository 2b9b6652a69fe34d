/* SPDX-License-Identifier: MIT */
#include "core/journal/writer.h"

#include "core/base/clock.h"
#include "core/base/fd.h"
#include "core/base/log.h"
#include "core/base/metrics.h"
#include "core/journal/commit.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define SPACE_MAX_AGE_MS 200
#define SHORTAGE_TOLD_MS (60 * 1000)
#define INODES_MIN 16 /* for segments, outcome logs and what sync publishes */

struct WnAppend {
    WnAppend *next;
    WnActive *segment; /* NULL: it was not written, see error */
    uint64_t offset;
    uint64_t end; /* durable when the segment is durable up to here */
    int error;
    int64_t begun_us;
    WnCommitFn fn;
    void *user;
};

struct WnJournal {
    const WnJournalIo *io;
    char *spool;
    char *worker;
    WnDurableFn on_durable;
    void *user;

    WnCommitter *committer;
    int notify_fd;
    WnWatch notified;
    WnDeferred wake;   /* the thread, at the end of the turn */
    WnDeferred settle; /* appends that failed at once */
    WnTimer probe;

    WnActive *current; /* NULL: the next append needs another */
    WnActive *spare;   /* the next one, made ahead */
    bool making;       /* the thread makes a spare */
    bool keep_ready;
    char *zeros;
    unsigned failures; /* since the last commit that succeeded */

    WnAppend *first; /* not yet told, oldest first */
    WnAppend *last;

    struct statvfs space;
    int64_t space_at_ms; /* when it was asked; 0: never */
    bool space_known;
    int64_t shortage_told_ms; /* 0: never */

    WnMetric *commit_seconds;
    WnMetric *commit_messages;
};

static bool
is_out_of_space(int errnum)
{
    return errnum == ENOSPC || errnum == EDQUOT;
}

static WnCommit
commit_of(int errnum)
{
    return is_out_of_space(errnum) ? WN_COMMIT_NO_SPACE : WN_COMMIT_FAILED;
}

bool
wn_journal_is_suspect(const WnJournal *self)
{
    return self->failures >= WN_JOURNAL_SUSPECT_AFTER;
}

static void
note_failure(WnJournal *self, const char *what, const char *segment, int errnum)
{
    WnEvent event;

    wn_event_begin(&event, WN_LEVEL_ERROR, "journal_failed");
    wn_event_str(&event, "what", what);
    wn_event_str(&event, "segment", segment);
    wn_event_str(&event, "error", g_strerror(errnum));
    wn_event_end(&event);
    if (is_out_of_space(errnum))
        return;
    self->failures++;
    if (wn_journal_is_suspect(self) && !wn_timer_is_set(&self->probe))
        wn_timer_set(&self->probe, WN_JOURNAL_PROBE_MS);
}

static void
note_success(WnJournal *self)
{
    self->failures = 0;
    wn_timer_unset(&self->probe);
}

static void
remove_spare(WnJournal *self)
{
    g_autofree char *path = NULL;

    if (self->spare == NULL)
        return;
    path = g_build_filename(self->spool, self->spare->name.text, NULL);
    unlink(path); /* if it stays, the queue finds it empty and removes it */
    g_clear_pointer(&self->spare, wn_active_free);
}

static void
make_spare(WnJournal *self)
{
    if (self->spare != NULL || self->making)
        return;
    self->making = true;
    wn_committer_make(self->committer, wn_clock_unix_ms());
}

/* A spare from better times proves nothing. */
static void
on_probe(void *user)
{
    WnJournal *self = user;

    remove_spare(self);
    make_spare(self);
}

void
wn_journal_keep_ready(WnJournal *self)
{
    self->keep_ready = true;
    if (self->current == NULL)
        make_spare(self);
}

static void
release(WnJournal *self, WnActive *segment)
{
    if (segment->released)
        return;
    segment->released = true;
    wn_committer_close(self->committer, segment);
}

static void
release_current(WnJournal *self)
{
    release(self, g_steal_pointer(&self->current));
}

/* Whatever of it is not durable now, nor by a sync that has begun, fails when
 * the thread has closed it. */
static void
abandon(WnJournal *self, WnActive *segment, const char *what, int errnum)
{
    if (segment->error != 0)
        return;
    segment->error = errnum;
    note_failure(self, what, segment->name.text, errnum);
    if (segment == self->current)
        self->current = NULL;
    release(self, segment);
}

static bool
is_settled(const WnAppend *append, WnCommit *out_result)
{
    const WnActive *segment = append->segment;

    if (segment != NULL && append->end <= segment->durable) {
        *out_result = WN_COMMIT_DURABLE;
        return true;
    }
    if (segment != NULL && !segment->closed)
        return false;
    *out_result = commit_of(segment != NULL ? segment->error : append->error);
    return true;
}

static WnAppend *
take_first(WnJournal *self)
{
    WnAppend *append = self->first;

    self->first = append->next;
    if (self->first == NULL)
        self->last = NULL;
    return append;
}

/* Tells the results that are known, up to the first that is not. */
static void
settle(WnJournal *self)
{
    int64_t n_durable = 0;
    WnCommit result;

    while (self->first != NULL && is_settled(self->first, &result)) {
        g_autofree WnAppend *append = take_first(self);

        if (result == WN_COMMIT_DURABLE && n_durable++ == 0)
            wn_metric_observe_us(self->commit_seconds,
                wn_clock_mono_us() - append->begun_us);
        if (append->fn != NULL)
            append->fn(append->user, result);
    }
    if (n_durable > 0)
        wn_metric_add(self->commit_messages, n_durable);
}

static void
on_settle(void *user)
{
    settle(user);
}

static void
tell_durable(const WnJournal *self, const WnActive *segment, bool sealed)
{
    if (self->on_durable != NULL)
        self->on_durable(self->user, segment->name.text, segment->durable,
            sealed);
}

static void
on_synced(WnJournal *self, const WnJob *job)
{
    if (job->error != 0) {
        abandon(self, job->segment, "sync", job->error);
        return;
    }
    note_success(self);
    job->segment->durable = job->durable;
    settle(self);
    tell_durable(self, job->segment, false);
}

static void
on_closed(WnJournal *self, const WnJob *job)
{
    g_autoptr(WnActive) segment = job->segment;

    if (segment->error == 0 && job->error != 0)
        note_failure(self, "close", segment->name.text, job->error);
    segment->durable = job->durable;
    segment->closed = true;
    settle(self);
    tell_durable(self, segment, true);
}

static void
on_made(WnJournal *self, const WnJob *job)
{
    self->making = false;
    self->spare = job->segment;
    if (self->keep_ready && self->spare == NULL && self->current == NULL)
        wn_timer_set(&self->probe, WN_JOURNAL_PROBE_MS);
    if (!wn_journal_is_suspect(self))
        return; /* a failure is found out when the spare is needed */
    if (job->error == 0)
        note_success(self);
    else
        wn_timer_set(&self->probe, WN_JOURNAL_PROBE_MS);
}

static void
on_notified(void *user, int fd, unsigned ready)
{
    WnJournal *self = user;
    uint64_t count;
    WnJob *next;

    (void)ready;
    if (read(fd, &count, sizeof count) < 0)
        return; /* EAGAIN: nothing there after all */
    while ((next = wn_committer_take(self->committer)) != NULL) {
        g_autofree WnJob *job = next;

        switch (job->kind) {
        case WN_JOB_SYNC:
            on_synced(self, job);
            break;
        case WN_JOB_CLOSE:
            on_closed(self, job);
            break;
        case WN_JOB_MAKE:
            on_made(self, job);
            break;
        }
    }
}

static void
on_wake(void *user)
{
    WnJournal *self = user;

    wn_committer_wake(self->committer);
}

static void
init_metrics(WnJournal *self)
{
    self->commit_seconds = wn_metrics_histogram("winnow_commit_seconds", NULL,
        "From writing a message to having it on disk, longest of each group.");
    self->commit_messages = wn_metrics_counter("winnow_commit_messages", NULL,
        "Messages brought to disk; by winnow_commit_seconds_count: per group.");
}

WnJournal *
wn_journal_new(WnLoop *loop, const char *spool, const char *worker,
    WnDurableFn on_durable, void *user)
{
    WnJournal *self = g_new0(WnJournal, 1);

    self->io = &wn_journal_io_system;
    self->spool = g_strdup(spool);
    self->worker = g_strdup(worker);
    self->on_durable = on_durable;
    self->user = user;
    self->zeros = g_malloc0(WN_ACTIVE_ZEROS);
    self->notify_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (self->notify_fd < 0)
        g_error("cannot make an eventfd: %s", g_strerror(errno));
    wn_watch_init(&self->notified, loop, self->notify_fd, on_notified, self);
    wn_watch_set(&self->notified, WN_WATCH_READ);
    wn_deferred_init(&self->wake, loop, on_wake, self);
    wn_deferred_init(&self->settle, loop, on_settle, self);
    wn_timer_init(&self->probe, loop, on_probe, self);
    init_metrics(self);
    self->committer = wn_committer_new(self->io, spool, worker,
        self->notify_fd);
    return self;
}

void
wn_journal_set_io(WnJournal *self, const WnJournalIo *io)
{
    self->io = io;
    wn_committer_set_io(self->committer, io);
}

static void
stop_committer(WnJournal *self)
{
    WnJob *next;

    if (self->current != NULL)
        release_current(self);
    wn_committer_stop(self->committer);
    while ((next = wn_committer_take(self->committer)) != NULL) {
        g_autofree WnJob *job = next;

        if (job->kind == WN_JOB_MAKE)
            self->spare = job->segment;
        if (job->kind == WN_JOB_CLOSE)
            wn_active_free(job->segment);
    }
    wn_committer_free(self->committer);
}

void
wn_journal_free(WnJournal *self)
{
    if (self == NULL)
        return;
    stop_committer(self);
    remove_spare(self);
    while (self->first != NULL)
        g_free(take_first(self));
    wn_watch_clear(&self->notified);
    wn_deferred_unset(&self->wake);
    wn_deferred_unset(&self->settle);
    wn_timer_clear(&self->probe);
    wn_fd_close(self->notify_fd);
    g_free(self->zeros);
    g_free(self->spool);
    g_free(self->worker);
    g_free(self);
}

static bool
has_room(const WnActive *segment, uint64_t record_len)
{
    return segment != NULL && wn_active_fits(segment, record_len);
}

/* 0 or errno. */
static int
create_current(WnJournal *self, uint64_t record_len)
{
    WnSegmentPlan plan = {
        .spool = self->spool,
        .worker = self->worker,
        .size = wn_active_size_for(record_len),
        .now_ms = wn_clock_unix_ms(),
    };
    int errnum = wn_active_create(self->io, &plan, &self->current);

    if (errnum != 0)
        note_failure(self, "create", self->worker, errnum);
    return errnum;
}

/* Makes self->current a segment with room for the record; 0 or errno. */
static int
need_segment(WnJournal *self, uint64_t record_len)
{
    if (has_room(self->current, record_len))
        return 0;
    if (self->current != NULL)
        release_current(self);
    if (!has_room(self->spare, record_len))
        return create_current(self, record_len);
    self->current = g_steal_pointer(&self->spare);
    return 0;
}

/* Sets what the append stands for, or its error. */
static void
write_record(WnJournal *self, WnActiveRecord *record, WnAppend *append)
{
    WnActive *segment = self->current;
    int errnum;

    append->segment = segment;
    append->offset = segment->end;
    append->end = UINT64_MAX;
    errnum = wn_active_append(segment, record);
    if (errnum != 0 && record->source_failed) {
        append->segment = NULL;
        append->error = errnum;
        return;
    }
    if (errnum != 0) {
        abandon(self, segment, "write", errnum);
        return;
    }
    append->end = segment->end;
    if (wn_committer_written(self->committer, segment))
        wn_deferred_soon(&self->wake);
    if (segment->end > segment->size / 4 * 3)
        make_spare(self);
}

static void
begin(WnJournal *self, WnActiveRecord *record, WnAppend *append)
{
    if (record->envelope.len > WN_RECORD_ENVELOPE_MAX
        || record->body_len > WN_RECORD_BODY_MAX - WN_RECORD_DOT_LEN)
        append->error = EFBIG;
    else
        append->error = need_segment(self,
            wn_active_record_len(record->envelope.len, record->body_len));
    if (append->error == 0)
        write_record(self, record, append);
    if (append->segment == NULL)
        wn_deferred_soon(&self->settle);
}

WnAppend *
wn_journal_append(WnJournal *self, const WnId *id, WnSpan envelope,
    const WnAppendBody *body, WnCommitFn fn, void *user)
{
    WnAppend *append = g_new0(WnAppend, 1);
    WnActiveRecord record = {
        .id = id,
        .envelope = envelope,
        .body = body->span,
        .body_fd = body->fd,
        .body_len = body->fd >= 0 ? body->len : body->span.len,
        .zeros = self->zeros,
    };

    append->fn = fn;
    append->user = user;
    append->begun_us = wn_clock_mono_us();
    begin(self, &record, append);
    if (self->last != NULL)
        self->last->next = append;
    else
        self->first = append;
    self->last = append;
    return append;
}

void
wn_append_forget(WnAppend *append)
{
    append->fn = NULL;
}

const char *
wn_append_segment(const WnAppend *append, uint64_t *out_offset)
{
    if (append->segment == NULL)
        return NULL;
    *out_offset = append->offset;
    return append->segment->name.text;
}

static bool
refresh_space(WnJournal *self)
{
    int64_t now_ms = wn_clock_mono_ms();

    if (self->space_at_ms != 0 && now_ms - self->space_at_ms < SPACE_MAX_AGE_MS)
        return self->space_known;
    self->space_at_ms = now_ms;
    self->space_known = self->io->space(self->io, self->spool, &self->space)
                        == 0;
    return self->space_known;
}

/* Mail is being put off until somebody makes room. */
static void
tell_shortage(WnJournal *self, uint64_t free_bytes, uint64_t wanted,
    uint64_t min_free)
{
    int64_t now_ms = wn_clock_mono_ms();
    WnEvent event;

    if (self->shortage_told_ms != 0
        && now_ms - self->shortage_told_ms < SHORTAGE_TOLD_MS)
        return;
    self->shortage_told_ms = now_ms;
    wn_event_begin(&event, WN_LEVEL_WARNING, "spool_full");
    wn_event_str(&event, "spool", self->spool);
    wn_event_int(&event, "free_bytes", (int64_t)free_bytes);
    wn_event_int(&event, "wanted_bytes", (int64_t)wanted);
    wn_event_int(&event, "min_free_space", (int64_t)min_free);
    wn_event_int(&event, "free_inodes", (int64_t)self->space.f_favail);
    wn_event_end(&event);
}

bool
wn_journal_has_space(WnJournal *self, uint64_t size, uint64_t min_free)
{
    uint64_t record_len = wn_active_record_len(0, size);
    uint64_t wanted = 0;
    uint64_t free_bytes;
    bool enough;

    if (size > WN_RECORD_BODY_MAX || !refresh_space(self))
        return false;
    if (!has_room(self->current, record_len)
        && !has_room(self->spare, record_len))
        wanted = wn_active_size_for(record_len);
    free_bytes = (uint64_t)self->space.f_bavail * self->space.f_frsize;
    enough = free_bytes >= wanted && free_bytes - wanted >= min_free
             && (self->space.f_files == 0
                 || self->space.f_favail >= INODES_MIN);
    if (!enough)
        tell_shortage(self, free_bytes, wanted, min_free);
    return enough;
}

bool
wn_journal_position(const WnJournal *self, const char **out_segment,
    uint64_t *out_durable)
{
    if (self->current == NULL)
        return false;
    *out_segment = self->current->name.text;
    *out_durable = self->current->durable;
    return true;
}
