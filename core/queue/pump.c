/* SPDX-License-Identifier: MIT */
#include "core/queue/pump.h"

#include "core/queue/backlog.h"
#include "core/queue/crew.h"

/* Past parcels that are not for a server, or not now: more than connections
 * can be lost at once. */
#define LOOK_AHEAD (WN_DESTINATION_MAX + 24)
#define UNPROVEN_CONNECTING 2 /* at a time, before anything has worked */
#define PATIENCE_MS 1000

static WnEndpoint *
pick(const WnDestination *self, const WnParcel *parcel)
{
    return wn_servers_pick(self->servers, parcel->avoid,
        parcel->unfit | parcel->deferring);
}

static bool
is_choosy(const WnParcel *parcel)
{
    return parcel->avoid >= 0 || parcel->unfit != 0 || parcel->deferring != 0;
}

/* All that avoid the same may go to the same. */
static bool
is_alike(const WnParcel *a, const WnParcel *b)
{
    return a->avoid == b->avoid
           && (a->unfit | a->deferring) == (b->unfit | b->deferring);
}

/* A server that ails gets what no healthy one can take. */
static bool
suits(const WnDestination *self, const WnCourier *courier,
    const WnParcel *parcel)
{
    const WnEndpoint *best;

    if (wn_crew_avoids(parcel, wn_endpoint_server(courier->endpoint)))
        return false;
    if (!wn_endpoint_ails(courier->endpoint))
        return true;
    best = pick(self, parcel);
    return best == NULL || wn_endpoint_ails(best);
}

/* The first parcel for the courier, near the front. */
static WnParcel *
find_work(const WnDestination *self, const WnCourier *courier)
{
    const WnParcel *misfit = NULL;
    WnParcel *parcel = self->line.head;

    for (int i = 0; i < LOOK_AHEAD && parcel != NULL; i++) {
        if (misfit == NULL || !is_alike(misfit, parcel)) {
            if (suits(self, courier, parcel))
                return parcel;
            misfit = parcel;
        }
        parcel = parcel->next;
    }
    return NULL;
}

WnWork
wn_pump_give_work(WnDestination *self, WnCourier *courier)
{
    WnDestinations *all = self->all;
    WnWork work = WN_WORK_NONE;
    WnParcel *parcel;

    wn_destination_check_numbers(self);
    courier->state = WN_COURIER_BUSY;
    while (!all->draining && wn_crew_is_trusted(courier)
           && (parcel = find_work(self, courier)) != NULL) {
        g_autoptr(GError) error = NULL;

        wn_parcel_unline(parcel);
        work = WN_WORK_ELSEWHERE;
        if (parcel->route_turn != all->turn) {
            all->handler->reroute(all->user, parcel);
            continue;
        }
        parcel->state = WN_PARCEL_SENDING;
        if (wn_courier_carry(courier, parcel, &error)) {
            all->n_sending++;
            wn_endpoint_begins(courier->endpoint);
            wn_endpoint_assigned(courier->endpoint);
            return WN_WORK_CARRIED;
        }
        all->handler->damaged(all->user, parcel, error);
    }
    courier->state = WN_COURIER_IDLE;
    return work;
}

static void
begin_refusing(WnDestination *self, const WnSent *why)
{
    if (why != NULL)
        wn_destination_note_failure(self, why, "");
    self->proven = false;
    self->limit = 1;
    wn_backlog_refuse(self);
}

/* What is stuck with a server that ails leaves room for others. */
static bool
is_full(const WnDestination *self, const WnEndpoint *endpoint)
{
    guint n = self->couriers.length;

    if (endpoint == NULL || !wn_endpoint_ails(endpoint))
        n -= wn_servers_n_stuck(self->servers);
    return n >= (guint)self->limit;
}

/* Enough connections are being made for those that may go where the parcel
 * goes. */
static bool
has_enough(const WnDestination *self, const WnEndpoint *endpoint,
    const WnParcel *parcel)
{
    const WnParcel *other = self->line.head;
    unsigned n = 0;

    if (!is_choosy(parcel))
        return self->n_connecting >= self->line.n;
    for (int i = 0; i < LOOK_AHEAD && other != NULL; i++) {
        n += is_alike(parcel, other);
        other = other->next;
    }
    return endpoint->n_connecting >= n;
}

/* More connections than parcels would have nothing to do; an address that has
 * just failed is tried with one, and so is one that ails. */
static bool
may_open(WnDestination *self, const WnEndpoint *endpoint,
    const WnParcel *parcel)
{
    if (is_full(self, endpoint) || has_enough(self, endpoint, parcel))
        return false;
    if (!self->proven && self->n_connecting >= UNPROVEN_CONNECTING)
        return false;
    if ((endpoint->backoff_ms > 0 || wn_endpoint_ails(endpoint))
        && endpoint->n_connecting > 0)
        return false;
    return wn_destinations_admit(self->all, self);
}

