/* SPDX-License-Identifier: MIT */
#include "t/unit/servers_stage.h"

#include "core/base/clock.h"

static void
test_names(void)
{
    g_auto(Stage) stage = { 0 };
    WnEndpoint *old;

    stage_init(&stage);
    fake_dns_add_address(&stage.dns, "mx.example", 40, "192.0.2.1");
    fake_dns_add_address(&stage.dns, "mx.example", 40, "2001:db8::1");
    stage_open_servers(&stage, "mx.example*1", WN_DELIVERY_EVEN);
    g_assert_cmpint(wn_servers_state(stage.servers), ==, WN_SERVERS_KNOWN);
    wn_endpoint_failed(wn_servers_pick(stage.servers, -1, 0));
    old = wn_servers_pick(stage.servers, -1, 0);
    g_assert_nonnull(old); /* the other family */
    wn_endpoint_failed(old);
    stage_assert_picks(&stage, "-");
    /* Not asked again before the answer has expired; then the same addresses
     * are still down. */
    wn_servers_refresh(stage.servers);
    g_assert_cmpint(wn_servers_state(stage.servers), ==, WN_SERVERS_KNOWN);
    wn_clock_fake_step(41000);
    wn_endpoint_failed(old);
    stage_await(&stage);
    g_assert_cmpint(wn_endpoint_server(wn_servers_pick(stage.servers, -1, 0)),
        ==, 0);
    g_assert_true(wn_servers_pick(stage.servers, -1, 0) != old);
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
    stage.servers = wn_servers_new(&config, stage_on_resolved, &stage);
    stage_await(&stage);
    g_assert_null(wn_servers_pick(stage.servers, -1, 0));
    g_assert_nonnull(strstr(wn_servers_problem(stage.servers),
        "IPv6 addresses only, the egress pool IPv4"));
}

/* The address is known before the TLSA records are: nobody may go there until
 * it is clear how. */
static void
test_tlsa_comes_last(void)
{
    static const uint8_t tlsa[] = { 3, 1, 1, 0xab };
    g_auto(Stage) stage = { 0 };
    unsigned n_early = 0;

    stage_init(&stage);
    stage.dns.secure = true;
    fake_dns_add_address(&stage.dns, "mx.example", 40, "192.0.2.1");
    fake_dns_add(&stage.dns, "_25._tcp.mx.example", WN_RR_TLSA, 60, tlsa,
        sizeof(tlsa));
    stage_make_servers(&stage, "mx.example*1*dane", WN_DELIVERY_EVEN);
    wn_servers_refresh(stage.servers);
    for (int i = 0; i < 200 && stage.n_resolved == 0; i++) {
        n_early += wn_servers_pick(stage.servers, -1, 0) != NULL;
        wn_loop_turn(stage.loop);
    }
    g_assert_cmpuint(n_early, ==, 0);
    g_assert_cmpint(wn_dane_state(wn_endpoint_dane(
                        wn_servers_pick(stage.servers, -1, 0))),
        ==, WN_DANE_RECORDS);
}

/* Two names of one address: each has its own policy, whichever answer comes
 * first. */
static void
test_one_address_two_policies(void)
{
    g_auto(Stage) stage = { 0 };
    WnEndpoint *first, *other;

    stage_init(&stage);
    fake_dns_add_address(&stage.dns, "a.example", 40, "192.0.2.1");
    fake_dns_add_address(&stage.dns, "b.example", 40, "192.0.2.1");
    stage_open_servers(&stage, "a.example*1*verify b.example*1*none",
        WN_DELIVERY_ORDERED);
    first = wn_servers_pick(stage.servers, -1, 0);
    other = wn_servers_pick(stage.servers, 0, 0);
    g_assert_nonnull(first);
    g_assert_nonnull(other);
    g_assert_cmpstr(wn_endpoint_host(first), ==, "a.example");
    g_assert_cmpint(wn_endpoint_tls(first), ==, WN_TLS_POLICY_VERIFY);
    g_assert_cmpstr(wn_endpoint_host(other), ==, "b.example");
    g_assert_cmpint(wn_endpoint_tls(other), ==, WN_TLS_POLICY_NONE);
    wn_clock_fake_step(41000);
    stage_await(&stage);
    g_assert_true(wn_servers_pick(stage.servers, -1, 0) == first);
    g_assert_true(wn_servers_pick(stage.servers, 0, 0) == other);
}

