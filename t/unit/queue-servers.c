/* SPDX-License-Identifier: MIT */
#include "core/queue/servers.h"

#include "core/base/clock.h"
#include "core/smtp/outgoing.h"
#include "t/unit/fake_dns.h"

typedef struct Stage {
    WnLoop *loop;
    FakeDns dns;
    WnResolver *resolver;
    WnRoute *route;
    WnServers *servers;
    unsigned n_resolved;
} Stage;

static void
on_resolved(void *user)
{
    ((Stage *)user)->n_resolved++;
}

static void
stage_init(Stage *self)
{
    wn_clock_fake(1000000, 0);
    *self = (Stage){ .loop = wn_loop_new() };
    fake_dns_start(&self->dns, self->loop);
    self->resolver = wn_resolver_new(self->loop, self->dns.place, 2000, NULL);
}

static void
stage_clear(Stage *self)
{
    wn_servers_free(self->servers);
    wn_route_free(self->route);
    wn_resolver_free(self->resolver);
    fake_dns_stop(&self->dns);
    wn_loop_free(self->loop);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Stage, stage_clear)

static void
await(Stage *self)
{
    unsigned before = self->n_resolved;

    wn_servers_refresh(self->servers);
    for (int i = 0; i < 200 && self->n_resolved == before; i++)
        wn_loop_turn(self->loop);
    g_assert_cmpuint(self->n_resolved, ==, before + 1);
}

/* hosts: "10.0.0.1*2 mx.example*1" */
static void
open_servers(Stage *self, const char *hosts, WnDelivery delivery)
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
        g_auto(GStrv) parts = g_strsplit(words[i], "*", 2);
        WnServerSetting *server = g_new0(WnServerSetting, 1);

        server->host = g_strdup(parts[0]);
        server->port = 25;
        server->weight = (uint16_t)(parts[1][0] - '0');
        g_ptr_array_add(self->route->servers, server);
    }
    config.route = self->route;
    self->servers = wn_servers_new(&config, on_resolved, self);
    await(self);
}

static char *
picks(Stage *self, int n)
{
    GString *text = g_string_new(NULL);

    for (int i = 0; i < n; i++) {
        WnEndpoint *endpoint = wn_servers_pick(self->servers, -1);

        if (endpoint == NULL) {
            g_string_append_c(text, '-');
            continue;
        }
        g_string_append_printf(text, "%d", wn_endpoint_server(endpoint));
        wn_endpoint_assigned(endpoint);
    }
    return g_string_free(text, FALSE);
}

static void
assert_picks(Stage *self, const char *expected)
{
    g_autofree char *text = picks(self, (int)strlen(expected));

    g_assert_cmpstr(text, ==, expected);
}

static void
test_ordered(void)
{
    g_auto(Stage) stage = { 0 };

    stage_init(&stage);
    open_servers(&stage, "10.0.0.1*1 10.0.0.2*1", WN_DELIVERY_ORDERED);
    assert_picks(&stage, "000");
    wn_endpoint_failed(wn_servers_pick(stage.servers, -1));
    assert_picks(&stage, "111");
    g_assert_cmpint(wn_servers_up_at(stage.servers), ==, 0);
    wn_clock_fake_step(WN_ENDPOINT_DOWN_MS);
    assert_picks(&stage, "000");
    g_assert_cmpint(wn_endpoint_server(wn_servers_pick(stage.servers, 0)), ==,
        1);
}

static unsigned
count_char(const char *text, char c)
{
    unsigned n = 0;

    for (; *text != '\0'; text++)
        n += *text == c;
    return n;
}

static void
test_weights(void)
{
    g_auto(Stage) stage = { 0 };
    g_autofree char *text = NULL;

    stage_init(&stage);
    open_servers(&stage, "10.0.0.1*1 10.0.0.2*3", WN_DELIVERY_EVEN);
    text = picks(&stage, 400);
    g_assert_cmpuint(count_char(text, '0'), ==, 100);
    g_assert_cmpuint(count_char(text, '1'), ==, 300);
}

/* What a server missed while it was down is not made up for. */
static void
test_comeback(void)
{
    g_auto(Stage) stage = { 0 };
    WnEndpoint *first;
    g_autofree char *text = NULL;

    stage_init(&stage);
    open_servers(&stage, "10.0.0.1*1 10.0.0.2*1", WN_DELIVERY_EVEN);
    first = wn_servers_pick(stage.servers, 1);
    wn_endpoint_failed(first);
    g_free(picks(&stage, 100));
    wn_clock_fake_step(WN_ENDPOINT_DOWN_MS);
    wn_endpoint_worked(first);
    text = picks(&stage, 20);
    g_assert_cmpuint(count_char(text, '0'), ==, 10);
}

