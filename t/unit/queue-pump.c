/* SPDX-License-Identifier: MIT */
#include "core/base/clock.h"
#include "core/base/metrics.h"
#include "core/queue/servers.h"
#include "t/unit/queue_stage.h"

/* Which server gets what, when some of a domain's are in trouble. */

#define BODY "Subject: test\r\n\r\nhello\r\n"
#define ORDERED "[domain a.example]\nservers = $0; $1\ndelivery = ordered\n"
#define EVEN "[domain a.example]\nservers = $0; $1\ndelivery = even\n"
#define DISK "451 4.3.0 disk failure\r\n"

static void
begin(Stage *stage, const char *more_config, const char *domains)
{
    stage_init(stage, more_config);
    stage_domains(stage, domains);
    stage_start_queue(stage);
}

static void
send_some(Stage *stage, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        stage_message(stage, "s@y.example > r@a.example", BODY);
}

static unsigned
n_commands(const FakeSmtp *server, const char *command)
{
    unsigned n = 0;

    for (const char *at = strstr(server->log->str, command); at != NULL;
         at = strstr(at + 1, command))
        n++;
    return n;
}

/* A parcel that its server has lost waits for the other one, which does not
 * answer: those behind it do not. */
static void
test_head_of_line(void)
{
    static const FakeRule bye[] = { { "MAIL", 2, "!421 4.3.2 bye\r\n" },
        { 0 } };
    static const FakeRule silent[] = { { "connect", 0, "" }, { 0 } };
    g_auto(Stage) stage = { 0 };
    int64_t began_ms;

    begin(&stage, "", ORDERED);
    stage.servers[0].rules = bye;
    stage.servers[1].rules = silent;
    send_some(&stage, 1);
    stage_await(&stage, 0, 1);
    send_some(&stage, 1);
    for (int i = 0; i < 300 && stage.servers[1].n_connections == 0; i++)
        wn_loop_turn(stage.loop);
    g_assert_cmpuint(stage.servers[1].n_connections, ==, 1);
    began_ms = wn_clock_mono_ms();
    send_some(&stage, 5);
    stage_await(&stage, 0, 6);
    g_assert_cmpint(wn_clock_mono_ms() - began_ms, <, 2000);
    g_assert_cmpuint(stage.servers[1].n_messages, ==, 0);
}

typedef struct Trouble {
    const char *name;
    const char *domain;
    const char *on;
    const char *reply;
} Trouble;

static const Trouble troubles[] = {
    { "mail", ORDERED, "MAIL", DISK },
    { "mail-452", ORDERED, "MAIL", "452 4.3.1 disk full\r\n" },
    { "rcpt", ORDERED, "RCPT", "451 4.7.1 later\r\n" },
    { "data", ORDERED, "DATA", DISK },
    { "dot", ORDERED, "dot", DISK },
    { "dot-bare", ORDERED, "dot", "451 failure\r\n" },
    { "mail-even", EVEN, "MAIL", DISK },
    { "dot-even", EVEN, "dot", DISK },
};

/* What one server defers the other one takes, at once; one that defers
 * everything is asked less and less, and is asked again later. */
static void
test_other_takes_it(gconstpointer data)
{
    const Trouble *c = data;
    FakeRule rules[] = { { c->on, 0, c->reply }, { 0 } };
    g_auto(Stage) stage = { 0 };

    begin(&stage, "", c->domain);
    stage.servers[0].rules = rules;
    for (unsigned i = 1; i <= 10; i++) {
        send_some(&stage, 1);
        stage_await(&stage, 1, i);
    }
    g_assert_cmpuint(stage_n_events(&stage, "deferred"), ==, 0);
    g_assert_cmpuint(n_commands(&stage.servers[0], "MAIL "), ==,
        WN_ENDPOINT_SOURED_MAX);
    stage.servers[0].rules = NULL;
    stage_pass(&stage, WN_ENDPOINT_SICK_MS);
    for (int i = 0; i < 10; i++)
        send_some(&stage, 1);
    for (int i = 0;
         i < 3000
         && stage.servers[0].n_messages + stage.servers[1].n_messages < 20;
         i++) {
        wn_clock_fake_step(1);
        wn_loop_turn(stage.loop);
    }
    stage_pass(&stage, 100);
    g_assert_cmpuint(stage.servers[0].n_messages, >, 0);
    g_assert_cmpuint(stage_n_events(&stage, "delivered"), ==, 20);
}

static const Trouble mailboxes[] = {
    { "full", ORDERED, "RCPT", "452 4.2.2 full\r\n" },
    { "busy", ORDERED, "RCPT", "450 4.2.1 busy\r\n" },
    { "no-room", ORDERED, "dot", "452 no room\r\n" },
};

