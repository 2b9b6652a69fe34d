/* SPDX-License-Identifier: MIT */
#include "core/queue/queue.h"

#include "core/base/fd.h"
#include "core/base/metrics.h"
#include "t/unit/queue_stage.h"

#include <fcntl.h>
#include <unistd.h>

#define BODY "Subject: test\r\n\r\nhello\r\n"

static const char two_domains[] = "[domain a.example]\nservers = $0\n"
                                  "[domain b.example]\nservers = $1\n";

static void
test_partial_failure(void)
{
    static const FakeRule rules[] = { { "RCPT:bad@", 0, "550 5.1.1 no\r\n" },
        { "RCPT:later@", 1, "450 4.2.0 later\r\n" }, { 0 } };
    g_auto(Stage) stage = { 0 };
    const FakeMessage *dsn;
    g_autofree char *text = NULL;

    stage_init(&stage, "");
    stage.servers[0].rules = rules;
    stage_domains(&stage, two_domains);
    stage_start_queue(&stage);
    stage_message(&stage,
        "s@b.example > bad@a.example good@a.example later@a.example "
        "bad2@a.example,notify=NEVER",
        BODY);
    stage_await(&stage, 0, 1);
    stage_await(&stage, 1, 1); /* the report */
    dsn = fake_smtp_message(&stage.servers[1], 0);
    g_assert_true(g_str_has_prefix(dsn->sender, "FROM:<>"));
    g_assert_cmpstr(dsn->rcpts->str, ==, "s@b.example ");
    text = g_strndup((const char *)dsn->text->data, dsn->text->len);
    g_assert_nonnull(
        strstr(text, "\r\nFinal-Recipient: rfc822; bad@a.example\r\n"
                     "Action: failed\r\nStatus: 5.1.1\r\n"));
    g_assert_nonnull(strstr(text, "\r\nOriginal-Envelope-Id: env+1\r\n"));
    g_assert_null(strstr(text, "later@"));
    g_assert_null(strstr(text, "bad2@"));
    g_assert_null(strstr(text, "127.0.0.1"));
    g_assert_cmpuint(stage_n_events(&stage, "bounced"), ==, 1);
    g_assert_cmpuint(stage_n_events(&stage, "dsn"), ==, 1);
    stage_pass(&stage, 61000);
    stage_await(&stage, 0, 2);
    g_assert_cmpuint(wn_queue_n_messages(stage.queue), ==, 0);
    /* Nothing stays behind, not even of the queue's own journal. */
    g_clear_pointer(&stage.journal, wn_journal_free);
    stage_pass(&stage, 3000);
    stage_stop_queue(&stage);
    g_assert_cmpuint(stage_n_files(&stage, ".seg"), ==, 0);
    g_assert_cmpuint(stage_n_files(&stage, ".out"), ==, 0);
}

static void
test_notify_never(void)
{
    static const FakeRule rules[] = { { "RCPT", 0, "550 5.1.1 no\r\n" },
        { 0 } };
    static const char *const envelopes[] = {
        "s@b.example > x@a.example,notify=NEVER",
        " > x@a.example",
        "s@b.example > x@a.example,notify=DELAY",
        "nodomain > x@a.example",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(envelopes); i++) {
        g_auto(Stage) stage = { 0 };
        g_autofree char *log = NULL;

        stage_init(&stage, "");
        stage.servers[0].rules = rules;
        stage_domains(&stage, two_domains);
        stage_start_queue(&stage);
        stage_message(&stage, envelopes[i], BODY);
        stage_await_event(&stage, "bounced", 1);
        log = stage_log(&stage);
        g_assert_nonnull(strstr(log, "\"dsn\":\"none\""));
        g_assert_cmpuint(stage.servers[1].n_messages, ==, 0);
        g_assert_cmpuint(wn_queue_n_messages(stage.queue), ==, 0);
    }
}

/* The segments of the spool as they would be found after a power cut now;
 * outcomes that were not synced are lost. */
static void
copy_spool(const char *from, const char *to)
{
    g_autoptr(GDir) folder = g_dir_open(from, 0, NULL);
    const char *name;

    g_assert_cmpint(g_mkdir_with_parents(to, 0700), ==, 0);
    while ((name = g_dir_read_name(folder)) != NULL) {
        g_autofree char *source = g_build_filename(from, name, NULL);
        g_autofree char *target = g_build_filename(to, name, NULL);
        g_autofree char *bytes = NULL;
        gsize len;

        if (!g_str_has_suffix(name, ".seg"))
            continue;
        g_assert_true(g_file_get_contents(source, &bytes, &len, NULL));
        g_assert_true(g_file_set_contents(target, bytes, (gssize)len, NULL));
    }
}