static void
test_backoff(void)
{
    g_auto(Stage) stage = { 0 };
    int64_t expected_ms = WN_ENDPOINT_DOWN_MS;
    WnEndpoint *endpoint;

    stage_init(&stage);
    open_servers(&stage, "10.0.0.1*1", WN_DELIVERY_EVEN);
    endpoint = wn_servers_pick(stage.servers, -1);
    for (int i = 0; i < 10; i++) {
        wn_endpoint_failed(endpoint);
        wn_endpoint_failed(endpoint); /* begun together, failed together */
        g_assert_cmpint(wn_servers_up_at(stage.servers) - wn_clock_mono_ms(),
            ==, expected_ms);
        assert_picks(&stage, "-");
        wn_clock_fake_step(expected_ms);
        assert_picks(&stage, "0");
        expected_ms = MIN(expected_ms * 2, WN_ENDPOINT_DOWN_MAX_MS);
    }
    wn_endpoint_worked(endpoint);
    wn_endpoint_failed(endpoint);
    g_assert_cmpint(wn_servers_up_at(stage.servers) - wn_clock_mono_ms(), ==,
        WN_ENDPOINT_DOWN_MS);
}

static void
test_names(void)
{
    g_auto(Stage) stage = { 0 };
    WnEndpoint *old;

    stage_init(&stage);
    fake_dns_add_address(&stage.dns, "mx.example", 40, "192.0.2.1");
    fake_dns_add_address(&stage.dns, "mx.example", 40, "2001:db8::1");
    open_servers(&stage, "mx.example*1", WN_DELIVERY_EVEN);
    g_assert_cmpint(wn_servers_state(stage.servers), ==, WN_SERVERS_KNOWN);
    wn_endpoint_failed(wn_servers_pick(stage.servers, -1));
    old = wn_servers_pick(stage.servers, -1);
    g_assert_nonnull(old); /* the other family */
    wn_endpoint_failed(old);
    assert_picks(&stage, "-");
    /* Not asked again before the answer has expired; then the same addresses
     * are still down. */
    wn_servers_refresh(stage.servers);
    g_assert_cmpint(wn_servers_state(stage.servers), ==, WN_SERVERS_KNOWN);
    wn_clock_fake_step(41000);
    wn_endpoint_failed(old);
    await(&stage);
    g_assert_cmpint(wn_endpoint_server(wn_servers_pick(stage.servers, -1)), ==,
        0);
    g_assert_true(wn_servers_pick(stage.servers, -1) != old);
}

/* IPv6 first; the other family is the rival, and the winner is preferred from
 * then on (RFC 8305). */
static void
test_race(void)
{
    g_auto(Stage) stage = { 0 };
    WnEndpoint *first, *rival, *other;

    stage_init(&stage);
    fake_dns_add_address(&stage.dns, "mx.example", 40, "192.0.2.1");
    fake_dns_add_address(&stage.dns, "mx.example", 40, "192.0.2.2");
    fake_dns_add_address(&stage.dns, "mx.example", 40, "2001:db8::1");
    open_servers(&stage, "mx.example*1 10.0.0.9*1", WN_DELIVERY_ORDERED);
    first = wn_servers_pick(stage.servers, -1);
    g_assert_cmpuint(first->address.len, ==, 16);
    rival = wn_servers_rival(stage.servers, first, WN_RIVAL_SAME_SERVER);
    g_assert_cmpuint(rival->address.len, ==, 4);
    g_assert_cmpint(wn_endpoint_server(rival), ==, 0);
    other = wn_servers_rival(stage.servers, first, WN_RIVAL_OTHER_SERVER);
    g_assert_cmpint(wn_endpoint_server(other), ==, 1);
    rival->n_connecting = 1;
    g_assert_true(
        wn_servers_rival(stage.servers, first, WN_RIVAL_SAME_SERVER) != rival);
    rival->n_connecting = 0;
    wn_endpoint_failed(other);
    g_assert_null(
        wn_servers_rival(stage.servers, first, WN_RIVAL_OTHER_SERVER));
    first->slow_until_ms = wn_clock_mono_ms() + 1000;
    g_assert_cmpuint(wn_servers_pick(stage.servers, -1)->address.len, ==, 4);
    wn_clock_fake_step(1001);
    g_assert_true(wn_servers_pick(stage.servers, -1) == first);
}

/* The operator asks for an attempt now. */
static void
test_forgiven(void)
{
    g_auto(Stage) stage = { 0 };

    stage_init(&stage);
    open_servers(&stage, "10.0.0.1*1", WN_DELIVERY_EVEN);
    wn_endpoint_failed(wn_servers_pick(stage.servers, -1));
    assert_picks(&stage, "-");
    wn_servers_forgive(stage.servers);
    assert_picks(&stage, "0");
}

