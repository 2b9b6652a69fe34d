/* SPDX-License-Identifier: MIT */
#include "core/control/ports.h"

#include "core/base/fd.h"
#include "core/event/listener.h"

typedef struct Port {
    WnNetaddr address;
    int fd;
} Port;

struct WnPorts {
    GArray *ports; /* of Port */
};

WnPorts *
wn_ports_new(void)
{
    WnPorts *self = g_new0(WnPorts, 1);

    self->ports = g_array_new(FALSE, FALSE, sizeof(Port));
    return self;
}

void
wn_ports_close(WnPorts *self)
{
    for (guint i = 0; i < self->ports->len; i++)
        wn_fd_close(g_array_index(self->ports, Port, i).fd);
    g_array_set_size(self->ports, 0);
}

void
wn_ports_free(WnPorts *self)
{
    if (self == NULL)
        return;
    wn_ports_close(self);
    g_array_unref(self->ports);
    g_free(self);
}

int
wn_ports_find(const WnPorts *self, const WnNetaddr *address)
{
    for (guint i = 0; i < self->ports->len; i++) {
        const Port *port = &g_array_index(self->ports, Port, i);

        if (wn_netaddr_eq(&port->address, address))
            return port->fd;
    }
    return -1;
}

static bool
bind_one(WnPorts *self, const WnNetaddr *address, GError **error)
{
    Port port = { *address, -1 };

    if (wn_ports_find(self, address) >= 0)
        return true;
    port.fd = wn_listener_bind(address, error);
    if (port.fd < 0)
        return false;
    g_array_append_val(self->ports, port);
    return true;
}

bool
wn_ports_bind(WnPorts *self, const WnConfig *config, GError **error)
{
    for (guint i = 0; i < config->listen->len; i++) {
        if (!bind_one(self, &g_array_index(config->listen, WnNetaddr, i),
                error)) {
            g_prefix_error(error, "[server] listen: ");
            return false;
        }
    }
    if (config->metrics.len > 0 && !bind_one(self, &config->metrics, error)) {
        g_prefix_error(error, "[server] metrics: ");
        return false;
    }
    return true;
}

static bool
is_named(const WnConfig *config, const WnNetaddr *address)
{
    for (guint i = 0; i < config->listen->len; i++)
        if (wn_netaddr_eq(&g_array_index(config->listen, WnNetaddr, i),
                address))
            return true;
    return config->metrics.len > 0 && wn_netaddr_eq(&config->metrics, address);
}

void
wn_ports_keep_only(WnPorts *self, const WnConfig *config)
{
    for (guint i = self->ports->len; i > 0; i--) {
        Port *port = &g_array_index(self->ports, Port, i - 1);

        if (is_named(config, &port->address))
            continue;
        wn_fd_close(port->fd);
        g_array_remove_index_fast(self->ports, i - 1);
    }
}
