/* SPDX-License-Identifier: MIT */
#include "t/unit/plugin-stage.h"

#include "core/base/clock.h"
#include "t/unit/fake_dns.h"
#include "t/unit/plugin-probe.h"

static const char plain[] = "Subject: hello\r\n\r\nSome text.\r\n";

#define PROBE "plugin = probe\n"

/*
 * Waiting
 */

static void
test_timer(void)
{
    g_auto(Stage) stage;

    probe_stage_open(&stage, PROBE "script = message=wait:30:match:late");
    stage_run_message(&stage, plain, "u@good.example");
    stage_turn(&stage);
    wn_clock_fake_step(29);
    stage_turn(&stage);
    g_assert_false(stage.done);
    wn_clock_fake_step(1);
    g_assert_cmpstr(stage_wait(&stage), ==, "deliver; a:match(r=late)");
}

static void
test_first_answer_cancels_the_rest(void)
{
    g_auto(Stage) stage;

    probe_stage_open(&stage, PROBE "script = message=race:40:20");
    stage_run_message(&stage, plain, "u@good.example");
    stage_turn(&stage);
    wn_clock_fake_step(20);
    g_assert_cmpstr(stage_wait(&stage), ==, "deliver; a:match(r=)");
    wn_clock_fake_step(100);
    stage_turn(&stage);
    stage_turn(&stage);
}

static void
test_last_answer_pending(void)
{
    g_auto(Stage) stage;

    probe_stage_open(&stage, PROBE "script = message=linger:10:20");
    stage_run_message(&stage, plain, "u@good.example");
    stage_turn(&stage);
    wn_clock_fake_step(10);
    stage_turn(&stage);
    g_assert_false(stage.done);
    wn_clock_fake_step(10);
    g_assert_cmpstr(stage_wait(&stage), ==,
        "deliver; a:fail(waits for nothing)");
}

static void
test_deadline(void)
{
    g_auto(Stage) stage;

    probe_stage_open(&stage,
        PROBE "timeout = 2s\nscript = message=wait:5000:match");
    stage_run_message(&stage, plain, "u@good.example");
    stage_turn(&stage);
    wn_clock_fake_step(2000);
    g_assert_cmpstr(stage_wait(&stage), ==,
        "deliver; a:fail(timed out after 2000 ms)");
    wn_clock_fake_step(5000);
    stage_turn(&stage);
}

static void
test_cancel(void)
{
    g_auto(Stage) stage;
    WnChainRun *run;

    probe_stage_open(&stage, PROBE "script = message=wait:10:match");
    run = stage_run_message(&stage, plain, "u@good.example");
    wn_chain_cancel(run);
    stage_turn(&stage);
    run = stage_run_message(&stage, plain, "u@good.example");
    stage_turn(&stage);
    wn_chain_cancel(run);
    wn_clock_fake_step(10);
    stage_turn(&stage);
    g_assert_false(stage.done);
    g_assert_cmpstr(probe_log(), ==, "a.message");
}

/* The client goes away while a filter waits. */
static void
test_hang_up(void)
{
    g_auto(Stage) stage;

    probe_stage_open(&stage, PROBE "script = connect=wait:50:pass "
                                   "message=wait:10:match");
    stage_run_connect(&stage);
    g_assert_cmpstr(stage_wait(&stage), ==, "deliver");
    stage_run_message(&stage, plain, "u@good.example");
    stage_turn(&stage);
    stage_hang_up(&stage);
    wn_clock_fake_step(100);
    stage_turn(&stage);
    g_assert_false(stage.done);
    g_assert_cmpstr(probe_log(), ==, "a.connect a.connection_end");
}

static void
test_io(void)
{
    g_auto(Stage) stage;

    probe_stage_open(&stage, PROBE "script = message=io");
    g_assert_cmpstr(stage_message(&stage, plain, "u@good.example"), ==,
        "deliver; a:match(r=readable)");
}

