/* SPDX-License-Identifier: MIT */
#include "core/queue/destination.h"

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/queue/backlog.h"
#include "core/queue/egress.h"

#define LOOK_AHEAD 8          /* past parcels that avoid this server */
#define UNPROVEN_CONNECTING 2 /* at a time, before anything has worked */
#define TLS_BROKEN_MS (10 * 60 * 1000)
#define SLOW_MS (10 * 60 * 1000) /* an address that was overtaken */
#define LIMIT_STAYS_MS 10000     /* after a server took no more connections */
#define LOST_MAX 5  /* connections lost in a row until it counts as down */
#define TRIES_MAX 5 /* servers or connections in one attempt */

static void
note_failure(WnDestination *self, const WnSent *why, const char *server)
{
    self->failure_kind = why->kind;
    self->failure_code = why->code;
    g_strlcpy(self->failure_enhanced, why->enhanced,
        sizeof(self->failure_enhanced));
    g_strlcpy(self->failure_command, why->command,
        sizeof(self->failure_command));
    g_strlcpy(self->failure_server, server, sizeof(self->failure_server));
    g_free(self->failure_text);
    self->failure_text = g_strdup(why->text);
}

/* The first parcel that does not avoid the server, near the front. */
static WnParcel *
take(WnDestination *self, int16_t server)
{
    WnParcel *parcel = self->line.head;

    for (int i = 0; i < LOOK_AHEAD && parcel != NULL; i++) {
        if (parcel->avoid < 0 || parcel->avoid != server) {
            wn_parcel_unline(parcel);
            return parcel;
        }
        parcel = parcel->next;
    }
    return NULL;
}

/* Whether the courier has got something to do. */
static bool
give_work(WnDestination *self, WnCourier *courier)
{
    WnDestinations *all = self->all;
    WnParcel *parcel;

    while (!all->draining
           && (parcel = take(self, wn_endpoint_server(courier->endpoint)))
                  != NULL) {
        g_autoptr(GError) error = NULL;

        if (parcel->route_turn != all->turn) {
            all->handler->reroute(all->user, parcel);
            continue;
        }
        parcel->state = WN_PARCEL_SENDING;
        if (wn_courier_carry(courier, parcel, &error)) {
            all->n_sending++;
            wn_endpoint_assigned(courier->endpoint);
            return true;
        }
        all->handler->damaged(all->user, parcel, error);
    }
    return false;
}

static void
leave_idle(WnCourier *courier)
{
    WnDestination *self = courier->destination;

    if (courier->idle_link.prev == NULL && courier->idle_link.next == NULL
        && self->all->idle.head != &courier->idle_link)
        return;
    wn_timer_unset(&courier->idle);
    g_queue_unlink(&self->all->idle, &courier->idle_link);
    self->n_idle--;
}

static void
forget(WnCourier *courier)
{
    WnDestination *self = courier->destination;

    leave_idle(courier);
    g_queue_unlink(&self->couriers, &courier->link);
    if (courier->state == WN_COURIER_CONNECTING) {
        self->n_connecting--;
        courier->endpoint->n_connecting--;
    }
    courier->endpoint->n_couriers--;
    wn_destinations_gone(self->all);
}

static void
dismiss(WnCourier *courier)
{
    forget(courier);
    wn_courier_quit(courier);
}

static void
on_idle_too_long(void *user)
{
    dismiss(user);
}

static void
become_idle(WnCourier *courier)
{
    WnDestination *self = courier->destination;

    g_queue_push_tail_link(&self->all->idle, &courier->idle_link);
    self->n_idle++;
    wn_timer_set(&courier->idle, WN_COURIER_IDLE_MS);
}

/* Addresses of the same server that were tried before and have not even been
 * connected to have lost the race (RFC 8305). */
static void
mark_overtaken(WnDestination *self, const WnCourier *winner)
{
    for (GList *link = self->couriers.head; link->data != winner;
         link = link->next) {
        const WnCourier *loser = link->data;

        if (loser->state == WN_COURIER_CONNECTING
            && loser->endpoint != winner->endpoint
            && loser->endpoint->host == winner->endpoint->host
            && !wn_smtp_client_is_connected(loser->client))
            loser->endpoint->slow_until_ms = wn_clock_mono_ms() + SLOW_MS;
    }
}