/* About the mailbox, which is the same wherever it is asked for. */
static void
test_mailbox(gconstpointer data)
{
    const Trouble *c = data;
    FakeRule rules[] = { { c->on, 0, c->reply }, { 0 } };
    g_auto(Stage) stage = { 0 };

    begin(&stage, "", c->domain);
    stage.servers[0].rules = rules;
    for (unsigned i = 1; i <= 5; i++) {
        send_some(&stage, 1);
        stage_await_event(&stage, "deferred", i);
    }
    g_assert_cmpuint(stage.servers[1].n_connections, ==, 0);
}

/* Each is asked once in an attempt. */
static void
test_all_defer(void)
{
    static const FakeRule rules[] = { { "RCPT", 0, "451 4.7.1 later\r\n" },
        { 0 } };
    g_auto(Stage) stage = { 0 };

    begin(&stage, "", ORDERED);
    stage.servers[0].rules = stage.servers[1].rules = rules;
    send_some(&stage, 1);
    stage_await_event(&stage, "deferred", 1);
    g_assert_cmpuint(n_commands(&stage.servers[0], "RCPT "), ==, 1);
    g_assert_cmpuint(n_commands(&stage.servers[1], "RCPT "), ==, 1);
    stage_pass(&stage, 61000);
    stage_await_event(&stage, "deferred", 2);
    g_assert_cmpuint(n_commands(&stage.servers[0], "RCPT "), ==, 2);
    g_assert_cmpuint(n_commands(&stage.servers[1], "RCPT "), ==, 2);
}

/* Only those whom the one has deferred go to the other. */
static void
test_some_recipients(void)
{
    static const FakeRule rules[] = { { "RCPT:two@", 0, "451 4.7.1 later\r\n" },
        { 0 } };
    g_auto(Stage) stage = { 0 };

    begin(&stage, "", ORDERED);
    stage.servers[0].rules = rules;
    stage_message(&stage, "s@y.example > one@a.example two@a.example", BODY);
    stage_await(&stage, 1, 1);
    g_assert_cmpstr(fake_smtp_message(&stage.servers[0], 0)->rcpts->str, ==,
        "one@a.example ");
    g_assert_cmpstr(fake_smtp_message(&stage.servers[1], 0)->rcpts->str, ==,
        "two@a.example ");
    g_assert_cmpuint(stage_n_events(&stage, "deferred"), ==, 0);
}

/* A server that takes messages and says nothing keeps those it has, and as many
 * connections as the domain may have: the others go to the other. */
static void
test_silent(gconstpointer data)
{
    static const FakeRule rules[] = { { "dot", 0, "" }, { 0 } };
    const Trouble *c = data;
    g_auto(Stage) stage = { 0 };
    unsigned n;

    begin(&stage, "", c->domain);
    stage.servers[0].rules = rules;
    send_some(&stage, 60);
    stage_pass(&stage, WN_ENDPOINT_SILENT_MS + 2000);
    n = stage.servers[1].n_messages;
    g_assert_cmpuint(n, >, 0);
    send_some(&stage, 10);
    stage_await(&stage, 1, n + 10);
    g_assert_cmpuint(stage.servers[0].n_connections + n, ==, 60);
}

static const Trouble silences[] = {
    { "ordered", ORDERED, NULL, NULL },
    { "even", EVEN, NULL, NULL },
};

/* What waited for a server when the queue was stopped is sent when the server
 * returns, not when its time has come. */
static void
test_recovered(void)
{
    g_auto(Stage) stage = { 0 };

    begin(&stage, "", "[domain a.example]\nservers = $0\n");
    fake_smtp_close(&stage.servers[0]);
    send_some(&stage, 50);
    stage_await_event(&stage, "deferred", 50);
    stage_stop_queue(&stage);
    g_clear_pointer(&stage.journal, wn_journal_free);
    stage_start_queue(&stage);
    stage_pass(&stage, 1000);
    fake_smtp_listen(&stage.servers[0]);
    for (int i = 0; i < 30 && stage.servers[0].n_messages < 50; i++)
        stage_pass(&stage, 1000);
    g_assert_cmpuint(stage.servers[0].n_messages, ==, 50);
    g_assert_cmpuint(stage_n_events(&stage, "deferred"), ==, 50);
}

