/* SPDX-License-Identifier: MIT */

/*
 * firewall as it is installed: entries, what proves them, and rates by a clock
 * that is stepped.
 */

#include "t/unit/fake_dns.h"
#include "t/unit/plugin-stage.h"

#include "core/base/clock.h"
#include "core/base/metrics.h"

#define CLIENT "192.0.2.1"
#define UNIX_MS INT64_C(1795000000000)
#define DNS_MS 5000
#define TTL 60
#define TYPE_MX 15
#define MINUTE_MS 60000
#define REJECT(rule, evidence)                          \
    "reject 550 5.7.1 \"Message refused\" by firewall;" \
    " firewall:match(" rule "=" evidence ")>reject"
#define TRUST(rule, evidence) "deliver; firewall:trust(" rule "=" evidence ")"
#define PASS "deliver; firewall:pass"
#define DEFER(rule, evidence)                                             \
    "tempfail 450 4.7.1 \"Not now, please try again later\" by firewall;" \
    " firewall:match(" rule "=" evidence ")"

typedef struct Scene {
    Stage stage;
    FakeDns dns;
} Scene;

/* False, and the test is skipped, where the modules have not been built. */
static bool
open_scene(Scene *self)
{
    const char *build = g_getenv("WN_BUILD");
    g_autofree char *folder = g_build_filename(build != NULL ? build : ".",
        "plugins/modules", NULL);
    g_autofree char *absolute = g_canonicalize_filename(folder, NULL);
    g_autoptr(GError) error = NULL;

    stage_init(&self->stage, NULL, absolute);
    wn_clock_fake(1000000, UNIX_MS);
    fake_dns_start(&self->dns, self->stage.loop);
    self->stage.resolver = wn_resolver_new(self->stage.loop, self->dns.place,
        DNS_MS, &error);
    g_assert_no_error(error);
    if (g_file_test(absolute, G_FILE_TEST_IS_DIR))
        return true;
    g_test_skip("no modules");
    return false;
}

static void
scene_clear(Scene *self)
{
    fake_dns_stop(&self->dns);
    stage_clear(&self->stage);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Scene, scene_clear)

static void
start(Scene *self, const char *options, const char *domain)
{
    g_autofree char
        *snippet = g_strconcat("[filter firewall]\naction = reject\n", options,
            NULL);

    stage_snippet(&self->stage, "10-firewall", snippet);
    stage_domain(&self->stage, "good.example", domain);
    stage_domain(&self->stage, "other.example", "");
    stage_start(&self->stage);
    g_assert_cmpuint(wn_problems_count(self->stage.files.problems), ==, 0);
}

static void
arrive(Scene *self, const char *address, const char *helo, const char *rdns)
{
    WnChainClient client = { .listener = WN_SPAN("smtp"),
        .helo = wn_span_str(helo),
        .rdns = wn_span_str(rdns),
        .rdns_status = *rdns != '\0' ? WN_PTR_VERIFIED : WN_PTR_NONE };

    stage_connect(&self->stage, address);
    g_assert_true(wn_netaddr_parse(wn_span_str(address), &client.address));
    wn_chain_connection_update(self->stage.connection, &client);
    stage_run_connect(&self->stage);
    stage_wait(&self->stage);
}

static const char *
ask(Scene *self, const char *sender)
{
    stage_mail(&self->stage, sender);
    return stage_rcpt(&self->stage, "u@good.example");
}

static int64_t
metric(const char *name)
{
    g_autofree char *full = g_strconcat("winnow_ext_firewall_", name, NULL);

    return wn_metrics_lookup(full, "instance=\"firewall\"");
}

/*
 * Entries
 */

typedef struct Case {
    const char *name;
    const char *options; /* of the domain; of conf.d below */
    const char *address, *helo, *rdns, *sender;
    const char *decided;
} Case;

#define NETWORKS "allow = 10.1.0.0/16\nblock = 10.0.0.0/8\n"