/* A configured name that does not exist is trouble, not an end. */
static void
test_no_name(void)
{
    g_auto(Stage) stage = { 0 };

    stage_init(&stage);
    stage_open_servers(&stage, "none.example*1", WN_DELIVERY_EVEN);
    g_assert_cmpint(wn_servers_state(stage.servers), ==, WN_SERVERS_UNKNOWN);
    g_assert_cmpstr(wn_servers_problem(stage.servers), ==,
        "none.example: no such name");
    stage_assert_picks(&stage, "-");
}

/* DNS that fails later takes nothing away. */
static void
test_dns_fails_later(void)
{
    g_auto(Stage) stage = { 0 };

    stage_init(&stage);
    fake_dns_add_address(&stage.dns, "mx.example", 40, "192.0.2.1");
    stage_open_servers(&stage, "mx.example*1", WN_DELIVERY_EVEN);
    stage.dns.rcode = 2;
    wn_clock_fake_step(400000);
    wn_servers_refresh(stage.servers);
    stage_assert_picks(&stage, "0");
    for (int i = 0; i < 200 && stage.n_resolved < 2; i++)
        wn_loop_turn(stage.loop);
    g_assert_cmpint(wn_servers_state(stage.servers), ==, WN_SERVERS_KNOWN);
    stage_assert_picks(&stage, "0");
}

/* What is known is used soon, though more is still asked for. */
static void
test_aaaa_hangs(void)
{
    g_auto(Stage) stage = { 0 };

    stage_init(&stage);
    stage.dns.mute_type = WN_RR_AAAA;
    fake_dns_add_address(&stage.dns, "mx.example", 40, "192.0.2.1");
    stage_make_servers(&stage, "mx.example*1", WN_DELIVERY_EVEN);
    wn_servers_refresh(stage.servers);
    for (int i = 0; i < 200 && wn_servers_pick(stage.servers, -1, 0) == NULL;
         i++)
        wn_loop_turn(stage.loop);
    g_assert_cmpuint(stage.n_resolved, ==, 0);
    wn_clock_fake_step(50);
    wn_loop_turn(stage.loop);
    g_assert_cmpuint(stage.n_resolved, ==, 1);
    stage_assert_picks(&stage, "0");
}

/* One that is preferred gets a little longer to be found. */
static void
test_preferred_hangs(void)
{
    g_auto(Stage) stage = { 0 };

    stage_init(&stage);
    stage.dns.mute = "hang.example";
    fake_dns_add_address(&stage.dns, "mx.example", 40, "192.0.2.1");
    stage_make_servers(&stage, "hang.example*1 mx.example*1",
        WN_DELIVERY_ORDERED);
    wn_servers_refresh(stage.servers);
    for (int i = 0; i < 200 && wn_servers_pick(stage.servers, -1, 0) == NULL;
         i++)
        wn_loop_turn(stage.loop);
    wn_clock_fake_step(60);
    wn_loop_turn(stage.loop);
    g_assert_cmpuint(stage.n_resolved, ==, 0);
    wn_clock_fake_step(1000);
    wn_loop_turn(stage.loop);
    g_assert_cmpuint(stage.n_resolved, ==, 1);
    stage_assert_picks(&stage, "1");
}

/* On every address of this host, port 2525, and on one that it does not have.
 */
static const WnNetaddr listen_addresses[] = {
    { .len = 4, .bytes = { 192, 0, 2, 7 }, .port = 2525 },
    { .len = 4, .bytes = { 0 }, .port = 2525 },
};

