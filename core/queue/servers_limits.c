/* SPDX-License-Identifier: MIT */
#include "core/base/clock.h"
#include "core/queue/servers_private.h"
#include "core/smtp/outgoing.h"

void
wn_endpoint_told(WnEndpoint *self, unsigned offers, uint64_t max_size)
{
    self->told_ms = MAX(wn_clock_mono_ms(), 1);
    self->offers = offers;
    self->max_size = max_size;
}

static bool
has_told(const WnEndpoint *endpoint)
{
    return !endpoint->stale && endpoint->told_ms > 0
           && wn_clock_mono_ms() - endpoint->told_ms
                  < WN_KNOWN_LIMITS_S * INT64_C(1000);
}

static bool
has_host_told(const WnServers *self, const WnServersHost *host)
{
    for (guint i = 0; i < self->endpoints->len; i++) {
        const WnEndpoint *endpoint = self->endpoints->pdata[i];

        if (endpoint->host == host && has_told(endpoint))
            return true;
    }
    return false;
}

/* Where servers have an order, those that nobody has needed do not count. */
static bool
is_enough_known(const WnServers *self)
{
    for (guint i = 0; i < self->hosts->len; i++)
        if (!has_host_told(self, self->hosts->pdata[i])
            && self->config.route->delivery == WN_DELIVERY_EVEN)
            return false;
    return true;
}

bool
wn_servers_limits(const WnServers *self, WnLimits *out)
{
    bool unlimited = false;
    bool any = false;

    *out = (WnLimits){ .no_utf8 = true };
    for (guint i = 0; i < self->endpoints->len; i++) {
        const WnEndpoint *endpoint = self->endpoints->pdata[i];

        if (!has_told(endpoint))
            continue;
        any = true;
        unlimited |= endpoint->max_size == 0;
        out->no_utf8 &= !(endpoint->offers & WN_OFFERS_SMTPUTF8);
        out->max_size = MAX(out->max_size, endpoint->max_size);
    }
    if (unlimited)
        out->max_size = 0;
    return any && is_enough_known(self);
}
