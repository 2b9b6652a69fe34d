/* SPDX-License-Identifier: MIT */
#include "core/queue/destination.h"

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/queue/backlog.h"
#include "core/queue/crew.h"
#include "core/queue/egress.h"
#include "core/queue/pump.h"

#define TLS_BROKEN_MS (10 * 60 * 1000)
#define SLOW_MS (10 * 60 * 1000) /* an address that was overtaken */
#define LIMIT_STAYS_MS 10000     /* after a server took no more connections */
#define LOST_MAX 5  /* connections lost in a row until it counts as down */
#define TRIES_MAX 5 /* servers or connections in one attempt */

void
wn_destination_note_failure(WnDestination *self, const WnSent *why,
    const char *server)
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
    if (courier->n_carried >= WN_COURIER_MESSAGES_MAX || self->all->draining
        || !wn_crew_is_trusted(courier))
        wn_crew_dismiss(courier);
    else if (wn_pump_give_work(self, courier) != WN_WORK_CARRIED)
        wn_crew_rest(courier);
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
    return wn_servers_pick(self->servers, wn_endpoint_server(courier->endpoint),
               parcel->unfit | parcel->deferring)
           != NULL;
}

/* It is for all servers of the domain together to say that they do not take a
 * message: another one is asked at once, or waited for.  What a server has said
 * of one recipient, his address above all, is nothing against another, even if
 * it has deferred him. */
static void
judge_unfit(WnDestination *self, WnCourier *courier, uint32_t target,
    WnAttempt *attempt)
{
    WnParcel *parcel = courier->parcel;
    uint32_t bit = wn_server_bit(wn_endpoint_server(courier->endpoint));
    uint32_t ruled_out = wn_parcel_rule_out(parcel, target, bit);
    uint32_t tried = parcel->unfit | parcel->deferring | bit;

    if (bit != 0 && parcel->n_lost < TRIES_MAX
        && wn_servers_pick(self->servers, -1, tried) != NULL)
        attempt->again = courier->unfit = true;
    else if (!wn_servers_are_all(self->servers, ruled_out))
        attempt->sent.kind = WN_SENT_TEMPORARY;
}

/* The server has a trouble of its own.  What it says of a mailbox (4.2.x), or
 * of too much at once, another one would say as well. */
static bool
is_server_trouble(const WnSent *sent)
{
    if (sent->kind != WN_SENT_TEMPORARY || sent->code == 0 || sent->crowded
        || sent->unfit || is_end(sent)
        || g_str_has_prefix(sent->enhanced, "4.2."))
        return false;
    return sent->code != 452 || g_str_equal(sent->command, "MAIL")
           || g_str_has_prefix(sent->enhanced, "4.3.");
}

/* What one server defers another one may take: each is asked once in an
 * attempt, as with the next MX (RFC 5321 §5.1). */
static void
judge_deferral(WnDestination *self, WnCourier *courier, WnAttempt *attempt)
{
    const WnParcel *parcel = courier->parcel;
    uint32_t bit = wn_server_bit(wn_endpoint_server(courier->endpoint));
    uint32_t tried = parcel->unfit | parcel->deferring;
    unsigned n_tries = (unsigned)__builtin_popcount(tried) + parcel->n_lost + 1;

    courier->soured = true;
    if (bit == 0 || n_tries >= TRIES_MAX
        || wn_servers_pick(self->servers, -1, tried | bit) == NULL)
        return;
    attempt->again = courier->deferring = true;
}

