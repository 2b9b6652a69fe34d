/* SPDX-License-Identifier: MIT */

/* Scopes of one message, what is remembered between them, and ends. */

#include "t/unit/plugin-probe.h"
#include "t/unit/plugin-stage.h"

#define PROBE "plugin = probe\n"
#define REFUSE "action = act\naction.do = reject\n"

static const char plain[] = "Subject: hello\r\n\r\nSome text.\r\n";

static void
test_scopes(void)
{
    g_auto(Stage) stage;

    stage_init(&stage, probe_plugins, NULL);
    stage_snippet(&stage, "10-a",
        "[filter a]\n" PROBE "action = act\nscript = message=match:shared\n");
    stage_domain(&stage, "tag.example",
        "[filter a]\naction.do = prefix:[Spam]\n");
    stage_domain(&stage, "drop.example", "[filter a]\naction.do = discard\n");
    stage_domain(&stage, "own.example", "[filter a]\nscript = message=pass\n");
    stage_start(&stage);
    probe_reset();
    stage_connect(&stage, "192.0.2.1");
    stage_mail(&stage, "from@b.example");
    g_assert_cmpstr(stage_message(&stage, plain,
                        "u@tag.example u@drop.example u@own.example"),
        ==,
        "deliver +prefix(=[Spam]); a:match(r=shared)>act\n"
        "delete by a; a:match(r=shared)>act\n"
        "deliver; a:pass");
    g_assert_cmpstr(probe_log(), ==, "a.message a.policy_new a.message");
    probe_reset();
    stage_reset(&stage);
    g_assert_cmpstr(probe_log(), ==,
        "a.transaction_end=0,1 a.transaction_end=3,1 a.transaction_end=0,1");
}

/* Equal settings, but the filter looks at the recipients. */
static void
test_scope_that_was_looked_at(void)
{
    g_auto(Stage) stage;

    stage_init(&stage, probe_plugins, NULL);
    stage_snippet(&stage, "10-a",
        "[filter a]\n" PROBE "action = act\nscript = message=peek:bad\n");
    stage_domain(&stage, "one.example", "[filter a]\naction.do = discard\n");
    stage_domain(&stage, "two.example", "[filter a]\naction.do = reject\n");
    stage_start(&stage);
    probe_reset();
    stage_connect(&stage, "192.0.2.1");
    stage_mail(&stage, "from@b.example");
    g_assert_cmpstr(stage_message(&stage, plain,
                        "good@one.example bad@two.example"),
        ==,
        "deliver; a:pass\n"
        "reject 550 5.7.1 \"Message refused by policy\" by a;"
        " a:match(r=bad)>act");
    g_assert_cmpstr(probe_log(), ==, "a.message a.message");
}

static void
test_shared_filter_runs_once(void)
{
    g_auto(Stage) stage;

    stage_init(&stage, probe_plugins, NULL);
    stage_snippet(&stage, "10-a",
        "[filter a]\nplugin = single\nscript = message=match\n");
    stage_domain(&stage, "one.example", "");
    stage_domain(&stage, "two.example", "[filter a]\nscript = message=pass\n");
    stage_start(&stage);
    probe_reset();
    stage_connect(&stage, "192.0.2.1");
    stage_mail(&stage, "from@b.example");
    g_assert_cmpstr(stage_message(&stage, plain, "u@one.example u@two.example"),
        ==, "deliver; a:match(r=)\ndeliver; a:match(r=)");
    g_assert_cmpstr(probe_log(), ==, "a.message a.policy_new");
}

/* One policy for equal settings, however they were written. */
static void
test_policies_are_shared(void)
{
    g_auto(Stage) stage;
    g_auto(GStrv) parts = NULL;

    stage_init(&stage, probe_plugins, NULL);
    stage_snippet(&stage, "10-a",
        "[filter a]\n" PROBE "script = message=pass\n");
    stage_domain(&stage, "one.example", "");
    stage_domain(&stage, "two.example", "[filter a]\nscript = message=pass\n");
    stage_domain(&stage, "three.example",
        "[filter a]\nscript = message=match\n");
    stage_domain(&stage, "four.example",
        "[filter a]\nscript = message=match\n");
    probe_reset();
    stage_start(&stage);
    stage_connect(&stage, "192.0.2.1");
    stage_mail(&stage, "from@b.example");
    stage_message(&stage, plain,
        "u@one.example u@two.example u@three.example u@four.example");
    stage_mail(&stage, "from@b.example");
    stage_message(&stage, plain, "u@three.example u@one.example");
    stage_reset(&stage);
    parts = g_strsplit(probe_log(), "policy_new", -1);
    g_assert_cmpint(g_strv_length(parts), ==, 1 + 2);
}