static void
open_mx(Stage *self, const char *domain)
{
    WnServersConfig config = { .loop = self->loop,
        .resolver = self->resolver,
        .hostname = "relay.example",
        .listen = self->listen,
        .v4 = true };

    g_clear_pointer(&self->servers, wn_servers_free);
    g_clear_pointer(&self->route, wn_route_free);
    self->route = wn_route_of_mx(domain, 2525);
    config.route = self->route;
    self->servers = wn_servers_new(&config, stage_on_resolved, self);
    stage_await(self);
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
    endpoint = wn_servers_pick(stage.servers, -1, 0);
    g_assert_cmpstr(wn_endpoint_host(endpoint), ==, "near.example");
    g_assert_cmpuint(endpoint->address.port, ==, 2525);
    wn_endpoint_failed(endpoint);
    endpoint = wn_servers_pick(stage.servers, -1, 0);
    g_assert_cmpstr(wn_endpoint_host(endpoint), ==, "far.example");
    /* Nobody as far away as ourselves. */
    open_mx(&stage, "u.example");
    endpoint = wn_servers_pick(stage.servers, -1, 0);
    g_assert_cmpstr(wn_endpoint_host(endpoint), ==, "near.example");
    wn_endpoint_failed(endpoint);
    stage_assert_picks(&stage, "-");
    /* No MX: the domain's own address. */
    open_mx(&stage, "bare.example");
    endpoint = wn_servers_pick(stage.servers, -1, 0);
    g_assert_cmpstr(wn_endpoint_host(endpoint), ==, "bare.example");
    open_mx(&stage, "[192.0.2.9]");
    endpoint = wn_servers_pick(stage.servers, -1, 0);
    g_assert_cmpstr(wn_endpoint_host(endpoint), ==, "192.0.2.9");
    open_mx(&stage, "[what]");
    g_assert_cmpint(wn_servers_state(stage.servers), ==, WN_SERVERS_HOPELESS);
    open_mx(&stage, "none.example");
    g_assert_cmpint(wn_servers_state(stage.servers), ==, WN_SERVERS_HOPELESS);
    stage.dns.rcode = 2;
    open_mx(&stage, "broken.example");
    g_assert_cmpint(wn_servers_state(stage.servers), ==, WN_SERVERS_UNKNOWN);
}

/* MX that are told anew have other numbers; what is configured has not. */
static void
test_numbering(void)
{
    static const uint8_t one[] = "\0\x0a\3one\7example";
    static const uint8_t two[] = "\0\x0a\3two\7example";
    g_auto(Stage) stage = { 0 };
    unsigned before;

    stage_init(&stage);
    fake_dns_add(&stage.dns, "d.example", WN_RR_MX, 60, one, sizeof one);
    fake_dns_add(&stage.dns, "d.example", WN_RR_MX, 60, two, sizeof two);
    fake_dns_add_address(&stage.dns, "one.example", 60, "192.0.2.1");
    fake_dns_add_address(&stage.dns, "two.example", 60, "192.0.2.2");
    open_mx(&stage, "d.example");
    before = wn_servers_numbering(stage.servers);
    wn_servers_refresh(stage.servers);
    g_assert_cmpuint(wn_servers_numbering(stage.servers), ==, before);
    wn_clock_fake_step(61000);
    stage_await(&stage);
    g_assert_cmpuint(wn_servers_numbering(stage.servers), !=, before);

    g_clear_pointer(&stage.servers, wn_servers_free);
    g_clear_pointer(&stage.route, wn_route_free);
    stage_open_servers(&stage, "one.example*1 two.example*1",
        WN_DELIVERY_ORDERED);
    before = wn_servers_numbering(stage.servers);
    wn_clock_fake_step(61000);
    stage_await(&stage);
    g_assert_cmpuint(wn_servers_numbering(stage.servers), ==, before);
}