static const Case cases[] = {
    { "none", "", CLIENT, "h.test", "", "a@b.test", PASS },
    { "client", "allow_clients = 10.7.0.0/16", "10.7.7.7", "h.test", "",
        "a@b.test", TRUST("allow-client", "10.7.0.0/16") },
    { "client-blocked", "block_clients = 10.1.2.0/24; 10.1.2.3", "10.1.2.3",
        "h.test", "", "a@b.test", REJECT("block-client", "10.1.2.3") },
    { "client-narrower-allowed",
        "block_clients = 10.7.0.0/16\nallow_clients = 10.7.7.0/24", "10.7.7.7",
        "h.test", "", "a@b.test", TRUST("allow-client", "10.7.7.0/24") },
    { "client-narrower-blocked",
        "allow_clients = 10.7.0.0/16\nblock_clients = 10.7.7.0/24", "10.7.7.7",
        "h.test", "", "a@b.test", REJECT("block-client", "10.7.7.0/24") },
    { "client-alike", "allow_clients = 10.7.7.7\nblock_clients = 10.7.7.7",
        "10.7.7.7", "h.test", "", "a@b.test",
        TRUST("allow-client", "10.7.7.7") },
    { "adds-to-networks", "allow_clients = 192.0.2.77", "10.7.7.7", "h.test",
        "", "a@b.test", REJECT("block", "10.0.0.0/8") },
    { "networks-allow", "block_senders = x@y.test", "10.1.7.7", "h.test", "",
        "a@b.test", TRUST("allow", "10.1.0.0/16") },
    { "sender", "allow_senders = q@b.test; A@B.test", CLIENT, "h.test", "",
        "a@b.TEST", TRUST("allow-sender", "A@B.test") },
    { "sender-beats-network", "allow_senders = a@b.test", "10.7.7.7", "h.test",
        "", "a@b.test", TRUST("allow-sender", "a@b.test") },
    { "sender-blocked", "block_senders = a@b.test", CLIENT, "h.test", "",
        "A@b.test", REJECT("block-sender", "a@b.test") },
    { "sender-blocked-beats-network", "block_senders = a@b.test", "10.1.7.7",
        "h.test", "", "a@b.test", REJECT("block-sender", "a@b.test") },
    { "other-sender", "block_senders = a@b.test", CLIENT, "h.test", "",
        "aa@b.test", PASS },
    { "null-sender",
        "block_senders = a@b.test\nblock_sender_domains = b.test; .test",
        CLIENT, "h.test", "", "", PASS },
    { "domain-blocked", "block_sender_domains = B.test", CLIENT, "h.test", "",
        "a@b.test", REJECT("block-sender-domain", "B.test") },
    { "domain-exact", "block_sender_domains = b.test", CLIENT, "h.test", "",
        "a@sub.b.test", PASS },
    { "domain-below", "block_sender_domains = .b.test", CLIENT, "h.test", "",
        "a@x.sub.b.test", REJECT("block-sender-domain", ".b.test") },
    { "domain-itself-by-dot", "block_sender_domains = .b.test", CLIENT,
        "h.test", "", "a@b.test", REJECT("block-sender-domain", ".b.test") },
    { "not-by-its-end", "block_sender_domains = .b.test", CLIENT, "h.test", "",
        "a@xb.test", PASS },
    { "mailbox-in-blocked-domain",
        "block_sender_domains = b.test\nallow_senders = a@b.test", CLIENT,
        "h.test", "", "a@b.test", TRUST("allow-sender", "a@b.test") },
    { "blocked-mailbox-in-allowed-domain",
        "allow_sender_domains = b.test\nblock_senders = a@b.test", CLIENT,
        "h.test", "mail.b.test", "a@b.test",
        REJECT("block-sender", "a@b.test") },
    { "forged-domain", "allow_sender_domains = b.test", CLIENT, "b.test", "",
        "a@b.test", PASS },
    { "forged-by-name-end", "allow_sender_domains = b.test", CLIENT, "h.test",
        "mail.xb.test", "a@b.test", PASS },
    { "forged-in-blocked-network", "allow_sender_domains = b.test", "10.7.7.7",
        "h.test", "", "a@b.test", REJECT("block", "10.0.0.0/8") },
    { "forged-in-wider-block",
        "allow_sender_domains = b.test\nblock_sender_domains = .test", CLIENT,
        "h.test", "", "a@b.test", REJECT("block-sender-domain", ".test") },
    { "domain-by-name", "allow_sender_domains = B.test", CLIENT, "h.test",
        "mail.b.test", "a@b.test", TRUST("allow-sender-domain", "B.test") },
    { "domain-below-by-name", "allow_sender_domains = .b.test", CLIENT,
        "h.test", "mail.b.test", "a@sub.b.test",
        TRUST("allow-sender-domain", ".b.test") },
    { "domain-by-address", "allow_sender_domains = web.test", CLIENT, "h.test",
        "", "a@web.test", TRUST("allow-sender-domain", "web.test") },
    { "domain-by-mx", "allow_sender_domains = mx.test", CLIENT, "h.test", "",
        "a@mx.test", TRUST("allow-sender-domain", "mx.test") },
    { "domain-by-mx-six", "allow_sender_domains = mx.test", "2001:db8::25",
        "h.test", "", "a@mx.test", TRUST("allow-sender-domain", "mx.test") },
    { "another-address-of-mx", "allow_sender_domains = mx.test", "192.0.2.9",
        "h.test", "", "a@mx.test", PASS },
    { "helo-blocked", "block_helos = .dyn.test", CLIENT, "p1.DYN.test", "",
        "a@b.test", REJECT("block-helo", ".dyn.test") },
    { "helo-forged", "allow_helos = h.test", CLIENT, "h.test", "", "a@b.test",
        PASS },
    { "helo-by-address", "allow_helos = .web.test", CLIENT, "web.test", "",
        "a@b.test", TRUST("allow-helo", ".web.test") },
    { "helo-or-domain", "allow_helos = web.test\nallow_sender_domains = b.test",
        CLIENT, "web.test", "", "a@b.test", TRUST("allow-helo", "web.test") },
    { "allow-before-block", "allow_senders = a@b.test\nblock_helos = h.test",
        CLIENT, "h.test", "", "a@b.test", TRUST("allow-sender", "a@b.test") },
};