/* Nothing can be opened: is somebody still busy with it, or is this the end of
 * the attempt for all that are in line? */
static void
no_endpoint(WnDestination *self)
{
    WnSent why = { .kind = WN_SENT_TEMPORARY,
        .enhanced = "4.4.1",
        .text = wn_servers_problem(self->servers),
        .command = "DNS" };

    switch (wn_servers_state(self->servers)) {
    case WN_SERVERS_NEW:
    case WN_SERVERS_RESOLVING:
        wn_servers_refresh(self->servers);
        return;
    case WN_SERVERS_KNOWN:
        if (self->couriers.length == 0)
            begin_refusing(self, self->failure_text == NULL ? &why : NULL);
        return;
    case WN_SERVERS_UNKNOWN:
        why.enhanced = "4.4.3";
        break;
    case WN_SERVERS_HOPELESS:
        why.kind = WN_SENT_PERMANENT;
        why.enhanced = "5.1.2";
        break;
    }
    begin_refusing(self, &why);
}

/* An idle courier for the parcel: of the server whose turn it is, or any if no
 * other connection to that may be made. */
static WnCourier *
choose_idle(WnDestination *self, const WnEndpoint *endpoint,
    const WnParcel *parcel)
{
    WnCourier *courier = wn_crew_find(self, endpoint, parcel);

    if (courier != NULL || endpoint == NULL || !is_full(self, endpoint))
        return courier;
    courier = wn_crew_find(self, NULL, parcel);
    if (courier != NULL && suits(self, courier, parcel))
        return courier;
    wn_crew_make_room(self);
    return NULL;
}

typedef enum {
    STEP_DONE, /* the line, or a connection, is not what it was */
    STEP_WAIT, /* nothing can be done for this parcel now */
    STEP_END   /* nor for any other */
} Step;

static Step
step_for(WnDestination *self, WnParcel *parcel)
{
    WnEndpoint *endpoint = pick(self, parcel);
    WnCourier *courier;
    WnWork work;

    if (endpoint == NULL && is_choosy(parcel)) {
        /* The others have gone down meanwhile. */
        parcel->n_lost += parcel->unfit != 0 || parcel->deferring != 0;
        parcel->avoid = -1;
        parcel->unfit = 0;
        parcel->deferring = 0;
        return STEP_DONE;
    }
    courier = choose_idle(self, endpoint, parcel);
    if (courier != NULL) {
        wn_crew_wake(courier);
        work = wn_pump_give_work(self, courier);
        if (work != WN_WORK_CARRIED)
            wn_crew_rest(courier);
        return work != WN_WORK_NONE ? STEP_DONE : STEP_WAIT;
    }
    if (endpoint == NULL) {
        no_endpoint(self);
        return STEP_END;
    }
    if (!may_open(self, endpoint, parcel))
        return STEP_WAIT;
    wn_destination_open(self, endpoint);
    return STEP_DONE;
}

/* One more step for the line; false: nothing more can be done now. */
static bool
pump_step(WnDestination *self)
{
    WnParcel *parcel = self->line.head;
    const WnParcel *waits = NULL;

    for (int i = 0; i < LOOK_AHEAD && parcel != NULL; i++) {
        if (waits == NULL || !is_alike(waits, parcel)) {
            Step step = step_for(self, parcel);

            if (step != STEP_WAIT)
                return step == STEP_DONE;
            waits = parcel;
        }
        parcel = parcel->next;
    }
    return false;
}

/* Servers fall silent without a word. */
static void
wait_for_silence(WnDestination *self)
{
    if (self->line.n > 0 && self->couriers.length > self->n_connecting
        && !wn_timer_is_set(&self->patience))
        wn_timer_set(&self->patience, PATIENCE_MS);
}

void
wn_destination_pump(WnDestination *self)
{
    static const WnSent no_pool = { .kind = WN_SENT_TEMPORARY,
        .enhanced = "4.3.5",
        .text = "the egress pool of the domain is not configured",
        .command = "route" };

    if (self->line.n == 0 || self->refusing || self->all->draining)
        return;
    if (self->n_idle == 0 && is_full(self, NULL)) {
        wait_for_silence(self);
        return;
    }
    if (self->no_egress) {
        begin_refusing(self, &no_pool);
        return;
    }
    wn_servers_refresh(self->servers);
    wn_destination_check_numbers(self);
    while (self->line.n > 0 && pump_step(self))
        continue;
    wait_for_silence(self);
}

void
wn_pump_soon(WnDestination *self)
{
    if (self->line.n > 0)
        wn_timer_set(&self->patience, 0);
}

static void
on_patience(void *user)
{
    wn_destination_pump(user);
}

void
wn_pump_init(WnDestination *self)
{
    wn_timer_init(&self->patience, self->all->config.loop, on_patience, self);
}

void
wn_pump_clear(WnDestination *self)
{
    wn_timer_clear(&self->patience);
}