static void
greeted(WnDestination *self, WnCourier *courier)
{
    wn_timer_unset(&courier->race);
    self->n_connecting--;
    courier->endpoint->n_connecting--;
    mark_overtaken(self, courier);
    wn_endpoint_worked(courier->endpoint);
    wn_endpoint_told(courier->endpoint, wn_smtp_client_offers(courier->client),
        wn_smtp_client_size_limit(courier->client));
    wn_destination_note_limits(self);
    self->proven = true;
    g_clear_pointer(&self->failure_text, g_free);
    wn_backlog_release(self);
}

static void
on_ready(void *user, WnCourier *courier)
{
    WnDestination *self = user;

    if (courier->n_carried == 0)
        greeted(self, courier);
    if (courier->n_carried >= WN_COURIER_MESSAGES_MAX || self->all->draining)
        dismiss(courier);
    else if (!give_work(self, courier))
        become_idle(courier);
    wn_destination_pump(self);
}

/* The connection is over. */
static bool
is_end(const WnSent *sent)
{
    return sent->kind == WN_SENT_LOST || sent->code == 421;
}

/* A server that is lost or closes the service while it has a parcel: may
 * another one, or a fresh connection, try at once? */
static bool
may_try_again(WnDestination *self, WnCourier *courier, const WnSent *sent)
{
    const WnParcel *parcel = courier->parcel;

    if (!is_end(sent) || sent->in_doubt || parcel->n_lost >= TRIES_MAX)
        return false;
    if (courier->n_carried > 0 && g_str_equal(sent->command, "MAIL"))
        return true;
    return wn_servers_pick(self->servers, wn_endpoint_server(courier->endpoint))
           != NULL;
}

static void
grow(WnDestination *self)
{
    if (wn_clock_mono_ms() < self->grow_after_ms)
        return;
    self->limit += self->limit < WN_DESTINATION_BEGIN ? 1 : 1 / self->limit;
    self->limit = MIN(self->limit, WN_DESTINATION_MAX);
}

static void
on_sent(void *user, WnCourier *courier, uint32_t target,
    const WnAttempt *attempt)
{
    WnDestination *self = user;
    WnAttempt full = *attempt;

    full.again = may_try_again(self, courier, &attempt->sent);
    courier->failed |= full.again;
    courier->lost |= is_end(&attempt->sent);
    if (attempt->sent.kind == WN_SENT_OK) {
        courier->endpoint->n_lost = 0;
        grow(self);
    }
    self->all->handler->sent(self->all->user, courier->parcel, target, &full);
}

static void
on_carried(void *user, WnCourier *courier, WnParcel *parcel)
{
    WnDestination *self = user;

    if (courier->failed) {
        parcel->n_lost++;
        parcel->avoid = wn_endpoint_server(courier->endpoint);
    }
    self->all->n_sending--;
    self->all->handler->carried(self->all->user, parcel);
}

/* A connection that never came to work. */
static void
connect_failed(WnDestination *self, WnCourier *courier, const WnSent *why)
{
    WnEndpoint *endpoint = courier->endpoint;
    unsigned n_working = endpoint->n_couriers - endpoint->n_connecting;

    if (why->tls_failed && courier->policy == WN_CLIENT_TLS_MAY) {
        endpoint->clear_until_ms = wn_clock_mono_ms() + TLS_BROKEN_MS;
        return;
    }
    note_failure(self, why, courier->server);
    if (n_working > 0) {
        /* It has as many connections as it wants. */
        self->limit = MAX(1, MIN(self->limit, n_working));
        self->grow_after_ms = wn_clock_mono_ms() + LIMIT_STAYS_MS;
        return;
    }
    wn_endpoint_failed(endpoint);
    self->limit = MAX(1, self->limit / 2);
}

