/* SPDX-License-Identifier: MIT */
#include "core/queue/destination.h"

#include "core/base/metrics.h"
#include "core/queue/queue.h"
#include "t/unit/queue_stage.h"

#define BODY "Subject: test\r\n\r\nhello\r\n"

static void
send_some(Stage *stage, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        stage_message(stage, "s@y.example > r@a.example", BODY);
}

/* The operator gives a domain whose server is dead another one. */
static void
test_moved(void)
{
    g_auto(Stage) stage = { 0 };

    stage_init(&stage, "");
    stage_domains(&stage, "[domain a.example]\nservers = $0\n"
                          "[domain b.example]\nservers = $0\n");
    fake_smtp_close(&stage.servers[0]);
    stage_start_queue(&stage);
    send_some(&stage, 100);
    stage_message(&stage, "s@y.example > r@b.example", BODY);
    stage_await_event(&stage, "deferred", 101);
    stage_domains(&stage, "[domain a.example]\nservers = $1\n"
                          "[domain b.example]\nservers = $0\n");
    for (int i = 0; i < 20; i++)
        stage_turn(&stage);
    g_assert_cmpuint(stage.servers[1].n_messages, <, 50); /* at a rate */
    for (int i = 0; i < 6; i++)
        stage_pass(&stage, 100);
    stage_await(&stage, 1, 100);
    g_assert_cmpuint(wn_queue_n_messages(stage.queue), ==, 1);
}

/* The same, while it is still waited for whether the old one answers. */
static void
test_moved_in_line(void)
{
    static const FakeRule rules[] = { { "connect", 0, "" }, { 0 } };
    g_auto(Stage) stage = { 0 };

    stage_init(&stage, "");
    stage.servers[0].rules = rules;
    stage_domains(&stage, "[domain a.example]\nservers = $0\n");
    stage_start_queue(&stage);
    send_some(&stage, 50);
    stage_domains(&stage, "[domain a.example]\nservers = $1\n");
    for (int i = 0; i < 4; i++)
        stage_pass(&stage, 100);
    stage_await(&stage, 1, 50);
}

/* A domain that is suspended meanwhile has its mail held, not waiting. */
static void
test_moved_to_nowhere(void)
{
    g_auto(Stage) stage = { 0 };
    g_autofree char *held = NULL;

    stage_init(&stage, "");
    stage_domains(&stage, "[domain a.example]\nservers = $0\n");
    fake_smtp_close(&stage.servers[0]);
    stage_start_queue(&stage);
    send_some(&stage, 1);
    stage_await_event(&stage, "deferred", 1);
    stage_domains(&stage,
        "[domain a.example]\nservers = $0\nstatus = suspended\n");
    stage_pass(&stage, 200);
    held = stage_list(&stage, "held");
    g_assert_nonnull(strstr(held, "\"state\":\"held\""));
}

/* "queue retry" of what a reply has deferred is a real attempt, though its
 * server has gone down later. */
static void
test_retry_after_reply(void)
{
    static const FakeRule rules[] = { { "RCPT", 1, "450 4.2.1 later\r\n" },
        { 0 } };
    g_auto(Stage) stage = { 0 };
    WnId first;

    stage_init(&stage, "");
    stage.servers[0].rules = rules;
    stage_domains(&stage, "[domain a.example]\nservers = $0\n");
    stage_start_queue(&stage);
    send_some(&stage, 1);
    first = stage.last_id;
    stage_await_event(&stage, "deferred", 1);
    fake_smtp_close(&stage.servers[0]);
    stage_pass(&stage, 100);
    send_some(&stage, 1);
    stage_await_event(&stage, "deferred", 2);
    fake_smtp_listen(&stage.servers[0]);
    g_assert_cmpuint(wn_queue_command(stage.queue, WN_QUEUE_RETRY,
                         &(WnQueueFilter){ .id = &first }, NULL),
        ==, 1);
    stage_await(&stage, 0, 2);
    g_assert_cmpuint(stage_n_events(&stage, "deferred"), ==, 2);
}

