/* SPDX-License-Identifier: MIT */
#include "core/base/fd.h"
#include "t/unit/smtp_client_stage.h"

#include <netinet/in.h>
#include <sys/socket.h>

typedef struct Case {
    const char *name;
    const char *told;
    unsigned n_recipients;
    FakeRule rules[6];
} Case;

static const Case cases[] = {
    { "one", "ready 0:ok:250 ready ", 1, { { 0 } } },
    { "five", "ready 0:ok:250 1:ok:250 2:ok:250 3:ok:250 4:ok:250 ready ", 5,
        { { 0 } } },
    { "banner-554", "dead:temporary:banner ", 1,
        { { "connect", 0, "554 5.7.1 go away\r\n" } } },
    { "banner-421", "dead:temporary:banner ", 1,
        { { "connect", 0, "421 busy\r\n" } } },
    { "banner-closed", "dead:lost:banner ", 1, { { "connect", 0, NULL } } },
    { "banner-without-code", "dead:lost:banner ", 1,
        { { "connect", 0, "hello\r\n" } } },
    { "banner-letter", "dead:lost:banner ", 1,
        { { "connect", 0, "22O ok\r\n" } } },
    { "banner-199", "dead:lost:banner ", 1,
        { { "connect", 0, "199 ok\r\n" } } },
    { "banner-600", "dead:lost:banner ", 1,
        { { "connect", 0, "600 ok\r\n" } } },
    { "banner-bare-lf", "dead:lost:banner ", 1,
        { { "connect", 0, "220 ok\n" } } },
    { "banner-354", "dead:temporary:banner ", 1,
        { { "connect", 0, "354 ok\r\n" } } },
    { "ehlo-502-helo", "ready 0:ok:250 ready ", 1,
        { { "EHLO", 0, "502 what\r\n" } } },
    { "ehlo-451", "dead:temporary:EHLO ", 1,
        { { "EHLO", 0, "451 later\r\n" } } },
    { "ehlo-helo-550", "dead:temporary:HELO ", 1,
        { { "EHLO", 0, "502 what\r\n" }, { "HELO", 0, "550 no\r\n" } } },
    { "mail-451", "ready 0:temporary:451 1:temporary:451 ready ", 2,
        { { "MAIL", 0, "451 4.3.0 later\r\n" } } },
    { "mail-550", "ready 0:permanent:550 1:permanent:550 ready ", 2,
        { { "MAIL", 0, "550 5.1.8 no\r\n" } } },
    { "mail-552", "ready 0:permanent:552 ready ", 1,
        { { "MAIL", 0, "552 5.3.4 too large\r\n" } } },
    { "mail-354", "ready 0:temporary:354 ready ", 1,
        { { "MAIL", 0, "354 what\r\n" } } },
    { "mail-421", "ready 0:temporary:421 dead:temporary:MAIL ", 1,
        { { "MAIL", 0, "!421 bye\r\n" } } },
    { "mail-closed", "ready 0:lost:0 dead:lost:MAIL ", 1,
        { { "MAIL", 0, NULL } } },
    { "rcpt-550", "ready 0:permanent:550 ready ", 1,
        { { "RCPT", 0, "550 5.1.1 no\r\n" } } },
    { "rcpt-mixed",
        "ready 0:ok:250 1:permanent:552 2:temporary:450 3:permanent:554 "
        "4:ok:250 ready ",
        5,
        { { "RCPT:b@", 0, "552 5.2.2 full\r\n" },
            { "RCPT:c@", 0, "450 4.2.1 later\r\n" },
            { "RCPT:d@", 0, "554 no\r\n" } } },
    { "rcpt-552-first", "ready 0:permanent:552 1:ok:250 ready ", 2,
        { { "RCPT:a@", 0, "552 full\r\n" } } },
    { "rcpt-552-crowded", "ready 0:ok:250 1:temporary:552:crowded ready ", 2,
        { { "RCPT:b@", 0, "552 too many\r\n" } } },
    { "rcpt-452-crowded", "ready 0:ok:250 1:temporary:452:crowded ready ", 2,
        { { "RCPT:b@", 0, "452 4.5.3 too many\r\n" } } },
    { "rcpt-all-refused",
        "ready 0:permanent:550 1:permanent:550 2:permanent:550 ready ", 3,
        { { "RCPT", 0, "550 no\r\n" } } },
    { "rcpt-421",
        "ready 0:temporary:421 1:permanent:550 2:temporary:421 "
        "dead:temporary:RCPT ",
        3, { { "RCPT:b@", 0, "550 no\r\n" }, { "RCPT:c@", 0, "!421 x\r\n" } } },
    { "rcpt-closed", "ready 0:lost:0 1:permanent:550 2:lost:0 dead:lost:RCPT ",
        3, { { "RCPT:b@", 0, "550 no\r\n" }, { "RCPT:c@", 0, "!" } } },
    { "rcpt-251", "ready 0:ok:250 ready ", 1,
        { { "RCPT", 0, "251 will forward\r\n" } } },
    { "data-451", "ready 0:temporary:451 1:permanent:550 ready ", 2,
        { { "DATA", 0, "451 later\r\n" }, { "RCPT:b@", 0, "550 no\r\n" } } },
    { "data-554", "ready 0:permanent:554 ready ", 1,
        { { "DATA", 0, "554 no\r\n" } } },
    { "mail-571", "ready 0:permanent:571 ready ", 1,
        { { "MAIL", 0, "571 5.7.1 not from you\r\n" } } },
    { "rcpt-599", "ready 0:permanent:599 ready ", 1,
        { { "RCPT", 0, "599 no\r\n" } } },
    { "data-250", "ready 0:lost:0 dead:lost:DATA ", 1,
        { { "DATA", 0, "250 ok\r\n" } } },
    { "data-421", "ready 0:temporary:421 dead:temporary:DATA ", 1,
        { { "DATA", 0, "!421 bye\r\n" } } },
    { "dot-451", "ready 0:temporary:451 1:temporary:451 ready ", 2,
        { { "dot", 0, "451 4.3.0 later\r\n" } } },
    { "dot-554", "ready 0:permanent:554 1:permanent:554 ready ", 2,
        { { "dot", 0, "554 5.6.0 no\r\n" } } },
    { "dot-mixed", "ready 0:permanent:554 1:temporary:450 ready ", 2,
        { { "RCPT:b@", 0, "450 no\r\n" }, { "dot", 0, "554 5.6.0 no\r\n" } } },
    { "dot-421", "ready 0:temporary:421 dead:temporary:end of DATA ", 1,
        { { "dot", 0, "!421 bye\r\n" } } },
    { "dot-354", "ready 0:lost:0 dead:lost:end of DATA ", 1,
        { { "dot", 0, "354 what\r\n" } } },
    { "dot-two-replies", "ready 0:ok:250 dead:lost:end of DATA ", 1,
        { { "dot", 0, "250 ok\r\n250 again\r\n" } } },
    { "dot-multi-line", "ready 0:permanent:550 ready ", 1,
        { { "dot", 0, "550-5.7.1 a\r\n550-5.7.1 b\r\n550 5.7.1 c\r\n" } } },
    { "dot-mixed-codes", "ready 0:lost:0 dead:lost:end of DATA ", 1,
        { { "dot", 0, "550-a\r\n250 b\r\n" } } },
};

