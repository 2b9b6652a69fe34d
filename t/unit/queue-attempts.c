/* SPDX-License-Identifier: MIT */
#include "core/base/metrics.h"
#include "t/unit/queue_stage.h"

/* What an attempt learns of servers: it is known of each recipient apart, and
 * goes with the attempt, with the servers, and with the addresses that they
 * were talked to from. */

#define BODY "Subject: test\r\n\r\nhello\r\n"
#define SMALL "250-mx\r\n250-PIPELINING\r\n250 SIZE 100\r\n"
#define LARGE "250-mx\r\n250-PIPELINING\r\n250-SMTPUTF8\r\n250 SIZE 9000\r\n"
#define LONG_BODY                                                            \
    "Subject: test\r\n\r\n"                                                  \
    "0123456789012345678901234567890123456789012345678901234567890123456789" \
    "\r\n"                                                                   \
    "0123456789012345678901234567890123456789012345678901234567890123456789" \
    "\r\n"
#define CAUGHT "s@b.example > x@a.example,caught=yes"
#define BOTH " > bob@a.example \xc3\xb6@a.example"
#define ORDERED "[domain a.example]\ndelivery = ordered\nservers = "

static unsigned
command(Stage *stage, WnQueueCommand what)
{
    return wn_queue_command(stage->queue, what,
        &(WnQueueFilter){ .id = &stage->last_id }, NULL);
}

static bool
log_has(Stage *stage, const char *event, const char *recipient)
{
    g_autofree char *log = stage_log(stage);
    g_auto(GStrv) lines = g_strsplit(log, "\n", -1);
    g_autofree char *key = g_strdup_printf("\"event\":\"%s\"", event);

    for (char **line = lines; *line != NULL; line++)
        if (strstr(*line, key) != NULL && strstr(*line, recipient) != NULL)
            return true;
    return false;
}

typedef struct Company {
    const char *name;
    FakeRule rule; /* of the first server */
} Company;

static const Company companies[] = {
    { "deferred", { "RCPT:bob@", 0, "451 4.3.0 disk trouble\r\n" } },
    { "closing", { "RCPT:bob@", 0, "421 4.3.2 closing\r\n" } },
    { "lost", { "RCPT:bob@", 0, NULL } },
};

/* The first server would take bob's copy, were it not in trouble; no server
 * takes the other's. */
static void
test_company(gconstpointer data)
{
    const Company *c = data;
    const FakeRule rules[] = { c->rule, { 0 } };
    g_auto(Stage) stage = { 0 };

    stage_init(&stage, "");
    stage.servers[0].offers = fake_smtp_plain;
    stage.servers[0].rules = rules;
    stage.servers[1].offers = SMALL;
    stage_domains(&stage, ORDERED "$0; $1\n");
    stage_start_queue(&stage);
    stage_message(&stage, BOTH, LONG_BODY);
    stage_pass(&stage, 50000);
    g_assert_true(log_has(&stage, "deferred", "\"bob@a.example\""));
    g_assert_false(log_has(&stage, "bounced", "\"bob@a.example\""));
    stage.servers[0].rules = NULL;
    stage_pass(&stage, 16 * 60 * 1000);
    g_assert_cmpuint(stage.servers[0].n_messages, ==, 1);
    g_assert_true(log_has(&stage, "delivered", "\"bob@a.example\""));
    g_assert_cmpuint(stage_n_events(&stage, "bounced"), ==, 1);
    g_assert_cmpuint(wn_queue_n_messages(stage.queue), ==, 0);
}

/* Server 0 of the new route is not the one that was ruled out. */
static void
test_route_changes(void)
{
    static const FakeRule mute[] = { { "dot", 1, "" }, { 0 } };
    g_auto(Stage) stage = { 0 };

    stage_init(&stage, "");
    stage.servers[0].offers = fake_smtp_plain;
    stage.servers[0].rules = mute;
    stage.servers[1].offers = fake_smtp_plain;
    stage.servers[2].offers = LARGE;
    stage_domains(&stage, ORDERED "$0; $1\n");
    stage_start_queue(&stage);
    stage_message(&stage, BOTH, BODY);
    stage_pass(&stage, 2000);
    stage_domains(&stage, ORDERED "$2; $1\n");
    stage_pass(&stage, 15 * 60 * 1000);
    g_assert_cmpuint(stage_n_events(&stage, "bounced"), ==, 0);
    g_assert_cmpuint(stage_n_events(&stage, "delivered"), ==, 2);
    g_assert_true(log_has(&stage, "delivered", "\"\xc3\xb6@a.example\""));
    g_assert_cmpuint(stage.servers[2].n_messages, >=, 1);
    g_assert_cmpuint(wn_queue_n_messages(stage.queue), ==, 0);
}

