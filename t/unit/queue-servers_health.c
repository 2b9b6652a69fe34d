/* SPDX-License-Identifier: MIT */
#include "core/base/clock.h"
#include "core/smtp/outgoing.h"
#include "t/unit/servers_stage.h"

/* Which server is next, and what is known of each. */

static void
test_ordered(void)
{
    g_auto(Stage) stage = { 0 };

    stage_init(&stage);
    stage_open_servers(&stage, "10.0.0.1*1 10.0.0.2*1", WN_DELIVERY_ORDERED);
    stage_assert_picks(&stage, "000");
    wn_endpoint_failed(wn_servers_pick(stage.servers, -1, 0));
    stage_assert_picks(&stage, "111");
    g_assert_cmpint(wn_servers_up_at(stage.servers), ==, 0);
    wn_clock_fake_step(WN_ENDPOINT_DOWN_MS);
    stage_assert_picks(&stage, "000");
    g_assert_cmpint(wn_endpoint_server(wn_servers_pick(stage.servers, 0, 0)),
        ==, 1);
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
    stage_open_servers(&stage, "10.0.0.1*1 10.0.0.2*3", WN_DELIVERY_EVEN);
    text = stage_picks(&stage, 400);
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
    stage_open_servers(&stage, "10.0.0.1*1 10.0.0.2*1", WN_DELIVERY_EVEN);
    first = wn_servers_pick(stage.servers, 1, 0);
    wn_endpoint_failed(first);
    g_free(stage_picks(&stage, 100));
    wn_clock_fake_step(WN_ENDPOINT_DOWN_MS);
    wn_endpoint_worked(first);
    text = stage_picks(&stage, 20);
    g_assert_cmpuint(count_char(text, '0'), ==, 10);
}

static void
test_backoff(void)
{
    g_auto(Stage) stage = { 0 };
    int64_t expected_ms = WN_ENDPOINT_DOWN_MS;
    WnEndpoint *endpoint;

    stage_init(&stage);
    stage_open_servers(&stage, "10.0.0.1*1", WN_DELIVERY_EVEN);
    endpoint = wn_servers_pick(stage.servers, -1, 0);
    for (int i = 0; i < 10; i++) {
        wn_endpoint_failed(endpoint);
        wn_endpoint_failed(endpoint); /* begun together, failed together */
        g_assert_cmpint(wn_servers_up_at(stage.servers) - wn_clock_mono_ms(),
            ==, expected_ms);
        stage_assert_picks(&stage, "-");
        wn_clock_fake_step(expected_ms);
        stage_assert_picks(&stage, "0");
        expected_ms = MIN(expected_ms * 2, WN_ENDPOINT_DOWN_MAX_MS);
    }
    wn_endpoint_worked(endpoint);
    wn_endpoint_failed(endpoint);
    g_assert_cmpint(wn_servers_up_at(stage.servers) - wn_clock_mono_ms(), ==,
        WN_ENDPOINT_DOWN_MS);
}

/* One that defers everything is not dead: it comes last for a while, and then
 * gets one message at a time until it takes one. */
static void
test_ails(void)
{
    g_auto(Stage) stage = { 0 };
    WnEndpoint *first;

    stage_init(&stage);
    stage_open_servers(&stage, "10.0.0.1*1 10.0.0.2*1", WN_DELIVERY_ORDERED);
    first = wn_servers_pick(stage.servers, -1, 0);
    for (int i = 0; i < WN_ENDPOINT_SOURED_MAX; i++) {
        stage_assert_picks(&stage, "0");
        wn_endpoint_soured(first);
    }
    stage_assert_picks(&stage, "11");
    g_assert_true(wn_servers_pick(stage.servers, 1, 0) == first);
    wn_clock_fake_step(WN_ENDPOINT_SICK_MS);
    stage_assert_picks(&stage, "0");
    wn_endpoint_begins(first);
    stage_assert_picks(&stage, "1");
    g_assert_cmpuint(wn_servers_n_stuck(stage.servers), ==, 1);
    wn_endpoint_served(first);
    stage_assert_picks(&stage, "0");
    wn_clock_fake_step(WN_ENDPOINT_SILENT_MS - 1);
    stage_assert_picks(&stage, "0");
    wn_clock_fake_step(1);
    stage_assert_picks(&stage, "1");
    wn_endpoint_heard(first);
    stage_assert_picks(&stage, "0");
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
    stage_open_servers(&stage, "mx.example*1 10.0.0.9*1", WN_DELIVERY_ORDERED);
    first = wn_servers_pick(stage.servers, -1, 0);
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
    g_assert_cmpuint(wn_servers_pick(stage.servers, -1, 0)->address.len, ==, 4);
    wn_clock_fake_step(1001);
    g_assert_true(wn_servers_pick(stage.servers, -1, 0) == first);
}

/* The operator asks for an attempt now. */
static void
test_forgiven(void)
{
    g_auto(Stage) stage = { 0 };

    stage_init(&stage);
    stage_open_servers(&stage, "10.0.0.1*1", WN_DELIVERY_EVEN);
    wn_endpoint_failed(wn_servers_pick(stage.servers, -1, 0));
    stage_assert_picks(&stage, "-");
    wn_servers_forgive(stage.servers);
    stage_assert_picks(&stage, "0");
}

/* What one server tells: "8 1000" is offers and size, "-" nothing yet. */
static void
tell(Stage *stage, const char *address, unsigned offers, uint64_t max_size)
{
    WnEndpoint *first = wn_servers_pick(stage->servers, -1, 0);
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
    stage_open_servers(&stage, "10.0.0.1*1 10.0.0.2*1", WN_DELIVERY_EVEN);
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
    stage_open_servers(&stage, "10.0.0.1*1 10.0.0.2*1", WN_DELIVERY_ORDERED);
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
    g_test_add_func("/queue/servers/ordered", test_ordered);
    g_test_add_func("/queue/servers/weights", test_weights);
    g_test_add_func("/queue/servers/comeback", test_comeback);
    g_test_add_func("/queue/servers/backoff", test_backoff);
    g_test_add_func("/queue/servers/limits-even", test_limits_even);
    g_test_add_func("/queue/servers/limits-ordered", test_limits_ordered);
    g_test_add_func("/queue/servers/ails", test_ails);
    return g_test_run();
}
