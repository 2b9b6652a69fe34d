/* SPDX-License-Identifier: MIT */
#include "core/conf/domain_file.h"

#include "core/base/netaddr.h"
#include "core/conf/setting.h"

static void
server_free(void *data)
{
    WnServerSetting *server = data;

    g_free(server->host);
    g_free(server);
}

static void
mailbox_clear(void *data)
{
    WnMailboxSetting *mailbox = data;

    g_free(mailbox->local_part);
}

WnDomainSetting *
wn_domain_setting_new(const char *name)
{
    WnDomainSetting *self = g_new0(WnDomainSetting, 1);

    self->name = g_strdup(name);
    self->enabled = true;
    self->filter_default = true;
    self->tls = WN_TLS_POLICY_MAY;
    self->servers = g_ptr_array_new_with_free_func(server_free);
    self->mailbox_list = g_array_new(FALSE, FALSE, sizeof(WnMailboxSetting));
    g_array_set_clear_func(self->mailbox_list, mailbox_clear);
    return self;
}

void
wn_domain_setting_free(WnDomainSetting *self)
{
    if (self == NULL)
        return;
    g_free(self->name);
    g_free(self->file);
    g_free(self->egress_pool);
    g_free(self->reject_text);
    g_free(self->technical_contact);
    g_ptr_array_unref(self->servers);
    g_strfreev(self->filters);
    if (self->filter_settings != NULL)
        g_ptr_array_unref(self->filter_settings);
    g_array_unref(self->mailbox_list);
    g_free(self);
}

WnServerSetting *
wn_domain_setting_add_server(WnDomainSetting *self, const char *host,
    uint16_t port, uint16_t weight)
{
    WnServerSetting *server = g_new0(WnServerSetting, 1);

    server->host = g_strdup(host);
    server->port = port;
    server->weight = weight;
    g_ptr_array_add(self->servers, server);
    return server;
}

WnTlsPolicy
wn_server_tls(uint8_t own_tls, WnTlsPolicy domain)
{
    return own_tls > 0 ? (WnTlsPolicy)(own_tls - 1) : domain;
}

bool
wn_server_dane_is_may(const char *host, uint8_t own_tls, WnTlsPolicy domain)
{
    WnNetaddr address;

    return wn_server_tls(own_tls, domain) == WN_TLS_POLICY_DANE
           && wn_netaddr_parse(wn_span_str(host), &address);
}

void
wn_domain_setting_add_mailbox(WnDomainSetting *self, const char *local_part,
    WnFiltering filtering)
{
    WnMailboxSetting mailbox = { g_strdup(local_part), filtering };

    g_array_append_val(self->mailbox_list, mailbox);
}

WnFilterSetting *
wn_filter_setting_new(const char *name)
{
    WnFilterSetting *self = g_new0(WnFilterSetting, 1);

    self->name = g_strdup(name);
    self->enabled = -1;
    self->position = -1;
    self->on_match = -1;
    self->on_error = -1;
    self->settings = g_ptr_array_new_with_free_func(wn_setting_free);
    return self;
}

void
wn_filter_setting_free(void *data)
{
    WnFilterSetting *self = data;

    g_free(self->name);
    g_free(self->file);
    g_free(self->action);
    g_ptr_array_unref(self->settings);
    g_free(self);
}

const char *
wn_domain_status_name(WnDomainStatus status)
{
    static const char *const names[] = {
        [WN_DOMAIN_READY] = "ready",
        [WN_DOMAIN_INITIALIZING] = "initializing",
        [WN_DOMAIN_SUSPENDED] = "suspended",
    };

    return (unsigned)status < G_N_ELEMENTS(names) ? names[status] : "unknown";
}

const char *
wn_tls_policy_name(WnTlsPolicy policy)
{
    static const char *const names[] = {
        [WN_TLS_POLICY_NONE] = "none",
        [WN_TLS_POLICY_MAY] = "may",
        [WN_TLS_POLICY_REQUIRE] = "require",
        [WN_TLS_POLICY_VERIFY] = "verify",
        [WN_TLS_POLICY_DANE] = "dane",
    };

    return (unsigned)policy < G_N_ELEMENTS(names) ? names[policy] : "unknown";
}
