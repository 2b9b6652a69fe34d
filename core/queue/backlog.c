/* SPDX-License-Identifier: MIT */
#include "core/queue/backlog.h"

#include "core/base/clock.h"

#define REFUSE_STEP 256
#define LOOK_STEP 256

/* The time of the next probe, when somebody waits for one. */
static void
arm_probe(WnDestination *self)
{
    int64_t up_at_ms = wn_servers_up_at(self->servers);

    self->probe_backoff_ms = self->probe_backoff_ms == 0
                                 ? WN_ENDPOINT_DOWN_MS
                                 : MIN(self->probe_backoff_ms * 2,
                                     WN_ENDPOINT_DOWN_MAX_MS);
    if (up_at_ms == 0 || up_at_ms == INT64_MAX)
        wn_timer_set(&self->probe, self->probe_backoff_ms);
    else
        wn_timer_set(&self->probe, up_at_ms - wn_clock_mono_ms());
}

static void
on_refuse(void *user)
{
    WnDestination *self = user;
    WnAttempt attempt = { .sent = { .kind = self->failure_kind,
                              .code = self->failure_code,
                              .enhanced = self->failure_enhanced,
                              .text = self->failure_text,
                              .command = self->failure_command },
        .server = self->failure_server,
        .unreachable = true };

    for (int i = 0; i < REFUSE_STEP && self->line.n > 0; i++) {
        WnParcel *parcel = self->line.head;

        wn_parcel_unline(parcel);
        if (parcel->route_turn != self->all->turn)
            self->all->handler->reroute(self->all->user, parcel);
        else
            self->all->handler->refused(self->all->user, parcel, &attempt);
    }
    if (self->line.n > 0) {
        wn_deferred_soon(&self->refuse);
        return;
    }
    self->refusing = false;
    if (!wn_timer_is_set(&self->probe))
        arm_probe(self);
}

void
wn_backlog_refuse(WnDestination *self)
{
    self->refusing = true;
    wn_timer_unset(&self->release);
    wn_deferred_soon(&self->refuse);
}

void
wn_backlog_stop_refusing(WnDestination *self)
{
    if (!self->refusing)
        return;
    self->refusing = false;
    wn_deferred_unset(&self->refuse);
    if (self->waiting.n > 0 && !wn_timer_is_set(&self->probe))
        arm_probe(self);
}

/* What goes before its time and reaches nobody has lost nothing by it. */
static void
let_go(WnDestination *self, WnParcel *parcel)
{
    wn_parcel_unline(parcel);
    parcel->early = true;
    self->all->handler->release(self->all->user, parcel);
}

static void
on_release(void *user)
{
    WnDestination *self = user;

    for (uint64_t i = 0; i < self->release_step && self->waiting.n > 0; i++)
        let_go(self, self->waiting.head);
    if (self->waiting.n > 0)
        wn_timer_set(&self->release, WN_BACKLOG_STEP_MS);
}

/* For so many to be gone in time. */
static uint64_t
step_of(uint64_t n)
{
    uint64_t n_steps = WN_BACKLOG_RELEASE_MS / WN_BACKLOG_STEP_MS;

    return MAX(WN_BACKLOG_STEP_MIN, (n + n_steps - 1) / n_steps);
}

void
wn_backlog_release(WnDestination *self)
{
    self->probe_backoff_ms = 0;
    wn_timer_unset(&self->probe);
    if (self->waiting.n == 0 || wn_timer_is_set(&self->release))
        return;
    self->release_step = step_of(self->waiting.n);
    wn_timer_set(&self->release, 0);
}

void
wn_backlog_await(WnDestination *self)
{
    if (!self->refusing && !wn_timer_is_set(&self->probe)
        && !wn_timer_is_set(&self->release))
        arm_probe(self);
}

static void
on_move(void *user)
{
    WnDestination *self = user;

    for (uint64_t i = 0; i < self->move_step && self->moved.n > 0; i++)
        let_go(self, self->moved.head);
    if (self->moved.n > 0)
        wn_timer_set(&self->move, WN_BACKLOG_STEP_MS);
}

/* Some of a line, all of which goes round once; how many are unseen. */
static uint64_t
look_through(WnDestination *self, WnParcelLine *line, uint64_t n)
{
    for (int i = 0; i < LOOK_STEP && n > 0 && line->n > 0; i++, n--) {
        WnParcel *parcel = line->head;
        bool moved = self->all->handler->moved(self->all->user, parcel, self);

        wn_parcel_unline(parcel);
        wn_parcel_line_push(moved ? &self->moved : line, parcel);
    }
    return line->n > 0 ? n : 0;
}

static void
on_look(void *user)
{
    WnDestination *self = user;

    self->n_line_unseen = look_through(self, &self->line, self->n_line_unseen);
    self->n_waiting_unseen = look_through(self, &self->waiting,
        self->n_waiting_unseen);
    self->move_step = MAX(self->move_step, step_of(self->moved.n));
    if (self->moved.n > 0 && !wn_timer_is_set(&self->move))
        wn_timer_set(&self->move, 0);
    if (self->n_line_unseen > 0 || self->n_waiting_unseen > 0)
        wn_deferred_soon(&self->look);
}

void
wn_backlog_look(WnDestination *self)
{
    self->n_line_unseen = self->line.n;
    self->n_waiting_unseen = self->waiting.n;
    self->move_step = step_of(self->moved.n);
    if (self->line.n > 0 || self->waiting.n > 0)
        wn_deferred_soon(&self->look);
}

/* The one that has waited longest goes ahead; the others follow when it gets
 * through. */
static void
on_probe(void *user)
{
    WnDestination *self = user;

    if (self->waiting.n == 0 || self->all->draining)
        return;
    if (self->proven && self->couriers.length > self->n_connecting) {
        wn_backlog_release(self);
        return;
    }
    let_go(self, self->waiting.head);
    /* It may have gone elsewhere. */
    if (self->waiting.n > 0 && self->line.n == 0 && self->couriers.length == 0)
        arm_probe(self);
}

void
wn_backlog_init(WnDestination *self)
{
    wn_deferred_init(&self->refuse, self->all->config.loop, on_refuse, self);
    wn_deferred_init(&self->look, self->all->config.loop, on_look, self);
    wn_timer_init(&self->move, self->all->config.loop, on_move, self);
    wn_timer_init(&self->release, self->all->config.loop, on_release, self);
    wn_timer_init(&self->probe, self->all->config.loop, on_probe, self);
}

void
wn_backlog_clear(WnDestination *self)
{
    while (self->waiting.n > 0)
        wn_parcel_unline(self->waiting.head);
    while (self->moved.n > 0)
        wn_parcel_unline(self->moved.head);
    wn_deferred_unset(&self->refuse);
    wn_deferred_unset(&self->look);
    wn_timer_clear(&self->move);
    wn_timer_clear(&self->release);
    wn_timer_clear(&self->probe);
}
