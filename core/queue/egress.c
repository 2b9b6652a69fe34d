/* SPDX-License-Identifier: MIT */
#include "core/queue/egress.h"

#include "core/queue/ourselves.h"

const WnNetaddr *
wn_egress_next(const WnEgressConfig *pool, unsigned *next, const WnNetaddr *to)
{
    const GArray *addresses = pool->addresses;

    for (guint i = 0; i < addresses->len; i++) {
        const WnNetaddr *source = &g_array_index(addresses, WnNetaddr,
            (*next)++ % addresses->len);

        /* An address that was taken away from the host is left out; the
         * firewall admits the others. */
        if (source->len == to->len && wn_is_this_host(source))
            return source;
    }
    return NULL;
}

bool
wn_egress_has(const WnEgressConfig *pool, const WnNetaddr *source)
{
    for (guint i = 0; i < pool->addresses->len; i++)
        if (wn_netaddr_eq(&g_array_index(pool->addresses, WnNetaddr, i),
                source))
            return true;
    return false;
}

bool
wn_egress_has_family(const WnEgressConfig *pool, uint8_t address_len)
{
    for (guint i = 0; i < pool->addresses->len; i++)
        if (g_array_index(pool->addresses, WnNetaddr, i).len == address_len)
            return true;
    return false;
}
