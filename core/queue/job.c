/* SPDX-License-Identifier: MIT */
#include "core/base/clock.h"
#include "core/queue/queue_private.h"

/* What one step does at most, and the pause when the asker is slow. */
#define STEP_MESSAGES 256
#define STEP_US 2000
#define PAUSE_MS 10
#define PATIENCE_MS 120000

/*
 * A list or a command for many messages.  It holds the message that is next, so
 * that the place in the queue's list stays known; what comes after it has begun
 * is none of its business, or it might never end.
 */
typedef struct Job {
    WnQueue *queue;
    GList link;
    WnTimer step;
    WnQueued *next;  /* held; NULL: none is left */
    uint64_t n_left; /* messages */
    char *domain, *state;
    bool lists;
    WnQueueFormat format;
    WnQueueCommand command;
    WnQueueTally tally;
    GString *text;
    int64_t slow_since_ms; /* monotonic; 0: the asker takes what it gets */
    const WnQueueJobHandler *handler;
    void *user;
} Job;

static void
job_free(Job *self)
{
    g_queue_unlink(&self->queue->jobs, &self->link);
    wn_timer_clear(&self->step);
    if (self->next != NULL)
        wn_queued_drop(self->next);
    g_string_free(self->text, TRUE);
    g_free(self->domain);
    g_free(self->state);
    g_free(self);
}

static void
visit(Job *self, WnQueued *message)
{
    WnQueueFilter filter = { .domain = self->domain, .state = self->state };

    if (self->lists)
        wn_queue_list_message(self->queue, &filter, self->format, message,
            self->text);
    else
        wn_queue_command_message(self->queue, self->command, &filter, message,
            &self->tally);
}

static void
move_on(Job *self)
{
    WnQueued *message = self->next;

    self->n_left--;
    self->next = self->n_left > 0 ? message->next : NULL;
    if (self->next != NULL)
        wn_queued_hold(self->next);
    wn_queued_drop(message);
}

static void
finish(Job *self)
{
    self->handler->done(self->user, &self->tally);
    job_free(self);
}

/* False: the asker does not read. */
static bool
hand_over(Job *self)
{
    int64_t now_ms = wn_clock_mono_ms();

    if (!self->lists || self->handler->piece(self->user, self->text)) {
        self->slow_since_ms = 0;
        wn_timer_set(&self->step, 0);
        return true;
    }
    if (self->slow_since_ms == 0)
        self->slow_since_ms = now_ms;
    wn_timer_set(&self->step, PAUSE_MS);
    return now_ms - self->slow_since_ms < PATIENCE_MS;
}

static bool
is_to_go_on(const Job *self)
{
    return self->next != NULL && self->slow_since_ms == 0;
}

static void
on_step(void *user)
{
    Job *self = user;
    int64_t end_us = wn_clock_mono_us() + STEP_US;

    for (int i = 0; i < STEP_MESSAGES && is_to_go_on(self); i++) {
        visit(self, self->next);
        move_on(self);
        if (wn_clock_mono_us() >= end_us)
            break;
    }
    if (!hand_over(self) || self->next == NULL)
        finish(self);
}

static Job *
begin(WnQueue *queue, const WnQueueFilter *filter,
    const WnQueueJobHandler *handler, void *user)
{
    Job *self = g_new0(Job, 1);

    g_assert(filter->id == NULL);
    self->queue = queue;
    self->link.data = self;
    self->next = queue->messages.head;
    self->n_left = queue->messages.n_messages;
    self->domain = g_strdup(filter->domain);
    self->state = g_strdup(filter->state);
    self->text = g_string_new(NULL);
    self->handler = handler;
    self->user = user;
    if (self->next != NULL)
        wn_queued_hold(self->next);
    wn_timer_init(&self->step, queue->loop, on_step, self);
    wn_timer_set(&self->step, 0);
    g_queue_push_tail_link(&queue->jobs, &self->link);
    return self;
}

void
wn_queue_list_all(WnQueue *self, const WnQueueFilter *filter,
    WnQueueFormat format, const WnQueueJobHandler *handler, void *user)
{
    Job *job = begin(self, filter, handler, user);

    job->lists = true;
    job->format = format;
}

void
wn_queue_command_all(WnQueue *self, WnQueueCommand command,
    const WnQueueFilter *filter, const WnQueueJobHandler *handler, void *user)
{
    begin(self, filter, handler, user)->command = command;
}

void
wn_queue_drop_jobs(WnQueue *self)
{
    while (self->jobs.length > 0)
        job_free(self->jobs.head->data);
}
