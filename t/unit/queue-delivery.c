/* SPDX-License-Identifier: MIT */
#include "core/queue/queue.h"

#include "core/base/clock.h"
#include "core/base/metrics.h"
#include "t/unit/queue_stage.h"

#define BODY "Subject: test\r\n\r\nhello\r\n"

static const char two_domains[] = "[domain a.example]\nservers = $0\n"
                                  "[domain b.example]\nservers = $1\n";

static void
test_one(void)
{
    g_auto(Stage) stage = { 0 };
    g_autofree char *log = NULL;
    const FakeMessage *message;

    stage_init(&stage, "");
    stage_domains(&stage, two_domains);
    stage_start_queue(&stage);
    stage_message(&stage, "s@y.example > r@A.Example", BODY);
    g_assert_cmpuint(wn_queue_n_messages(stage.queue), ==, 1);
    stage_await(&stage, 0, 1);
    message = fake_smtp_message(&stage.servers[0], 0);
    g_assert_cmpstr(message->rcpts->str, ==, "r@A.Example ");
    g_assert_true(wn_span_eq(wn_span(message->text->data, message->text->len),
        WN_SPAN("Received: here\r\n" BODY)));
    g_assert_cmpuint(wn_queue_n_messages(stage.queue), ==, 0);
    g_assert_cmpint(wn_metrics_lookup("winnow_queue_messages", NULL), ==, 0);
    log = stage_log(&stage);
    g_assert_nonnull(strstr(log, "\"event\":\"delivered\""));
    g_assert_nonnull(strstr(log, "\"recipient\":\"r@A.Example\""));
    g_assert_nonnull(strstr(log, "\"domain\":\"a.example\""));
    g_assert_nonnull(strstr(log, "\"reply\":\"250 2.0.0 accepted\""));
    /* The worker's end seals the segment: nothing is left of it. */
    g_clear_pointer(&stage.journal, wn_journal_free);
    stage_pass(&stage, 3000);
    g_assert_cmpuint(stage_n_files(&stage, ".seg"), ==, 0);
    g_assert_cmpuint(stage_n_files(&stage, ".out"), ==, 0);
}

static void
test_no_snapshot_waits(void)
{
    g_auto(Stage) stage = { 0 };
    g_autofree char *list = NULL;

    stage_init(&stage, "");
    stage_start_queue(&stage);
    stage_message(&stage, "s@y.example > r@a.example", BODY);
    stage_pass(&stage, 5000);
    list = stage_list(&stage, "waiting");
    g_assert_nonnull(strstr(list, "\"state\":\"waiting\",\"attempts\":0"));
    stage_domains(&stage, two_domains);
    stage_await(&stage, 0, 1);
}

static void
test_suspended_is_held(void)
{
    g_auto(Stage) stage = { 0 };
    g_autofree char *list = NULL;

    stage_init(&stage, "");
    stage_domains(&stage,
        "[domain a.example]\nservers = $0\nstatus = suspended\n");
    stage_start_queue(&stage);
    for (int i = 0; i < 3; i++)
        stage_message(&stage, "s@y.example > r@a.example", BODY);
    stage_pass(&stage, 5 * 86400 * 1000);
    list = stage_list(&stage, "held");
    g_assert_nonnull(strstr(list, "\"state\":\"held\""));
    g_assert_cmpuint(stage.servers[0].n_messages, ==, 0);
    stage_domains(&stage, "[domain a.example]\nservers = $0\n");
    stage_await(&stage, 0, 3);
}

static void
test_unknown_domain_is_deferred(void)
{
    g_auto(Stage) stage = { 0 };

    stage_init(&stage, "");
    stage_domains(&stage, two_domains);
    stage_start_queue(&stage);
    stage_message(&stage, "s@y.example > r@gone.example", BODY);
    stage_await_event(&stage, "deferred", 1);
    stage_domains(&stage, "[domain gone.example]\nservers = $0\n");
    stage_pass(&stage, 61000);
    stage_await(&stage, 0, 1);
}

