/* SPDX-License-Identifier: MIT */
#include "core/base/clock.h"
#include "core/queue/servers_private.h"

/* A server whose TLSA records cannot be known must not be talked to. */
bool
wn_endpoint_is_usable(const WnEndpoint *endpoint)
{
    const WnDane *dane = wn_endpoint_dane(endpoint);

    return !endpoint->stale
           && (dane == NULL || wn_dane_state(dane) != WN_DANE_FAILED);
}

/* A connection that is being made will carry a message. */
static double
pressure(const WnEndpoint *endpoint)
{
    return endpoint->host->load
           + (double)endpoint->n_connecting / endpoint->host->weight;
}

/* Of one server; IPv6 first (RFC 6724). */
static bool
is_better_address(const WnEndpoint *a, const WnEndpoint *b)
{
    int64_t now_ms = wn_clock_mono_ms();
    bool a_slow = a->slow_until_ms > now_ms;
    bool b_slow = b->slow_until_ms > now_ms;

    if (a->backoff_ms != b->backoff_ms)
        return a->backoff_ms < b->backoff_ms;
    if (a_slow != b_slow)
        return b_slow;
    return a->address.len > b->address.len;
}

static bool
is_better(const WnServers *self, const WnEndpoint *a, const WnEndpoint *b)
{
    if (b == NULL)
        return true;
    if (a->host == b->host)
        return is_better_address(a, b);
    if (self->config.route->delivery == WN_DELIVERY_EVEN)
        return pressure(a) < pressure(b);
    return a->host->number < b->host->number;
}

WnEndpoint *
wn_servers_pick(WnServers *self, int avoid)
{
    int64_t now_ms = wn_clock_mono_ms();
    WnEndpoint *best = NULL;

    for (guint i = 0; i < self->endpoints->len; i++) {
        WnEndpoint *endpoint = self->endpoints->pdata[i];

        if (!wn_endpoint_is_usable(endpoint) || endpoint->host->number == avoid
            || endpoint->down_until_ms > now_ms)
            continue;
        if (is_better(self, endpoint, best))
            best = endpoint;
    }
    return best;
}

static bool
is_rival(const WnEndpoint *candidate, const WnEndpoint *endpoint, WnRival rival)
{
    return candidate != endpoint && wn_endpoint_is_usable(candidate)
           && candidate->n_connecting == 0
           && candidate->down_until_ms <= wn_clock_mono_ms()
           && (candidate->host == endpoint->host)
                  == (rival == WN_RIVAL_SAME_SERVER);
}

WnEndpoint *
wn_servers_rival(WnServers *self, const WnEndpoint *endpoint, WnRival rival)
{
    WnEndpoint *best = NULL;

    for (guint i = 0; i < self->endpoints->len; i++) {
        WnEndpoint *candidate = self->endpoints->pdata[i];

        if (!is_rival(candidate, endpoint, rival))
            continue;
        /* The other family is another way; a second address may be not. */
        if (rival == WN_RIVAL_SAME_SERVER
            && candidate->address.len != endpoint->address.len)
            return candidate;
        if (is_better(self, candidate, best))
            best = candidate;
    }
    return best;
}

void
wn_endpoint_assigned(WnEndpoint *self)
{
    if (self->host != NULL)
        self->host->load += 1.0 / self->host->weight;
}

void
wn_endpoint_failed(WnEndpoint *self)
{
    int64_t now_ms = wn_clock_mono_ms();

    /* Connections that were begun together fail together: that is one. */
    if (now_ms < self->down_until_ms)
        return;
    self->backoff_ms = self->backoff_ms == 0
                           ? WN_ENDPOINT_DOWN_MS
                           : MIN(self->backoff_ms * 2, WN_ENDPOINT_DOWN_MAX_MS);
    self->down_until_ms = now_ms + self->backoff_ms;
}

/* A server that comes back takes its share from now on, not what it missed. */
static void
catch_up(WnServersHost *host)
{
    const GPtrArray *hosts = host->servers->hosts;

    for (guint i = 0; i < hosts->len; i++) {
        const WnServersHost *other = hosts->pdata[i];

        host->load = MAX(host->load, other->load);
    }
}

void
wn_endpoint_worked(WnEndpoint *self)
{
    self->slow_until_ms = 0;
    if (self->down_until_ms == 0)
        return;
    self->down_until_ms = 0;
    self->backoff_ms = 0;
    self->n_lost = 0;
    if (self->host != NULL)
        catch_up(self->host);
}

const char *
wn_endpoint_host(const WnEndpoint *self)
{
    return self->host != NULL ? self->host->name : "";
}

const WnDane *
wn_endpoint_dane(const WnEndpoint *self)
{
    return self->host != NULL ? self->host->dane : NULL;
}

/* Of one that DNS does not name any more, the strictest without a name. */
WnTlsPolicy
wn_endpoint_tls(const WnEndpoint *self)
{
    return self->host != NULL ? self->host->tls : WN_TLS_POLICY_REQUIRE;
}

int16_t
wn_endpoint_server(const WnEndpoint *self)
{
    return self->host != NULL ? self->host->number : -1;
}

int64_t
wn_servers_up_at(const WnServers *self)
{
    int64_t now_ms = wn_clock_mono_ms();
    int64_t first = INT64_MAX;

    for (guint i = 0; i < self->endpoints->len; i++) {
        const WnEndpoint *endpoint = self->endpoints->pdata[i];

        if (wn_endpoint_is_usable(endpoint))
            first = MIN(first, endpoint->down_until_ms);
    }
    return first <= now_ms ? 0 : first;
}

void
wn_servers_forgive(WnServers *self)
{
    int64_t now_ms = wn_clock_mono_ms();

    for (guint i = 0; i < self->endpoints->len; i++) {
        WnEndpoint *endpoint = self->endpoints->pdata[i];

        endpoint->down_until_ms = MIN(endpoint->down_until_ms, now_ms);
    }
}