static void
empty_spool(const char *path)
{
    g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
    const char *name;

    while ((name = g_dir_read_name(folder)) != NULL) {
        g_autofree char *file = g_build_filename(path, name, NULL);

        unlink(file);
    }
}

typedef struct Crash {
    const char *name;
    const char *envelope;
    FakeRule rule;
    const char *event; /* the last thing before the crash */
    unsigned n_sent;   /* messages that the recipients' server has taken */
} Crash;

/* A delivery that was not noted yet is made again. */
static const Crash crashes[] = {
    { "failed", "s@b.example > x@a.example y@a.example",
        { "RCPT", 0, "550 5.1.1 no\r\n" }, "bounced", 0 },
    { "some-delivered", "s@b.example > x@a.example y@a.example",
        { "RCPT:x@", 0, "550 5.1.1 no\r\n" }, "bounced", 2 },
};

/* Dies after the report is durable and before that is noted at the message:
 * there is one report all the same. */
static void
test_crash_after_report(gconstpointer data)
{
    const Crash *c = data;
    const FakeRule rules[] = { c->rule, { 0 } };
    g_auto(Stage) stage = { 0 };
    g_autofree char *aside = NULL;
    g_autofree char *log = NULL;

    stage_init(&stage, "");
    aside = fixture_path(&stage.conf, "aside");
    stage.servers[0].rules = rules;
    stage_domains(&stage, two_domains);
    stage_start_queue(&stage);
    stage_message(&stage, c->envelope, BODY);
    /* Outcomes are written when 50 ms have passed; here none pass. */
    for (int i = 0; i < 2000 && stage_n_events(&stage, c->event) == 0; i++)
        wn_loop_turn(stage.loop);
    g_assert_cmpuint(stage_n_events(&stage, "dsn"), ==, 1);
    copy_spool(stage.config->spool, aside);
    g_clear_pointer(&stage.journal, wn_journal_free);
    stage_stop_queue(&stage);
    empty_spool(stage.config->spool);
    copy_spool(aside, stage.config->spool);
    g_assert_cmpuint(stage.servers[1].n_messages, ==, 0);

    stage_start_queue(&stage);
    stage_await(&stage, 1, 1);
    stage_pass(&stage, 5000);
    g_assert_cmpuint(stage.servers[1].n_messages, ==, 1);
    g_assert_cmpuint(stage.servers[0].n_messages, ==, c->n_sent);
    g_assert_cmpuint(stage_n_events(&stage, "dsn"), ==, 1);
    g_assert_cmpuint(wn_queue_n_messages(stage.queue), ==, 0);
    log = stage_log(&stage);
    g_assert_nonnull(strstr(log, "\"recovered\":true"));
    /* The message's own segment has nothing left to do and is gone. */
    g_assert_cmpuint(stage_n_files(&stage, ".seg"), <=, 1);
}

/* Recipients that fail while others of the message are being tried share one
 * report, whatever domain they are in. */
static void
test_one_report(void)
{
    static const FakeRule rules[] = { { "RCPT", 0, "550 5.1.1 no\r\n" },
        { 0 } };
    g_auto(Stage) stage = { 0 };
    g_autofree char *text = NULL;
    const FakeMessage *dsn;

    stage_init(&stage, "");
    stage.servers[0].rules = rules;
    stage.servers[1].rules = rules;
    stage_domains(&stage, two_domains);
    fake_dns_add_address(&stage.dns, "away.example", 60, "127.0.0.1");
    stage_start_queue(&stage);
    stage_message(&stage,
        "s@away.example > x@a.example y@b.example,scope=1 z@a.example", BODY);
    stage_await(&stage, 2, 1);
    stage_pass(&stage, 15000);
    g_assert_cmpuint(stage.servers[2].n_messages, ==, 1);
    g_assert_cmpuint(stage_n_events(&stage, "dsn"), ==, 1);
    g_assert_cmpuint(stage_n_events(&stage, "bounced"), ==, 3);
    dsn = fake_smtp_message(&stage.servers[2], 0);
    text = g_strndup((const char *)dsn->text->data, dsn->text->len);
    g_assert_nonnull(strstr(text, "Final-Recipient: rfc822; x@a.example\r\n"));
    g_assert_nonnull(strstr(text, "Final-Recipient: rfc822; y@b.example\r\n"));
    g_assert_nonnull(strstr(text, "Final-Recipient: rfc822; z@a.example\r\n"));
}