/* A release is a new attempt. */
static void
test_released(void)
{
    g_auto(Stage) stage = { 0 };

    stage_init(&stage, "");
    stage.servers[0].offers = SMALL;
    stage.servers[1].offers = SMALL;
    stage_domains(&stage, ORDERED "$0; $1\n");
    stage_start_queue(&stage);
    stage_message(&stage, CAUGHT, LONG_BODY);
    stage_await_event(&stage, "bounced", 1);
    stage.servers[0].offers = LARGE;
    stage_pass(&stage, 60 * 1000);
    g_assert_cmpuint(command(&stage, WN_QUEUE_RELEASE), ==, 1);
    stage_await(&stage, 0, 1);
    g_assert_cmpuint(stage_n_events(&stage, "bounced"), ==, 1);
    g_assert_cmpuint(wn_queue_n_messages(stage.queue), ==, 0);
}

/* The server that takes it has a number beyond what a set of servers holds. */
static void
test_many_servers(void)
{
    g_autoptr(GString) domain = g_string_new(ORDERED "$0");
    g_auto(Stage) stage = { 0 };

    stage_init(&stage, "");
    stage.servers[0].offers = SMALL;
    stage.servers[1].offers = LARGE;
    for (int i = 1; i < 32; i++)
        g_string_append_printf(domain, "; 127.0.0.1:%d", 100 + i);
    g_string_append(domain, "; $1\n");
    stage_domains(&stage, domain->str);
    stage_start_queue(&stage);
    stage_message(&stage, CAUGHT, LONG_BODY);
    stage_pass(&stage, 30000);
    g_assert_cmpuint(stage.servers[1].n_messages, ==, 1);
    g_assert_cmpuint(stage_n_events(&stage, "bounced"), ==, 0);
    g_assert_cmpuint(wn_queue_n_messages(stage.queue), ==, 0);
}

static WnConfig *
change_config(Stage *stage, const char *from, const char *to)
{
    g_autofree char *path = g_strdup(stage->config->path);
    g_autofree char *text = NULL;
    WnConfig *old = stage->config;
    char *at;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    at = strstr(text, from);
    g_assert_nonnull(at);
    memcpy(at, to, strlen(from));
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
    stage->config = wn_config_read(path, stage->conf.problems);
    g_assert_nonnull(stage->config);
    wn_queue_use_config(stage->queue, stage->config);
    return old;
}

static void
send_from(Stage *stage, unsigned n, uint8_t last_byte)
{
    stage_message(stage, "s@y.example > a@a.example", BODY);
    stage_await(stage, 0, n);
    g_assert_cmpint(stage->servers[0].last_peer.bytes[3], ==, last_byte);
}

/* What no longer is in the pool is not used on, at rest or at work. */
static void
test_egress_changes(void)
{
    static const FakeRule slow[] = { { "dot", 1, "" }, { 0 } };
    g_auto(Stage) stage = { 0 };
    WnConfig *first;
    WnConfig *second;

    stage_init(&stage, "[egress main]\naddresses = 127.0.0.77");
    stage_domains(&stage, "[domain a.example]\nservers = $0\n"
                          "firewall = true\negress_pool = main\n");
    stage_start_queue(&stage);
    send_from(&stage, 1, 77);
    send_from(&stage, 2, 77);
    g_assert_cmpuint(stage.servers[0].n_connections, ==, 1);
    first = change_config(&stage, "127.0.0.77", "127.0.0.78");
    send_from(&stage, 3, 78);
    g_assert_cmpuint(stage.servers[0].n_connections, ==, 2);

    /* Nothing has changed for these. */
    wn_queue_use_config(stage.queue, stage.config);
    send_from(&stage, 4, 78);
    g_assert_cmpuint(stage.servers[0].n_connections, ==, 2);

    /* Busy with a message while the pool changes. */
    stage.servers[0].rules = slow;
    stage_message(&stage, "s@y.example > a@a.example", BODY);
    stage_pass(&stage, 1000);
    second = change_config(&stage, "127.0.0.78", "127.0.0.79");
    stage.servers[0].rules = NULL;
    send_from(&stage, stage.servers[0].n_messages + 1, 79);
    wn_config_free(first);
    wn_config_free(second);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    wn_metrics_attach(-1);
    for (size_t i = 0; i < G_N_ELEMENTS(companies); i++) {
        g_autofree char *path = g_strconcat("/queue/attempts/company/",
            companies[i].name, NULL);

        g_test_add_data_func(path, &companies[i], test_company);
    }
    g_test_add_func("/queue/attempts/route-changes", test_route_changes);
    g_test_add_func("/queue/attempts/released", test_released);
    g_test_add_func("/queue/attempts/many-servers", test_many_servers);
    g_test_add_func("/queue/attempts/egress-changes", test_egress_changes);
    return g_test_run();
}
