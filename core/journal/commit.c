/* SPDX-License-Identifier: MIT */
#include "core/journal/commit.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

typedef struct JobList {
    WnJob *first;
    WnJob *last;
} JobList;

struct WnCommitter {
    const WnJournalIo *io;
    char *spool;
    char *worker;
    int notify_fd;
    pthread_t thread;

    pthread_mutex_t lock; /* guards what follows, and WnActive.shared */
    pthread_cond_t wake;
    JobList given;
    JobList done;
    bool asleep;
    bool stopping;
};

static void
list_append(JobList *list, WnJob *job)
{
    if (list->last != NULL)
        list->last->next = job;
    else
        list->first = job;
    list->last = job;
}

static WnJob *
list_take(JobList *list)
{
    WnJob *job = list->first;

    if (job == NULL)
        return NULL;
    list->first = job->next;
    if (list->first == NULL)
        list->last = NULL;
    job->next = NULL;
    return job;
}

/* Called with the lock held. */
static WnJob *
give(WnCommitter *self, WnJobKind kind, WnActive *segment)
{
    WnJob *job = g_new0(WnJob, 1);

    job->kind = kind;
    job->segment = segment;
    list_append(&self->given, job);
    return job;
}

/* After a failed sync the pages may be marked clean without being on disk, so
 * another one would succeed and mean nothing: it is never tried. */
static void
do_sync(const WnCommitter *self, WnJob *job)
{
    WnActive *segment = job->segment;

    if (job->error == 0 && self->io->sync(self->io, segment->fd) != 0)
        job->error = errno;
    if (job->error == 0)
        segment->synced = job->durable;
    else
        segment->failed = job->error;
    job->durable = segment->synced;
}

static void
do_close(WnJob *job)
{
    WnActive *segment = job->segment;
    int errnum;

    /* A sync may have failed after the loop gave this job. */
    if (job->error == 0)
        job->error = segment->failed;
    if (job->error != 0) {
        wn_active_cancel(segment, segment->synced);
    } else {
        job->error = wn_active_seal(segment);
        if (job->error == 0)
            segment->synced = segment->end + WN_RECORD_HEADER_LEN;
    }
    job->durable = segment->synced;
    errnum = wn_active_close(segment);
    if (job->error == 0)
        job->error = errnum;
}

/* Under the lock: fixes what a sync will have covered. */
static void
begin(WnJob *job)
{
    WnActive *segment = job->segment;

    if (job->kind != WN_JOB_SYNC)
        return;
    segment->shared.queued = false;
    job->durable = segment->shared.written;
    job->error = segment->shared.abandoned ? ECANCELED : 0;
}

static void
do_make(const WnCommitter *self, WnJob *job)
{
    WnSegmentPlan plan = {
        .spool = self->spool,
        .worker = self->worker,
        .size = WN_SEGMENT_SIZE,
        .now_ms = job->now_ms,
    };

    job->error = wn_active_create(self->io, &plan, &job->segment);
}

static void
perform(const WnCommitter *self, WnJob *job)
{
    switch (job->kind) {
    case WN_JOB_SYNC:
        do_sync(self, job);
        break;
    case WN_JOB_CLOSE:
        do_close(job);
        break;
    case WN_JOB_MAKE:
        do_make(self, job);
        break;
    }
}

static void
give_back(WnCommitter *self, WnJob *job)
{
    const uint64_t one = 1;

    if (job->kind == WN_JOB_SYNC && job->error != 0)
        job->segment->shared.abandoned = true;
    list_append(&self->done, job);
    /* The counter is drained long before it could overflow and refuse. */
    while (write(self->notify_fd, &one, sizeof one) < 0 && errno == EINTR)
        continue;
}

static WnJob *
await_job(WnCommitter *self)
{
    while (self->given.first == NULL && !self->stopping) {
        self->asleep = true;
        pthread_cond_wait(&self->wake, &self->lock);
        self->asleep = false;
    }
    return list_take(&self->given);
}

static void *
run(void *user)
{
    WnCommitter *self = user;
    WnJob *job;

    pthread_mutex_lock(&self->lock);
    while ((job = await_job(self)) != NULL) {
        begin(job);
        pthread_mutex_unlock(&self->lock);
        perform(self, job);
        pthread_mutex_lock(&self->lock);
        give_back(self, job);
    }
    pthread_mutex_unlock(&self->lock);
    return NULL;
}

/* Signals are the loop's business. */
static void
start(WnCommitter *self)
{
    sigset_t all;
    sigset_t before;
    int errnum;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    errnum = pthread_create(&self->thread, NULL, run, self);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (errnum != 0)
        g_error("cannot start the commit thread: %s", g_strerror(errnum));
}

WnCommitter *
wn_committer_new(const WnJournalIo *io, const char *spool, const char *worker,
    int notify_fd)
{
    WnCommitter *self = g_new0(WnCommitter, 1);

    self->io = io;
    self->spool = g_strdup(spool);
    self->worker = g_strdup(worker);
    self->notify_fd = notify_fd;
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->wake, NULL);
    start(self);
    return self;
}

void
wn_committer_set_io(WnCommitter *self, const WnJournalIo *io)
{
    pthread_mutex_lock(&self->lock);
    self->io = io;
    pthread_mutex_unlock(&self->lock);
}

void
wn_committer_stop(WnCommitter *self)
{
    pthread_mutex_lock(&self->lock);
    self->stopping = true;
    pthread_cond_signal(&self->wake);
    pthread_mutex_unlock(&self->lock);
    pthread_join(self->thread, NULL);
}

void
wn_committer_free(WnCommitter *self)
{
    g_assert(self->given.first == NULL && self->done.first == NULL);
    pthread_cond_destroy(&self->wake);
    pthread_mutex_destroy(&self->lock);
    g_free(self->spool);
    g_free(self->worker);
    g_free(self);
}

bool
wn_committer_written(WnCommitter *self, WnActive *segment)
{
    bool asleep = false;

    pthread_mutex_lock(&self->lock);
    segment->shared.written = segment->end;
    if (!segment->shared.queued) {
        segment->shared.queued = true;
        give(self, WN_JOB_SYNC, segment);
        asleep = self->asleep;
    }
    pthread_mutex_unlock(&self->lock);
    return asleep;
}

void
wn_committer_wake(WnCommitter *self)
{
    pthread_mutex_lock(&self->lock);
    pthread_cond_signal(&self->wake);
    pthread_mutex_unlock(&self->lock);
}

void
wn_committer_close(WnCommitter *self, WnActive *segment)
{
    pthread_mutex_lock(&self->lock);
    if (segment->error != 0)
        segment->shared.abandoned = true;
    give(self, WN_JOB_CLOSE, segment)->error = segment->error;
    pthread_cond_signal(&self->wake);
    pthread_mutex_unlock(&self->lock);
}

void
wn_committer_make(WnCommitter *self, int64_t now_ms)
{
    pthread_mutex_lock(&self->lock);
    give(self, WN_JOB_MAKE, NULL)->now_ms = now_ms;
    pthread_cond_signal(&self->wake);
    pthread_mutex_unlock(&self->lock);
}

WnJob *
wn_committer_take(WnCommitter *self)
{
    WnJob *job;

    pthread_mutex_lock(&self->lock);
    job = list_take(&self->done);
    pthread_mutex_unlock(&self->lock);
    return job;
}