/* While what a reply has deferred keeps its time. */
static void
test_recovered_after_reply(void)
{
    static const FakeRule rules[] = { { "RCPT", 1, "450 4.2.1 later\r\n" },
        { 0 } };
    g_auto(Stage) stage = { 0 };

    begin(&stage, "", "[domain a.example]\nservers = $0\n");
    stage.servers[0].rules = rules;
    send_some(&stage, 1);
    stage_await_event(&stage, "deferred", 1);
    stage_stop_queue(&stage);
    g_clear_pointer(&stage.journal, wn_journal_free);
    stage_start_queue(&stage);
    stage_pass(&stage, 40000);
    g_assert_cmpuint(stage.servers[0].n_messages, ==, 0);
    stage_pass(&stage, 25000);
    stage_await(&stage, 0, 1);
}

static const Trouble pools[] = {
    { "ordered",
        "[domain a.example]\nservers = [::1]:2; $0\ndelivery = ordered\n"
        "firewall = true\negress_pool = main\n",
        NULL, NULL },
    { "even",
        "[domain a.example]\nservers = [::1]:2; $0\n"
        "firewall = true\negress_pool = main\n",
        NULL, NULL },
};

/* An address of the pool that the host does not have takes only the servers of
 * its family away. */
static void
test_egress_family_missing(gconstpointer data)
{
    const Trouble *c = data;
    g_auto(Stage) stage = { 0 };

    begin(&stage, "[egress main]\naddresses = 127.0.0.1; fd00::99\n",
        c->domain);
    send_some(&stage, 5);
    stage_await(&stage, 0, 5);
    g_assert_cmpuint(stage_n_events(&stage, "deferred"), ==, 0);
}

static void
test_egress_all_missing(void)
{
    g_auto(Stage) stage = { 0 };
    g_autofree char *log = NULL;

    begin(&stage, "[egress main]\naddresses = fd00::99\n",
        "[domain a.example]\nservers = [::1]:2\nfirewall = true\n"
        "egress_pool = main\n");
    send_some(&stage, 2);
    stage_await_event(&stage, "deferred", 2);
    stage_pass(&stage, 600 * 1000);
    log = stage_log(&stage);
    g_assert_nonnull(
        strstr(log, "no IPv6 address of egress pool main is on this host"));
    g_assert_cmpuint(stage_n_events(&stage, "bounced"), ==, 0);
    g_assert_cmpuint(wn_queue_n_messages(stage.queue), >=, 2);
}

/* One of two names is not answered for: the other server gets the mail. */
static void
test_dns_hangs(gconstpointer data)
{
    const Trouble *c = data;
    g_auto(Stage) stage = { 0 };
    g_autofree char *domain = NULL;

    stage_init(&stage, "");
    stage.dns.mute = "hang.test";
    fake_dns_add_address(&stage.dns, "mail.test", 60, "127.0.0.1");
    domain = g_strdup_printf("[domain a.example]\ndelivery = %s\n"
                             "servers = hang.test:25; mail.test:%u\n",
        c->domain, stage.servers[0].address.port);
    stage_domains(&stage, domain);
    stage_start_queue(&stage);
    send_some(&stage, 1);
    for (int i = 0; i < 1500 && stage.servers[0].n_messages == 0; i++) {
        wn_clock_fake_step(1);
        stage_turn(&stage);
    }
    g_assert_cmpuint(stage.servers[0].n_messages, ==, 1);
}

static const Trouble hangs[] = {
    { "ordered", "ordered", NULL, NULL },
    { "even", "even", NULL, NULL },
};

static void
add_table(const char *prefix, const Trouble *table, size_t n,
    GTestDataFunc test)
{
    for (size_t i = 0; i < n; i++) {
        g_autofree char *path = g_strdup_printf("/queue/pump/%s/%s", prefix,
            table[i].name);

        g_test_add_data_func(path, &table[i], test);
    }
}

#define TEST(name, fn) g_test_add_func("/queue/pump/" name, fn)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    wn_metrics_attach(-1);
    TEST("head-of-line", test_head_of_line);
    add_table("other-takes-it", troubles, G_N_ELEMENTS(troubles),
        test_other_takes_it);
    add_table("mailbox", mailboxes, G_N_ELEMENTS(mailboxes), test_mailbox);
    TEST("all-defer", test_all_defer);
    TEST("some-recipients", test_some_recipients);
    add_table("silent", silences, G_N_ELEMENTS(silences), test_silent);
    TEST("recovered", test_recovered);
    TEST("recovered-after-reply", test_recovered_after_reply);
    add_table("egress-family-missing", pools, G_N_ELEMENTS(pools),
        test_egress_family_missing);
    TEST("egress-all-missing", test_egress_all_missing);
    add_table("dns-hangs", hangs, G_N_ELEMENTS(hangs), test_dns_hangs);
    return g_test_run();
}