/* A report that is refused itself ends there. */
static void
test_no_bounce_of_a_bounce(void)
{
    static const FakeRule rules[] = { { "RCPT", 0, "550 5.1.1 no\r\n" },
        { 0 } };
    g_auto(Stage) stage = { 0 };

    stage_init(&stage, "");
    stage.servers[0].rules = rules;
    stage.servers[1].rules = rules;
    stage_domains(&stage, two_domains);
    stage_start_queue(&stage);
    stage_message(&stage, "s@b.example > x@a.example", BODY);
    stage_await_event(&stage, "bounced", 2);
    g_assert_cmpuint(stage_n_events(&stage, "dsn"), ==, 1);
    g_assert_cmpuint(wn_queue_n_messages(stage.queue), ==, 0);
}

static void
test_expiry_and_delay_notice(void)
{
    static const FakeRule rules[] = { { "RCPT", 0, "450 4.2.1 full\r\n" },
        { 0 } };
    g_auto(Stage) stage = { 0 };
    g_autofree char *first = NULL;
    g_autofree char *last = NULL;
    const FakeMessage *dsn;

    stage_init(&stage, "");
    stage.servers[0].rules = rules;
    stage_domains(&stage, two_domains);
    stage_start_queue(&stage);
    stage_message(&stage, "s@b.example > x@a.example", BODY);
    stage_pass(&stage, 30 * 60 * 1000);
    stage_await(&stage, 1, 1);
    dsn = fake_smtp_message(&stage.servers[1], 0);
    first = g_strndup((const char *)dsn->text->data, dsn->text->len);
    g_assert_nonnull(strstr(first, "Action: delayed\r\nStatus: 4.2.1\r\n"));
    g_assert_nonnull(strstr(first, "\r\nWill-Retry-Until: "));
    /* Once only, also after a restart. */
    stage_stop_queue(&stage);
    stage_start_queue(&stage);
    g_clear_pointer(&stage.journal, wn_journal_free);
    stage_pass(&stage, 80 * 60 * 1000);
    g_assert_cmpuint(stage.servers[1].n_messages, ==, 1);
    stage_pass(&stage, 11 * 60 * 1000);
    stage_await(&stage, 1, 2);
    dsn = fake_smtp_message(&stage.servers[1], 1);
    last = g_strndup((const char *)dsn->text->data, dsn->text->len);
    g_assert_nonnull(strstr(last, "Action: failed\r\nStatus: 4.4.7\r\n"));
    g_assert_cmpuint(stage_n_events(&stage, "expired"), ==, 1);
    stage_pass(&stage, 3000);
    g_assert_cmpuint(wn_queue_n_messages(stage.queue), ==, 0);
    g_assert_cmpuint(stage_n_files(&stage, ".seg"), ==, 1); /* our own */
}

/* A sender who is nobody's customer: his MX, in order of preference. */
static void
test_report_by_mx(void)
{
    static const FakeRule rules[] = { { "RCPT", 0, "550 5.1.1 no\r\n" },
        { 0 } };
    g_auto(Stage) stage = { 0 };
    static const uint8_t far[] = "\0\x14\3far\4away\7example";
    static const uint8_t near[] = "\0\x0a\4near\4away\7example";

    stage_init(&stage, "");
    stage.servers[0].rules = rules;
    stage_domains(&stage, two_domains);
    fake_dns_add(&stage.dns, "away.example", WN_RR_MX, 60, far, sizeof(far));
    fake_dns_add(&stage.dns, "away.example", WN_RR_MX, 60, near, sizeof(near));
    fake_dns_add_address(&stage.dns, "near.away.example", 60, "127.0.0.1");
    fake_dns_add_address(&stage.dns, "far.away.example", 60, "127.0.0.9");
    stage_start_queue(&stage);
    stage_message(&stage, "s@away.example > x@a.example", BODY);
    stage_await(&stage, 2, 1);
    g_assert_cmpuint(wn_queue_n_messages(stage.queue), ==, 0);
}

