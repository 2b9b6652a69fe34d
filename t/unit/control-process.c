/* SPDX-License-Identifier: MIT */
#include "core/control/process.h"

#include "core/base/clock.h"
#include "core/base/fd.h"
#include "core/base/metrics.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * The program that is started is this test itself: with "-c MODE" it behaves as
 * MODE says.
 */
#define PROGRAM "control-process"

typedef struct Behaviour {
    WnLoop *loop;
    WnChannel *channel;
    const char *mode;
} Behaviour;

static void
behave_on_message(void *user, uint16_t type, WnSpan payload, int take_fd)
{
    Behaviour *self = user;

    (void)payload;
    wn_fd_close(take_fd);
    if (type == WN_CHILD_START && strcmp(self->mode, "never-ready") != 0)
        wn_channel_send(self->channel, WN_CHILD_READY, WN_SPAN_EMPTY, -1);
    if (type == WN_CHILD_START)
        wn_channel_send(self->channel, WN_CHILD_SESSIONS, WN_SPAN("hello"), -1);
    if (type == WN_CHILD_DRAIN && strcmp(self->mode, "stubborn") != 0)
        wn_loop_stop(self->loop);
}

static void
behave_on_closed(void *user)
{
    Behaviour *self = user;

    wn_loop_stop(self->loop);
}

/* The version stands first on the board. */
static void
make_odd(void)
{
    unsigned *version = mmap(NULL, sizeof *version, PROT_READ | PROT_WRITE,
        MAP_SHARED, 6, 0);

    *version |= 1;
}

static void
play_filter(const char *mode)
{
    WnScoreboard *board;

    if (strncmp(mode, "hangs", 5) != 0 && strstr(mode, "-a-filter") == NULL)
        return;
    /* The parent's clock is a fake one: so is ours, at its start. */
    wn_clock_fake((strcmp(mode, "hangs-later") == 0 ? 9000 : 1000) * 1000, 0);
    board = wn_scoreboard_attach(6);
    wn_scoreboard_set(board, "looper", "message", NULL, 0);
    if (strcmp(mode, "after-a-filter") == 0)
        wn_scoreboard_set(board, NULL, NULL, NULL, 0);
    if (strcmp(mode, "hangs-odd") == 0)
        make_odd();
}

static int
behave(const char *mode)
{
    Behaviour self = { .mode = mode };

    if (strcmp(mode, "dies") == 0)
        return 3;
    play_filter(mode);
    self.loop = wn_loop_new();
    self.channel = wn_channel_new(self.loop, 3, behave_on_message,
        behave_on_closed, &self);
    wn_loop_run(self.loop);
    wn_channel_free(self.channel);
    wn_loop_free(self.loop);
    return 0;
}

typedef struct Fixture {
    WnLoop *loop;
    WnProcess *process;
    GString *trace; /* what was told, and when in fake time */
    int64_t began_ms;
} Fixture;

static void
note(Fixture *self, const char *what)
{
    g_string_append_printf(self->trace, "%s@%d ", what,
        (int)(wn_clock_mono_ms() - self->began_ms));
}

static void
on_started(void *user, WnProcess *process)
{
    note(user, "started");
    wn_process_send(process, WN_CHILD_START, WN_SPAN_EMPTY, -1);
}

static void
on_ready(void *user, WnProcess *process)
{
    (void)process;
    note(user, "ready");
}

static void
on_ended(void *user, WnProcess *process, const char *why)
{
    g_autofree char *text = g_strdup_printf("%s(%s)",
        wn_process_state_name(wn_process_state(process)), why);

    note(user, text);
}

static void
on_message(void *user, WnProcess *process, uint16_t type, WnSpan payload)
{
    (void)user;
    (void)process;
    g_assert_cmpint(type, ==, WN_CHILD_SESSIONS);
    g_assert_true(wn_span_eq(payload, WN_SPAN("hello")));
}

static int64_t
hook_max_ms(void *user, const WnScore *score)
{
    (void)user;
    g_assert_cmpstr(score->filter, ==, "looper");
    return 2000;
}

static const WnProcessHandler handler = {
    .started = on_started,
    .ready = on_ready,
    .ended = on_ended,
    .message = on_message,
    .hook_max_ms = hook_max_ms,
};