static void
on_dead(void *user, WnCourier *courier, const WnSent *why)
{
    WnDestination *self = user;
    WnEndpoint *endpoint = courier->endpoint;
    bool connecting = courier->state == WN_COURIER_CONNECTING;
    bool lost = courier->state == WN_COURIER_BUSY && courier->lost;

    forget(courier);
    if (connecting) {
        connect_failed(self, courier, why);
    } else if (lost && ++endpoint->n_lost >= LOST_MAX) {
        note_failure(self, why, courier->server);
        wn_endpoint_failed(endpoint);
    }
    wn_courier_free(courier);
    wn_destination_pump(self);
}

/* While an address lets one wait, others are tried beside it: another of the
 * same server soon (RFC 8305 §5), another server when this one looks dead. */
typedef struct Race {
    int64_t after_ms;
    WnRival rival;
    bool even_connected; /* but not greeted */
} Race;

static const Race races[] = { { 250, WN_RIVAL_SAME_SERVER, false },
    { 3000, WN_RIVAL_OTHER_SERVER, false },
    { 15000, WN_RIVAL_OTHER_SERVER, true } };

static const WnCourierHandler courier_handler = { .ready = on_ready,
    .sent = on_sent,
    .carried = on_carried,
    .dead = on_dead };

static void
begin_refusing(WnDestination *self, const WnSent *why)
{
    if (why != NULL)
        note_failure(self, why, "");
    self->proven = false;
    self->limit = 1;
    wn_backlog_refuse(self);
}

static void
no_egress(WnDestination *self, const char *text)
{
    WnSent why = { .kind = WN_SENT_TEMPORARY,
        .enhanced = "4.3.5",
        .text = text,
        .command = "route" };

    begin_refusing(self, &why);
}

static void on_race(void *user);

static bool
open_courier(WnDestination *self, WnEndpoint *endpoint)
{
    WnLoop *loop = self->all->config.loop;
    WnClientConfig config;
    WnCourier *courier;

    if (!wn_destination_client_config(self, endpoint, &config))
        return false;
    courier = wn_courier_new(self, loop, endpoint, &config, &courier_handler);
    wn_timer_init(&courier->idle, loop, on_idle_too_long, courier);
    wn_timer_init(&courier->race, loop, on_race, courier);
    wn_timer_set(&courier->race, races[0].after_ms);
    g_queue_push_tail_link(&self->couriers, &courier->link);
    self->n_connecting++;
    endpoint->n_connecting++;
    endpoint->n_couriers++;
    self->all->n_couriers++;
    return true;
}

static void
on_race(void *user)
{
    WnCourier *courier = user;
    WnDestination *self = courier->destination;
    const Race *race = &races[courier->n_races++];
    WnEndpoint *rival;

    if (courier->n_races < G_N_ELEMENTS(races))
        wn_timer_set(&courier->race, race[1].after_ms - race->after_ms);
    if (courier->state != WN_COURIER_CONNECTING || self->line.n == 0
        || self->refusing || self->all->draining
        || (!race->even_connected
            && wn_smtp_client_is_connected(courier->client)))
        return;
    rival = wn_servers_rival(self->servers, courier->endpoint, race->rival);
    if (rival != NULL && wn_destinations_admit(self->all, self))
        open_courier(self, rival);
}

static WnCourier *
find_idle(WnDestination *self, const WnEndpoint *endpoint)
{
    if (self->n_idle == 0)
        return NULL;
    for (GList *link = self->couriers.head; link != NULL; link = link->next) {
        WnCourier *courier = link->data;

        if (courier->state == WN_COURIER_IDLE
            && (endpoint == NULL || courier->endpoint == endpoint))
            return courier;
    }
    return NULL;
}

/* More connections than parcels would have nothing to do; an address that has
 * just failed is tried with one. */
