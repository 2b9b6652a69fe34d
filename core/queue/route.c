/* SPDX-License-Identifier: MIT */
#include "core/queue/route.h"

#include "core/base/idna.h"

#define DOMAIN_MAX 255

static void
server_free(gpointer data)
{
    WnServerSetting *server = data;

    g_free(server->host);
    g_free(server);
}

static WnRoute *
route_new(void)
{
    WnRoute *self = g_new0(WnRoute, 1);

    self->servers = g_ptr_array_new_with_free_func(server_free);
    return self;
}

void
wn_route_free(WnRoute *self)
{
    if (self == NULL)
        return;
    g_free(self->key);
    g_free(self->egress);
    g_free(self->mx_domain);
    g_ptr_array_unref(self->servers);
    g_free(self);
}

/* A space separates: it occurs in no host or pool name. */
static char *
make_key(const WnRoute *self)
{
    GString *key = g_string_new(NULL);

    g_string_append_printf(key, "%d %s %s", self->delivery,
        wn_tls_policy_name(self->tls),
        self->egress != NULL ? self->egress : "-");
    if (self->mx_domain != NULL)
        g_string_append_printf(key, " mx %s %u", self->mx_domain,
            self->mx_port);
    for (guint i = 0; i < self->servers->len; i++) {
        const WnServerSetting *server = self->servers->pdata[i];

        g_string_append_printf(key, " %s:%u*%u", server->host, server->port,
            server->weight);
        if (server->own_tls != 0)
            g_string_append_printf(key, "/%u", server->own_tls);
    }
    return g_string_free(key, FALSE);
}

WnRoute *
wn_route_of_domain(const WnSnapshot *snapshot, const WnDomain *domain)
{
    WnRoute *self = route_new();

    self->delivery = domain->delivery;
    self->tls = domain->tls;
    if (domain->firewall)
        self->egress = wn_span_dup(domain->egress_pool);
    for (uint32_t i = 0; i < domain->n_servers; i++) {
        WnServer server = wn_snapshot_server(snapshot, domain, i);
        WnServerSetting *copy = g_new0(WnServerSetting, 1);

        copy->host = wn_span_dup(server.host);
        copy->port = server.port != 0 ? server.port : 25;
        copy->weight = server.weight != 0 ? server.weight : 1;
        copy->own_tls = server.own_tls;
        g_ptr_array_add(self->servers, copy);
    }
    self->key = make_key(self);
    return self;
}

WnRoute *
wn_route_of_mx(const char *domain, uint16_t port)
{
    WnRoute *self = route_new();

    self->delivery = WN_DELIVERY_ORDERED;
    self->tls = WN_TLS_POLICY_MAY;
    self->mx_domain = g_strdup(domain);
    self->mx_port = port;
    self->key = make_key(self);
    return self;
}

char *
wn_route_domain_part(WnSpan address)
{
    const char *at = memrchr(address.ptr, '@', address.len);
    size_t offset = at != NULL ? (size_t)(at - address.ptr) + 1 : address.len;
    WnSpan domain = wn_span_slice(address, offset, address.len);
    char name[WN_IDNA_MAX + 1];

    if (domain.len > 0 && domain.ptr[domain.len - 1] == '.')
        domain.len--;
    if (domain.len == 0 || domain.len > DOMAIN_MAX
        || memchr(domain.ptr, '\0', domain.len) != NULL)
        return NULL;
    if (wn_span_is_ascii(domain))
        return g_ascii_strdown(domain.ptr, (gssize)domain.len);
    return wn_domain_to_ascii(domain, name) ? g_strdup(name) : NULL;
}
