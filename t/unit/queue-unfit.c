/* SPDX-License-Identifier: MIT */
#include "core/base/metrics.h"
#include "t/unit/queue_stage.h"

/* What a server has said in its answer to EHLO that it does not take: another
 * server of the domain may take it, and so may the other recipients' copy. */

#define SMALL "250-mx\r\n250-PIPELINING\r\n250 SIZE 100\r\n"
#define MIDDLE "250-mx\r\n250-PIPELINING\r\n250 SIZE 150\r\n"
#define LARGE "250-mx\r\n250-PIPELINING\r\n250-SMTPUTF8\r\n250 SIZE 9000\r\n"
#define LONG_BODY                                                            \
    "Subject: test\r\n\r\n"                                                  \
    "0123456789012345678901234567890123456789012345678901234567890123456789" \
    "\r\n"                                                                   \
    "0123456789012345678901234567890123456789012345678901234567890123456789" \
    "\r\n"                                                                   \
    "0123456789012345678901234567890123456789012345678901234567890123456789" \
    "\r\n"

#define ALL_OF_A "[domain a.example]\nservers = $0; $1; $2\n"

typedef struct Mixed {
    const char *name;
    const char *domain;
    const char *offers[3];
    const char *recipient;
} Mixed;

static const Mixed mixed[] = {
    { "even", ALL_OF_A "delivery = even\n", { SMALL, MIDDLE, LARGE },
        "s@y.example > r@a.example" },
    { "ordered", ALL_OF_A "delivery = ordered\n", { SMALL, MIDDLE, LARGE },
        "s@y.example > r@a.example" },
    { "utf8", ALL_OF_A "delivery = ordered\n",
        { "250 mx\r\n", "250-mx\r\n250 PIPELINING\r\n", LARGE },
        "s@y.example > \xc3\xb6@a.example" },
};

/* The most generous server counts when mail is accepted, so it must be found
 * when it is delivered. */
static void
test_mixed(gconstpointer data)
{
    const Mixed *c = data;
    g_auto(Stage) stage = { 0 };

    stage_init(&stage, "");
    for (int i = 0; i < 3; i++)
        stage.servers[i].offers = c->offers[i];
    stage_domains(&stage, c->domain);
    stage_start_queue(&stage);
    for (int i = 0; i < 6; i++)
        stage_message(&stage, c->recipient, LONG_BODY);
    stage_await(&stage, 2, 6);
    g_assert_cmpuint(stage_n_events(&stage, "deferred"), ==, 0);
    g_assert_cmpuint(stage_n_events(&stage, "bounced"), ==, 0);
    g_assert_cmpuint(wn_queue_n_messages(stage.queue), ==, 0);
}

static void
test_none_takes_it(void)
{
    g_auto(Stage) stage = { 0 };
    g_autofree char *log = NULL;

    stage_init(&stage, "");
    stage.servers[0].offers = SMALL;
    stage.servers[1].offers = MIDDLE;
    stage_domains(&stage, "[domain a.example]\nservers = $0; $1\n");
    stage_start_queue(&stage);
    stage_message(&stage, " > r@a.example", LONG_BODY);
    stage_await_event(&stage, "bounced", 1);
    log = stage_log(&stage);
    g_assert_nonnull(strstr(log, "\"reply\":\"EHLO: 5.3.4 message of "));
    g_assert_cmpuint(stage.servers[0].n_connections, ==, 1);
    g_assert_cmpuint(stage.servers[1].n_connections, ==, 1);
}

/* The one that would take it is down at the moment. */
static void
test_other_is_down(void)
{
    g_auto(Stage) stage = { 0 };

    stage_init(&stage, "");
    stage.servers[0].offers = SMALL;
    stage.servers[1].offers = LARGE;
    fake_smtp_close(&stage.servers[1]);
    stage_domains(&stage,
        "[domain a.example]\nservers = $0; $1\ndelivery = ordered\n");
    stage_start_queue(&stage);
    stage_message(&stage, "s@y.example > r@a.example", LONG_BODY);
    stage_await_event(&stage, "deferred", 1);
    g_assert_cmpuint(stage_n_events(&stage, "bounced"), ==, 0);
    fake_smtp_listen(&stage.servers[1]);
    stage_pass(&stage, 61000);
    stage_await(&stage, 1, 1);
    g_assert_cmpuint(stage_n_events(&stage, "bounced"), ==, 0);
}

