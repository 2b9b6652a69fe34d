/* SPDX-License-Identifier: MIT */
#include "core/queue/crew.h"

#include "core/queue/egress.h"

bool
wn_crew_is_trusted(const WnCourier *courier)
{
    return !courier->astray
           && courier->dane_version
                  == wn_endpoint_dane_version(courier->endpoint)
           && wn_endpoint_has_policy(courier->endpoint);
}

void
wn_crew_wake(WnCourier *courier)
{
    WnDestination *self = courier->destination;

    if (courier->idle_link.prev == NULL && courier->idle_link.next == NULL
        && self->all->idle.head != &courier->idle_link)
        return;
    wn_timer_unset(&courier->idle);
    g_queue_unlink(&self->all->idle, &courier->idle_link);
    self->n_idle--;
}

void
wn_crew_rest(WnCourier *courier)
{
    WnDestination *self = courier->destination;

    g_queue_push_tail_link(&self->all->idle, &courier->idle_link);
    self->n_idle++;
    wn_timer_set(&courier->idle, WN_COURIER_IDLE_MS);
}

void
wn_crew_leave(WnCourier *courier)
{
    WnDestination *self = courier->destination;

    wn_crew_wake(courier);
    g_queue_unlink(&self->couriers, &courier->link);
    if (courier->state == WN_COURIER_CONNECTING) {
        self->n_connecting--;
        courier->endpoint->n_connecting--;
    }
    courier->endpoint->n_couriers--;
    wn_destinations_gone(self->all);
}

void
wn_crew_dismiss(WnCourier *courier)
{
    wn_crew_leave(courier);
    wn_courier_quit(courier);
}

/* It may have been in the way of a parcel that it was of no use to. */
static void
on_idle_too_long(void *user)
{
    WnCourier *courier = user;
    WnDestination *self = courier->destination;

    wn_crew_dismiss(courier);
    wn_destination_pump(self);
}

void
wn_crew_join(WnDestination *self, WnCourier *courier)
{
    wn_timer_init(&courier->idle, self->all->config.loop, on_idle_too_long,
        courier);
    g_queue_push_tail_link(&self->couriers, &courier->link);
    self->n_connecting++;
    courier->endpoint->n_connecting++;
    courier->endpoint->n_couriers++;
    self->all->n_couriers++;
}

bool
wn_crew_avoids(const WnParcel *parcel, int16_t server)
{
    uint32_t tried = parcel->unfit | parcel->deferring;

    return server >= 0
           && (parcel->avoid == server || (tried & wn_server_bit(server)) != 0);
}

WnCourier *
wn_crew_find(WnDestination *self, const WnEndpoint *endpoint,
    const WnParcel *parcel)
{
    if (self->n_idle == 0)
        return NULL;
    for (GList *link = self->couriers.head; link != NULL; link = link->next) {
        WnCourier *courier = link->data;

        if (courier->state == WN_COURIER_IDLE && wn_crew_is_trusted(courier)
            && (endpoint == NULL || courier->endpoint == endpoint)
            && !wn_crew_avoids(parcel, wn_endpoint_server(courier->endpoint)))
            return courier;
    }
    return NULL;
}

void
wn_crew_make_room(WnDestination *self)
{
    for (GList *link = self->couriers.head; link != NULL; link = link->next) {
        WnCourier *courier = link->data;

        if (courier->state == WN_COURIER_IDLE) {
            wn_crew_dismiss(courier);
            return;
        }
    }
}

void
wn_crew_check_sources(WnDestination *self)
{
    for (GList *link = self->couriers.head; link != NULL; link = link->next) {
        WnCourier *courier = link->data;

        courier->astray = courier->source.len != 0
                          && (self->egress == NULL
                              || !wn_egress_has(self->egress,
                                  &courier->source));
    }
}

void
wn_crew_dismiss_untrusted(WnDestination *self)
{
    GList *next;

    for (GList *link = self->couriers.head; link != NULL; link = next) {
        WnCourier *courier = link->data;

        next = link->next;
        if (courier->state == WN_COURIER_IDLE && !wn_crew_is_trusted(courier))
            wn_crew_dismiss(courier);
    }
}
