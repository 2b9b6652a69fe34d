/* SPDX-License-Identifier: MIT */
#include "core/base/metrics.h"
#include "t/unit/queue_stage.h"

/* Copies that a filter has marked or forwarded: their sender may be forged, so
 * nobody is told what becomes of them, and they are not lost either. */

#define BODY "Subject: test\r\n\r\nhello\r\n"
#define CAUGHT "s@b.example > x@a.example,caught=yes"

static const char two_domains[] = "[domain a.example]\nservers = $0\n"
                                  "[domain b.example]\nservers = $1\n";
static const FakeRule refuses_once[] = { { "RCPT", 1, "550 5.7.1 no\r\n" },
    { 0 } };
static const FakeRule defers[] = { { "RCPT", 0, "450 4.2.1 later\r\n" },
    { 0 } };

static void
start(Stage *stage, const FakeRule *rules)
{
    stage_init(stage, "");
    stage->servers[0].rules = rules;
    stage_domains(stage, two_domains);
    stage_start_queue(stage);
}

static void
restart(Stage *stage)
{
    stage_stop_queue(stage);
    stage_start_queue(stage);
    g_clear_pointer(&stage->journal, wn_journal_free);
    stage_pass(stage, 3000);
}

static unsigned
command(Stage *stage, WnQueueCommand what, WnQueueTally *tally)
{
    return wn_queue_command(stage->queue, what,
        &(WnQueueFilter){ .id = &stage->last_id }, tally);
}

static void
assert_held(Stage *stage, const char *reply)
{
    g_autofree char *list = stage_list(stage, "held");

    g_assert_nonnull(strstr(list, reply));
}

/* Held, over a restart too, until it expires. */
static void
test_refused(gconstpointer data)
{
    g_auto(Stage) stage = { 0 };
    g_autofree char *log = NULL;

    start(&stage, refuses_once);
    stage_message(&stage, CAUGHT, BODY);
    stage_await_event(&stage, "bounced", 1);
    if (data != NULL)
        restart(&stage);
    stage_pass(&stage, 115 * 60 * 1000);
    assert_held(&stage, "\"last_reply\":\"550 5.7.1 no\"");
    g_assert_cmpuint(stage_n_events(&stage, "expired"), ==, 0);
    stage_pass(&stage, 6 * 60 * 1000);
    g_assert_cmpuint(stage_n_events(&stage, "expired"), ==, 1);
    g_assert_cmpuint(wn_queue_n_messages(stage.queue), ==, 0);
    g_assert_cmpuint(stage_n_events(&stage, "dsn"), ==, 0);
    g_assert_cmpuint(stage.servers[0].n_messages, ==, 0);
    g_assert_cmpuint(stage.servers[1].n_messages, ==, 0);
    log = stage_log(&stage);
    g_assert_nonnull(strstr(log, "\"caught\":true"));
    g_assert_nonnull(strstr(log, "\"held\":true"));
}

static void
test_released(void)
{
    g_auto(Stage) stage = { 0 };

    start(&stage, refuses_once);
    stage_message(&stage, CAUGHT, BODY);
    stage_await_event(&stage, "bounced", 1);
    g_assert_cmpuint(command(&stage, WN_QUEUE_RELEASE, NULL), ==, 1);
    stage_await(&stage, 0, 1);
    g_assert_cmpuint(wn_queue_n_messages(stage.queue), ==, 0);
    g_assert_cmpuint(stage_n_events(&stage, "dsn"), ==, 0);
}

/* What the operator has held does not expire. */
static void
test_held_by_operator(void)
{
    g_auto(Stage) stage = { 0 };

    start(&stage, defers);
    stage_message(&stage, CAUGHT, BODY);
    stage_await_event(&stage, "deferred", 1);
    g_assert_cmpuint(command(&stage, WN_QUEUE_HOLD, NULL), ==, 1);
    restart(&stage);
    stage_pass(&stage, 130 * 60 * 1000);
    assert_held(&stage, "\"last_reply\":\"450 4.2.1 later\"");
    g_assert_cmpuint(stage_n_events(&stage, "expired"), ==, 0);
}

/* The operator has looked at it: he may tell the sender. */
static void
test_returned(void)
{
    g_auto(Stage) stage = { 0 };

    start(&stage, refuses_once);
    stage_message(&stage, CAUGHT, BODY);
    stage_await_event(&stage, "bounced", 1);
    g_assert_cmpuint(command(&stage, WN_QUEUE_BOUNCE, NULL), ==, 1);
    stage_await(&stage, 1, 1);
    g_assert_cmpuint(wn_queue_n_messages(stage.queue), ==, 0);
}