static void
test_recipients_in_one_scope(void)
{
    g_auto(Stage) stage;

    probe_stage_open(&stage, PROBE REFUSE "script = rcpt=peek:bad");
    g_assert_cmpstr(stage_message(&stage, plain,
                        "u@good.example bad@good.example v@good.example"),
        ==,
        "reject 550 5.7.1 \"Message refused by policy\" by a;"
        " a:match(r=bad)>act");
    g_assert_cmpstr(probe_log(), ==, "a.rcpt a.rcpt");
}

/*
 * Memory, ends, evidence
 */

static void
test_slot_lives_as_long_as_the_connection(void)
{
    g_auto(Stage) stage;

    probe_stage_open(&stage, PROBE "script = message=remember");
    g_assert_cmpstr(stage_message(&stage, plain, "u@good.example"), ==,
        "deliver; a:match(r=1)");
    stage_mail(&stage, "from@b.example");
    g_assert_cmpstr(stage_message(&stage, plain, "u@good.example"), ==,
        "deliver; a:match(r=2)");
    stage_connect(&stage, "192.0.2.1");
    stage_mail(&stage, "from@b.example");
    g_assert_cmpstr(stage_message(&stage, plain, "u@good.example"), ==,
        "deliver; a:match(r=1)");
}

static void
test_memory_of_a_connection_is_bounded(void)
{
    g_auto(Stage) stage;

    probe_stage_open(&stage, PROBE "script = message=conn:40000");
    g_assert_cmpstr(stage_message(&stage, plain, "u@good.example"), ==,
        "deliver; a:pass");
    stage_mail(&stage, "from@b.example");
    g_assert_true(
        g_str_has_prefix(stage_message(&stage, plain, "u@good.example"),
            "tempfail 421 4.3.2"));
}

static void
test_ends(void)
{
    g_auto(Stage) stage;

    probe_stage_open(&stage, PROBE REFUSE "script = message=match");
    stage_message(&stage, plain, "u@good.example v@good.example");
    stage_mail(&stage, "again@b.example");
    stage_run_message(&stage, plain, "u@good.example");
    stage_turn(&stage);
    g_assert_true(stage.done);
    stage_mail(&stage, "third@b.example");
    stage_hang_up(&stage);
    g_assert_cmpstr(probe_log(), ==,
        "a.message a.transaction_end=1,2 a.message a.transaction_end=1,1 "
        "a.connection_end");
}

static void
test_end_without_outcome(void)
{
    g_auto(Stage) stage;

    probe_stage_open(&stage, PROBE "script = message=wait:10:match mail=pass");
    stage_run_message(&stage, plain, "u@good.example");
    stage_turn(&stage);
    stage_reset(&stage);
    g_assert_cmpstr(probe_log(), ==, "a.mail a.message a.transaction_end=-4,0");
}

static const struct {
    const char *name;
    void (*run)(void);
} tests[] = {
    { "scopes", test_scopes },
    { "scope-that-was-looked-at", test_scope_that_was_looked_at },
    { "shared-filter-runs-once", test_shared_filter_runs_once },
    { "policies-are-shared", test_policies_are_shared },
    { "recipients-in-one-scope", test_recipients_in_one_scope },
    { "slot-lives-as-long-as-the-connection",
        test_slot_lives_as_long_as_the_connection },
    { "memory-of-a-connection-is-bounded",
        test_memory_of_a_connection_is_bounded },
    { "ends", test_ends },
    { "end-without-outcome", test_end_without_outcome },
};

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_autofree char *path = g_strconcat("/plugin/chain_scopes/",
            tests[i].name, NULL);

        g_test_add_func(path, tests[i].run);
    }
    return g_test_run();
}