static void
set_up_with(Fixture *self, const char *mode, bool runs_plugins)
{
    WnProcessSpec spec = { .program = PROGRAM,
        .runs_plugins = runs_plugins,
        .config_path = mode,
        .config_fd = 0,
        .metrics_fd = 0,
        .limits_fd = -1,
        .shared_fd = -1,
        .history_fd = -1,
        .handler = &handler,
        .user = self };

    wn_clock_fake(1000 * 1000, 1700000000000);
    self->began_ms = wn_clock_mono_ms();
    self->loop = wn_loop_new();
    self->trace = g_string_new(NULL);
    spec.loop = self->loop;
    self->process = wn_process_new(&spec);
}

static void
set_up(Fixture *self, const char *mode)
{
    set_up_with(self, mode, false);
}

static void
tear_down(Fixture *self)
{
    wn_process_free(self->process);
    wn_loop_free(self->loop);
    g_string_free(self->trace, TRUE);
}

/* Turns until the trace holds text; the fake clock stands still meanwhile. */
static void
wait_for(Fixture *self, const char *text)
{
    for (int i = 0; i < 400 && strstr(self->trace->str, text) == NULL; i++)
        wn_loop_turn(self->loop);
    if (strstr(self->trace->str, text) == NULL)
        g_error("waited for %s, got %s", text, self->trace->str);
}

static void
step(Fixture *self, int64_t ms)
{
    wn_clock_fake_step(ms);
    wn_loop_turn(self->loop);
}

static void
test_ready_and_drain(void)
{
    Fixture self;

    set_up(&self, "ready");
    g_assert_cmpint(wn_process_state(self.process), ==, WN_PROCESS_NEW);
    wait_for(&self, "ready@0");
    g_assert_cmpint(wn_process_state(self.process), ==, WN_PROCESS_READY);
    g_assert_cmpint(wn_process_pid(self.process), >, 0);
    wn_process_drain(self.process, 5000);
    wait_for(&self, "gone(exited with status 0)@0");
    g_assert_cmpint(wn_process_pid(self.process), ==, 0);
    g_assert_false(wn_process_runs(self.process));
    tear_down(&self);
}

static void
test_backoff(void)
{
    static const int delays[] = { 100, 200, 400, 800, 1600, 3200, 6400, 12800,
        25600, 30000, 30000 };
    Fixture self;

    set_up(&self, "dies");
    for (size_t i = 0; i < G_N_ELEMENTS(delays); i++) {
        wait_for(&self, "waiting(exited with status 3)");
        g_string_truncate(self.trace, 0);
        step(&self, delays[i] - 1);
        g_assert_cmpstr(self.trace->str, ==, "");
        step(&self, 1);
        wait_for(&self, "started");
        g_assert_cmpint(wn_process_restarts(self.process), ==, i + 1);
    }
    g_assert_cmpint(wn_metrics_lookup("winnow_process_restarts_total",
                        "program=\"" PROGRAM "\""),
        >=, G_N_ELEMENTS(delays));
    tear_down(&self);
}

static void
test_backoff_begins_anew_after_a_stable_minute(void)
{
    static const struct {
        int64_t lived_ms;
        int64_t second_delay_ms;
    } cases[] = { { 59 * 1000, 200 }, { 60 * 1000, 100 } };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        Fixture self;

        set_up(&self, "ready");
        wait_for(&self, "ready");
        kill(wn_process_pid(self.process), SIGKILL);
        wait_for(&self, "waiting(killed by signal 9)");
        g_string_truncate(self.trace, 0);
        step(&self, 100);
        wait_for(&self, "ready");
        step(&self, cases[i].lived_ms);
        kill(wn_process_pid(self.process), SIGKILL);
        wait_for(&self, "waiting");
        g_string_truncate(self.trace, 0);
        step(&self, cases[i].second_delay_ms - 1);
        g_assert_cmpstr(self.trace->str, ==, "");
        step(&self, 1);
        wait_for(&self, "started");
        tear_down(&self);
    }
}