static void
add_names(Scene *self)
{
    static const char mx1[] = "\0\12\2m1\2mx\4test\0";
    static const char mx2[] = "\0\24\2m2\2mx\4test\0";

    fake_dns_add_address(&self->dns, "web.test", TTL, CLIENT);
    fake_dns_add(&self->dns, "mx.test", TYPE_MX, TTL, mx1, sizeof mx1 - 1);
    fake_dns_add(&self->dns, "mx.test", TYPE_MX, TTL, mx2, sizeof mx2 - 1);
    fake_dns_add_address(&self->dns, "m1.mx.test", TTL, "192.0.2.200");
    fake_dns_add_address(&self->dns, "m2.mx.test", TTL, CLIENT);
    fake_dns_add_address(&self->dns, "m2.mx.test", TTL, "2001:db8::25");
}

/* The same whether the entries are the domain's or conf.d's own. */
static void
check_case(const Case *one, const char *options, const char *domain)
{
    g_auto(Scene) scene;

    if (!open_scene(&scene))
        return;
    add_names(&scene);
    start(&scene, options, domain);
    arrive(&scene, one->address, one->helo, one->rdns);
    g_assert_cmpstr(ask(&scene, one->sender), ==, one->decided);
}

static void
test_entry(const void *data)
{
    const Case *one = data;
    g_autofree char *domain = g_strconcat("[filter firewall]\n", one->options,
        "\n", NULL);
    g_autofree char *own = g_strconcat(NETWORKS, one->options, "\n", NULL);

    check_case(one, NETWORKS, domain);
    check_case(one, own, "");
}

