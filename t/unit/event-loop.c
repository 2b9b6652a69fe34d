/* SPDX-License-Identifier: MIT */
#include "core/event/loop.h"

#include "core/base/clock.h"

#include <glib.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#define N_TIMERS 500

typedef struct Fixture {
    WnLoop *loop;
    WnTimer timer;
    WnTimer other;
    WnDeferred call;
    WnWatch watch;
    GString *trace;
    int calls;
    int fds[2];
} Fixture;

static void
set_up(Fixture *f, gconstpointer data)
{
    (void)data;
    wn_clock_fake(1000000, 0);
    f->loop = wn_loop_new();
    f->trace = g_string_new(NULL);
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, f->fds), ==, 0);
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    (void)data;
    wn_timer_clear(&f->timer);
    wn_timer_clear(&f->other);
    wn_watch_clear(&f->watch);
    wn_deferred_unset(&f->call);
    wn_loop_free(f->loop);
    g_string_free(f->trace, TRUE);
    close(f->fds[0]);
    close(f->fds[1]);
}

static void
count(void *user)
{
    ((Fixture *)user)->calls++;
}

static void
step(Fixture *f, int64_t ms)
{
    wn_clock_fake_step(ms);
    wn_loop_turn(f->loop);
}

static void
test_timer_fires_once(Fixture *f, gconstpointer data)
{
    (void)data;
    wn_timer_init(&f->timer, f->loop, count, f);
    g_assert_false(wn_timer_is_set(&f->timer));
    wn_timer_set(&f->timer, 1000);
    step(f, 999);
    g_assert_cmpint(f->calls, ==, 0);
    g_assert_true(wn_timer_is_set(&f->timer));
    step(f, 1);
    g_assert_cmpint(f->calls, ==, 1);
    g_assert_false(wn_timer_is_set(&f->timer));
    step(f, 100000);
    g_assert_cmpint(f->calls, ==, 1);
}

static void
test_timer_extended(Fixture *f, gconstpointer data)
{
    (void)data;
    wn_timer_init(&f->timer, f->loop, count, f);
    wn_timer_set(&f->timer, 1000);
    for (int i = 0; i < 10; i++) {
        step(f, 900);
        wn_timer_set(&f->timer, 1000);
    }
    g_assert_cmpint(f->calls, ==, 0);
    step(f, 1000);
    g_assert_cmpint(f->calls, ==, 1);
}

static void
test_timer_brought_forward(Fixture *f, gconstpointer data)
{
    (void)data;
    wn_timer_init(&f->timer, f->loop, count, f);
    wn_timer_init(&f->other, f->loop, count, f);
    wn_timer_set(&f->other, 5000);
    wn_timer_set(&f->timer, 100000);
    wn_timer_set(&f->timer, 10);
    step(f, 10);
    g_assert_cmpint(f->calls, ==, 1);
    step(f, 4990);
    g_assert_cmpint(f->calls, ==, 2);
}

static void
test_timer_unset_and_set(Fixture *f, gconstpointer data)
{
    (void)data;
    wn_timer_init(&f->timer, f->loop, count, f);
    wn_timer_set(&f->timer, 10);
    wn_timer_unset(&f->timer);
    step(f, 10);
    g_assert_cmpint(f->calls, ==, 0);
    wn_timer_set(&f->timer, 100);
    wn_timer_unset(&f->timer);
    wn_timer_set(&f->timer, 20);
    step(f, 20);
    g_assert_cmpint(f->calls, ==, 1);
}

static void
set_again(void *user)
{
    Fixture *f = user;

    f->calls++;
    wn_timer_set(&f->timer, 0);
}

static void
test_timer_to_now_yields(Fixture *f, gconstpointer data)
{
    (void)data;
    wn_timer_init(&f->timer, f->loop, set_again, f);
    wn_timer_set(&f->timer, 0);
    wn_loop_turn(f->loop);
    wn_loop_turn(f->loop);
    g_assert_cmpint(f->calls, >=, 2);
    g_assert_cmpint(f->calls, <=, 4);
}

static void
clear_timer(void *user)
{
    Fixture *f = user;

    f->calls++;
    wn_timer_clear(&f->timer);
}

static void
test_timer_cleared_inside(Fixture *f, gconstpointer data)
{
    (void)data;
    wn_timer_init(&f->timer, f->loop, clear_timer, f);
    wn_timer_set(&f->timer, 1);
    step(f, 1);
    step(f, 1);
    g_assert_cmpint(f->calls, ==, 1);
}

typedef struct Entry {
    WnTimer timer;
    int64_t due_ms;
    int64_t *last_ms;
    int *fired;
} Entry;

static void
check_order(void *user)
{
    Entry *entry = user;

    g_assert_cmpint(wn_clock_mono_ms(), ==, entry->due_ms);
    g_assert_cmpint(*entry->last_ms, <=, entry->due_ms);
    *entry->last_ms = entry->due_ms;
    ++*entry->fired;
}

