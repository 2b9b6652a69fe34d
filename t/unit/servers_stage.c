/* SPDX-License-Identifier: MIT */
#include "t/unit/servers_stage.h"

#include "core/base/clock.h"

void
stage_on_resolved(void *user)
{
    ((Stage *)user)->n_resolved++;
}

void
stage_init(Stage *self)
{
    wn_clock_fake(1000000, 0);
    *self = (Stage){ .loop = wn_loop_new() };
    fake_dns_start(&self->dns, self->loop);
    self->resolver = wn_resolver_new(self->loop, self->dns.place, 2000, NULL);
}

void
stage_clear(Stage *self)
{
    wn_servers_free(self->servers);
    g_clear_pointer(&self->listen, g_array_unref);
    wn_route_free(self->route);
    wn_resolver_free(self->resolver);
    fake_dns_stop(&self->dns);
    wn_loop_free(self->loop);
}
void
stage_await(Stage *self)
{
    unsigned before = self->n_resolved;

    wn_servers_refresh(self->servers);
    for (int i = 0; i < 200 && self->n_resolved == before; i++)
        wn_loop_turn(self->loop);
    g_assert_cmpuint(self->n_resolved, ==, before + 1);
}

void
stage_make_servers(Stage *self, const char *hosts, WnDelivery delivery)
{
    g_auto(GStrv) words = g_strsplit(hosts, " ", -1);
    WnServersConfig config = { .loop = self->loop,
        .resolver = self->resolver,
        .hostname = "relay.example",
        .v4 = true,
        .v6 = true };

    self->route = wn_route_of_mx("unused", 25);
    g_clear_pointer(&self->route->mx_domain, g_free);
    self->route->delivery = delivery;
    for (int i = 0; words[i] != NULL; i++) {
        g_auto(GStrv) parts = g_strsplit(words[i], "*", 3);
        WnServerSetting *server = g_new0(WnServerSetting, 1);

        server->host = g_strdup(parts[0]);
        server->port = 25;
        server->weight = (uint16_t)(parts[1][0] - '0');
        for (int tls = WN_TLS_POLICY_NONE; parts[2] != NULL; tls++) {
            server->own_tls = WN_OWN_TLS(tls);
            if (g_str_equal(wn_tls_policy_name(tls), parts[2]))
                break;
        }
        g_ptr_array_add(self->route->servers, server);
    }
    config.route = self->route;
    self->servers = wn_servers_new(&config, stage_on_resolved, self);
}

void
stage_open_servers(Stage *self, const char *hosts, WnDelivery delivery)
{
    stage_make_servers(self, hosts, delivery);
    stage_await(self);
}

char *
stage_picks(Stage *self, int n)
{
    GString *text = g_string_new(NULL);

    for (int i = 0; i < n; i++) {
        WnEndpoint *endpoint = wn_servers_pick(self->servers, -1, 0);

        if (endpoint == NULL) {
            g_string_append_c(text, '-');
            continue;
        }
        g_string_append_printf(text, "%d", wn_endpoint_server(endpoint));
        wn_endpoint_assigned(endpoint);
    }
    return g_string_free(text, FALSE);
}

void
stage_assert_picks(Stage *self, const char *expected)
{
    g_autofree char *text = stage_picks(self, (int)strlen(expected));

    g_assert_cmpstr(text, ==, expected);
}