static void
test_dns(void)
{
    static const struct {
        const char *script, *decided;
    } answers[] = {
        { "message=dns:listed.example", "deliver; a:match(r=127.2 of 1)" },
        { "message=dns:absent.example", "deliver; a:pass" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(answers); i++) {
        g_auto(Stage) stage;
        g_autofree char *keys = g_strconcat("[filter a]\n" PROBE "script = ",
            answers[i].script, "\n", NULL);
        FakeDns dns;

        stage_init(&stage, probe_plugins, NULL);
        fake_dns_start(&dns, stage.loop);
        fake_dns_add_address(&dns, "listed.example", 60, "127.0.0.2");
        stage.resolver = wn_resolver_new(stage.loop, dns.place, 1000, NULL);
        stage_snippet(&stage, "10-f", keys);
        stage_domain(&stage, "good.example", "");
        stage_start(&stage);
        stage_connect(&stage, "192.0.2.1");
        stage_mail(&stage, "from@b.example");
        g_assert_cmpstr(stage_message(&stage, plain, "u@good.example"), ==,
            answers[i].decided);
        fake_dns_stop(&dns);
    }
}

static void
test_dns_without_resolver(void)
{
    g_auto(Stage) stage;

    probe_stage_open(&stage, PROBE "script = message=dns:listed.example");
    g_assert_cmpstr(stage_message(&stage, plain, "u@good.example"), ==,
        "deliver; a:fail(could not tell)");
}

/*
 * RCPT and connect
 */

#define GATE "plugin = gate\n"
#define REFUSE "action = act\naction.do = reject\n"

static void
test_rcpt_refuses(void)
{
    g_auto(Stage) stage;

    probe_stage_open(&stage, GATE REFUSE "script = rcpt=peek:bad");
    g_assert_cmpstr(stage_rcpt(&stage, "ok@good.example"), ==,
        "deliver; a:pass");
    g_assert_cmpstr(stage_rcpt(&stage, "bad@good.example"), ==,
        "reject 550 5.7.1 \"Message refused by policy\" by a;"
        " a:match(r=bad)>act");
    g_assert_cmpstr(probe_log(), ==, "a.rcpt a.rcpt");
}

/* What RCPT has found stands in the message's ledger and is not asked again. */
static void
test_rcpt_runs_once_for_a_recipient(void)
{
    g_auto(Stage) stage;

    probe_stage_open(&stage, GATE REFUSE "script = rcpt=pass mail=pass");
    stage_rcpt(&stage, "u@good.example");
    stage_rcpt(&stage, "v@good.example");
    stage_rcpt(&stage, "v@good.example");
    g_assert_cmpstr(stage_message(&stage, plain,
                        "u@good.example v@good.example w@good.example"),
        ==, "deliver; a:pass");
    g_assert_cmpstr(probe_log(), ==, "a.mail a.rcpt a.rcpt a.rcpt");
}

static void
test_rcpt_shared(void)
{
    g_auto(Stage) stage;

    probe_stage_open(&stage, "plugin = keeper\n" REFUSE "script = rcpt=pass");
    stage_rcpt(&stage, "u@good.example");
    stage_rcpt(&stage, "v@good.example");
    g_assert_cmpstr(stage_message(&stage, plain,
                        "u@good.example v@good.example"),
        ==, "deliver; a:pass");
    g_assert_cmpstr(probe_log(), ==, "a.rcpt");
}

/* It has said that it would not look, and does. */
static void
test_rcpt_shared_that_looks(void)
{
    g_auto(Stage) stage;

    probe_stage_open(&stage,
        "plugin = keeper\n" REFUSE "script = rcpt=peek:bad");
    g_assert_cmpstr(stage_rcpt(&stage, "ok@good.example"), ==,
        "deliver; a:pass");
    g_assert_nonnull(
        strstr(stage_rcpt(&stage, "bad@good.example"), "reject 550"));
    g_assert_cmpstr(probe_log(), ==, "a.rcpt a.rcpt");
}

static void
test_only_early_links_run_at_rcpt(void)
{
    static const char *const filters[] = {
        PROBE REFUSE "script = rcpt=match",
        GATE REFUSE "script = rcpt=pass",
        "plugin = gate\naction = mild\naction.do = prefix:[B]\n"
        "script = rcpt=match",
        NULL,
    };
    g_auto(Stage) stage;

    stage_init(&stage, probe_plugins, NULL);
    stage_filters(&stage, filters);
    stage_domain(&stage, "good.example", "");
    stage_start(&stage);
    stage_connect(&stage, "192.0.2.1");
    stage_mail(&stage, "from@b.example");
    g_assert_cmpstr(stage_rcpt(&stage, "u@good.example"), ==,
        "deliver; b:pass");
}

static void
test_tag_by_client_takes_effect_later(void)
{
    g_auto(Stage) stage;

    probe_stage_open(&stage,
        "plugin = gate\naction = mild\n"
        "action.do = prefix:[Listed]\non_match = continue\n"
        "script = connect=match rcpt=pass");
    g_assert_cmpstr(stage_rcpt(&stage, "u@good.example"), ==, "deliver");
    g_assert_cmpstr(stage_message(&stage, plain, "u@good.example"), ==,
        "deliver +prefix(=[Listed]); a:match(r=)>mild");
    g_assert_cmpstr(probe_log(), ==, "a.connect");
}

static void
test_connect_is_awaited(void)
{
    g_auto(Stage) stage;

    probe_stage_open(&stage, GATE REFUSE "script = connect=wait:50:match");
    stage_run_connect(&stage);
    g_assert_cmpstr(stage_wait(&stage), ==, "deliver");
    stage_run_rcpt(&stage, "u@good.example");
    stage_turn(&stage);
    stage_turn(&stage);
    g_assert_false(stage.done);
    wn_clock_fake_step(50);
    g_assert_cmpstr(stage_wait(&stage), ==,
        "reject 550 5.7.1 \"Message refused by policy\" by a;"
        " a:match(r=)>act");
    g_assert_cmpstr(probe_log(), ==, "a.connect");
}

static void
test_listener_decides(void)
{
    g_auto(Stage) stage;

    probe_stage_open(&stage,
        GATE "action = act\naction.do = reject|reply:554:5.7.1:not %c\n"
             "decide = listener\nscript = connect=match");
    g_assert_true(wn_chain_host_decides_connect(stage.host));
    stage_run_connect(&stage);
    g_assert_cmpstr(stage_wait(&stage), ==,
        "reject 554 5.7.1 \"not 192.0.2.1\" by a; a:match(r=)>act");
}

static void
test_domain_decides(void)
{
    g_auto(Stage) stage;

    probe_stage_open(&stage, GATE REFUSE "script = connect=match");
    g_assert_false(wn_chain_host_decides_connect(stage.host));
    stage_run_connect(&stage);
    g_assert_cmpstr(stage_wait(&stage), ==, "deliver");
}

/* Found with conf.d's settings; the domain has its own, and is asked. */
static void
test_domain_settings_supersede_connect(void)
{
    g_auto(Stage) stage;

    stage_init(&stage, probe_plugins, NULL);
    stage_snippet(&stage, "10-a",
        "[filter a]\n" GATE REFUSE "script = connect=match rcpt=match\n");
    stage_domain(&stage, "good.example", "");
    stage_domain(&stage, "own.example", "[filter a]\nscript = rcpt=pass\n");
    stage_start(&stage);
    stage_connect(&stage, "192.0.2.1");
    stage_mail(&stage, "from@b.example");
    g_assert_cmpstr(stage_rcpt(&stage, "u@own.example"), ==, "deliver; a:pass");
    g_assert_cmpstr(stage_rcpt(&stage, "u@good.example"), ==,
        "reject 550 5.7.1 \"Message refused by policy\" by a;"
        " a:match(r=)>act");
}

/* At RCPT an action that lets pass has not acted yet. */
static void
test_early_action_that_delivers(void)
{
    g_auto(Stage) stage;

    probe_stage_open(&stage, GATE "action = act\naction.do = prefix:[X]\n"
                                  "script = rcpt=match");
    g_assert_cmpstr(stage_rcpt(&stage, "u@good.example"), ==,
        "deliver; a:match(r=)>act");
    g_assert_cmpstr(stage_message(&stage, plain, "u@good.example"), ==,
        "deliver +prefix(=[X]); a:match(r=)>act");
}

static void
test_new_helo_asks_again(void)
{
    g_auto(Stage) stage;

    probe_stage_open(&stage, PROBE "script = helo=helo");
    stage_helo(&stage, "one.example");
    g_assert_cmpstr(stage_message(&stage, plain, "u@good.example"), ==,
        "deliver; a:match(r=one.example)");
    stage_helo(&stage, "two.example");
    stage_mail(&stage, "from@b.example");
    g_assert_cmpstr(stage_message(&stage, plain, "u@good.example"), ==,
        "deliver; a:match(r=two.example)");
}

/*
 * Faults and traces
 */

/* Evidence is one line of valid text of at most 200 bytes, a rule has no
 * spaces and at most 64. */
static void
test_findings_are_cleaned(void)
{
    g_auto(Stage) stage;
    g_autofree char *evidence = g_strnfill(199, 'e');
    g_autofree char *rule = g_strnfill(64, 'r');
    g_autofree char *expected =
        g_strdup_printf("deliver; a:match(a-rule=a b   c,long=%s,%s=)",
            evidence, rule);

    probe_stage_open(&stage, PROBE "script = message=dirt");
    g_assert_cmpstr(stage_message(&stage, plain, "u@good.example"), ==,
        expected);
}

static void
test_findings_are_bounded(void)
{
    g_auto(Stage) stage;
    g_auto(GStrv) parts = NULL;

    probe_stage_open(&stage, PROBE "script = message=much");
    parts = g_strsplit(stage_message(&stage, plain, "u@good.example"),
        "r=", -1);
    g_assert_cmpuint(g_strv_length(parts), ==, 1 + 100);
}

/* A request for a class that the snapshot does not have is winnow's own fault:
 * neither delivered unfiltered nor refused. */
static void
test_unknown_class(void)
{
    g_auto(Stage) stage;

    probe_stage_open(&stage, PROBE "script = message=pass");
    stage.shift_classes = 1000;
    g_assert_cmpstr(stage_message(&stage, plain, "u@good.example"), ==,
        "tempfail 451 4.7.1 \"Message cannot be checked now, please try again"
        " later\"");
}

typedef struct Trace {
    GString *text;
} Trace;

static void
on_trace(void *user, const char *filter, const char *hook, const WnId *id,
    uint64_t content)
{
    Trace *trace = user;

    (void)id;
    (void)content;
    g_string_append_printf(trace->text, "%s.%s ", filter != NULL ? filter : "-",
        hook != NULL ? hook : "-");
}

static void
test_trace(void)
{
    g_auto(Stage) stage;
    Trace trace = { g_string_new(NULL) };

    probe_stage_open(&stage, PROBE REFUSE "script = message=wait:10:match");
    wn_chain_host_set_trace(stage.host, on_trace, &trace);
    stage_run_message(&stage, plain, "u@good.example");
    stage_turn(&stage);
    wn_clock_fake_step(10);
    stage_wait(&stage);
    g_assert_nonnull(
        strstr(trace.text->str, "a.message -.- a.message -.- act.apply -.- "));
    wn_chain_host_set_trace(stage.host, NULL, NULL);
    g_string_free(trace.text, TRUE);
}

static void
test_problems_have_a_place(void)
{
    g_auto(Stage) stage;
    g_autoptr(GString) text = g_string_new(NULL);

    stage_init(&stage, probe_plugins, NULL);
    stage_snippet(&stage, "10-a",
        "\n[filter a]\n" PROBE "start = out of order\n");
    stage_snippet(&stage, "20-b",
        "[filter b]\n" PROBE "policy = list.txt: No such file\n");
    stage_snippet(&stage, "30-c",
        "[filter c]\n" PROBE "policy = not needed\nenabled = false\n");
    stage_start(&stage);
    wn_problems_print(stage.files.problems, text);
    g_assert_cmpstr(text->str, ==,
        "conf.d/10-a.conf:2: [filter a]: the plugin does not start: "
        "out of order\n"
        "conf.d/20-b.conf:1: [filter b]: list.txt: No such file\n");
}

static const struct {
    const char *name;
    void (*run)(void);
} tests[] = {
    { "timer", test_timer },
    { "first-answer-cancels-the-rest", test_first_answer_cancels_the_rest },
    { "last-answer-pending", test_last_answer_pending },
    { "deadline", test_deadline },
    { "cancel", test_cancel },
    { "hang-up", test_hang_up },
    { "io", test_io },
    { "dns", test_dns },
    { "dns-without-resolver", test_dns_without_resolver },
    { "rcpt-refuses", test_rcpt_refuses },
    { "rcpt-once-for-a-recipient", test_rcpt_runs_once_for_a_recipient },
    { "rcpt-shared", test_rcpt_shared },
    { "rcpt-shared-that-looks", test_rcpt_shared_that_looks },
    { "only-early-links-run-at-rcpt", test_only_early_links_run_at_rcpt },
    { "tag-by-client-takes-effect-later",
        test_tag_by_client_takes_effect_later },
    { "connect-is-awaited", test_connect_is_awaited },
    { "listener-decides", test_listener_decides },
    { "domain-decides", test_domain_decides },
    { "domain-settings-supersede-connect",
        test_domain_settings_supersede_connect },
    { "early-action-that-delivers", test_early_action_that_delivers },
    { "new-helo-asks-again", test_new_helo_asks_again },
    { "findings-are-cleaned", test_findings_are_cleaned },
    { "findings-are-bounded", test_findings_are_bounded },
    { "unknown-class", test_unknown_class },
    { "trace", test_trace },
    { "problems-have-a-place", test_problems_have_a_place },
};

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_autofree char *path = g_strconcat("/plugin/chain_run/", tests[i].name,
            NULL);

        g_test_add_func(path, tests[i].run);
    }
    return g_test_run();
}