static void
run_case(const Case *c, const char *offers)
{
    g_auto(Stage) stage = { 0 };

    stage_init(&stage, c->rules, c->n_recipients);
    stage.server.offers = offers;
    run(&stage, c->told);
    if (strstr(c->told, ":ok:") == NULL)
        g_assert_cmpuint(stage.server.messages->len, ==, 0);
}

static void
test_pipelined(gconstpointer data)
{
    run_case(data, fake_smtp_offers);
}

static void
test_step_by_step(gconstpointer data)
{
    run_case(data, fake_smtp_plain);
}

static void
test_message(void)
{
    g_auto(Stage) stage = { 0 };
    g_autoptr(GArray) splices = g_array_new(FALSE, FALSE, sizeof(WnSplice));
    WnSplice tag = { 9, 0, WN_SPAN("[tag] ") };
    const FakeMessage *message;

    stage_init(&stage, NULL, 2);
    g_array_append_val(splices, tag);
    stage.outgoing.splices = splices;
    stage.outgoing.eight_bit = true;
    stage.outgoing.ret = WN_SPAN("HDRS");
    stage.outgoing.envid = WN_SPAN("e1");
    stage.recipients[1].notify = WN_SPAN("FAILURE");
    stage.recipients[1].orcpt = WN_SPAN("rfc822;b@x.example");
    g_assert_true(wn_outgoing_is_clean(&stage.outgoing));
    run(&stage, "ready 0:ok:250 1:ok:250 ready ");
    message = fake_smtp_message(&stage.server, 0);
    g_assert_cmpstr(message->rcpts->str, ==, "a@x.example b@x.example ");
    g_assert_true(wn_span_eq(wn_span(message->text->data, message->text->len),
        WN_SPAN("X-Trace: 1\r\nSubject: [tag] x\r\n\r\nhello\r\n..dot\r\n")));
    g_assert_cmpstr(stage.server.log->str, ==,
        "EHLO relay.example\n"
        "MAIL FROM:<s@y.example> SIZE=45 BODY=8BITMIME RET=HDRS ENVID=e1\n"
        "RCPT TO:<a@x.example>\n"
        "RCPT TO:<b@x.example> NOTIFY=FAILURE ORCPT=rfc822;b@x.example\n"
        "DATA\n");
}