typedef struct NoWay {
    const char *name;
    const char *sender;
    const char *event;
} NoWay;

static const NoWay no_ways[] = {
    { "null-mx", "s@null.example > x@a.example", "bounced" },
    { "no-domain", "s@nowhere.example > x@a.example", "bounced" },
    { "ourselves", "s@self.example > x@a.example", "bounced" },
    { "no-address", "s@empty.example > x@a.example", "deferred" },
};

static void
test_no_way_for_a_report(gconstpointer data)
{
    static const FakeRule rules[] = { { "RCPT", 0, "550 5.1.1 no\r\n" },
        { 0 } };
    static const uint8_t null_mx[] = "\0\0";
    static const uint8_t self[] = "\0\x0a\5relay\7example";
    static const uint8_t empty[] = "\0\x0a\4void\7example";
    const NoWay *c = data;
    g_auto(Stage) stage = { 0 };

    stage_init(&stage, "");
    stage.servers[0].rules = rules;
    stage_domains(&stage, two_domains);
    fake_dns_add(&stage.dns, "null.example", WN_RR_MX, 60, null_mx, 3);
    fake_dns_add(&stage.dns, "self.example", WN_RR_MX, 60, self, sizeof(self));
    fake_dns_add(&stage.dns, "empty.example", WN_RR_MX, 60, empty,
        sizeof(empty));
    stage_start_queue(&stage);
    stage_message(&stage, c->sender, BODY);
    stage_await_event(&stage, c->event,
        g_str_equal(c->event, "bounced") ? 2 : 1);
}

/* The server does not confirm deliveries, and the sender wants to know. */
static void
test_relayed(void)
{
    g_auto(Stage) stage = { 0 };
    g_autofree char *text = NULL;
    const FakeMessage *dsn;

    stage_init(&stage, "");
    stage.servers[0].offers = fake_smtp_plain;
    stage_domains(&stage, two_domains);
    stage_start_queue(&stage);
    stage_message(&stage,
        "s@b.example > x@a.example,notify=SUCCESS y@a.example", BODY);
    stage_await(&stage, 0, 1);
    stage_await(&stage, 1, 1);
    dsn = fake_smtp_message(&stage.servers[1], 0);
    text = g_strndup((const char *)dsn->text->data, dsn->text->len);
    g_assert_nonnull(strstr(text, "Action: relayed\r\nStatus: 2.0.0\r\n"));
    g_assert_null(strstr(text, "y@a.example"));
    g_assert_cmpuint(wn_queue_n_messages(stage.queue), ==, 0);
}

/* A crash while the report still waits for another recipient. */
static void
test_relayed_crash(void)
{
    static const FakeRule rules[] = { { "DATA", 1, "" }, { 0 } };
    g_auto(Stage) stage = { 0 };
    g_autofree char *text = NULL;

    stage_init(&stage, "");
    stage.servers[0].offers = fake_smtp_plain;
    stage.servers[1].rules = rules;
    stage_domains(&stage, two_domains);
    fake_dns_add_address(&stage.dns, "away.example", 60, "127.0.0.1");
    stage_start_queue(&stage);
    stage_message(&stage,
        "s@away.example > x@a.example,notify=SUCCESS y@b.example,scope=1",
        BODY);
    stage_await(&stage, 0, 1);
    g_assert_cmpuint(stage_n_events(&stage, "delivered"), ==, 1);
    g_assert_cmpuint(stage_n_events(&stage, "dsn"), ==, 0);
    g_clear_pointer(&stage.journal, wn_journal_free);
    stage_stop_queue(&stage);
    g_assert_cmpuint(stage.servers[2].n_messages, ==, 0);

    stage.servers[1].rules = NULL;
    stage_start_queue(&stage);
    stage_await(&stage, 2, 1);
    stage_await(&stage, 1, 1);
    stage_pass(&stage, 20000);
    g_assert_cmpuint(stage_n_events(&stage, "dsn"), ==, 1);
    g_assert_cmpuint(stage.servers[0].n_messages, ==, 1);
    text = g_strndup((const char *)fake_smtp_message(&stage.servers[2], 0)
                         ->text->data,
        fake_smtp_message(&stage.servers[2], 0)->text->len);
    g_assert_nonnull(strstr(text, "Final-Recipient: rfc822; x@a.example\r\n"
                                  "Action: relayed\r\n"));
    g_assert_cmpuint(wn_queue_n_messages(stage.queue), ==, 0);
}