/* While there were no TLSA records a connection was made in the clear, and mail
 * keeps it alive: when there are some it is not used on. */
static void
test_dane_appears(void)
{
    static const uint8_t tlsa[] = { 3, 1, 1, 0xab };
    g_auto(Stage) stage = { 0 };
    g_autofree char *domain = NULL;
    g_autofree char *name = NULL;
    unsigned n = 0;

    stage_init(&stage, "");
    stage.dns.secure = true;
    fake_dns_add_address(&stage.dns, "mail.test", 60, "127.0.0.1");
    domain = g_strdup_printf("[domain a.example]\ntls = dane\n"
                             "servers = mail.test:%u\n",
        stage.servers[0].address.port);
    stage_domains(&stage, domain);
    stage_start_queue(&stage);
    send_some(&stage, 1);
    stage_await(&stage, 0, 1);
    name = g_strdup_printf("_%u._tcp.mail.test", stage.servers[0].address.port);
    fake_dns_add(&stage.dns, name, WN_RR_TLSA, 60, tlsa, sizeof(tlsa));
    while (n < 60 && stage_n_events(&stage, "deferred") == 0) {
        send_some(&stage, 1);
        n++;
        for (int i = 0; i < 300
                        && stage_n_events(&stage, "delivered")
                                   + stage_n_events(&stage, "deferred")
                               <= n;
             i++)
            wn_loop_turn(stage.loop);
        stage_pass(&stage, 3000);
    }
    g_assert_cmpuint(n, <, 60);
    g_assert_cmpuint(stage.servers[0].n_messages, ==,
        stage_n_events(&stage, "delivered"));
}

/* A connection that becomes ready is offered parcels of an older snapshot: they
 * are routed again, to the same destination, which asks its idle connections.
 * The one that is being given work is none of them. */
static void
test_rerouted_to_itself(void)
{
    static const FakeRule bye[] = { { "MAIL", 9, "!421 4.3.2 bye\r\n" },
        { "MAIL", 10, "!421 4.3.2 bye\r\n" }, { 0 } };
    static const FakeRule silent[] = { { "connect", 0, "" }, { 0 } };
    static const char domain[] = "[domain a.example]\nservers = $0; $1\n"
                                 "delivery = ordered\n";
    g_auto(Stage) stage = { 0 };

    stage_init(&stage, "");
    stage.servers[1].rules = silent;
    stage_domains(&stage, "[domain a.example]\nservers = $0\n"
                          "status = suspended\n");
    stage_start_queue(&stage);
    /* At once, so that there are several connections to the first server; two
     * are lost with a parcel each, which avoids that server from then on. */
    send_some(&stage, 8);
    stage_domains(&stage, domain);
    stage_await(&stage, 0, 8);
    g_assert_cmpuint(stage.servers[0].n_connections, >, 2);
    stage.servers[0].rules = bye;
    send_some(&stage, 2);
    stage_pass(&stage, 100);
    g_assert_cmpuint(stage.servers[1].n_connections, >, 0);
    stage_domains(&stage, domain);
    fake_smtp_write(&stage.servers[1], "220 hi\r\n");
    stage_await(&stage, 1, 2);
    stage_pass(&stage, 2 * WN_COURIER_IDLE_MS);
    g_assert_cmpuint(stage_n_events(&stage, "delivered"), ==, 10);
    g_assert_cmpuint(wn_queue_n_messages(stage.queue), ==, 0);
}

#define TEST(name, fn) g_test_add_func("/queue/destination/" name, fn)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    wn_metrics_attach(-1);
    TEST("moved", test_moved);
    TEST("moved-in-line", test_moved_in_line);
    TEST("moved-to-nowhere", test_moved_to_nowhere);
    TEST("retry-after-reply", test_retry_after_reply);
    TEST("dane-appears", test_dane_appears);
    TEST("rerouted-to-itself", test_rerouted_to_itself);
    return g_test_run();
}