/* The pool has no address of the servers' family. */
static void
test_unfit(void)
{
    g_auto(Stage) stage = { 0 };
    WnServersConfig config = { .resolver = NULL };
    WnServerSetting *server = g_new0(WnServerSetting, 1);

    stage_init(&stage);
    stage.route = wn_route_of_mx("unused", 25);
    g_clear_pointer(&stage.route->mx_domain, g_free);
    server->host = g_strdup("2001:db8::1");
    server->port = 25;
    g_ptr_array_add(stage.route->servers, server);
    config = (WnServersConfig){ .loop = stage.loop,
        .route = stage.route,
        .hostname = "relay.example",
        .v4 = true };
    stage.servers = wn_servers_new(&config, on_resolved, &stage);
    await(&stage);
    g_assert_null(wn_servers_pick(stage.servers, -1));
    g_assert_nonnull(strstr(wn_servers_problem(stage.servers),
        "IPv6 addresses only, the egress pool IPv4"));
}

/* A configured name that does not exist is trouble, not an end. */
static void
test_no_name(void)
{
    g_auto(Stage) stage = { 0 };

    stage_init(&stage);
    open_servers(&stage, "none.example*1", WN_DELIVERY_EVEN);
    g_assert_cmpint(wn_servers_state(stage.servers), ==, WN_SERVERS_UNKNOWN);
    g_assert_cmpstr(wn_servers_problem(stage.servers), ==,
        "none.example: no such name");
    assert_picks(&stage, "-");
}

/* DNS that fails later takes nothing away. */
static void
test_dns_fails_later(void)
{
    g_auto(Stage) stage = { 0 };

    stage_init(&stage);
    fake_dns_add_address(&stage.dns, "mx.example", 40, "192.0.2.1");
    open_servers(&stage, "mx.example*1", WN_DELIVERY_EVEN);
    stage.dns.rcode = 2;
    wn_clock_fake_step(400000);
    wn_servers_refresh(stage.servers);
    assert_picks(&stage, "0");
    for (int i = 0; i < 200 && stage.n_resolved < 2; i++)
        wn_loop_turn(stage.loop);
    g_assert_cmpint(wn_servers_state(stage.servers), ==, WN_SERVERS_KNOWN);
    assert_picks(&stage, "0");
}

static void
open_mx(Stage *self, const char *domain)
{
    WnServersConfig config = { .loop = self->loop,
        .resolver = self->resolver,
        .hostname = "relay.example",
        .v4 = true };

    g_clear_pointer(&self->servers, wn_servers_free);
    g_clear_pointer(&self->route, wn_route_free);
    self->route = wn_route_of_mx(domain, 2525);
    config.route = self->route;
    self->servers = wn_servers_new(&config, on_resolved, self);
    await(self);
}

static void
test_mx(void)
{
    static const uint8_t far[] = "\0\x14\3far\7example";
    static const uint8_t near[] = "\0\x0a\4near\7example";
    static const uint8_t us[] = "\0\x14\5relay\7example";
    g_auto(Stage) stage = { 0 };
    WnEndpoint *endpoint;

    stage_init(&stage);
    fake_dns_add(&stage.dns, "d.example", WN_RR_MX, 60, far, sizeof far);
    fake_dns_add(&stage.dns, "d.example", WN_RR_MX, 60, near, sizeof near);
    fake_dns_add(&stage.dns, "u.example", WN_RR_MX, 60, us, sizeof us);
    fake_dns_add(&stage.dns, "u.example", WN_RR_MX, 60, near, sizeof near);
    fake_dns_add(&stage.dns, "u.example", WN_RR_MX, 60, far, sizeof far);
    fake_dns_add_address(&stage.dns, "far.example", 60, "192.0.2.2");
    fake_dns_add_address(&stage.dns, "near.example", 60, "192.0.2.1");
    fake_dns_add_address(&stage.dns, "bare.example", 60, "192.0.2.3");
    open_mx(&stage, "d.example");
    endpoint = wn_servers_pick(stage.servers, -1);
    g_assert_cmpstr(wn_endpoint_host(endpoint), ==, "near.example");
    g_assert_cmpuint(endpoint->address.port, ==, 2525);
    wn_endpoint_failed(endpoint);
    endpoint = wn_servers_pick(stage.servers, -1);
    g_assert_cmpstr(wn_endpoint_host(endpoint), ==, "far.example");
    /* Nobody as far away as ourselves. */
    open_mx(&stage, "u.example");
    endpoint = wn_servers_pick(stage.servers, -1);
    g_assert_cmpstr(wn_endpoint_host(endpoint), ==, "near.example");
    wn_endpoint_failed(endpoint);
    assert_picks(&stage, "-");
    /* No MX: the domain's own address. */
    open_mx(&stage, "bare.example");
    endpoint = wn_servers_pick(stage.servers, -1);
    g_assert_cmpstr(wn_endpoint_host(endpoint), ==, "bare.example");
    open_mx(&stage, "[192.0.2.9]");
    endpoint = wn_servers_pick(stage.servers, -1);
    g_assert_cmpstr(wn_endpoint_host(endpoint), ==, "192.0.2.9");
    open_mx(&stage, "[what]");
    g_assert_cmpint(wn_servers_state(stage.servers), ==, WN_SERVERS_HOPELESS);
    open_mx(&stage, "none.example");
    g_assert_cmpint(wn_servers_state(stage.servers), ==, WN_SERVERS_HOPELESS);
    stage.dns.rcode = 2;
    open_mx(&stage, "broken.example");
    g_assert_cmpint(wn_servers_state(stage.servers), ==, WN_SERVERS_UNKNOWN);
}