static void
test_five_hundred(void)
{
    g_autoptr(GString)
        domain = g_string_new("[filter firewall]\nblock_senders = ");
    g_auto(Scene) scene;

    if (!open_scene(&scene))
        return;
    for (int i = 0; i < 500; i++)
        g_string_append_printf(domain, "u%d@b.test;", i);
    g_string_append_c(domain, '\n');
    start(&scene, "", domain->str);
    arrive(&scene, CLIENT, "h.test", "");
    g_assert_cmpstr(ask(&scene, "u499@b.test"), ==,
        REJECT("block-sender", "u499@b.test"));
    g_assert_cmpstr(ask(&scene, "u500@b.test"), ==, PASS);
}

/* What is refused, and what is warned of, where it is written. */
static void
test_checked(void)
{
    static const struct {
        const char *option, *said;
        bool warning;
    } values[] = {
        { "block_senders = b.test", "expected an address: local@domain",
            false },
        { "block_sender_domains = a b.test", "block_sender_domains: ", false },
        { "allow_helos = ..b.test", "allow_helos: ", false },
        { "block_clients = 10.0.0.1/8", "(did you mean 10.0.0.0/8?)", false },
        { "allow_clients = b.test", "is not a network", false },
        { "rate = 5/1m", "is the server's option", false },
        { "allow_sender_domains = b.test", "easily forged", true },
        { "allow_helos = b.test", "easily forged", true },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(values); i++) {
        g_autofree char *domain = g_strconcat("[filter firewall]\n",
            values[i].option, "\n", NULL);
        g_autoptr(GString) text = g_string_new(NULL);
        g_auto(Scene) scene;

        if (!open_scene(&scene))
            return;
        stage_snippet(&scene.stage, "10-firewall",
            "[filter firewall]\naction = reject\n");
        stage_domain(&scene.stage, "good.example", domain);
        stage_start(&scene.stage);
        wn_problems_print(scene.stage.files.problems, text);
        g_assert_nonnull(strstr(text->str, values[i].said));
        g_assert_cmpuint(wn_problems_count(scene.stage.files.problems) == 0, ==,
            values[i].warning);
        g_assert_cmpint(strstr(text->str, "warning: ") != NULL, ==,
            values[i].warning);
    }
}

/*
 * Rates
 */

static const char *
connect_again(Scene *self, const char *address)
{
    arrive(self, address, "h.test", "");
    return ask(self, "a@b.test");
}

static void
test_connections(void)
{
    g_auto(Scene) scene;

    if (!open_scene(&scene))
        return;
    start(&scene, "rate = 3/1m\n", "");
    for (int i = 0; i < 3; i++)
        g_assert_cmpstr(connect_again(&scene, CLIENT), ==, PASS);
    g_assert_cmpstr(connect_again(&scene, CLIENT), ==,
        DEFER("rate-connections", "192.0.2.1 over 3/1m"));
    g_assert_cmpstr(ask(&scene, "b@b.test"), ==,
        DEFER("rate-connections", "192.0.2.1 over 3/1m"));
    g_assert_cmpstr(connect_again(&scene, "192.0.2.2"), ==, PASS);
    wn_clock_fake_step(MINUTE_MS / 3);
    g_assert_cmpstr(connect_again(&scene, CLIENT), ==, PASS);
    g_assert_cmpstr(connect_again(&scene, CLIENT), ==,
        DEFER("rate-connections", "192.0.2.1 over 3/1m"));
    wn_clock_fake_step(10 * MINUTE_MS);
    for (int i = 0; i < 3; i++)
        g_assert_cmpstr(connect_again(&scene, CLIENT), ==, PASS);
    g_assert_cmpstr(connect_again(&scene, CLIENT), !=, PASS);
}