/* Two domains, a scope of several, the same address many times. */
static void
test_recipients(void)
{
    g_auto(Stage) stage = { 0 };

    stage_init(&stage, "");
    stage_domains(&stage, two_domains);
    stage_start_queue(&stage);
    stage_message(&stage,
        "s@y.example > x@a.example y@a.example x@a.example x@A.example "
        "X@a.example z@b.example,scope=1 x@a.example",
        BODY);
    stage_await(&stage, 0, 1);
    stage_await(&stage, 1, 1);
    g_assert_cmpstr(fake_smtp_message(&stage.servers[0], 0)->rcpts->str, ==,
        "X@a.example x@a.example y@a.example ");
    g_assert_cmpstr(fake_smtp_message(&stage.servers[1], 0)->rcpts->str, ==,
        "z@b.example ");
    g_assert_cmpuint(stage_n_events(&stage, "delivered"), ==, 7);
    g_assert_cmpuint(wn_queue_n_messages(stage.queue), ==, 0);
}

static void
test_more_than_a_transaction(void)
{
    g_auto(Stage) stage = { 0 };
    g_autoptr(GString) envelope = g_string_new("s@y.example >");

    stage_init(&stage, "");
    stage_domains(&stage, two_domains);
    stage_start_queue(&stage);
    for (int i = 0; i < 250; i++)
        g_string_append_printf(envelope, " u%03d@a.example", i);
    stage_message(&stage, envelope->str, BODY);
    stage_await(&stage, 0, 3);
    g_assert_cmpuint(stage_n_events(&stage, "delivered"), ==, 250);
}

static void
test_forward(void)
{
    g_auto(Stage) stage = { 0 };

    stage_init(&stage, "");
    stage_domains(&stage, two_domains);
    stage_start_queue(&stage);
    stage_message(&stage,
        "s@y.example > x@a.example,to=spam@b.example y@a.example "
        "z@a.example,scope=1",
        BODY);
    stage_await(&stage, 0, 1);
    stage_await(&stage, 1, 1);
    g_assert_cmpstr(fake_smtp_message(&stage.servers[1], 0)->rcpts->str, ==,
        "spam@b.example ");
    g_assert_cmpstr(fake_smtp_message(&stage.servers[0], 0)->rcpts->str, ==,
        "z@a.example ");
    g_assert_cmpuint(stage_n_events(&stage, "delivered"), ==, 3);
    g_assert_nonnull(strstr(stage.servers[1].log->str,
        "RCPT TO:<spam@b.example> NOTIFY=NEVER\n"));
}

/* 5xx for a forwarded copy: no report to anybody, nothing lost. */
static void
test_forward_refused(void)
{
    static const FakeRule rules[] = { { "RCPT", 1, "550 no\r\n" }, { 0 } };
    g_auto(Stage) stage = { 0 };
    g_autofree char *list = NULL;

    stage_init(&stage, "");
    stage_domains(&stage, two_domains);
    stage.servers[1].rules = rules;
    stage_start_queue(&stage);
    stage_message(&stage, "s@a.example > x@a.example,to=spam@b.example", BODY);
    stage_await_event(&stage, "bounced", 1);
    list = stage_list(&stage, "held");
    g_assert_nonnull(strstr(list, "\"last_reply\":\"550 no\""));
    g_assert_cmpuint(stage.servers[0].n_messages, ==, 0);
    /* Also after a restart. */
    stage_stop_queue(&stage);
    stage_start_queue(&stage);
    g_clear_pointer(&stage.journal, wn_journal_free);
    stage_pass(&stage, 3000);
    g_free(list);
    list = stage_list(&stage, "held");
    g_assert_nonnull(strstr(list, "\"last_reply\":\"550 no\""));
    g_assert_cmpuint(wn_queue_command(stage.queue, WN_QUEUE_RELEASE,
                         &(WnQueueFilter){ .id = &stage.last_id }, NULL),
        ==, 1);
    stage_await(&stage, 1, 1);
}

