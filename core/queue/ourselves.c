/* SPDX-License-Identifier: MIT */
#include "core/queue/ourselves.h"

#include "core/base/fd.h"

#include <sys/socket.h>

bool
wn_is_this_host(const WnNetaddr *address)
{
    struct sockaddr_storage sa = { 0 };
    WnNetaddr any_port = *address;
    wn_autofd fd = -1;
    socklen_t len;

    any_port.port = 0;
    len = wn_netaddr_to_sockaddr(&any_port, &sa);
    fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return fd >= 0 && bind(fd, (struct sockaddr *)&sa, len) == 0;
}

static bool
is_wildcard(const WnNetaddr *address)
{
    for (unsigned i = 0; i < address->len; i++)
        if (address->bytes[i] != 0)
            return false;
    return true;
}

bool
wn_is_this_relay(const GArray *listen, const WnNetaddr *address)
{
    for (guint i = 0; listen != NULL && i < listen->len; i++) {
        const WnNetaddr *own = &g_array_index(listen, WnNetaddr, i);

        if (wn_netaddr_eq(own, address))
            return true;
        if (is_wildcard(own) && own->port == address->port
            && own->len == address->len && wn_is_this_host(address))
            return true;
    }
    return false;
}