/* A clock that is set back by a day does not keep anybody waiting for one. */
static void
test_clock_set_back(void)
{
    g_auto(Scene) scene;

    if (!open_scene(&scene))
        return;
    start(&scene, "rate = 2/1m\n", "");
    g_assert_cmpstr(connect_again(&scene, CLIENT), ==, PASS);
    g_assert_cmpstr(connect_again(&scene, CLIENT), ==, PASS);
    wn_clock_fake(2000000, UNIX_MS - 86400 * 1000);
    g_assert_cmpstr(connect_again(&scene, CLIENT), ==, PASS);
    g_assert_cmpstr(connect_again(&scene, CLIENT), ==, PASS);
    g_assert_cmpstr(connect_again(&scene, CLIENT), !=, PASS);
}

static void
test_prefixes(void)
{
    g_auto(Scene) scene;
    char address[32];

    if (!open_scene(&scene))
        return;
    start(&scene, "rate = connections prefix 4/1h; 100/1h\n", "");
    for (int i = 0; i < 4; i++) {
        g_snprintf(address, sizeof address, "192.0.2.%d", i);
        g_assert_cmpstr(connect_again(&scene, address), ==, PASS);
        g_snprintf(address, sizeof address, "2001:db8:1:%d::1", i);
        g_assert_cmpstr(connect_again(&scene, address), ==, PASS);
    }
    g_assert_cmpstr(connect_again(&scene, "192.0.2.200"), ==,
        DEFER("rate-connections", "192.0.2.0/24 over 4/1h"));
    g_assert_cmpstr(connect_again(&scene, "2001:db8:1:ffff::1"), ==,
        DEFER("rate-connections", "2001:db8:1::/48 over 4/1h"));
    g_assert_cmpstr(connect_again(&scene, "192.0.3.1"), ==, PASS);
    g_assert_cmpstr(connect_again(&scene, "2001:db8:2::1"), ==, PASS);
}

/* An address of IPv6 is a host's whole /64. */
static void
test_messages(void)
{
    g_auto(Scene) scene;

    if (!open_scene(&scene))
        return;
    start(&scene, "rate = messages 2/1h burst 3\n", "");
    arrive(&scene, "2001:db8::1", "h.test", "");
    for (int i = 0; i < 3; i++)
        g_assert_cmpstr(ask(&scene, "a@b.test"), ==, PASS);
    g_assert_cmpstr(ask(&scene, "a@b.test"), ==,
        DEFER("rate-messages", "2001:db8::/64 over 2/1h burst 3"));
    arrive(&scene, "2001:db8::2", "h.test", "");
    g_assert_cmpstr(ask(&scene, "a@b.test"), !=, PASS);
    wn_clock_fake_step(30 * MINUTE_MS);
    g_assert_cmpstr(ask(&scene, "a@b.test"), ==, PASS);
    g_assert_cmpint(metric("deferred_total"), >=, 2);
}

/* Whoever is trusted is not counted, and a domain may trust a client that is
 * above its rate. */
static void
test_rates_and_entries(void)
{
    g_auto(Scene) scene;

    if (!open_scene(&scene))
        return;
    start(&scene, "rate = 1/1h\nallow = 10.0.0.0/8\n",
        "[filter firewall]\nallow_senders = boss@b.test\n");
    for (int i = 0; i < 5; i++)
        g_assert_cmpstr(connect_again(&scene, "10.0.0.1"), ==,
            TRUST("allow", "10.0.0.0/8"));
    g_assert_cmpstr(connect_again(&scene, CLIENT), ==, PASS);
    g_assert_cmpstr(connect_again(&scene, CLIENT), ==,
        DEFER("rate-connections", "192.0.2.1 over 1/1h"));
    g_assert_cmpstr(ask(&scene, "boss@b.test"), ==,
        TRUST("allow-sender", "boss@b.test"));
    g_assert_cmpstr(stage_rcpt(&scene.stage, "u@other.example"), ==,
        DEFER("rate-connections", "192.0.2.1 over 1/1h"));
}