static void
test_retry_schedule(void)
{
    static const FakeRule rules[] = { { "RCPT", 1, "450 4.2.1 later\r\n" },
        { "RCPT", 2, "450 4.2.1 later\r\n" }, { 0 } };
    g_auto(Stage) stage = { 0 };
    g_autofree char *list = NULL;

    stage_init(&stage, "");
    stage.servers[0].rules = rules;
    stage_domains(&stage, two_domains);
    stage_start_queue(&stage);
    stage_message(&stage, "s@y.example > r@a.example", BODY);
    stage_await_event(&stage, "deferred", 1);
    list = stage_list(&stage, NULL);
    g_assert_nonnull(strstr(list, "\"state\":\"waiting\",\"attempts\":1"));
    g_assert_nonnull(strstr(list, "\"last_reply\":\"450 4.2.1 later\""));
    stage_pass(&stage, 58000);
    g_assert_cmpuint(stage_n_events(&stage, "deferred"), ==, 1);
    stage_pass(&stage, 3000);
    g_assert_cmpuint(stage_n_events(&stage, "deferred"), ==, 2);
    stage_pass(&stage, 298000);
    g_assert_cmpuint(stage.servers[0].n_messages, ==, 0);
    stage_pass(&stage, 3000);
    stage_await(&stage, 0, 1);
}

/* What was deferred before a restart keeps its time and its count. */
static void
test_restart(void)
{
    static const FakeRule rules[] = { { "RCPT:later@", 1, "450 later\r\n" },
        { 0 } };
    g_auto(Stage) stage = { 0 };
    g_autofree char *list = NULL;

    stage_init(&stage, "");
    stage.servers[0].rules = rules;
    stage_domains(&stage, two_domains);
    stage_start_queue(&stage);
    stage_message(&stage, "s@y.example > later@a.example now@a.example", BODY);
    stage_await(&stage, 0, 1);
    stage_stop_queue(&stage);
    stage_message(&stage, "s@y.example > other@a.example", BODY);
    g_clear_pointer(&stage.journal, wn_journal_free);
    stage_start_queue(&stage);
    stage_await(&stage, 0, 2);
    list = stage_list(&stage, NULL);
    g_assert_nonnull(
        strstr(list, "[{\"address\":\"later@a.example\",\"state\":\"waiting\","
                     "\"attempts\":1,"));
    g_assert_null(strstr(list, "now@"));
    stage_pass(&stage, 61000);
    stage_await(&stage, 0, 3);
    stage_pass(&stage, 3000);
    g_assert_cmpuint(stage_n_files(&stage, ".seg"), ==, 0);
}

/* One server is dead: the other gets everything at once. */
static void
test_next_server(void)
{
    g_auto(Stage) stage = { 0 };

    stage_init(&stage, "");
    stage_domains(&stage,
        "[domain a.example]\nservers = $0; $1\ndelivery = ordered\n");
    fake_smtp_close(&stage.servers[0]);
    stage_start_queue(&stage);
    for (int i = 0; i < 5; i++)
        stage_message(&stage, "s@y.example > r@a.example", BODY);
    stage_await(&stage, 1, 5);
    g_assert_cmpuint(stage_n_events(&stage, "deferred"), ==, 0);
}

static void
assert_limits(const WnKnownLimits *known, const FakeSmtp *server, bool no_utf8,
    uint64_t max_size)
{
    WnLimitsKey key;
    WnLimits limits;

    wn_limits_key_begin(&key, WN_TLS_POLICY_MAY);
    wn_limits_key_add(&key, WN_SPAN("127.0.0.1"), server->address.port);
    limits = wn_known_limits_get(known, &key);
    g_assert_cmpint(limits.no_utf8, ==, no_utf8);
    g_assert_cmpuint(limits.max_size, ==, max_size);
}

/* What a server says behind EHLO is noted for all who want to know. */
static void
test_limits_noted(void)
{
    g_autoptr(WnKnownLimits) limits = NULL;
    g_auto(Stage) stage = { 0 };

    stage_init(&stage, "");
    limits = stage.limits = wn_known_limits_new(-1);
    stage.servers[0].offers = "250-mx\r\n250-SIZE 12345\r\n250 8BITMIME\r\n";
    stage_domains(&stage,
        "[domain a.example]\nservers = $0\n[domain b.example]\nservers = $1\n");
    stage.servers[1].offers = "250-mx\r\n250-SIZE 0\r\n250 SMTPUTF8\r\n";
    stage_start_queue(&stage);
    assert_limits(limits, &stage.servers[0], false, 0);
    stage_message(&stage, "s@y.example > r@a.example", BODY);
    stage_message(&stage, "s@y.example > r@b.example", BODY);
    stage_await(&stage, 0, 1);
    stage_await(&stage, 1, 1);
    assert_limits(limits, &stage.servers[0], true, 12345);
    assert_limits(limits, &stage.servers[1], false, 0);
}

