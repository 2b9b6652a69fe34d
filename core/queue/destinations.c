/* SPDX-License-Identifier: MIT */
#include "core/queue/destination_private.h"

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/event/tls.h"
#include "core/queue/backlog.h"
#include "core/queue/egress.h"

/* A destination nobody used for so long is forgotten. */
#define KEEP_MS (10 * 60 * 1000)

/* Of all connections, the share that destinations may have which are known to
 * fail, and which have not worked yet. */
#define FAILING_SHARE (WN_DESTINATIONS_MAX * 4 / 10)
#define UNPROVEN_SHARE (WN_DESTINATIONS_MAX * 7 / 10)

static void
on_unblock(void *user)
{
    WnDestinations *self = user;
    unsigned n = self->blocked.length;

    while (n-- > 0 && self->n_couriers < WN_DESTINATIONS_MAX) {
        WnDestination *destination = g_queue_pop_head(&self->blocked);

        destination->blocked = false;
        wn_destination_pump(destination);
    }
}

static unsigned
share(const WnDestination *destination)
{
    if (destination->proven)
        return WN_DESTINATIONS_MAX;
    return destination->failure_text != NULL ? FAILING_SHARE : UNPROVEN_SHARE;
}

bool
wn_destinations_admit(WnDestinations *self, WnDestination *destination)
{
    if (self->n_couriers < share(destination))
        return true;
    if (destination->proven && self->idle.length > 0) {
        WnCourier *idle = g_queue_peek_head(&self->idle);

        /* Its timer closes it as soon as this call is over. */
        wn_timer_set(&idle->idle, 0);
    }
    if (!destination->blocked) {
        destination->blocked = true;
        g_queue_push_tail(&self->blocked, destination);
    }
    return false;
}

void
wn_destinations_gone(WnDestinations *self)
{
    self->n_couriers--;
    if (!g_queue_is_empty(&self->blocked))
        wn_deferred_soon(&self->unblock);
}

static SSL_CTX *
tls_context(WnDestinations *self)
{
    g_autoptr(GError) error = NULL;

    if (self->tls_context == NULL)
        self->tls_context = wn_tls_client_context(NULL, &error);
    if (self->tls_context == NULL)
        wn_remark(WN_LEVEL_ERROR, "no TLS: %s", error->message);
    return self->tls_context;
}

/* Where DANE says nothing it is TLS if offered (RFC 7672 §2.2). */
static WnClientTls
client_tls(WnDestination *self, const WnEndpoint *endpoint)
{
    const WnDane *dane = wn_endpoint_dane(endpoint);

    switch (wn_endpoint_tls(endpoint)) {
    case WN_TLS_POLICY_NONE:
        return WN_CLIENT_TLS_NONE;
    case WN_TLS_POLICY_REQUIRE:
    case WN_TLS_POLICY_VERIFY:
        return WN_CLIENT_TLS_REQUIRE;
    case WN_TLS_POLICY_DANE:
        if (dane != NULL && wn_dane_state(dane) != WN_DANE_NONE)
            return WN_CLIENT_TLS_REQUIRE;
        break;
    case WN_TLS_POLICY_MAY:
        break;
    }
    if (endpoint->clear_until_ms > wn_clock_mono_ms()
        || tls_context(self->all) == NULL)
        return WN_CLIENT_TLS_NONE;
    return WN_CLIENT_TLS_MAY;
}

static void
set_tls(WnDestination *self, const WnEndpoint *endpoint, WnClientConfig *out)
{
    const char *host = wn_endpoint_host(endpoint);
    const WnDane *dane = wn_endpoint_dane(endpoint);
    WnNetaddr literal;

    out->tls = client_tls(self, endpoint);
    if (out->tls == WN_CLIENT_TLS_NONE)
        return;
    out->tls_context = tls_context(self->all);
    out->tls_verify = wn_endpoint_tls(endpoint) == WN_TLS_POLICY_VERIFY;
    if (out->tls_verify || !wn_netaddr_parse(wn_span_str(host), &literal))
        out->tls_name = host;
    if (dane != NULL && wn_dane_state(dane) == WN_DANE_RECORDS) {
        out->tlsa = (GPtrArray *)(uintptr_t)wn_dane_records(dane);
        out->tls_name = wn_dane_base(dane);
        if (g_ascii_strcasecmp(out->tls_name, host) != 0)
            out->tls_other_name = host;
    }
    if (endpoint->session_until_ms > wn_clock_mono_ms())
        out->session = endpoint->session;
}

bool
wn_destination_client_config(WnDestination *self, const WnEndpoint *endpoint,
    WnClientConfig *out)
{
    const WnConfig *config = self->all->config.config;

    *out = (WnClientConfig){ .hostname = config->hostname,
        .server = endpoint->address,
        .bounce_8bit = config->without_8bitmime == WN_8BIT_BOUNCE,
        .connect_timeout_ms = self->all->timeouts.connect_ms,
        .reply_timeout_ms = self->all->timeouts.reply_ms,
        .dot_timeout_ms = self->all->timeouts.dot_ms };
    set_tls(self, endpoint, out);
    if (self->egress == NULL)
        return true;
    out->source = wn_egress_next(self->egress, &self->next_source,
        &endpoint->address);
    return out->source != NULL;
}

