/* SPDX-License-Identifier: MIT */
#include "core/queue/schedule.h"

#include "core/base/clock.h"

#define STEP_PARCELS 256

struct WnSchedule {
    GPtrArray *heap; /* of WnParcel, position 1 at index 0 */
    WnTimer timer;
    WnDeferred soon; /* more is due than one step took */
    WnScheduleFn fn;
    void *user;
};

static WnParcel *
at(const WnSchedule *self, uint32_t position)
{
    return self->heap->pdata[position - 1];
}

static void
place(WnSchedule *self, WnParcel *parcel, uint32_t position)
{
    self->heap->pdata[position - 1] = parcel;
    parcel->heap_position = position;
}

static void
sift_up(WnSchedule *self, WnParcel *parcel, uint32_t position)
{
    while (position > 1 && at(self, position / 2)->due_ms > parcel->due_ms) {
        place(self, at(self, position / 2), position);
        position /= 2;
    }
    place(self, parcel, position);
}

static void
sift_down(WnSchedule *self, WnParcel *parcel, uint32_t position)
{
    uint32_t n = self->heap->len;

    while (2 * position <= n) {
        uint32_t child = 2 * position;

        if (child < n && at(self, child + 1)->due_ms < at(self, child)->due_ms)
            child++;
        if (at(self, child)->due_ms >= parcel->due_ms)
            break;
        place(self, at(self, child), position);
        position = child;
    }
    place(self, parcel, position);
}

static void
arm(WnSchedule *self)
{
    if (self->heap->len > 0)
        wn_timer_set(&self->timer,
            MAX(0, at(self, 1)->due_ms - wn_clock_mono_ms()));
    else
        wn_timer_unset(&self->timer);
}

static void
take_out(WnSchedule *self, WnParcel *parcel)
{
    uint32_t position = parcel->heap_position;
    WnParcel *last = at(self, self->heap->len);

    parcel->heap_position = 0;
    g_ptr_array_set_size(self->heap, (gint)self->heap->len - 1);
    if (last == parcel)
        return;
    if (position > 1 && at(self, position / 2)->due_ms > last->due_ms)
        sift_up(self, last, position);
    else
        sift_down(self, last, position);
}

static void
hand_out(void *user)
{
    WnSchedule *self = user;
    int64_t now_ms = wn_clock_mono_ms();

    for (int i = 0; i < STEP_PARCELS; i++) {
        WnParcel *parcel = self->heap->len > 0 ? at(self, 1) : NULL;

        if (parcel == NULL || parcel->due_ms > now_ms) {
            arm(self);
            return;
        }
        take_out(self, parcel);
        self->fn(self->user, parcel);
    }
    wn_deferred_soon(&self->soon);
}

void
wn_schedule_add(WnSchedule *self, WnParcel *parcel, int64_t due_ms)
{
    g_assert(parcel->heap_position == 0);
    parcel->due_ms = due_ms;
    g_ptr_array_add(self->heap, parcel);
    sift_up(self, parcel, self->heap->len);
    if (parcel->heap_position == 1)
        arm(self);
}

void
wn_schedule_remove(WnSchedule *self, WnParcel *parcel)
{
    if (parcel->heap_position != 0)
        take_out(self, parcel);
}

WnSchedule *
wn_schedule_new(WnLoop *loop, WnScheduleFn fn, void *user)
{
    WnSchedule *self = g_new0(WnSchedule, 1);

    self->heap = g_ptr_array_new();
    self->fn = fn;
    self->user = user;
    wn_timer_init(&self->timer, loop, hand_out, self);
    wn_deferred_init(&self->soon, loop, hand_out, self);
    return self;
}

void
wn_schedule_free(WnSchedule *self)
{
    if (self == NULL)
        return;
    for (uint32_t i = 1; i <= self->heap->len; i++)
        at(self, i)->heap_position = 0;
    wn_deferred_unset(&self->soon);
    wn_timer_clear(&self->timer);
    g_ptr_array_unref(self->heap);
    g_free(self);
}
