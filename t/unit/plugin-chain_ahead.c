/* SPDX-License-Identifier: MIT */

/* What filters do before the message: connect, helo and mail hooks that are
 * begun ahead of it. */

#include "t/unit/plugin-stage.h"

#include "core/base/clock.h"
#include "core/base/metrics.h"
#include "t/unit/plugin-probe.h"

static const char plain[] = "Subject: hello\r\n\r\nSome text.\r\n";

#define PROBE "plugin = probe\n"

/* One after another, and not again for the message. */
static void
test_ahead(void)
{
    g_auto(Stage) stage;

    probe_stage_open(&stage,
        PROBE "script = connect=wait:20:pass helo=wait:20:pass mail=pass "
              "message=match");
    stage_helo(&stage, "client.example.org");
    stage_mail(&stage, "a@b.example");
    g_assert_cmpstr(probe_log(), ==, "");
    stage_ahead(&stage, "u@good.example");
    g_assert_cmpstr(probe_log(), ==, "a.connect");
    stage_ahead(&stage, "v@good.example");
    wn_clock_fake_step(20);
    stage_turn(&stage);
    g_assert_cmpstr(probe_log(), ==, "a.connect a.helo");
    wn_clock_fake_step(20);
    stage_turn(&stage);
    g_assert_cmpstr(probe_log(), ==, "a.connect a.helo a.mail");
    g_assert_cmpstr(stage_message(&stage, plain, "u@good.example"), ==,
        "deliver; a:match(r=)");
    g_assert_cmpstr(probe_log(), ==, "a.connect a.helo a.mail a.message");
}

static int64_t
n_matches(void)
{
    return wn_metrics_lookup("winnow_filter_total",
        "filter=\"a\",verdict=\"match\"");
}

/* The message waits for what has begun, and it is counted once. */
static void
test_ahead_meets_the_message(void)
{
    g_auto(Stage) stage;
    int64_t before = n_matches();

    probe_stage_open(&stage,
        PROBE "script = connect=wait:20:match:seen mail=pass message=pass");
    stage_ahead(&stage, "u@good.example");
    wn_clock_fake_step(15);
    stage_run_message(&stage, plain, "u@good.example");
    stage_turn(&stage);
    g_assert_false(stage.done);
    wn_clock_fake_step(5);
    g_assert_cmpstr(stage_wait(&stage), ==, "deliver; a:match(r=seen)");
    g_assert_cmpint(n_matches(), ==, before + 1);
}

/* The transaction ends before what it began. */
static void
test_ahead_of_nothing(void)
{
    g_auto(Stage) stage;

    probe_stage_open(&stage, PROBE "script = connect=wait:20:pass mail=pass");
    stage_ahead(&stage, "u@good.example");
    stage_reset(&stage);
    wn_clock_fake_step(20);
    stage_turn(&stage);
    g_assert_cmpstr(probe_log(), ==, "a.connect");
    stage_mail(&stage, "a@b.example");
    stage_ahead(&stage, "u@good.example");
    g_assert_cmpstr(probe_log(), ==, "a.connect a.mail");
    stage_hang_up(&stage);
    g_assert_cmpstr(probe_log(), ==,
        "a.connect a.mail a.transaction_end=-4,0 a.connection_end");
}

static void
test_nothing_to_look_at_ahead(void)
{
    g_auto(Stage) stage;

    probe_stage_open(&stage, "plugin = single\nscript = message=match");
    stage_ahead(&stage, "u@good.example");
    g_assert_cmpstr(probe_log(), ==, "");
}

/* The plugin takes the domain's settings and refuses the instance's own, with
 * which these hooks would run; rcpt was asked with the domain's. */
static void
test_own_settings_refused(void)
{
    const char *const filters[] = { PROBE
        "policy = no\nscript = connect=match message=pass",
        NULL };
    g_auto(Stage) stage;

    stage_init(&stage, probe_plugins, NULL);
    stage_filters(&stage, filters);
    stage_domain(&stage, "good.example", "[filter a]\npolicy =\n");
    stage_start(&stage);
    stage_connect(&stage, "192.0.2.1");
    stage_mail(&stage, "a@b.example");
    probe_reset();
    stage_ahead(&stage, "u@good.example");
    g_assert_cmpstr(stage_message(&stage, plain, "u@good.example"), ==,
        "deliver; a:pass");
    g_assert_null(strstr(probe_log(), "connect"));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/plugin/chain_ahead/in-order", test_ahead);
    g_test_add_func("/plugin/chain_ahead/meets-the-message",
        test_ahead_meets_the_message);
    g_test_add_func("/plugin/chain_ahead/of-nothing", test_ahead_of_nothing);
    g_test_add_func("/plugin/chain_ahead/nothing-to-look-at",
        test_nothing_to_look_at_ahead);
    g_test_add_func("/plugin/chain_ahead/own-settings-refused",
        test_own_settings_refused);
    return g_test_run();
}