/* One failure leaves what was known, and is not the last word. */
static void
test_mx_fails_later(void)
{
    static const uint8_t old[] = "\0\x0a\3old\7example";
    g_auto(Stage) stage = { 0 };

    stage_init(&stage);
    fake_dns_add(&stage.dns, "d.example", WN_RR_MX, 60, old, sizeof old);
    fake_dns_add_address(&stage.dns, "old.example", 60, "192.0.2.1");
    open_mx(&stage, "d.example");
    stage.dns.rcode = 2;
    wn_clock_fake_step(400000);
    stage_await(&stage);
    g_assert_cmpint(wn_servers_state(stage.servers), ==, WN_SERVERS_KNOWN);
    stage_assert_picks(&stage, "0");
    stage.dns.rcode = 0;
    fake_dns_add_address(&stage.dns, "old.example", 60, "192.0.2.2");
    wn_clock_fake_step(31000);
    stage_await(&stage);
    wn_endpoint_failed(wn_servers_pick(stage.servers, -1, 0));
    stage_assert_picks(&stage, "0");
}

/* Our own address among the MX is as our name, whatever it is called there. */
static void
test_mx_own_address(void)
{
    static const uint8_t far[] = "\0\x1e\3far\7example";
    static const uint8_t alias[] = "\0\x14\5alias\7example";
    static const uint8_t near[] = "\0\x0a\4near\7example";
    g_auto(Stage) stage = { 0 };
    WnEndpoint *endpoint;

    stage_init(&stage);
    stage.listen = g_array_new(FALSE, FALSE, sizeof(WnNetaddr));
    g_array_append_vals(stage.listen, listen_addresses,
        G_N_ELEMENTS(listen_addresses));
    fake_dns_add(&stage.dns, "d.example", WN_RR_MX, 60, far, sizeof far);
    fake_dns_add(&stage.dns, "d.example", WN_RR_MX, 60, alias, sizeof alias);
    fake_dns_add(&stage.dns, "d.example", WN_RR_MX, 60, near, sizeof near);
    fake_dns_add(&stage.dns, "us.example", WN_RR_MX, 60, far, sizeof far);
    fake_dns_add(&stage.dns, "us.example", WN_RR_MX, 60, alias, sizeof alias);
    fake_dns_add_address(&stage.dns, "far.example", 60, "192.0.2.2");
    fake_dns_add_address(&stage.dns, "alias.example", 60, "192.0.2.7");
    fake_dns_add_address(&stage.dns, "near.example", 60, "192.0.2.1");
    fake_dns_add_address(&stage.dns, "local.example", 60, "127.0.0.1");
    open_mx(&stage, "d.example");
    endpoint = wn_servers_pick(stage.servers, -1, 0);
    g_assert_cmpstr(wn_endpoint_host(endpoint), ==, "near.example");
    wn_endpoint_failed(endpoint);
    stage_assert_picks(&stage, "-");
    open_mx(&stage, "us.example");
    g_assert_cmpint(wn_servers_state(stage.servers), ==, WN_SERVERS_HOPELESS);
    g_assert_cmpstr(wn_servers_problem(stage.servers), ==,
        "us.example: its MX is this host");
    /* No MX, and an address of this host. */
    open_mx(&stage, "local.example");
    g_assert_cmpint(wn_servers_state(stage.servers), ==, WN_SERVERS_HOPELESS);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/queue/servers/unfit", test_unfit);
    g_test_add_func("/queue/servers/names", test_names);
    g_test_add_func("/queue/servers/no-name", test_no_name);
    g_test_add_func("/queue/servers/dns-fails-later", test_dns_fails_later);
    g_test_add_func("/queue/servers/aaaa-hangs", test_aaaa_hangs);
    g_test_add_func("/queue/servers/preferred-hangs", test_preferred_hangs);
    g_test_add_func("/queue/servers/mx-fails-later", test_mx_fails_later);
    g_test_add_func("/queue/servers/tlsa-comes-last", test_tlsa_comes_last);
    g_test_add_func("/queue/servers/one-address-two-policies",
        test_one_address_two_policies);
    g_test_add_func("/queue/servers/mx", test_mx);
    g_test_add_func("/queue/servers/numbering", test_numbering);
    g_test_add_func("/queue/servers/mx-own-address", test_mx_own_address);
    return g_test_run();
}