/* What one server tells: "8 1000" is offers and size, "-" nothing yet. */
static void
tell(Stage *stage, const char *address, unsigned offers, uint64_t max_size)
{
    WnEndpoint *first = wn_servers_pick(stage->servers, -1);
    WnEndpoint *endpoint = first;

    if (!g_str_equal(wn_endpoint_host(first), address))
        endpoint = wn_servers_rival(stage->servers, first,
            WN_RIVAL_OTHER_SERVER);
    g_assert_cmpstr(wn_endpoint_host(endpoint), ==, address);
    wn_endpoint_told(endpoint, offers, max_size);
}

static void
assert_limits(const Stage *stage, bool no_utf8, uint64_t max_size)
{
    WnLimits limits;

    g_assert_true(wn_servers_limits(stage->servers, &limits));
    g_assert_cmpint(limits.no_utf8, ==, no_utf8);
    g_assert_cmpuint(limits.max_size, ==, max_size);
}

/* One server that takes it is enough; where any may be next, all must have
 * told. */
static void
test_limits_even(void)
{
    g_auto(Stage) stage;
    WnLimits limits;

    stage_init(&stage);
    open_servers(&stage, "10.0.0.1*1 10.0.0.2*1", WN_DELIVERY_EVEN);
    g_assert_false(wn_servers_limits(stage.servers, &limits));
    tell(&stage, "10.0.0.1", 0, 1000);
    g_assert_false(wn_servers_limits(stage.servers, &limits));
    tell(&stage, "10.0.0.2", 0, 2000);
    assert_limits(&stage, true, 2000);
    tell(&stage, "10.0.0.2", WN_OFFERS_SMTPUTF8, 0);
    assert_limits(&stage, false, 0);
    tell(&stage, "10.0.0.2", 0, 500);
    assert_limits(&stage, true, 1000);
    /* What was told an hour ago is not known any more. */
    wn_clock_fake_step(WN_KNOWN_LIMITS_S * 1000 - 1000);
    tell(&stage, "10.0.0.1", 0, 700);
    assert_limits(&stage, true, 700);
    wn_clock_fake_step(1000);
    g_assert_false(wn_servers_limits(stage.servers, &limits));
}

static void
test_limits_ordered(void)
{
    g_auto(Stage) stage;
    WnLimits limits;

    stage_init(&stage);
    open_servers(&stage, "10.0.0.1*1 10.0.0.2*1", WN_DELIVERY_ORDERED);
    g_assert_false(wn_servers_limits(stage.servers, &limits));
    tell(&stage, "10.0.0.1", WN_OFFERS_PIPELINING, 1000);
    assert_limits(&stage, true, 1000);
    tell(&stage, "10.0.0.2", WN_OFFERS_SMTPUTF8, 10);
    assert_limits(&stage, false, 1000);
    wn_clock_fake_step(WN_KNOWN_LIMITS_S * 1000);
    g_assert_false(wn_servers_limits(stage.servers, &limits));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/queue/servers/race", test_race);
    g_test_add_func("/queue/servers/forgiven", test_forgiven);
    g_test_add_func("/queue/servers/unfit", test_unfit);
    g_test_add_func("/queue/servers/ordered", test_ordered);
    g_test_add_func("/queue/servers/weights", test_weights);
    g_test_add_func("/queue/servers/comeback", test_comeback);
    g_test_add_func("/queue/servers/backoff", test_backoff);
    g_test_add_func("/queue/servers/names", test_names);
    g_test_add_func("/queue/servers/no-name", test_no_name);
    g_test_add_func("/queue/servers/dns-fails-later", test_dns_fails_later);
    g_test_add_func("/queue/servers/mx", test_mx);
    g_test_add_func("/queue/servers/limits-even", test_limits_even);
    g_test_add_func("/queue/servers/limits-ordered", test_limits_ordered);
    return g_test_run();
}