/* Whatever a domain does with blocked mail, a rate only delays it. */
static void
test_rate_takes_no_action(void)
{
    static const char *const actions[] = { "delete", "modify_subject", "none" };

    for (size_t i = 0; i < G_N_ELEMENTS(actions); i++) {
        g_autofree char
            *domain = g_strdup_printf("[filter firewall]\naction = %s\n",
                actions[i]);
        bool records = i == 2;
        const char *decided;
        g_auto(Scene) scene;

        if (!open_scene(&scene))
            return;
        start(&scene, "rate = messages 1/1h\n", domain);
        arrive(&scene, CLIENT, "h.test", "");
        for (int n = 0; n < 2; n++) {
            stage_mail(&scene.stage, "a@b.test");
            decided = stage_message(&scene.stage, "Subject: x\r\n\r\nx\r\n",
                "u@good.example");
            g_assert_cmpstr(decided, ==,
                n == 0    ? PASS
                : records ? "deliver; firewall:match(rate-messages="
                            "192.0.2.1 over 1/1h)"
                          : DEFER("rate-messages", "192.0.2.1 over 1/1h"));
        }
    }
}

static void
test_rate_at_connect(void)
{
    g_auto(Scene) scene;

    if (!open_scene(&scene))
        return;
    start(&scene, "rate = 1/1h\ndecide = listener\n", "");
    stage_connect(&scene.stage, CLIENT);
    stage_run_connect(&scene.stage);
    g_assert_cmpstr(stage_wait(&scene.stage), ==, PASS);
    stage_connect(&scene.stage, CLIENT);
    stage_run_connect(&scene.stage);
    g_assert_cmpstr(stage_wait(&scene.stage), ==,
        DEFER("rate-connections", "192.0.2.1 over 1/1h"));
}

static void
test_bad_rates(void)
{
    static const char *const bad[] = { "100", "0/1m", "5/0m", "5/1w", "5/2d",
        "5/1m burst", "5/1m burst 0", "prefix", "mails 5/1m", "5/1m 6/1m",
        "9999999/1s", "5 /1m", "-1/1m", "18446744073709551617/1m" };

    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *snippet =
            g_strdup_printf("[filter firewall]\naction = reject\nrate = %s\n",
                bad[i]);
        g_autofree char *said = g_strdup_printf("\"%s\" is no rate", bad[i]);
        g_autoptr(GString) text = g_string_new(NULL);
        g_auto(Scene) scene;

        if (!open_scene(&scene))
            return;
        stage_snippet(&scene.stage, "10-firewall", snippet);
        stage_start(&scene.stage);
        wn_problems_print(scene.stage.files.problems, text);
        if (strstr(text->str, said) == NULL)
            g_error("%s: %s", bad[i], text->str);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strdup_printf("/plugin/firewall/entry/%s",
            cases[i].name);

        g_test_add_data_func(path, &cases[i], test_entry);
    }
    g_test_add_func("/plugin/firewall/five-hundred", test_five_hundred);
    g_test_add_func("/plugin/firewall/checked", test_checked);
    g_test_add_func("/plugin/firewall/connections", test_connections);
    g_test_add_func("/plugin/firewall/clock-set-back", test_clock_set_back);
    g_test_add_func("/plugin/firewall/prefixes", test_prefixes);
    g_test_add_func("/plugin/firewall/messages", test_messages);
    g_test_add_func("/plugin/firewall/entries-and-rates",
        test_rates_and_entries);
    g_test_add_func("/plugin/firewall/no-action", test_rate_takes_no_action);
    g_test_add_func("/plugin/firewall/at-connect", test_rate_at_connect);
    g_test_add_func("/plugin/firewall/bad-rates", test_bad_rates);
    return g_test_run();
}