static void
test_busy_server_next(void)
{
    static const FakeRule rules[] = { { "MAIL", 0, "!421 4.3.2 busy\r\n" },
        { 0 } };
    g_auto(Stage) stage = { 0 };

    stage_init(&stage, "");
    stage.servers[0].rules = rules;
    stage_domains(&stage,
        "[domain a.example]\nservers = $0; $1\ndelivery = ordered\n");
    stage_start_queue(&stage);
    stage_message(&stage, "s@y.example > r@a.example", BODY);
    stage_await(&stage, 1, 1);
    g_assert_cmpuint(stage_n_events(&stage, "deferred"), ==, 0);
}

static void
test_even(void)
{
    g_auto(Stage) stage = { 0 };

    stage_init(&stage, "");
    stage_domains(&stage, "[domain a.example]\nservers = $0; $1\n");
    stage_start_queue(&stage);
    for (int i = 0; i < 40; i++) {
        stage_message(&stage, "s@y.example > r@a.example", BODY);
        stage_pass(&stage, 10);
    }
    stage_pass(&stage, 1000);
    g_assert_cmpuint(stage.servers[0].n_messages, ==, 20);
    g_assert_cmpuint(stage.servers[1].n_messages, ==, 20);
}

/* All servers are dead, then one comes back: what waits goes at once. */
static void
test_release_on_success(void)
{
    g_auto(Stage) stage = { 0 };

    stage_init(&stage, "");
    stage_domains(&stage, two_domains);
    fake_smtp_close(&stage.servers[0]);
    stage_start_queue(&stage);
    for (int i = 0; i < 30; i++)
        stage_message(&stage, "s@y.example > r@a.example", BODY);
    stage_await_event(&stage, "deferred", 30);
    fake_smtp_listen(&stage.servers[0]);
    stage_pass(&stage, 12000); /* a probe's time, not the schedule's */
    stage_await(&stage, 0, 30);
}

static void
test_reused_connection(void)
{
    static const FakeRule rules[] = { { "MAIL", 2, "!421 idle\r\n" }, { 0 } };
    g_auto(Stage) stage = { 0 };

    stage_init(&stage, "");
    stage.servers[0].rules = rules;
    stage_domains(&stage, two_domains);
    stage_start_queue(&stage);
    stage_message(&stage, "s@y.example > r@a.example", BODY);
    stage_await(&stage, 0, 1);
    stage_message(&stage, "s@y.example > r@a.example", BODY);
    stage_await(&stage, 0, 2);
    g_assert_cmpuint(stage.servers[0].n_connections, ==, 2);
    g_assert_cmpuint(stage_n_events(&stage, "deferred"), ==, 0);
    /* And an idle one is closed. */
    stage_pass(&stage, 6000);
    g_assert_nonnull(strstr(stage.servers[0].log->str, "QUIT\n"));
}

/* A server that says nothing holds up its own mail only. */
static void
test_dead_delays_no_other(void)
{
    static const FakeRule rules[] = { { "connect", 0, "" }, { 0 } };
    g_auto(Stage) stage = { 0 };

    stage_init(&stage, "");
    stage.servers[0].rules = rules;
    stage_domains(&stage, two_domains);
    stage_start_queue(&stage);
    for (int i = 0; i < 50; i++)
        stage_message(&stage, "s@y.example > r@a.example", BODY);
    stage_message(&stage, "s@y.example > r@b.example", BODY);
    stage_await(&stage, 1, 1);
    /* One that has not worked yet gets few connections. */
    g_assert_cmpuint(stage.servers[0].n_connections, <=, 2);
    stage_pass(&stage, 310000);
    stage_await_event(&stage, "deferred", 50);
}