/* One bad message after the other: each time it is back after 100 ms. */
static void
test_backoff_stays_when_a_filter_is_to_blame(void)
{
    Fixture self;

    set_up(&self, "in-a-filter");
    for (int i = 0; i < 4; i++) {
        wait_for(&self, "ready");
        kill(wn_process_pid(self.process), SIGABRT);
        wait_for(&self, "waiting(killed by signal 6)");
        g_string_truncate(self.trace, 0);
        step(&self, 100);
        wait_for(&self, "started");
    }
    tear_down(&self);
}

static void
test_killed_when_late(void)
{
    static const struct {
        const char *mode;
        const char *before;
        bool drain;
        int64_t max_ms;
        const char *after;
    } cases[] = {
        { "never-ready", "started", false, WN_PROCESS_START_MAX_MS,
            "waiting(killed by signal 9)" },
        { "stubborn", "ready", true, 7000, "gone(killed by signal 9)" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        Fixture self;

        set_up(&self, cases[i].mode);
        wait_for(&self, cases[i].before);
        if (cases[i].drain)
            wn_process_drain(self.process, cases[i].max_ms);
        step(&self, cases[i].max_ms - 1);
        g_assert_null(strstr(self.trace->str, "killed"));
        step(&self, 1);
        wait_for(&self, cases[i].after);
        tear_down(&self);
    }
}

static void
test_second_drain_only_shortens(void)
{
    Fixture self;

    set_up(&self, "stubborn");
    wait_for(&self, "ready");
    wn_process_drain(self.process, 10000);
    wn_process_drain(self.process, 60000);
    wn_process_drain(self.process, 3000);
    step(&self, 2999);
    g_assert_null(strstr(self.trace->str, "gone"));
    step(&self, 1);
    wait_for(&self, "gone(killed by signal 9)");
    tear_down(&self);
}

/* Retiring, then draining, then killed: one after the other. */
static void
test_retire(void)
{
    Fixture self;

    set_up(&self, "stubborn");
    wait_for(&self, "ready");
    wn_process_retire(self.process, 5000, 3000);
    g_assert_cmpint(wn_process_state(self.process), ==, WN_PROCESS_RETIRING);
    step(&self, 4999);
    g_assert_cmpint(wn_process_state(self.process), ==, WN_PROCESS_RETIRING);
    step(&self, 1);
    g_assert_cmpint(wn_process_state(self.process), ==, WN_PROCESS_DRAINING);
    step(&self, 2999);
    g_assert_null(strstr(self.trace->str, "gone"));
    step(&self, 1);
    wait_for(&self, "gone(killed by signal 9)");
    tear_down(&self);
}

/* One that dies while it retires is not started again. */
static void
test_killed_while_retiring(void)
{
    Fixture self;

    set_up(&self, "ready");
    wait_for(&self, "ready");
    wn_process_retire(self.process, 5000, 3000);
    kill(wn_process_pid(self.process), SIGKILL);
    wait_for(&self, "gone(killed by signal 9)");
    tear_down(&self);
}

/* A filter that hangs takes its process with it, and is named; also where its
 * word of when it began is not to be believed, or it has gone wild there. */
static void
test_hanging_plugin(const void *mode)
{
    Fixture self;
    WnScore score;

    set_up_with(&self, mode, true);
    wait_for(&self, "ready");
    for (int ms = 0; ms < 2000; ms += 250)
        step(&self, 250);
    wn_loop_turn(self.loop);
    g_assert_null(strstr(self.trace->str, "waiting"));
    for (int ms = 0; ms < 500; ms += 250)
        step(&self, 250);
    wait_for(&self, "waiting(killed by signal 9)");
    g_assert_true(wn_process_blame(self.process, &score));
    g_assert_cmpstr(score.filter, ==, "looper");
    tear_down(&self);
}

/* A filter that is killed at its work is to blame, whatever signal it was: it
 * may have sent it itself. */
static void
test_killed_in_a_filter(void)
{
    static const int signals[] = { SIGKILL, SIGABRT };

    for (size_t i = 0; i < G_N_ELEMENTS(signals); i++) {
        Fixture self;
        WnScore score;

        set_up_with(&self, "in-a-filter", true);
        wait_for(&self, "ready");
        kill(wn_process_pid(self.process), signals[i]);
        wait_for(&self, "waiting(killed by signal ");
        g_assert_false(wn_process_suspect(self.process, &score));
        g_assert_true(wn_process_blame(self.process, &score));
        g_assert_cmpstr(score.filter, ==, "looper");
        tear_down(&self);
    }
}

/* Between two calls the filter that ran last is suspected, but for a SIGKILL,
 * as the kernel sends it that lacks memory. */
static void
test_killed_between_calls(void)
{
    static const struct {
        int signo;
        bool suspected;
    } cases[] = { { SIGABRT, true }, { SIGKILL, false } };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        Fixture self;
        WnScore score;
        int64_t ms;

        set_up_with(&self, "after-a-filter", true);
        wait_for(&self, "ready");
        g_assert_false(wn_process_waits(self.process, &score, &ms));
        kill(wn_process_pid(self.process), cases[i].signo);
        wait_for(&self, "waiting(killed by signal ");
        g_assert_false(wn_process_blame(self.process, &score));
        g_assert_cmpint(wn_process_suspect(self.process, &score), ==,
            cases[i].suspected);
        g_assert_true(wn_process_waits(self.process, &score, &ms));
        g_assert_cmpstr(score.filter, ==, "looper");
        g_assert_cmpint(ms, ==, WN_PROCESS_BACKOFF_MIN_MS);
        tear_down(&self);
    }
}