/* Random sets, moves and clears: what is left fires at its very millisecond. */
static void
test_timer_heap(Fixture *f, gconstpointer data)
{
    g_autofree Entry *entries = g_new0(Entry, N_TIMERS);
    g_autoptr(GRand) rand = g_rand_new_with_seed(7);
    int64_t last_ms = 0;
    int expected = 0;
    int fired = 0;

    (void)data;
    for (int i = 0; i < N_TIMERS; i++) {
        entries[i].last_ms = &last_ms;
        entries[i].fired = &fired;
        wn_timer_init(&entries[i].timer, f->loop, check_order, &entries[i]);
    }
    for (int i = 0; i < N_TIMERS * 4; i++) {
        Entry *entry = &entries[g_rand_int_range(rand, 0, N_TIMERS)];
        int64_t ms = g_rand_int_range(rand, 1, 300);

        if (ms % 7 == 0) {
            wn_timer_unset(&entry->timer);
        } else {
            entry->due_ms = wn_clock_mono_ms() + ms;
            wn_timer_set(&entry->timer, ms);
        }
    }
    for (int i = 0; i < N_TIMERS; i += 5)
        wn_timer_clear(&entries[i].timer);
    for (int i = 0; i < N_TIMERS; i++)
        expected += wn_timer_is_set(&entries[i].timer);
    for (int ms = 0; ms < 300; ms++) {
        wn_loop_defer(f->loop, count, f); /* lest a turn wait */
        step(f, 1);
    }
    g_assert_cmpint(expected, >, N_TIMERS / 4);
    g_assert_cmpint(fired, ==, expected);
}

static void
stop(void *user)
{
    wn_loop_stop(((Fixture *)user)->loop);
}

static void
test_timer_real_clock(void)
{
    Fixture f = { .loop = wn_loop_new() };

    if (g_test_subprocess()) {
        wn_timer_init(&f.timer, f.loop, stop, &f);
        wn_timer_set(&f.timer, 30);
        wn_loop_run(f.loop);
        wn_timer_clear(&f.timer);
    } else {
        g_test_trap_subprocess(NULL, 10 * G_USEC_PER_SEC, 0);
        g_test_trap_assert_passed();
    }
    wn_loop_free(f.loop);
}

static void
defer_again(void *user)
{
    Fixture *f = user;

    f->calls++;
    if (f->calls < 3)
        wn_loop_defer(f->loop, defer_again, f);
}

static void
test_defer(Fixture *f, gconstpointer data)
{
    (void)data;
    wn_loop_defer(f->loop, defer_again, f);
    g_assert_cmpint(f->calls, ==, 0);
    for (int i = 1; i <= 4; i++) {
        wn_loop_turn(f->loop);
        g_assert_cmpint(f->calls, ==, MIN(i, 3));
    }
}

static void
cancel_all(void *user)
{
    Fixture *f = user;

    f->calls++;
    wn_loop_defer_cancel(f->loop, f);
}

static void
test_defer_cancel(Fixture *f, gconstpointer data)
{
    int other = 0;

    (void)data;
    wn_loop_defer(f->loop, cancel_all, f);
    wn_loop_defer(f->loop, count, f);
    wn_loop_defer(f->loop, count, f);
    wn_loop_defer(f->loop, count, &other);
    wn_loop_defer_cancel(f->loop, &other);
    wn_loop_turn(f->loop);
    wn_loop_turn(f->loop);
    g_assert_cmpint(f->calls, ==, 1);
}

static void
trace_call(void *user)
{
    g_string_append_c(((Fixture *)user)->trace, 'c');
}

static void
trace_deferred(void *user)
{
    Fixture *f = user;

    g_string_append_c(f->trace, 'd');
    wn_deferred_soon(&f->call);
    wn_deferred_soon(&f->call);
}

static void
trace_timer(void *user)
{
    Fixture *f = user;

    g_string_append_c(f->trace, 't');
    wn_loop_defer(f->loop, trace_deferred, f);
}

/* What a callback writes goes out in the same turn. */
static void
test_order_in_turn(Fixture *f, gconstpointer data)
{
    (void)data;
    wn_timer_init(&f->timer, f->loop, trace_timer, f);
    wn_deferred_init(&f->call, f->loop, trace_call, f);
    wn_timer_set(&f->timer, 0);
    wn_loop_turn(f->loop);
    g_assert_cmpstr(f->trace->str, ==, "tdc");
}

static void
call_again(void *user)
{
    Fixture *f = user;

    f->calls++;
    wn_deferred_soon(&f->call);
}