/* Neither of a delay, nor of the end of its time. */
static void
test_expired(void)
{
    g_auto(Stage) stage = { 0 };

    start(&stage, defers);
    stage_message(&stage, CAUGHT, BODY);
    stage_pass(&stage, 121 * 60 * 1000);
    g_assert_cmpuint(stage_n_events(&stage, "expired"), ==, 1);
    g_assert_cmpuint(stage_n_events(&stage, "dsn"), ==, 0);
    g_assert_cmpuint(wn_queue_n_messages(stage.queue), ==, 0);
    g_assert_cmpuint(stage.servers[1].n_messages, ==, 0);
}

/* Nor of a success that the sender asked about. */
static void
test_relayed(void)
{
    g_auto(Stage) stage = { 0 };

    start(&stage, NULL);
    stage.servers[0].offers = fake_smtp_plain;
    stage_message(&stage, CAUGHT ",notify=SUCCESS", BODY);
    stage_await(&stage, 0, 1);
    stage_pass(&stage, 15000);
    g_assert_cmpuint(stage_n_events(&stage, "dsn"), ==, 0);
    g_assert_cmpuint(wn_queue_n_messages(stage.queue), ==, 0);
}

typedef struct Full {
    const char *name;
    const char *reply;
    bool waits;
} Full;

static const Full full[] = {
    { "552-5.2.2", "552 5.2.2 mailbox full\r\n", true },
    { "552", "552 mailbox full\r\n", true },
    { "550-5.2.2", "550 5.2.2 quota\r\n", true },
    { "552-5.3.4", "552 5.3.4 too large\r\n", false },
    { "550-5.1.1", "550 5.1.1 no\r\n", false },
};

/* A mailbox for what filters forward is emptied one day. */
static void
test_full_mailbox(gconstpointer data)
{
    const Full *c = data;
    const FakeRule rules[] = { { "RCPT", 1, c->reply }, { 0 } };
    g_auto(Stage) stage = { 0 };

    start(&stage, NULL);
    stage.servers[1].rules = rules;
    stage_message(&stage, "s@a.example > x@a.example,to=spam@b.example", BODY);
    stage_await_event(&stage, c->waits ? "deferred" : "bounced", 1);
    stage_pass(&stage, 61000);
    g_assert_cmpuint(stage.servers[1].n_messages, ==, c->waits);
    g_assert_cmpuint(stage_n_events(&stage, "dsn"), ==, 0);
    if (!c->waits)
        assert_held(&stage, "\"last_reply\":\"55");
}

/* It must not be gone without anybody having been told. */
static void
test_forwarded_is_not_returned(void)
{
    static const FakeRule rules[] = { { "RCPT", 0, "552 5.2.2 full\r\n" },
        { 0 } };
    WnQueueTally tally = { { 0 } };
    g_auto(Stage) stage = { 0 };

    start(&stage, NULL);
    stage.servers[1].rules = rules;
    stage_message(&stage, "s@a.example > x@a.example,to=spam@b.example", BODY);
    stage_pass(&stage, 121 * 60 * 1000);
    assert_held(&stage, "\"last_reply\":\"552 5.2.2 full\"");
    g_assert_cmpuint(command(&stage, WN_QUEUE_BOUNCE, &tally), ==, 0);
    g_assert_cmpuint(tally.n[WN_QUEUE_IS_FORWARDED], ==, 1);
    g_assert_cmpuint(wn_queue_n_messages(stage.queue), ==, 1);
    g_assert_cmpuint(command(&stage, WN_QUEUE_DELETE, NULL), ==, 1);
    g_assert_cmpuint(wn_queue_n_messages(stage.queue), ==, 0);
    g_assert_cmpuint(stage_n_events(&stage, "dsn"), ==, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    wn_metrics_attach(-1);
    g_test_add_data_func("/queue/caught/refused", NULL, test_refused);
    g_test_add_data_func("/queue/caught/refused-restart", "", test_refused);
    g_test_add_func("/queue/caught/released", test_released);
    g_test_add_func("/queue/caught/held-by-operator", test_held_by_operator);
    g_test_add_func("/queue/caught/returned", test_returned);
    g_test_add_func("/queue/caught/expired", test_expired);
    g_test_add_func("/queue/caught/relayed", test_relayed);
    for (size_t i = 0; i < G_N_ELEMENTS(full); i++) {
        g_autofree char *path = g_strconcat("/queue/caught/full-mailbox/",
            full[i].name, NULL);

        g_test_add_data_func(path, &full[i], test_full_mailbox);
    }
    g_test_add_func("/queue/caught/forwarded-is-not-returned",
        test_forwarded_is_not_returned);
    return g_test_run();
}
