/* SPDX-License-Identifier: MIT */
#include "core/queue/egress.h"

#include "core/base/fd.h"

#include <sys/socket.h>

/* An address that was taken away from the host is left out; the firewall
 * admits the others. */
static bool
is_here(const WnNetaddr *source)
{
    struct sockaddr_storage sa = { 0 };
    socklen_t len = wn_netaddr_to_sockaddr(source, &sa);
    wn_autofd fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    return fd >= 0 && bind(fd, (struct sockaddr *)&sa, len) == 0;
}

const WnNetaddr *
wn_egress_next(const WnEgressConfig *pool, unsigned *next, const WnNetaddr *to)
{
    const GArray *addresses = pool->addresses;

    for (guint i = 0; i < addresses->len; i++) {
        const WnNetaddr *source = &g_array_index(addresses, WnNetaddr,
            (*next)++ % addresses->len);

        if (source->len == to->len && is_here(source))
            return source;
    }
    return NULL;
}

bool
wn_egress_has_family(const WnEgressConfig *pool, uint8_t address_len)
{
    for (guint i = 0; i < pool->addresses->len; i++)
        if (g_array_index(pool->addresses, WnNetaddr, i).len == address_len)
            return true;
    return false;
}