static void
test_crowded(void)
{
    static const FakeRule rules[] = { { "RCPT", 2, "452 4.5.3 many\r\n" },
        { 0 } };
    g_auto(Stage) stage = { 0 };

    stage_init(&stage, "");
    stage.servers[0].rules = rules;
    stage_domains(&stage, two_domains);
    stage_start_queue(&stage);
    stage_message(&stage, "s@y.example > a@a.example b@a.example", BODY);
    stage_await(&stage, 0, 2);
    g_assert_cmpuint(stage_n_events(&stage, "deferred"), ==, 0);
}

/* Broken TLS where it is optional: again in clear, at once. */
static void
test_broken_tls(void)
{
    static const FakeRule rules[] = { { "STARTTLS", 0, "!220 go\r\n" }, { 0 } };
    g_auto(Stage) stage = { 0 };

    stage_init(&stage, "");
    stage.servers[0].rules = rules;
    stage.servers[0].offers = "250-x\r\n250 STARTTLS\r\n";
    stage.servers[1].rules = rules;
    stage.servers[1].offers = "250-x\r\n250 STARTTLS\r\n";
    stage_domains(&stage, "[domain a.example]\nservers = $0\n"
                          "[domain b.example]\nservers = $1\ntls = require\n");
    stage_start_queue(&stage);
    stage_message(&stage, "s@y.example > a@a.example b@b.example,scope=1",
        BODY);
    stage_await(&stage, 0, 1);
    stage_await_event(&stage, "deferred", 1);
    g_assert_cmpuint(stage.servers[1].n_messages, ==, 0);
    g_assert_null(strstr(stage.servers[1].log->str, "MAIL"));
}

static void
test_egress(void)
{
    g_auto(Stage) stage = { 0 };

    stage_init(&stage, "[egress main]\naddresses = 127.0.0.77");
    stage_domains(&stage, "[domain a.example]\nservers = $0\n"
                          "firewall = true\negress_pool = main\n");
    stage_start_queue(&stage);
    stage_message(&stage, "s@y.example > a@a.example", BODY);
    stage_await(&stage, 0, 1);
    g_assert_cmpint(stage.servers[0].last_peer.bytes[3], ==, 77);
}

/* One byte on the disk turned over: not delivered, held, told. */
static void
test_damaged(void)
{
    g_auto(Stage) stage = { 0 };
    g_autofree char *list = NULL;
    g_autoptr(GDir) folder = NULL;
    const char *name;

    stage_init(&stage, "");
    stage_start_queue(&stage);
    stage_message(&stage, "s@y.example > a@a.example", BODY);
    folder = g_dir_open(stage.config->spool, 0, NULL);
    while ((name = g_dir_read_name(folder)) != NULL) {
        g_autofree char *path = g_build_filename(stage.config->spool, name,
            NULL);
        g_autofree char *bytes = NULL;
        char *hello;
        gsize len;
        FILE *file;

        if (!g_str_has_suffix(name, ".seg"))
            continue;
        g_assert_true(g_file_get_contents(path, &bytes, &len, NULL));
        hello = memmem(bytes, len, "hello", 5);
        file = fopen(path, "r+");
        fseek(file, hello - bytes, SEEK_SET);
        fputc('j', file);
        g_assert_cmpint(fclose(file), ==, 0);
    }
    stage_domains(&stage, two_domains);
    stage_await_event(&stage, "damaged", 1);
    list = stage_list(&stage, "held");
    g_assert_nonnull(strstr(list, "wrong checksum"));
    g_assert_cmpuint(stage.servers[0].n_messages, ==, 0);
    g_assert_cmpuint(wn_queue_command(stage.queue, WN_QUEUE_DELETE,
                         &(WnQueueFilter){ .state = "held" }, NULL),
        ==, 1);
    g_clear_pointer(&stage.journal, wn_journal_free);
    stage_pass(&stage, 3000);
    g_assert_cmpuint(stage_n_files(&stage, ".seg"), ==, 0);
    g_assert_cmpuint(stage_n_files(&stage, "damaged"), ==, 1);
}