static char *
segment_path(const Stage *stage)
{
    g_autoptr(GDir) folder = g_dir_open(stage->config->spool, 0, NULL);
    const char *name;

    while ((name = g_dir_read_name(folder)) != NULL)
        if (g_str_has_suffix(name, ".seg")
            && !g_str_has_prefix(name, WN_SPOOL_OWN_WORKER "-"))
            return g_build_filename(stage->config->spool, name, NULL);
    g_assert_not_reached();
}

/* In place: the queue has the file mapped. */
static void
write_back(const char *path, const char *bytes, gsize len)
{
    wn_autofd fd = open(path, O_WRONLY | O_CLOEXEC);

    g_assert_cmpint(pwrite(fd, bytes, len, 0), ==, (ssize_t)len);
}

/* A map whose pages the disk does not give kills who touches them: the queue
 * must ask first, and try again, be it a delivery or a report. */
static void
test_unreadable(gconstpointer data)
{
    const FakeRule rules[] = { { "RCPT", 1, "450 4.2.0 later\r\n" },
        { "RCPT:bad@", 0, "550 5.1.1 no\r\n" }, { 0 } };
    const char *envelope = data;
    bool bad = strstr(envelope, "bad@") != NULL;
    g_auto(Stage) stage = { 0 };
    g_autofree char *path = NULL;
    g_autofree char *bytes = NULL;
    g_autofree char *log = NULL;
    gsize len;

    stage_init(&stage, "");
    stage.servers[0].rules = rules;
    stage_domains(&stage, two_domains);
    stage_start_queue(&stage);
    stage_message(&stage, envelope, BODY);
    stage_await_event(&stage, "deferred", 1);
    path = segment_path(&stage);
    g_assert_true(g_file_get_contents(path, &bytes, &len, NULL));
    g_assert_cmpint(truncate(path, 0), ==, 0);
    stage_pass(&stage, 61000);
    stage_await_event(&stage, "unreadable", 1);
    log = stage_log(&stage);
    g_assert_nonnull(strstr(log, "the disk does not give it"));
    g_assert_nonnull(strstr(log, strrchr(path, '/') + 1));
    g_assert_cmpuint(wn_queue_n_messages(stage.queue), ==, 1);

    write_back(path, bytes, len);
    stage_pass(&stage, 61000);
    stage_await(&stage, bad ? 1 : 0, 1);
    g_assert_cmpuint(wn_queue_n_messages(stage.queue), ==, 0);
    g_assert_cmpuint(stage.servers[bad ? 1 : 0].n_messages, ==, 1);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    wn_metrics_attach(-1);
    g_test_add_func("/queue/reports/partial-failure", test_partial_failure);
    g_test_add_func("/queue/reports/one-report", test_one_report);
    for (size_t i = 0; i < G_N_ELEMENTS(crashes); i++) {
        g_autofree char *path = g_strconcat("/queue/reports/crash/",
            crashes[i].name, NULL);

        g_test_add_data_func(path, &crashes[i], test_crash_after_report);
    }
    g_test_add_func("/queue/reports/notify-never", test_notify_never);
    g_test_add_func("/queue/reports/no-bounce-of-a-bounce",
        test_no_bounce_of_a_bounce);
    g_test_add_func("/queue/reports/expiry", test_expiry_and_delay_notice);
    g_test_add_func("/queue/reports/by-mx", test_report_by_mx);
    g_test_add_func("/queue/reports/relayed", test_relayed);
    g_test_add_func("/queue/reports/relayed-crash", test_relayed_crash);
    g_test_add_data_func("/queue/reports/unreadable/delivery",
        "s@b.example > x@a.example", test_unreadable);
    g_test_add_data_func("/queue/reports/unreadable/failure",
        "s@b.example > bad@a.example", test_unreadable);
    for (size_t i = 0; i < G_N_ELEMENTS(no_ways); i++) {
        g_autofree char *path = g_strconcat("/queue/reports/no-way/",
            no_ways[i].name, NULL);

        g_test_add_data_func(path, &no_ways[i], test_no_way_for_a_report);
    }
    return g_test_run();
}