static void
test_many_transactions(void)
{
    g_auto(Stage) stage = { 0 };

    stage_init(&stage, NULL, 1);
    stage.n_to_send = 50;
    connect_client(&stage);
    for (int i = 0; i < 1000 && stage.server.n_messages < 50; i++)
        wn_loop_turn(stage.loop);
    spin(&stage);
    g_assert_cmpuint(stage.server.messages->len, ==, 50);
    g_assert_cmpuint(stage.server.n_connections, ==, 1);
    wn_smtp_client_quit(g_steal_pointer(&stage.client));
    for (int i = 0;
         i < 300 && g_hash_table_lookup(stage.server.counts, "QUIT") == NULL;
         i++)
        wn_loop_turn(stage.loop);
    g_assert_true(g_str_has_suffix(stage.server.log->str, "QUIT\n"));
}

/* A sender that leads nowhere is taken back before the next message. */
static void
test_reset_after_refusals(void)
{
    static const FakeRule rules[] = { { "RCPT", 1, "550 no\r\n" }, { 0 } };

    for (int plain = 0; plain < 2; plain++) {
        g_auto(Stage) stage = { 0 };

        stage_init(&stage, rules, 1);
        stage.server.offers = plain ? fake_smtp_plain : fake_smtp_offers;
        stage.n_to_send = 2;
        run(&stage, "ready 0:permanent:550 ready 0:ok:250 ready ");
        g_assert_nonnull(strstr(stage.server.log->str, "RSET\n"));
    }
}

/* DATA was pipelined and answered 354 although nobody is left. */
static void
test_data_for_nobody(void)
{
    static const FakeRule rules[] = { { "RCPT", 0, "550 no\r\n" },
        { "DATA", 0, "354 go\r\n" }, { "dot", 0, "554 nobody\r\n" }, { 0 } };
    g_auto(Stage) stage = { 0 };

    stage_init(&stage, rules, 2);
    run(&stage, "ready 0:permanent:550 1:permanent:550 ready ");
    g_assert_cmpuint(stage.server.messages->len, ==, 0);
}

/* Pages of the message are gone: what stands in their place is not sent. */
static void
test_lost_source(void)
{
    g_auto(Stage) stage = { 0 };
    WnMapGuard guard = { .lost = 1 };

    stage_init(&stage, NULL, 1);
    stage.outgoing.source = &guard;
    run(&stage, "ready 0:lost:0 dead:lost:DATA ");
    g_assert_false(stage.in_doubt);
    g_assert_cmpuint(stage.server.messages->len, ==, 0);
}

typedef struct Loss {
    const char *name;
    FakeRule rules[2];
    bool in_doubt;
} Loss;

static const Loss losses[] = {
    { "after-dot", { { "dot", 0, NULL } }, true },
    { "before-dot", { { "DATA", 0, NULL } }, false },
    { "at-mail", { { "MAIL", 0, NULL } }, false },
};

static void
test_loss(gconstpointer data)
{
    const Loss *loss = data;
    g_auto(Stage) stage = { 0 };

    stage_init(&stage, loss->rules, 1);
    connect_client(&stage);
    for (int i = 0; i < 300 && !stage.dead; i++)
        wn_loop_turn(stage.loop);
    g_assert_true(stage.dead);
    g_assert_true(stage.in_doubt == loss->in_doubt);
}