WnDestination *
wn_destinations_get(WnDestinations *self, WnRoute *take_route)
{
    WnDestination *found = g_hash_table_lookup(self->by_key, take_route->key);

    if (found == NULL) {
        found = wn_destination_new(self, take_route);
        g_hash_table_insert(self->by_key, found->route->key, found);
    } else {
        wn_route_free(take_route);
    }
    found->used_ms = wn_clock_mono_ms();
    return found;
}

void
wn_destinations_set_timeouts(WnDestinations *self, const WnTimeouts *timeouts)
{
    if (timeouts->connect_ms > 0)
        self->timeouts.connect_ms = timeouts->connect_ms;
    if (timeouts->reply_ms > 0)
        self->timeouts.reply_ms = timeouts->reply_ms;
    if (timeouts->dot_ms > 0)
        self->timeouts.dot_ms = timeouts->dot_ms;
}

void
wn_destinations_set_limits(WnDestinations *self, WnKnownLimits *limits)
{
    self->limits = limits;
}

void
wn_destination_note_limits(WnDestination *self)
{
    const GPtrArray *servers = self->route->servers;
    WnLimitsKey key;
    WnLimits limits;

    if (self->all->limits == NULL || self->route->mx_domain != NULL)
        return;
    wn_limits_key_begin(&key, self->route->tls);
    for (guint i = 0; i < servers->len; i++) {
        const WnServerSetting *server = servers->pdata[i];

        wn_limits_key_add(&key, wn_span_str(server->host), server->port);
    }
    wn_known_limits_note(self->all->limits, &key,
        self->lenient_until < wn_clock_unix()
                && wn_servers_limits(self->servers, &limits)
            ? &limits
            : NULL);
}

void
wn_destination_forget_limits(WnDestination *self, int64_t until)
{
    if (until <= self->lenient_until)
        return;
    self->lenient_until = until;
    wn_destination_note_limits(self);
}

void
wn_destinations_note_limits(WnDestinations *self)
{
    GHashTableIter iter;
    void *value;

    g_hash_table_iter_init(&iter, self->by_key);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        ((WnDestination *)value)->lenient_until = 0;
}

void
wn_destinations_set_turn(WnDestinations *self, uint32_t turn)
{
    GHashTableIter iter;
    void *value;

    self->turn = turn;
    g_hash_table_iter_init(&iter, self->by_key);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        wn_backlog_look(value);
}

void
wn_destinations_drain(WnDestinations *self)
{
    self->draining = true;
}

unsigned
wn_destinations_n_sending(const WnDestinations *self)
{
    return self->n_sending;
}

void
wn_destinations_sweep(WnDestinations *self)
{
    int64_t now_ms = wn_clock_mono_ms();
    GHashTableIter iter;
    void *value;

    g_hash_table_iter_init(&iter, self->by_key);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        WnDestination *destination = value;

        if (destination->line.n > 0 || destination->waiting.n > 0
            || destination->moved.n > 0 || destination->couriers.length > 0)
            destination->used_ms = now_ms;
        else if (now_ms - destination->used_ms >= KEEP_MS)
            g_hash_table_iter_remove(&iter);
    }
}

static void
take_timeouts(WnDestinations *self)
{
    const WnConfig *config = self->config.config;

    self->timeouts = (WnTimeouts){ config->connect_timeout_ms,
        config->reply_timeout_ms, config->message_timeout_ms };
}

void
wn_destinations_use_config(WnDestinations *self, const WnConfig *config)
{
    GHashTableIter iter;
    void *value;

    self->config.config = config;
    take_timeouts(self);
    g_hash_table_iter_init(&iter, self->by_key);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        wn_destination_use_config(value);
}

WnDestinations *
wn_destinations_new(const WnDestinationsConfig *config,
    const WnDestinationHandler *handler, void *user)
{
    WnDestinations *self = g_new0(WnDestinations, 1);

    self->config = *config;
    take_timeouts(self);
    self->handler = handler;
    self->user = user;
    self->by_key = g_hash_table_new_full(g_str_hash, g_str_equal, NULL,
        (GDestroyNotify)wn_destination_free);
    g_queue_init(&self->idle);
    g_queue_init(&self->blocked);
    wn_deferred_init(&self->unblock, config->loop, on_unblock, self);
    return self;
}

void
wn_destinations_free(WnDestinations *self)
{
    if (self == NULL)
        return;
    g_hash_table_unref(self->by_key);
    g_queue_clear(&self->blocked);
    wn_deferred_unset(&self->unblock);
    g_clear_pointer(&self->tls_context, SSL_CTX_free);
    g_free(self);
}

void
wn_destination_forgive(WnDestination *self)
{
    wn_backlog_stop_refusing(self);
    wn_servers_forgive(self->servers);
}

void
wn_destination_describe(const WnDestination *self, GString *out)
{
    g_string_append_printf(out,
        "%" G_GUINT64_FORMAT " in line for this destination, %u connection%s",
        self->line.n, self->couriers.length,
        self->couriers.length == 1 ? "" : "s");
    if (self->failure_text != NULL)
        g_string_append_printf(out, "; last trouble: %s", self->failure_text);
}