static void
judge(WnDestination *self, WnCourier *courier, uint32_t target,
    WnAttempt *attempt)
{
    attempt->again = may_try_again(self, courier, &attempt->sent);
    courier->failed |= attempt->again;
    if (attempt->sent.unfit)
        judge_unfit(self, courier, target, attempt);
    else if (is_server_trouble(&attempt->sent))
        judge_deferral(self, courier, attempt);
    else if (!is_end(&attempt->sent))
        courier->served = true;
    courier->lost |= is_end(&attempt->sent);
    if (attempt->sent.kind != WN_SENT_LOST)
        wn_endpoint_heard(courier->endpoint);
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
forget_servers(WnParcel *parcel)
{
    for (; parcel != NULL; parcel = parcel->next)
        wn_parcel_forget_servers(parcel);
}

void
wn_destination_check_numbers(WnDestination *self)
{
    unsigned now = wn_servers_numbering(self->servers);

    if (self->numbering == now)
        return;
    self->numbering = now;
    if (!self->marked)
        return;
    self->marked = false;
    forget_servers(self->line.head);
    forget_servers(self->moved.head);
    for (GList *link = self->couriers.head; link != NULL; link = link->next) {
        const WnCourier *courier = link->data;

        if (courier->parcel != NULL)
            wn_parcel_forget_servers(courier->parcel);
    }
}

static void
on_sent(void *user, WnCourier *courier, uint32_t target,
    const WnAttempt *attempt)
{
    WnDestination *self = user;
    WnAttempt full = *attempt;

    wn_destination_check_numbers(self);
    judge(self, courier, target, &full);
    self->marked |= full.again || full.sent.unfit;
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
    int16_t server = wn_endpoint_server(courier->endpoint);

    wn_destination_check_numbers(self);
    wn_endpoint_ends(courier->endpoint);
    if (courier->served)
        wn_endpoint_served(courier->endpoint);
    else if (courier->soured)
        wn_endpoint_soured(courier->endpoint);
    if (courier->failed) {
        parcel->n_lost++;
        parcel->avoid = server;
    }
    if (courier->unfit)
        parcel->unfit |= wn_server_bit(server);
    if (courier->deferring)
        parcel->deferring |= wn_server_bit(server);
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
    wn_destination_note_failure(self, why, courier->server);
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

    wn_crew_leave(courier);
    if (connecting) {
        connect_failed(self, courier, why);
    } else if (lost && ++endpoint->n_lost >= LOST_MAX) {
        wn_destination_note_failure(self, why, courier->server);
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

static void on_race(void *user);

/* The operator's fault: the other addresses of the pool, and of the servers,
 * are used on. */
static void
no_source(WnDestination *self, WnEndpoint *endpoint)
{
    g_autofree char *text = g_strdup_printf("no %s address of egress pool %s "
                                            "is on this host",
        endpoint->address.len == 4 ? "IPv4" : "IPv6", self->route->egress);
    WnSent why = { .kind = WN_SENT_TEMPORARY,
        .enhanced = "4.3.5",
        .text = text,
        .command = "route" };

    if (endpoint->backoff_ms == 0)
        wn_remark(WN_LEVEL_ERROR, "%s", text);
    wn_destination_note_failure(self, &why, "");
    wn_endpoint_failed(endpoint);
}

void
wn_destination_open(WnDestination *self, WnEndpoint *endpoint)
{
    WnLoop *loop = self->all->config.loop;
    WnClientConfig config;
    WnCourier *courier;

    if (!wn_destination_client_config(self, endpoint, &config)) {
        no_source(self, endpoint);
        return;
    }
    courier = wn_courier_new(self, loop, endpoint, &config, &courier_handler);
    wn_timer_init(&courier->race, loop, on_race, courier);
    wn_timer_set(&courier->race, races[0].after_ms);
    wn_crew_join(self, courier);
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
        wn_destination_open(self, rival);
}

static void
on_servers(void *user)
{
    WnDestination *self = user;

    wn_crew_dismiss_untrusted(self);
    wn_destination_pump(self);
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
    wn_backlog_await(self);
}

static void
find_families(WnDestination *self, WnServersConfig *servers)
{
    const WnConfig *config = self->all->config.config;

    servers->v4 = servers->v6 = true;
    self->egress = NULL;
    self->no_egress = false;
    if (self->route->egress == NULL)
        return;
    self->egress = wn_config_egress(config, self->route->egress);
    self->no_egress = self->egress == NULL || self->egress->addresses->len == 0;
    if (self->no_egress)
        return;
    servers->v4 = wn_egress_has_family(self->egress, 4);
    servers->v6 = wn_egress_has_family(self->egress, 16);
}

static WnServersConfig
servers_config(WnDestination *self)
{
    const WnDestinationsConfig *config = &self->all->config;
    WnServersConfig servers = { .loop = config->loop,
        .resolver = config->resolver,
        .route = self->route,
        .hostname = config->config->hostname,
        .listen = config->config->listen };

    find_families(self, &servers);
    return servers;
}

void
wn_destination_use_config(WnDestination *self)
{
    WnServersConfig servers = servers_config(self);

    wn_servers_use_config(self->servers, &servers);
    wn_crew_check_sources(self);
    wn_crew_dismiss_untrusted(self);
    wn_pump_soon(self);
}

WnDestination *
wn_destination_new(WnDestinations *all, WnRoute *take_route)
{
    WnDestination *self = g_new0(WnDestination, 1);
    WnServersConfig servers;

    self->all = all;
    self->route = take_route;
    self->limit = WN_DESTINATION_BEGIN;
    servers = servers_config(self);
    g_queue_init(&self->couriers);
    wn_backlog_init(self);
    wn_pump_init(self);
    self->servers = wn_servers_new(&servers, on_servers, self);
    return self;
}

void
wn_destination_free(WnDestination *self)
{
    while (self->couriers.length > 0) {
        WnCourier *courier = self->couriers.head->data;

        wn_crew_leave(courier);
        wn_courier_free(courier);
    }
    if (self->blocked)
        g_queue_remove(&self->all->blocked, self);
    while (self->line.n > 0)
        wn_parcel_unline(self->line.head);
    wn_backlog_clear(self);
    wn_pump_clear(self);
    wn_servers_free(self->servers);
    wn_route_free(self->route);
    g_free(self->failure_text);
    g_free(self);
}
