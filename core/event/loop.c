/* SPDX-License-Identifier: MIT */
#include "core/event/loop.h"

#include "core/base/clock.h"
#include "core/event/timers.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <sys/time.h>

#define TURN_MAX_MS 50

/* Without timers the loop still wakes now and then; the value only has to fit
 * a timeval. */
#define IDLE_MAX_MS (60 * 60 * 1000)

typedef struct Deferred {
    WnLoopFn fn; /* NULL: cancelled */
    void *user;
} Deferred;

typedef struct Signal {
    struct event *event;
    WnLoopFn fn;
    void *user;
} Signal;

struct WnLoop {
    struct event_base *base;
    struct event *tick;
    int64_t tick_ms; /* when tick fires; INT64_MAX: not set */
    bool stopping;
    WnTimers timers;
    GArray *deferred; /* of Deferred: what defer adds to */
    GArray *running;  /* of Deferred: what this turn runs */
    WnDeferred soon;  /* heads of rings */
    WnDeferred ending;
    GPtrArray *signals;
    char *scratch;
};

G_DEFINE_QUARK(wn - event - error - quark, wn_event_error)

static void
on_tick(evutil_socket_t fd, short what, void *user)
{
    WnLoop *self = user;

    (void)fd;
    (void)what;
    self->tick_ms = INT64_MAX;
}

static void
ring_init(WnDeferred *head)
{
    head->next = head;
    head->previous = head;
}

static void
ring_append(WnDeferred *head, WnDeferred *call)
{
    call->previous = head->previous;
    call->next = head;
    head->previous->next = call;
    head->previous = call;
}

static bool
ring_is_empty(const WnDeferred *head)
{
    return head->next == head;
}

/* Moves all of from to the empty ring to. */
static void
ring_move(WnDeferred *from, WnDeferred *to)
{
    ring_init(to);
    if (ring_is_empty(from))
        return;
    *to = *from;
    to->next->previous = to;
    to->previous->next = to;
    ring_init(from);
}

static void
ring_run(WnDeferred *head)
{
    while (!ring_is_empty(head)) {
        WnDeferred *call = head->next;

        wn_deferred_unset(call);
        call->fn(call->user);
    }
}

static void
signal_free(void *data)
{
    Signal *entry = data;

    event_free(entry->event);
    g_free(entry);
}

WnLoop *
wn_loop_new(void)
{
    WnLoop *self = g_new0(WnLoop, 1);

    signal(SIGPIPE, SIG_IGN);
    self->base = event_base_new();
    if (self->base == NULL)
        g_error("cannot make an event loop: %s", g_strerror(errno));
    self->tick = evtimer_new(self->base, on_tick, self);
    self->tick_ms = INT64_MAX;
    wn_timers_init(&self->timers);
    self->deferred = g_array_new(FALSE, FALSE, sizeof(Deferred));
    self->running = g_array_new(FALSE, FALSE, sizeof(Deferred));
    ring_init(&self->soon);
    ring_init(&self->ending);
    self->signals = g_ptr_array_new_with_free_func(signal_free);
    self->scratch = g_malloc(WN_LOOP_SCRATCH);
    return self;
}

static void
ring_forget(WnDeferred *head)
{
    while (!ring_is_empty(head))
        wn_deferred_unset(head->next);
}

void
wn_loop_free(WnLoop *self)
{
    if (self == NULL)
        return;
    ring_run(&self->ending);
    ring_forget(&self->soon);
    wn_timers_clear(&self->timers);
    g_ptr_array_unref(self->signals);
    g_array_unref(self->deferred);
    g_array_unref(self->running);
    event_free(self->tick);
    event_base_free(self->base);
    g_free(self->scratch);
    g_free(self);
}

WnTimers *
wn_loop_timers(WnLoop *loop)
{
    return &loop->timers;
}

char *
wn_loop_scratch(WnLoop *self)
{
    return self->scratch;
}

static void
run_deferred(WnLoop *self)
{
    GArray *now = self->deferred;

    self->deferred = self->running;
    self->running = now;
    for (guint i = 0; i < now->len; i++) {
        Deferred call = g_array_index(now, Deferred, i);

        if (call.fn != NULL)
            call.fn(call.user);
    }
    g_array_set_size(now, 0);
}

static void
run_soon(WnLoop *self)
{
    WnDeferred now;

    ring_move(&self->soon, &now);
    ring_run(&now);
}

/* Makes sure that libevent wakes at until_ms or earlier. */
static void
arm_tick(WnLoop *self, int64_t now_ms, int64_t until_ms)
{
    int64_t wait_ms = CLAMP(until_ms - now_ms, 0, IDLE_MAX_MS);
    struct timeval wait = { .tv_sec = wait_ms / 1000,
        .tv_usec = wait_ms % 1000 * 1000 };

    if (self->tick_ms <= until_ms)
        return;
    self->tick_ms = until_ms;
    event_add(self->tick, &wait);
}