static void
test_call(Fixture *f, gconstpointer data)
{
    (void)data;
    wn_deferred_init(&f->call, f->loop, call_again, f);
    wn_deferred_soon(&f->call);
    g_assert_true(wn_deferred_is_set(&f->call));
    wn_loop_turn(f->loop);
    g_assert_cmpint(f->calls, ==, 1);
    wn_deferred_unset(&f->call);
    g_assert_false(wn_deferred_is_set(&f->call));
    wn_loop_defer(f->loop, count, f);
    wn_loop_turn(f->loop);
    g_assert_cmpint(f->calls, ==, 2);
}

static void
test_call_at_end(void)
{
    Fixture f = { .loop = wn_loop_new() };

    wn_deferred_init(&f.call, f.loop, count, &f);
    wn_deferred_at_end(&f.call);
    wn_loop_turn(f.loop);
    g_assert_cmpint(f.calls, ==, 0);
    wn_loop_free(f.loop);
    g_assert_cmpint(f.calls, ==, 1);
}

static void
on_ready(void *user, int fd, unsigned ready)
{
    Fixture *f = user;
    char byte;

    g_assert_cmpint(fd, ==, f->fds[0]);
    if (ready & WN_WATCH_WRITE) {
        g_string_append_c(f->trace, 'w');
        wn_watch_set(&f->watch, f->watch.wanted & ~(unsigned)WN_WATCH_WRITE);
    }
    if (ready & WN_WATCH_READ) {
        g_assert_cmpint(read(fd, &byte, 1), ==, 1);
        g_string_append_c(f->trace, byte);
        if (byte == 'x')
            wn_watch_clear(&f->watch);
    }
}

static void
test_watch(Fixture *f, gconstpointer data)
{
    (void)data;
    wn_watch_init(&f->watch, f->loop, f->fds[0], on_ready, f);
    g_assert_cmpint(write(f->fds[1], "ax-", 3), ==, 3);
    wn_loop_turn(f->loop);
    g_assert_cmpstr(f->trace->str, ==, "");
    wn_watch_set(&f->watch, WN_WATCH_WRITE);
    wn_loop_turn(f->loop);
    g_assert_cmpstr(f->trace->str, ==, "w");
    wn_watch_set(&f->watch, WN_WATCH_READ);
    for (int i = 0; i < 4; i++)
        wn_loop_turn(f->loop);
    g_assert_cmpstr(f->trace->str, ==, "wax");
}

/* Ready for both, and the first callback clears: the second must not come. */
static void
on_ready_clear(void *user, int fd, unsigned ready)
{
    Fixture *f = user;

    (void)fd;
    (void)ready;
    f->calls++;
    wn_watch_clear(&f->watch);
}

static void
test_watch_cleared_inside(Fixture *f, gconstpointer data)
{
    (void)data;
    g_assert_cmpint(write(f->fds[1], "a", 1), ==, 1);
    wn_watch_init(&f->watch, f->loop, f->fds[0], on_ready_clear, f);
    wn_watch_set(&f->watch, WN_WATCH_READ | WN_WATCH_WRITE);
    for (int i = 0; i < 3; i++)
        wn_loop_turn(f->loop);
    g_assert_cmpint(f->calls, ==, 1);
}

static void
test_signal(Fixture *f, gconstpointer data)
{
    (void)data;
    wn_loop_on_signal(f->loop, SIGUSR1, count, f);
    raise(SIGUSR1);
    g_assert_cmpint(f->calls, ==, 0);
    wn_loop_turn(f->loop);
    g_assert_cmpint(f->calls, ==, 1);
}

static void
test_run_stops(Fixture *f, gconstpointer data)
{
    (void)data;
    wn_loop_defer(f->loop, stop, f);
    wn_loop_defer(f->loop, count, f);
    wn_loop_run(f->loop);
    g_assert_cmpint(f->calls, ==, 1);
}

static void
add(const char *name, void (*test)(Fixture *, gconstpointer))
{
    g_autofree char *path = g_strconcat("/event/loop/", name, NULL);

    g_test_add(path, Fixture, NULL, set_up, test, tear_down);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/event/loop/timer-real-clock", test_timer_real_clock);
    add("timer-fires-once", test_timer_fires_once);
    add("timer-extended", test_timer_extended);
    add("timer-brought-forward", test_timer_brought_forward);
    add("timer-unset-and-set", test_timer_unset_and_set);
    add("timer-to-now-yields", test_timer_to_now_yields);
    add("timer-cleared-inside", test_timer_cleared_inside);
    add("timer-heap", test_timer_heap);
    add("defer", test_defer);
    add("defer-cancel", test_defer_cancel);
    add("order-in-turn", test_order_in_turn);
    add("call", test_call);
    g_test_add_func("/event/loop/call-at-end", test_call_at_end);
    add("watch", test_watch);
    add("watch-cleared-inside", test_watch_cleared_inside);
    add("signal", test_signal);
    add("run-stops", test_run_stops);
    return g_test_run();
}