static void
test_commands(void)
{
    g_auto(Stage) stage = { 0 };
    g_autoptr(GString) shown = g_string_new(NULL);
    const WnQueueFilter a = { .domain = "A.example" };
    const WnQueueFilter b = { .domain = "b.example" };

    stage_init(&stage, "");
    stage_domains(&stage, two_domains);
    fake_smtp_close(&stage.servers[0]);
    stage_start_queue(&stage);
    for (int i = 0; i < 3; i++)
        stage_message(&stage, "s@b.example > a@a.example b@a.example", BODY);
    stage_await_event(&stage, "deferred", 6);
    g_assert_true(
        wn_queue_show_message(stage.queue, &stage.last_id, shown, NULL));
    g_assert_cmpstr(shown->str, ==, "Received: here\r\n" BODY);
    g_assert_cmpuint(wn_queue_command(stage.queue, WN_QUEUE_HOLD, &b, NULL), ==,
        0);
    g_assert_cmpuint(wn_queue_command(stage.queue, WN_QUEUE_HOLD, &a, NULL), ==,
        6);
    g_assert_cmpuint(wn_queue_command(stage.queue, WN_QUEUE_RETRY, &a, NULL),
        ==, 0);
    g_assert_cmpuint(wn_queue_command(stage.queue, WN_QUEUE_BOUNCE,
                         &(WnQueueFilter){ .id = &stage.last_id }, NULL),
        ==, 2);
    stage_await(&stage, 1, 1);
    g_assert_cmpuint(wn_queue_n_messages(stage.queue), ==, 2);
    fake_smtp_listen(&stage.servers[0]);
    stage_pass(&stage, 200000);
    g_assert_cmpuint(stage.servers[0].n_messages, ==, 0);
    g_assert_cmpuint(wn_queue_command(stage.queue, WN_QUEUE_RELEASE, &a, NULL),
        ==, 4);
    stage_await(&stage, 0, 2);
    g_assert_cmpuint(wn_queue_n_messages(stage.queue), ==, 0);
}

static void
on_drained(void *user)
{
    *(bool *)user = true;
}

static void
test_drain(void)
{
    static const FakeRule rules[] = { { "dot", 1, "" }, { 0 } };
    g_auto(Stage) stage = { 0 };
    bool drained = false;

    stage_init(&stage, "");
    stage.servers[0].rules = rules;
    stage_domains(&stage, two_domains);
    stage_start_queue(&stage);
    stage_message(&stage, "s@y.example > a@a.example", BODY);
    for (int i = 0;
         i < 300 && g_hash_table_lookup(stage.servers[0].counts, "dot") == NULL;
         i++)
        wn_loop_turn(stage.loop);
    wn_queue_drain(stage.queue, 60000, on_drained, &drained);
    stage_message(&stage, "s@y.example > b@a.example", BODY);
    stage_pass(&stage, 5000);
    g_assert_false(drained);
    fake_smtp_write(&stage.servers[0], "250 done\r\n");
    stage_pass(&stage, 3000);
    g_assert_true(drained);
    g_assert_cmpuint(stage.servers[0].n_messages, ==, 0);
    /* The first was answered, the second never began. */
    g_assert_cmpuint(wn_queue_n_messages(stage.queue), ==, 1);
}

#define TEST(name, fn) g_test_add_func("/queue/delivery/" name, fn)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    wn_metrics_attach(-1);
    TEST("one", test_one);
    TEST("no-snapshot", test_no_snapshot_waits);
    TEST("suspended", test_suspended_is_held);
    TEST("unknown-domain", test_unknown_domain_is_deferred);
    TEST("recipients", test_recipients);
    TEST("more-than-a-transaction", test_more_than_a_transaction);
    TEST("forward", test_forward);
    TEST("forward-refused", test_forward_refused);
    TEST("retry-schedule", test_retry_schedule);
    TEST("restart", test_restart);
    TEST("next-server", test_next_server);
    TEST("limits-noted", test_limits_noted);
    TEST("busy-server", test_busy_server_next);
    TEST("even", test_even);
    TEST("release-on-success", test_release_on_success);
    TEST("reused-connection", test_reused_connection);
    TEST("dead-delays-no-other", test_dead_delays_no_other);
    TEST("crowded", test_crowded);
    TEST("broken-tls", test_broken_tls);
    TEST("egress", test_egress);
    TEST("damaged", test_damaged);
    TEST("commands", test_commands);
    TEST("drain", test_drain);
    return g_test_run();
}