/* One address that is not ASCII takes nobody with it. */
static void
test_utf8_company(void)
{
    g_auto(Stage) stage = { 0 };
    g_autofree char *log = NULL;

    stage_init(&stage, "");
    stage.servers[0].offers = fake_smtp_plain;
    stage_domains(&stage, "[domain a.example]\nservers = $0\n");
    stage_start_queue(&stage);
    stage_message(&stage, " > bob@a.example \xc3\xb6@a.example", LONG_BODY);
    stage_await(&stage, 0, 1);
    stage_await_event(&stage, "bounced", 1);
    g_assert_cmpstr(fake_smtp_message(&stage.servers[0], 0)->rcpts->str, ==,
        "bob@a.example ");
    log = stage_log(&stage);
    g_assert_nonnull(strstr(log, "\"reply\":\"EHLO: 5.6.7 address needs "));
}

/* What a server has ruled out in advance is a refusal like any other. */
static void
test_lenient(void)
{
    g_auto(Stage) stage = { 0 };
    g_autoptr(WnKnownLimits) limits = NULL;
    WnLimitsKey key;

    stage_init(&stage, "");
    limits = stage.limits = wn_known_limits_new(-1);
    stage.servers[0].offers = SMALL;
    stage_domains(&stage, "[domain a.example]\nservers = $0\n");
    stage_start_queue(&stage);
    wn_limits_key_begin(&key, WN_TLS_POLICY_MAY);
    wn_limits_key_add(&key, WN_SPAN("127.0.0.1"),
        stage.servers[0].address.port);
    wn_known_limits_note(limits, &key, &(WnLimits){ .max_size = 100 });
    g_assert_true(
        wn_queue_set_lenient(stage.queue, "a.example", 3600 * 1000, NULL));
    g_assert_cmpuint(wn_known_limits_get(limits, &key).max_size, ==, 0);
    stage_message(&stage, "s@y.example > r@a.example", LONG_BODY);
    stage_await_event(&stage, "deferred", 1);
    g_assert_cmpuint(stage_n_events(&stage, "bounced"), ==, 0);
    g_assert_cmpuint(wn_known_limits_get(limits, &key).max_size, ==, 0);
    /* As before when it is over. */
    g_assert_true(wn_queue_set_lenient(stage.queue, "a.example", 0, NULL));
    stage_pass(&stage, 61000);
    stage_await_event(&stage, "bounced", 1);
    g_assert_cmpuint(wn_known_limits_get(limits, &key).max_size, ==, 100);
}

/* With bounce, a report that brought 8-bit text back would not come there. */
static void
test_report_in_seven_bits(void)
{
    static const FakeRule rules[] = { { "RCPT", 0, "550 5.1.1 no\r\n" },
        { 0 } };
    g_auto(Stage) stage = { 0 };
    const FakeMessage *dsn;
    g_autofree char *text = NULL;

    stage_init(&stage, "");
    stage.config->without_8bitmime = WN_8BIT_BOUNCE;
    stage.servers[0].rules = rules;
    stage.servers[1].offers = fake_smtp_plain;
    stage.ret = "FULL";
    stage.flags = WN_ENVELOPE_8BIT;
    stage_domains(&stage, "[domain a.example]\nservers = $0\n"
                          "[domain b.example]\nservers = $1\n");
    stage_start_queue(&stage);
    stage_message(&stage, "s@b.example > r@a.example",
        "Subject: t\xc3\xa4st\r\n\r\nt\xc3\xa4xt\r\n");
    stage_await(&stage, 1, 1);
    dsn = fake_smtp_message(&stage.servers[1], 0);
    text = g_strndup((const char *)dsn->text->data, dsn->text->len);
    g_assert_nonnull(strstr(text, "\r\nSubject: t??st\r\n"));
    g_assert_null(strstr(text, "xt\r\n--"));
    g_assert_cmpuint(wn_queue_n_messages(stage.queue), ==, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    wn_metrics_attach(-1);
    for (size_t i = 0; i < G_N_ELEMENTS(mixed); i++) {
        g_autofree char *path = g_strconcat("/queue/unfit/mixed/",
            mixed[i].name, NULL);

        g_test_add_data_func(path, &mixed[i], test_mixed);
    }
    g_test_add_func("/queue/unfit/none-takes-it", test_none_takes_it);
    g_test_add_func("/queue/unfit/other-is-down", test_other_is_down);
    g_test_add_func("/queue/unfit/utf8-company", test_utf8_company);
    g_test_add_func("/queue/unfit/lenient", test_lenient);
    g_test_add_func("/queue/unfit/report-in-seven-bits",
        test_report_in_seven_bits);
    return g_test_run();
}
