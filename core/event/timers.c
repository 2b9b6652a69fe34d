/* SPDX-License-Identifier: MIT */
#include "core/event/timers.h"

#include "core/base/clock.h"

#define UNSET (-1)

static WnTimer *
timer_at(const WnTimers *self, size_t position)
{
    return g_ptr_array_index(self->heap, position - 1);
}

static void
put(WnTimers *self, size_t position, WnTimer *timer)
{
    g_ptr_array_index(self->heap, position - 1) = timer;
    timer->position = position;
}

/* Moves timer from the free place at position towards the root. */
static void
sift_up(WnTimers *self, size_t position, WnTimer *timer)
{
    while (position > 1) {
        WnTimer *parent = timer_at(self, position / 2);

        if (parent->armed_ms <= timer->armed_ms)
            break;
        put(self, position, parent);
        position /= 2;
    }
    put(self, position, timer);
}

static void
sift_down(WnTimers *self, size_t position, WnTimer *timer)
{
    size_t n = self->heap->len;

    while (position * 2 <= n) {
        size_t child = position * 2;

        if (child < n
            && timer_at(self, child + 1)->armed_ms
                   < timer_at(self, child)->armed_ms)
            child++;
        if (timer->armed_ms <= timer_at(self, child)->armed_ms)
            break;
        put(self, position, timer_at(self, child));
        position = child;
    }
    put(self, position, timer);
}

static void
heap_add(WnTimers *self, WnTimer *timer)
{
    g_ptr_array_add(self->heap, timer);
    sift_up(self, self->heap->len, timer);
}

static void
heap_remove(WnTimers *self, WnTimer *timer)
{
    size_t position = timer->position;
    WnTimer *last = timer_at(self, self->heap->len);

    g_ptr_array_set_size(self->heap, (int)self->heap->len - 1);
    timer->position = 0;
    if (last == timer)
        return;
    if (position > 1 && timer_at(self, position / 2)->armed_ms > last->armed_ms)
        sift_up(self, position, last);
    else
        sift_down(self, position, last);
}

void
wn_timers_init(WnTimers *self)
{
    self->heap = g_ptr_array_new();
}

void
wn_timers_clear(WnTimers *self)
{
    for (size_t position = 1; position <= self->heap->len; position++) {
        timer_at(self, position)->deadline_ms = UNSET;
        timer_at(self, position)->loop = NULL;
    }
    g_clear_pointer(&self->heap, g_ptr_array_unref);
}

int64_t
wn_timers_next_ms(const WnTimers *self)
{
    return self->heap->len > 0 ? timer_at(self, 1)->armed_ms : INT64_MAX;
}

/* Takes the first timer out, or puts it where its deadline belongs. */
static void
settle_first(WnTimers *self, int64_t now_ms)
{
    WnTimer *timer = timer_at(self, 1);

    if (timer->deadline_ms > now_ms) {
        timer->armed_ms = timer->deadline_ms;
        sift_down(self, 1, timer);
        return;
    }
    heap_remove(self, timer);
    if (timer->deadline_ms == UNSET)
        return;
    timer->deadline_ms = UNSET;
    timer->fn(timer->user);
}

void
wn_timers_fire(WnTimers *self, int64_t now_ms)
{
    /* Bounded, so that a timer which sets itself to now cannot keep the loop
     * here. */
    for (size_t n = self->heap->len; n > 0; n--) {
        if (wn_timers_next_ms(self) > now_ms)
            return;
        settle_first(self, now_ms);
    }
}

void
wn_timer_init(WnTimer *self, WnLoop *loop, WnLoopFn fn, void *user)
{
    *self = (WnTimer){ .loop = loop,
        .fn = fn,
        .user = user,
        .deadline_ms = UNSET };
}

void
wn_timer_clear(WnTimer *self)
{
    if (self->loop != NULL && self->position > 0)
        heap_remove(wn_loop_timers(self->loop), self);
    *self = (WnTimer){ .deadline_ms = UNSET };
}

void
wn_timer_set(WnTimer *self, int64_t ms)
{
    WnTimers *timers = wn_loop_timers(self->loop);

    self->deadline_ms = wn_clock_mono_ms() + MAX(ms, 0);
    if (self->position == 0) {
        self->armed_ms = self->deadline_ms;
        heap_add(timers, self);
    } else if (self->deadline_ms < self->armed_ms) {
        self->armed_ms = self->deadline_ms;
        sift_up(timers, self->position, self);
    }
}

void
wn_timer_unset(WnTimer *self)
{
    self->deadline_ms = UNSET;
}

bool
wn_timer_is_set(const WnTimer *self)
{
    return self->loop != NULL && self->deadline_ms != UNSET;
}