static bool
may_open(WnDestination *self, const WnEndpoint *endpoint)
{
    if (self->couriers.length >= (guint)self->limit
        || self->n_connecting >= self->line.n)
        return false;
    if (!self->proven && self->n_connecting >= UNPROVEN_CONNECTING)
        return false;
    if (endpoint->backoff_ms > 0 && endpoint->n_connecting > 0)
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

/* An idle courier for the first parcel: of the server whose turn it is, or any
 * if no other connection to that may be made. */
static WnCourier *
choose_idle(WnDestination *self, const WnEndpoint *endpoint)
{
    WnCourier *courier = find_idle(self, endpoint);

    if (courier != NULL || endpoint == NULL)
        return courier;
    if (self->couriers.length < (guint)self->limit)
        return NULL;
    return find_idle(self, NULL);
}

/* One more step for the line; false: nothing more can be done now. */
static bool
pump_step(WnDestination *self)
{
    WnParcel *first = self->line.head;
    WnEndpoint *endpoint = wn_servers_pick(self->servers, first->avoid);
    WnCourier *courier;

    if (endpoint == NULL && first->avoid >= 0) {
        first->avoid = -1;
        return true;
    }
    courier = choose_idle(self, endpoint);
    if (courier != NULL) {
        leave_idle(courier);
        if (give_work(self, courier))
            return true;
        become_idle(courier);
        return false;
    }
    if (endpoint == NULL) {
        no_endpoint(self);
        return false;
    }
    if (!may_open(self, endpoint))
        return false;
    if (open_courier(self, endpoint))
        return true;
    no_egress(self, "no address of the egress pool can be used on this host");
    return false;
}

void
wn_destination_pump(WnDestination *self)
{
    bool saturated = self->n_idle == 0
                     && self->couriers.length >= (guint)self->limit;

    if (self->line.n == 0 || saturated || self->refusing || self->all->draining)
        return;
    if (self->no_egress) {
        no_egress(self, "the egress pool of the domain is not configured");
        return;
    }
    wn_servers_refresh(self->servers);
    while (self->line.n > 0 && pump_step(self))
        continue;
}

static void
on_servers(void *user)
{
    wn_destination_pump(user);
}

void
wn_destination_add(WnDestination *self, WnParcel *parcel, WnLinePlace place)
{
    parcel->state = WN_PARCEL_READY;
    parcel->destination = self;
    if (place == WN_LINE_FRONT)
        wn_parcel_line_push_front(&self->line, parcel);
    else
        wn_parcel_line_push(&self->line, parcel);
    wn_destination_pump(self);
}

void
wn_destination_add_waiting(WnDestination *self, WnParcel *parcel)
{
    parcel->destination = self;
    wn_parcel_line_push(&self->waiting, parcel);
}

static void
find_families(WnDestination *self, WnServersConfig *servers)
{
    const WnConfig *config = self->all->config.config;

    servers->v4 = servers->v6 = true;
    if (self->route->egress == NULL)
        return;
    self->egress = wn_config_egress(config, self->route->egress);
    self->no_egress = self->egress == NULL || self->egress->addresses->len == 0;
    if (self->no_egress)
        return;
    servers->v4 = wn_egress_has_family(self->egress, 4);
    servers->v6 = wn_egress_has_family(self->egress, 16);
}

WnDestination *
wn_destination_new(WnDestinations *all, WnRoute *take_route)
{
    WnDestination *self = g_new0(WnDestination, 1);
    WnServersConfig servers = { .loop = all->config.loop,
        .resolver = all->config.resolver,
        .route = take_route,
        .hostname = all->config.config->hostname };

    self->all = all;
    self->route = take_route;
    self->limit = WN_DESTINATION_BEGIN;
    find_families(self, &servers);
    g_queue_init(&self->couriers);
    wn_backlog_init(self);
    self->servers = wn_servers_new(&servers, on_servers, self);
    return self;
}

void
wn_destination_free(WnDestination *self)
{
    while (self->couriers.length > 0) {
        WnCourier *courier = self->couriers.head->data;

        forget(courier);
        wn_courier_free(courier);
    }
    if (self->blocked)
        g_queue_remove(&self->all->blocked, self);
    while (self->line.n > 0)
        wn_parcel_unline(self->line.head);
    wn_backlog_clear(self);
    wn_servers_free(self->servers);
    wn_route_free(self->route);
    g_free(self->failure_text);
    g_free(self);
}
