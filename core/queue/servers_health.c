/* SPDX-License-Identifier: MIT */
#include "core/base/clock.h"
#include "core/queue/servers_private.h"

/* A server whose TLSA records are not known, or cannot be, must not be talked
 * to. */
bool
wn_endpoint_has_policy(const WnEndpoint *self)
{
    const WnDane *dane = wn_endpoint_dane(self);

    if (dane == NULL)
        return true;
    return wn_dane_state(dane) == WN_DANE_NONE
           || wn_dane_state(dane) == WN_DANE_RECORDS;
}

unsigned
wn_endpoint_dane_version(const WnEndpoint *self)
{
    const WnDane *dane = wn_endpoint_dane(self);

    return dane != NULL ? wn_dane_version(dane) : 0;
}

bool
wn_endpoint_is_usable(const WnEndpoint *endpoint)
{
    return !endpoint->stale && wn_endpoint_has_policy(endpoint);
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

bool
wn_endpoint_ails(const WnEndpoint *self)
{
    int64_t now_ms = wn_clock_mono_ms();

    if (self->sick_until_ms > now_ms)
        return true;
    return self->n_busy > 0
           && (self->n_lost > 0 || self->n_soured >= WN_ENDPOINT_SOURED_MAX
               || now_ms - self->heard_ms >= WN_ENDPOINT_SILENT_MS);
}

static bool
is_better(const WnServers *self, const WnEndpoint *a, const WnEndpoint *b)
{
    bool a_ails;
    bool b_ails;

    if (b == NULL)
        return true;
    a_ails = wn_endpoint_ails(a);
    b_ails = wn_endpoint_ails(b);
    if (a_ails != b_ails)
        return b_ails;
    if (a->host == b->host)
        return is_better_address(a, b);
    if (self->config.route->delivery == WN_DELIVERY_EVEN)
        return pressure(a) < pressure(b);
    return a->host->number < b->host->number;
}

static bool
is_left_out(const WnServersHost *host, int avoid, uint32_t unfit)
{
    return host->number == avoid || (unfit & wn_server_bit(host->number)) != 0;
}

WnEndpoint *
wn_servers_pick(WnServers *self, int avoid, uint32_t unfit)
{
    int64_t now_ms = wn_clock_mono_ms();
    WnEndpoint *best = NULL;

    for (guint i = 0; i < self->endpoints->len; i++) {
        WnEndpoint *endpoint = self->endpoints->pdata[i];

        if (!wn_endpoint_is_usable(endpoint)
            || is_left_out(endpoint->host, avoid, unfit)
            || endpoint->down_until_ms > now_ms)
            continue;
        if (is_better(self, endpoint, best))
            best = endpoint;
    }
    return best;
}

bool
wn_servers_has_usable(const WnServers *self, const WnServersHost *host)
{
    for (guint i = 0; i < self->endpoints->len; i++) {
        const WnEndpoint *endpoint = self->endpoints->pdata[i];

        if (endpoint->host == host && wn_endpoint_is_usable(endpoint))
            return true;
    }
    return false;
}

/* A server that is configured counts even if its name does not resolve now; an
 * MX may lead nowhere. */
bool
wn_servers_are_all(const WnServers *self, uint32_t servers)
{
    bool configured = self->config.route->mx_domain == NULL;

    for (guint i = 0; i < self->hosts->len; i++) {
        const WnServersHost *host = self->hosts->pdata[i];

        if ((servers & wn_server_bit(host->number)) == 0 && !host->is_us
            && (configured || wn_servers_has_usable(self, host)))
            return false;
    }
    return true;
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
wn_endpoint_begins(WnEndpoint *self)
{
    if (self->n_busy == 0)
        self->heard_ms = wn_clock_mono_ms();
    self->n_busy++;
}

void
wn_endpoint_ends(WnEndpoint *self)
{
    self->n_busy--;
}

void
wn_endpoint_heard(WnEndpoint *self)
{
    self->heard_ms = wn_clock_mono_ms();
}

void
wn_endpoint_soured(WnEndpoint *self)
{
    self->n_soured++;
    if (self->n_soured >= WN_ENDPOINT_SOURED_MAX)
        self->sick_until_ms = wn_clock_mono_ms() + WN_ENDPOINT_SICK_MS;
}

void
wn_endpoint_served(WnEndpoint *self)
{
    self->n_soured = 0;
    self->sick_until_ms = 0;
}

unsigned
wn_servers_n_stuck(const WnServers *self)
{
    unsigned n = 0;

    for (guint i = 0; i < self->endpoints->len; i++) {
        const WnEndpoint *endpoint = self->endpoints->pdata[i];

        if (wn_endpoint_ails(endpoint))
            n += endpoint->n_busy;
    }
    return n;
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

unsigned
wn_servers_numbering(const WnServers *self)
{
    return self->numbering;
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

    if (self->state == WN_SERVERS_UNKNOWN || self->state == WN_SERVERS_HOPELESS)
        self->expires_ms = now_ms;
    for (guint i = 0; i < self->endpoints->len; i++) {
        WnEndpoint *endpoint = self->endpoints->pdata[i];

        endpoint->down_until_ms = MIN(endpoint->down_until_ms, now_ms);
    }
}