static void
test_large_message(void)
{
    g_auto(Stage) stage = { 0 };
    GString *wire = g_string_new(NULL);

    stage_init(&stage, NULL, 1);
    for (int i = 0; i < 60000; i++)
        g_string_append_printf(wire, "%06d %0100d\r\n", i, 0);
    g_string_append(wire, ".\r\n");
    stage.outgoing.wire = wn_span(wire->str, wire->len);
    connect_client(&stage);
    for (int i = 0; i < 5000 && stage.server.n_messages == 0; i++)
        wn_loop_turn(stage.loop);
    await(&stage, "ready 0:ok:250 ready ");
    g_assert_cmpuint(fake_smtp_message(&stage.server, 0)->text->len, ==,
        12 + wire->len - 3);
    g_string_free(wire, TRUE);
}

/* Reads what there is, or waits for something. */
static size_t
take_some(Stage *stage, int fd, char *out, size_t size)
{
    ssize_t n = -1;

    for (int i = 0; i < 1000 && n <= 0 && !stage->dead; i++) {
        spin_once(stage);
        n = recv(fd, out, size, MSG_DONTWAIT);
    }
    return n > 0 ? (size_t)n : 0;
}

/* A server without FakeSmtp's appetite, up to the begin of the message. */
static int
lead_to_body(Stage *stage)
{
    static const char *const replies[] = { "220 x\r\n", "250 x\r\n",
        "250 ok\r\n", "250 ok\r\n", "354 go\r\n" };
    wn_autofd listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in sa = { .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(sa);
    char command[512];
    int small = 65536;
    int fd;

    setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    g_assert_cmpint(bind(listener, (struct sockaddr *)&sa, len), ==, 0);
    g_assert_cmpint(listen(listener, 1), ==, 0);
    getsockname(listener, (struct sockaddr *)&sa, &len);
    stage->config.server.port = ntohs(sa.sin_port);
    connect_client(stage);
    fd = accept(listener, NULL, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(replies); i++) {
        size_t reply_len = strlen(replies[i]);

        g_assert_cmpint(send(fd, replies[i], reply_len, 0), ==, reply_len);
        g_assert_cmpuint(take_some(stage, fd, command, sizeof(command)), >, 0);
    }
    return fd;
}

/* A server that takes a bit now and then, always in time for the next chunk,
 * does not hold the connection for as long as it likes. */
static void
test_dripped_body(void)
{
    static const size_t len = 64 * 1024 * 1024;
    g_auto(Stage) stage = { 0 };
    g_autoptr(GString) wire = g_string_sized_new(len + 1024);
    g_autofree char *taken = g_malloc(len);
    wn_autofd fd = -1;
    int64_t began_ms;

    stage_init(&stage, NULL, 1);
    while (wire->len < len)
        g_string_append_printf(wire, "%0998d\r\n", 0);
    g_string_append(wire, ".\r\n");
    stage.outgoing.wire = wn_span(wire->str, wire->len);
    fd = lead_to_body(&stage);
    began_ms = wn_clock_mono_ms();
    /* A little each second: no chunk waits for long. */
    for (int i = 0; i < 20000 && !stage.dead; i++) {
        take_some(&stage, fd, taken, 8192);
        wn_clock_fake_step(1000);
    }
    g_assert_cmpstr(stage.told->str, ==, "ready 0:lost:0 dead:lost:message ");
    g_assert_cmpint(wn_clock_mono_ms() - began_ms, >=, 300000);
    g_assert_cmpint((wn_clock_mono_ms() - began_ms) / 1000, <=,
        300 + 64 * 1024 / 16 + 60);
}

/* Refused while most of it has not been sent. */
static void
test_early_refusal(void)
{
    static const FakeRule rules[] = { { "body", 0, "552 5.3.4 too big\r\n" },
        { "dot", 0, "" }, { 0 } };
    g_auto(Stage) stage = { 0 };
    GString *wire = g_string_new(NULL);

    stage_init(&stage, rules, 1);
    stage.server.offers = fake_smtp_plain;
    for (int i = 0; i < 200000; i++)
        g_string_append_printf(wire, "%0100d\r\n", 0);
    g_string_append(wire, ".\r\n");
    stage.outgoing.wire = wn_span(wire->str, wire->len);
    connect_client(&stage);
    for (int i = 0; i < 5000 && !stage.dead; i++)
        wn_loop_turn(stage.loop);
    g_assert_cmpstr(stage.told->str, ==,
        "ready 0:permanent:552 dead:permanent:message ");
    g_string_free(wire, TRUE);
}

/* What the server's EHLO has ruled out costs no transaction, and the next one
 * goes over the same connection. */
static const struct {
    const char *name;
    const char *offers;
    unsigned eight_bit;
    const char *told;
} unsent[] = {
    { "size-over", "250-x\r\n250-PIPELINING\r\n250 SIZE 38\r\n", 0,
        "ready 0:permanent:0 1:permanent:0 ready 0:permanent:0 1:permanent:0 "
        "ready " },
    { "size-just", "250-x\r\n250-PIPELINING\r\n250 SIZE 39\r\n", 0,
        "ready 0:ok:250 1:ok:250 ready 0:ok:250 1:ok:250 ready " },
    { "size-zero", "250-x\r\n250 SIZE 0\r\n", 0,
        "ready 0:ok:250 1:ok:250 ready 0:ok:250 1:ok:250 ready " },
    { "size-negative", "250-x\r\n250 SIZE -1\r\n", 0,
        "ready 0:ok:250 1:ok:250 ready 0:ok:250 1:ok:250 ready " },
    { "size-huge", "250-x\r\n250 SIZE 99999999999999999999999999\r\n", 0,
        "ready 0:ok:250 1:ok:250 ready 0:ok:250 1:ok:250 ready " },
    { "eight-bit", "250-x\r\n250 PIPELINING\r\n", 1,
        "ready 0:permanent:0 1:permanent:0 ready 0:permanent:0 1:permanent:0 "
        "ready " },
    { "eight-bit-offered", "250-x\r\n250 8BITMIME\r\n", 1,
        "ready 0:ok:250 1:ok:250 ready 0:ok:250 1:ok:250 ready " },
};

static void
test_unsent(gconstpointer data)
{
    const typeof(unsent[0]) *c = data;
    g_auto(Stage) stage = { 0 };

    stage_init(&stage, NULL, 2);
    stage.server.offers = c->offers;
    stage.n_to_send = 2;
    stage.outgoing.eight_bit = c->eight_bit;
    stage.config.bounce_8bit = true;
    run(&stage, c->told);
    if (strstr(c->told, "ok") == NULL)
        g_assert_null(strstr(stage.server.log->str, "MAIL"));
}

/* A refusal of EHLO offers nothing, whatever its lines say. */
static void
test_offers_of_refusal(void)
{
    static const FakeRule rules[] = {
        { "EHLO", 0, "502-no\r\n502-PIPELINING\r\n502 SIZE 1\r\n" }, { 0 }
    };
    g_auto(Stage) stage = { 0 };

    stage_init(&stage, rules, 1);
    run(&stage, "ready 0:ok:250 ready ");
    g_assert_cmpuint(wn_smtp_client_offers(stage.client), ==, 0);
}

/* One byte every four seconds never ends a reply, but the deadline does. */
static void
test_drip(void)
{
    static const FakeRule rules[] = { { "dot", 0, "" }, { 0 } };
    g_auto(Stage) stage = { 0 };
    int64_t waited_ms = 0;

    stage_init(&stage, rules, 1);
    stage.config.dot_timeout_ms = 60000;
    connect_client(&stage);
    for (int i = 0;
         i < 300 && g_hash_table_lookup(stage.server.counts, "dot") == NULL;
         i++)
        wn_loop_turn(stage.loop);
    g_assert_cmpstr(stage.told->str, ==, "ready ");
    while (!stage.dead && waited_ms < 100000) {
        fake_smtp_write(&stage.server, waited_ms == 0 ? "250-" : "x");
        wn_clock_fake_step(4000);
        waited_ms += 4000;
        wn_loop_turn(stage.loop);
        wn_loop_turn(stage.loop);
    }
    g_assert_cmpint(waited_ms, <=, 64000);
    g_assert_cmpstr(stage.told->str, ==,
        "ready 0:lost:0 dead:lost:end of DATA ");
    g_assert_true(stage.in_doubt);
}

typedef struct Silence {
    const char *name;
    const char *told;
    int64_t after_ms;
    FakeRule rules[2];
} Silence;

static const Silence silences[] = {
    { "banner", "dead:lost:banner ", 300000, { { "connect", 0, "" } } },
    { "ehlo", "dead:lost:EHLO ", 300000, { { "EHLO", 0, "" } } },
    { "mail", "ready 0:lost:0 dead:lost:MAIL ", 300000, { { "MAIL", 0, "" } } },
    { "data", "ready 0:lost:0 dead:lost:DATA ", 300000, { { "DATA", 0, "" } } },
    { "dot", "ready 0:lost:0 dead:lost:end of DATA ", 600000,
        { { "dot", 0, "" } } },
};

static void
test_silence(gconstpointer data)
{
    const Silence *silence = data;
    g_auto(Stage) stage = { 0 };

    stage_init(&stage, silence->rules, 1);
    connect_client(&stage);
    for (int i = 0;
         i < 300
         && g_hash_table_lookup(stage.server.counts, silence->rules[0].on)
                == NULL;
         i++)
        wn_loop_turn(stage.loop);
    spin(&stage);
    wn_clock_fake_step(silence->after_ms - 1000);
    spin(&stage);
    g_assert_false(stage.dead);
    wn_clock_fake_step(2000);
    await(&stage, silence->told);
}

static void
test_endless_reply(void)
{
    static const FakeRule rules[] = { { "connect", 0, "" }, { 0 } };
    g_auto(Stage) stage = { 0 };

    stage_init(&stage, rules, 1);
    connect_client(&stage);
    spin(&stage);
    for (int i = 0; i < 20000 && !stage.dead; i++) {
        fake_smtp_write(&stage.server, "220-for ever and ever\r\n");
        if (i % 100 == 0)
            wn_loop_turn(stage.loop);
    }
    await(&stage, "dead:lost:banner ");
}

static void
test_refused_connection(void)
{
    g_auto(Stage) stage = { 0 };

    stage_init(&stage, NULL, 1);
    fake_smtp_close(&stage.server);
    connect_client(&stage);
    g_assert_cmpuint(stage.told->len, ==, 0);
    await(&stage, "dead:lost:connect ");
}

static void
test_idle_close(void)
{
    g_auto(Stage) stage = { 0 };

    stage_init(&stage, NULL, 1);
    stage.n_to_send = 0;
    run(&stage, "ready ");
    fake_smtp_write(&stage.server, "421 4.4.2 idle too long\r\n");
    await(&stage, "ready dead:temporary:idle ");
}

static void
test_free_in_callbacks(void)
{
    for (int i = 0; i < 2; i++) {
        g_auto(Stage) stage = { 0 };

        stage_init(&stage, NULL, 2);
        stage.free_when_ready = i == 0;
        stage.free_when_sent = i == 1;
        run(&stage, i == 0 ? "ready " : "ready 0:ok:250 ");
    }
}

#define ADD_TABLE(prefix, table, fn)                                      \
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {                    \
        g_autofree char *path = g_strconcat(prefix, table[i].name, NULL); \
        g_test_add_data_func(path, &table[i], fn);                        \
    }

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD_TABLE("/smtp/client/pipelined/", cases, test_pipelined);
    ADD_TABLE("/smtp/client/step/", cases, test_step_by_step);
    ADD_TABLE("/smtp/client/loss/", losses, test_loss);
    ADD_TABLE("/smtp/client/silence/", silences, test_silence);
    ADD_TABLE("/smtp/client/unsent/", unsent, test_unsent);
    g_test_add_func("/smtp/client/offers-of-refusal", test_offers_of_refusal);
    g_test_add_func("/smtp/client/message", test_message);
    g_test_add_func("/smtp/client/many", test_many_transactions);
    g_test_add_func("/smtp/client/reset", test_reset_after_refusals);
    g_test_add_func("/smtp/client/data-for-nobody", test_data_for_nobody);
    g_test_add_func("/smtp/client/lost-source", test_lost_source);
    g_test_add_func("/smtp/client/large", test_large_message);
    g_test_add_func("/smtp/client/dripped-body", test_dripped_body);
    g_test_add_func("/smtp/client/early-refusal", test_early_refusal);
    g_test_add_func("/smtp/client/drip", test_drip);
    g_test_add_func("/smtp/client/endless-reply", test_endless_reply);
    g_test_add_func("/smtp/client/refused", test_refused_connection);
    g_test_add_func("/smtp/client/idle-close", test_idle_close);
    g_test_add_func("/smtp/client/free-in-callbacks", test_free_in_callbacks);
    return g_test_run();
}