/* A filter that was switched off may have been the reason. */
static void
test_another_configuration_is_tried_soon(void)
{
    Fixture self;

    set_up(&self, "dies");
    for (int i = 0; i < 5; i++) {
        wait_for(&self, "waiting(exited with status 3)");
        g_string_truncate(self.trace, 0);
        step(&self, 30 * 1000);
        wait_for(&self, "started");
    }
    wait_for(&self, "waiting(exited with status 3)");
    g_string_truncate(self.trace, 0);
    wn_process_use_config(self.process, 0);
    step(&self, WN_PROCESS_BACKOFF_MIN_MS);
    wait_for(&self, "started");
    tear_down(&self);
}

/* Nothing runs: gone all the same, told from the loop. */
static void
test_drain_while_waiting(void)
{
    Fixture self;

    set_up(&self, "dies");
    wait_for(&self, "waiting");
    wn_process_drain(self.process, 1000);
    g_assert_null(strstr(self.trace->str, "gone"));
    wait_for(&self, "gone(not running)");
    step(&self, 60 * 1000);
    g_assert_cmpint(wn_process_restarts(self.process), ==, 0);
    tear_down(&self);
}

int
main(int argc, char **argv)
{
    if (argc > 2 && strcmp(argv[1], "-c") == 0)
        return behave(argv[2]);
    g_test_init(&argc, &argv, NULL);
    wn_metrics_attach(-1);
    g_test_add_func("/process/ready-and-drain", test_ready_and_drain);
    g_test_add_func("/process/backoff", test_backoff);
    g_test_add_func("/process/backoff-begins-anew",
        test_backoff_begins_anew_after_a_stable_minute);
    g_test_add_func("/process/backoff-stays-when-a-filter-is-to-blame",
        test_backoff_stays_when_a_filter_is_to_blame);
    g_test_add_func("/process/killed-when-late", test_killed_when_late);
    g_test_add_func("/process/second-drain", test_second_drain_only_shortens);
    g_test_add_func("/process/retire", test_retire);
    g_test_add_func("/process/killed-while-retiring",
        test_killed_while_retiring);
    g_test_add_data_func("/process/hanging-plugin", "hangs",
        test_hanging_plugin);
    g_test_add_data_func("/process/hanging-plugin/later", "hangs-later",
        test_hanging_plugin);
    g_test_add_data_func("/process/hanging-plugin/odd", "hangs-odd",
        test_hanging_plugin);
    g_test_add_func("/process/killed-in-a-filter", test_killed_in_a_filter);
    g_test_add_func("/process/killed-between-calls", test_killed_between_calls);
    g_test_add_func("/process/another-configuration",
        test_another_configuration_is_tried_soon);
    g_test_add_func("/process/drain-while-waiting", test_drain_while_waiting);
    return g_test_run();
}