static void
turn(WnLoop *self, int64_t max_ms)
{
    int64_t now_ms = wn_clock_mono_ms();
    int64_t until_ms = MIN(wn_timers_next_ms(&self->timers), now_ms + max_ms);
    bool busy = self->deferred->len > 0 || !ring_is_empty(&self->soon)
                || until_ms <= now_ms;

    if (!busy)
        arm_tick(self, now_ms, until_ms);
    if (event_base_loop(self->base,
            EVLOOP_NO_EXIT_ON_EMPTY | (busy ? EVLOOP_NONBLOCK : EVLOOP_ONCE))
        < 0)
        g_error("event loop: %s", g_strerror(errno));
    wn_timers_fire(&self->timers, wn_clock_mono_ms());
    if (self->deferred->len > 0)
        run_deferred(self);
    run_soon(self);
}

void
wn_loop_turn(WnLoop *self)
{
    turn(self, TURN_MAX_MS);
}

void
wn_loop_run(WnLoop *self)
{
    while (!self->stopping)
        turn(self, IDLE_MAX_MS);
    self->stopping = false;
}

void
wn_loop_stop(WnLoop *self)
{
    self->stopping = true;
}

void
wn_loop_defer(WnLoop *self, WnLoopFn fn, void *user)
{
    Deferred call = { fn, user };

    g_array_append_val(self->deferred, call);
}

static void
cancel_in(GArray *calls, const void *user)
{
    for (guint i = 0; i < calls->len; i++) {
        Deferred *call = &g_array_index(calls, Deferred, i);

        if (call->user == user)
            call->fn = NULL;
    }
}

void
wn_loop_defer_cancel(WnLoop *self, void *user)
{
    cancel_in(self->deferred, user);
    cancel_in(self->running, user);
}

void
wn_deferred_init(WnDeferred *self, WnLoop *loop, WnLoopFn fn, void *user)
{
    *self = (WnDeferred){ .loop = loop, .fn = fn, .user = user };
}

void
wn_deferred_soon(WnDeferred *self)
{
    if (self->next == NULL)
        ring_append(&self->loop->soon, self);
}

void
wn_deferred_at_end(WnDeferred *self)
{
    if (self->next == NULL)
        ring_append(&self->loop->ending, self);
}

void
wn_deferred_unset(WnDeferred *self)
{
    if (self->next == NULL)
        return;
    self->previous->next = self->next;
    self->next->previous = self->previous;
    self->next = NULL;
    self->previous = NULL;
}

static void
on_readable(evutil_socket_t fd, short what, void *user)
{
    WnWatch *self = user;

    (void)what;
    self->fn(self->user, fd, WN_WATCH_READ);
}

static void
on_writable(evutil_socket_t fd, short what, void *user)
{
    WnWatch *self = user;

    (void)what;
    self->fn(self->user, fd, WN_WATCH_WRITE);
}

void
wn_watch_init(WnWatch *self, WnLoop *loop, int fd, WnWatchFn fn, void *user)
{
    *self = (WnWatch){ .loop = loop, .fd = fd, .fn = fn, .user = user };
}

void
wn_watch_clear(WnWatch *self)
{
    if (self->read_event != NULL)
        event_free(self->read_event);
    if (self->write_event != NULL)
        event_free(self->write_event);
    *self = (WnWatch){ .fd = -1 };
}

static void
want(WnWatch *self, struct event **event, short what, bool on)
{
    if (!on) {
        if (*event != NULL)
            event_del(*event);
        return;
    }
    if (*event == NULL)
        *event = event_new(self->loop->base, self->fd, what | EV_PERSIST,
            what == EV_READ ? on_readable : on_writable, self);
    if (event_add(*event, NULL) != 0)
        g_error("cannot watch descriptor %d", self->fd);
}

void
wn_watch_set(WnWatch *self, unsigned wanted)
{
    unsigned changed = self->wanted ^ wanted;

    self->wanted = wanted;
    if (changed & WN_WATCH_READ)
        want(self, &self->read_event, EV_READ, wanted & WN_WATCH_READ);
    if (changed & WN_WATCH_WRITE)
        want(self, &self->write_event, EV_WRITE, wanted & WN_WATCH_WRITE);
}

static void
on_signal(evutil_socket_t signo, short what, void *user)
{
    Signal *entry = user;

    (void)signo;
    (void)what;
    entry->fn(entry->user);
}

void
wn_loop_on_signal(WnLoop *self, int signo, WnLoopFn fn, void *user)
{
    Signal *entry = g_new0(Signal, 1);

    entry->fn = fn;
    entry->user = user;
    entry->event = evsignal_new(self->base, signo, on_signal, entry);
    g_ptr_array_add(self->signals, entry);
    if (event_add(entry->event, NULL) != 0)
        g_error("cannot watch signal %d", signo);
}
