/* SPDX-License-Identifier: MIT */
#include "core/control/faults.h"

#include "core/base/clock.h"
#include "core/base/metrics.h"

static WnScore
score_of(const char *filter, uint64_t content)
{
    WnScore score = { .has_id = true, .content = content };

    score.id = wn_id_new();
    g_strlcpy(score.filter, filter, sizeof score.filter);
    g_strlcpy(score.hook, "message", sizeof score.hook);
    return score;
}

static char *
printed(const WnFaults *faults)
{
    GString *text = g_string_new(NULL);

    wn_faults_print(faults, text);
    return g_string_free(text, FALSE);
}

static void
test_switched_off(void)
{
    g_autoptr(WnFaults) faults = wn_faults_new();
    g_autofree char *text = NULL;

    for (int i = 0; i < 5; i++) {
        WnScore score = score_of("bad", 100 + (uint64_t)i);

        g_assert_cmpint(wn_faults_note(faults, &score, "misbehave",
                            "killed by signal 11"),
            ==, i == 4);
    }
    text = printed(faults);
    g_assert_nonnull(strstr(text, "bad: ended its program 5 times (killed by"
                                  " signal 11), switched off"));
    g_assert_cmpint(wn_metrics_lookup("winnow_plugin_faults_total",
                        "filter=\"bad\""),
        ==, 5);
    g_assert_cmpint(wn_metrics_lookup("winnow_plugin_switched_off_total",
                        "filter=\"bad\""),
        ==, 1);
}

/* The program's own word counts more than how it ended; what a wild process
 * calls a filter becomes no metric. */
static void
test_reasons_and_names(void)
{
    g_autoptr(WnFaults) faults = wn_faults_new();
    WnScore score = score_of("greedy", 0);
    WnScore wild = score_of("x\"} 1\n", 0);
    g_autofree char *text = NULL;

    g_strlcpy(score.reason, "took too much memory", sizeof score.reason);
    wn_faults_note(faults, &score, "misbehave", "exited with status 1");
    wn_faults_note(faults, &wild, "misbehave", "killed by signal 11");
    text = printed(faults);
    g_assert_cmpstr(text, ==,
        "filter      greedy: ended its program 1 time (took too much "
        "memory)\n");
}

static void
test_slow_crashes_stay_on(void)
{
    g_autoptr(WnFaults) faults = wn_faults_new();

    for (int i = 0; i < 50; i++) {
        WnScore score = score_of("now-and-then", 0);

        wn_clock_fake(1000 * 1000 + (int64_t)i * 20 * 1000 * 1000, 0);
        g_assert_false(
            wn_faults_note(faults, &score, "misbehave", "killed by signal 11"));
    }
}

/* Twice the filter that ran last is forgiven; then it pays, over no message,
 * until it is off.  Deaths that are far apart count for nothing.  One that has
 * left a thread, as it may, is forgiven as often. */
static void
test_deaths_between_calls(void)
{
    g_autoptr(WnFaults) faults = wn_faults_new();
    WnScore score = score_of("last", 7);
    g_autofree char *text = NULL;

    for (int i = 0; i < 20; i++) {
        wn_clock_fake(1000 * 1000 + (int64_t)i * 31 * 1000 * 1000, 0);
        g_assert_false(wn_faults_suspect(faults, &score, "misbehave",
            "killed by signal 11"));
    }
    text = printed(faults);
    g_assert_cmpstr(text, ==, "");
    wn_clock_fake(2000 * 1000 * 1000, 0);
    for (int i = 0; i < 7; i++)
        g_assert_cmpint(wn_faults_suspect(faults, &score, "misbehave",
                            "killed by signal 11"),
            ==, i == 6);
    g_free(text);
    text = printed(faults);
    g_assert_nonnull(strstr(text, "last: ended its program 5 times (killed by"
                                  " signal 11 between calls: "));
    score = score_of("starter", 0);
    score.threads = true;
    for (int i = 0; i < 7; i++)
        g_assert_cmpint(wn_faults_suspect(faults, &score, "misbehave",
                            "killed by signal 11"),
            ==, i == 6);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    wn_metrics_attach(-1);
    g_test_add_func("/control/faults/switched-off", test_switched_off);
    g_test_add_func("/control/faults/reasons-and-names",
        test_reasons_and_names);
    g_test_add_func("/control/faults/slow-crashes-stay-on",
        test_slow_crashes_stay_on);
    g_test_add_func("/control/faults/deaths-between-calls",
        test_deaths_between_calls);
    return g_test_run();
}
