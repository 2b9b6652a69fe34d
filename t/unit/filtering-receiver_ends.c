/* SPDX-License-Identifier: MIT */
#include "t/unit/filtering-reception.h"

#include "core/base/clock.h"
#include "core/base/metrics.h"

#define MESSAGE \
    "From: a@client.example\r\nSubject: hello\r\n\r\nbody\r\n..stuffed\r\n"

/*
 * No filter
 */

static void
test_deadline(void)
{
    g_auto(Reception) reception;
    g_autofree char *copy = NULL;

    reception_init(&reception);
    reception_rule(&reception, "rej1.example", "hold");
    reception_rule(&reception, "wait.example", "hold");
    reception_open(&reception);
    reception_greet(&reception);
    reception_send_message(&reception, "", "u@rej1.example", MESSAGE);
    reception_run(&reception, 0, "S: <nothing>\n");
    wn_clock_fake_step(10250);
    reception_run(&reception, 0, "S: 250 2.0.0 *\n");
    copy = reception_copy(&reception, 0, "u@rej1.example");
    g_assert_nonnull(strstr(copy,
        "X-Winnow-Skipped: all; no answer within the deadline\r\n"));
    reception_send_message(&reception, "", "u@wait.example", MESSAGE);
    reception_run(&reception, 0, "S: <nothing>\n");
    wn_clock_fake_step(10250);
    reception_run(&reception, 0, "S: 451 4.7.1 * [0*]\n");
    g_assert_cmpuint(reception_n_stored(&reception), ==, 1);
}

/* The first process dies over it, the second answers. */
static void
test_filter_dies_once(void)
{
    g_auto(Reception) reception;

    reception_init(&reception);
    reception_rule(&reception, "rej1.example", "die");
    reception_open(&reception);
    reception_greet(&reception);
    reception_send_message(&reception, "", "u@rej1.example", MESSAGE);
    reception_run(&reception, 0, "S: <nothing>\n");
    g_assert_null(reception.filter);
    reception_rule(&reception, "rej1.example", "reject");
    reception_filter_begins(&reception);
    reception_run(&reception, 0, "S: 550 5.7.1 not wanted *\n");
}

static void
test_filter_dies_each_time(void)
{
    g_auto(Reception) reception;
    g_autofree char *copy = NULL;

    reception_init(&reception);
    reception_rule(&reception, "rej1.example", "die");
    reception_open(&reception);
    reception_greet(&reception);
    reception_send_message(&reception, "", "u@rej1.example", MESSAGE);
    for (int i = 1; i < WN_FILTER_ATTEMPTS_MAX; i++) {
        reception_run(&reception, 0, "S: <nothing>\n");
        g_assert_null(reception.filter);
        reception_filter_begins(&reception);
    }
    reception_run(&reception, 0, "S: <nothing>\n");
    reception_filter_begins(&reception);
    reception_run(&reception, 0, "S: 250 2.0.0 *\n");
    copy = reception_copy(&reception, 0, "u@rej1.example");
    g_assert_nonnull(strstr(copy,
        "X-Winnow-Skipped: all; the filter process died over it\r\n"));
}

/*
 * The journal, and clients that leave
 */

static void
test_commit_failures(void)
{
    static const struct {
        Step step;
        int errnum;
        const char *reply;
    } cases[] = {
        { STEP_SYNC, EIO, "S: 451 4.3.0 * [0*]\n" },
        { STEP_WRITE, ENOSPC, "S: 452 4.3.1 * [0*]\n" },
        { STEP_CREATE, EMFILE, "S: 451 4.3.0 * [0*]\n" },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(Reception) reception;

        reception_init(&reception);
        reception_open(&reception);
        reception_greet(&reception);
        faulty_fail(&reception.faulty, cases[i].step, 1, cases[i].errnum);
        reception_send_message(&reception, "", "a@plain.example", MESSAGE);
        reception_run(&reception, 0, cases[i].reply);
        reception_spin(&reception);
        g_assert_cmpuint(reception_log_count(&reception,
                             "\"event\":\"tempfailed\""),
            ==, 1);
        reception_send_message(&reception, "", "b@plain.example", MESSAGE);
        reception_run(&reception, 0, "S: 250 2.0.0 *\n");
    }
}

static void
test_suspect_journal(void)
{
    g_auto(Reception) reception;

    reception_init(&reception);
    reception_open(&reception);
    reception_greet(&reception);
    reception.faulty.sticky = true;
    faulty_fail(&reception.faulty, STEP_CREATE, 1, EIO);
    for (int i = 0; i < WN_JOURNAL_SUSPECT_AFTER; i++) {
        reception_send_message(&reception, "", "a@plain.example", MESSAGE);
        reception_run(&reception, 0, "S: 451 4.3.0 *\n");
    }
    reception_run(&reception, 0,
        "C: MAIL FROM:<a@client.example>\nS: 421 4.3.0 *\nS: <closed>\n");
    reception_enter(&reception, 1, "192.0.2.8");
    reception_run(&reception, 1, "S: 421 4.3.0 *\nS: <closed>\n");
}

static void
test_no_space(void)
{
    g_auto(Reception) reception;

    reception_init(&reception);
    reception_open(&reception);
    reception_greet(&reception);
    reception.faulty.space.f_bavail = 1;
    reception_run(&reception, 0,
        "C: MAIL FROM:<a@client.example>\nS: 452 4.3.1 *\n"
        "C: RCPT TO:<a@plain.example>\nS: 503 *\n");
    reception.faulty.space.f_bavail = 1 << 30;
    wn_clock_fake_step(1000);
    reception_send_message(&reception, "", "a@plain.example", MESSAGE);
    reception_run(&reception, 0, "S: 250 2.0.0 *\n");
}

static void
close_with_reset(int fd)
{
    struct linger linger = { 1, 0 };

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    shutdown(fd, SHUT_RDWR);
}

/* Whatever the session waits for, its end ends that. */
static void
test_leaves_while_filtered(void)
{
    static const char *const domains[] = { "rej1.example", "early.example" };

    for (guint i = 0; i < G_N_ELEMENTS(domains); i++) {
        g_auto(Reception) reception;

        reception_init(&reception);
        reception_rule(&reception, "rej1.example", "hold");
        reception_rule(&reception, "rcpt:u@early.example", "hold");
        reception_rule(&reception, "name", "hold");
        reception_open(&reception);
        reception_greet(&reception);
        if (i == 0)
            reception_send_message(&reception, "", "u@rej1.example", MESSAGE);
        else
            reception_run(&reception, 0,
                "C: MAIL FROM:<a@client.example>\nS: 250 *\n"
                "C: RCPT TO:<u@early.example>\nS: <nothing>\n");
        reception_spin(&reception);
        reception_close(&reception);
        reception_spin(&reception);
        g_assert_true(g_str_has_suffix(reception.asked->str, " reset close"));
        g_assert_cmpuint(reception_n_stored(&reception), ==, 0);
    }
}

/* The record is complete before its session goes: it will be delivered, and the
 * log says so. */
static void
test_leaves_while_committed(void)
{
    g_auto(Reception) reception;

    reception_init(&reception);
    wn_metrics_attach(-1);
    reception_open(&reception);
    reception_greet(&reception);
    reception_send_message(&reception, "", "a@plain.example", MESSAGE);
    reception_run(&reception, 0, "S: 250 2.0.0 *\n");
    reception_forget_log(&reception);
    faulty_hold(&reception.faulty, true);
    reception_send_message(&reception, "", "u@plain.example", MESSAGE);
    reception_run(&reception, 0, "S: <nothing>\n");
    close_with_reset(reception.guests[0].fd);
    wn_fd_close(wn_fd_steal(&reception.guests[0].fd));
    reception_enter(&reception, 1, "192.0.2.9");
    reception_run(&reception, 1, "S: 220 *\nC: QUIT\nS: 221 *\n");
    wn_clock_fake_step(11 * 60 * 1000); /* no session waits as long */
    reception_spin(&reception);
    g_assert_cmpuint(wn_receiver_n_sessions(reception.receiver), ==, 0);
    g_assert_cmpuint(reception_log_count(&reception, "\"event\":\"accepted\""),
        ==, 0);
    faulty_hold(&reception.faulty, false);
    for (int i = 0;
         i < 400
         && wn_metrics_lookup("winnow_messages_total", "result=\"accepted\"")
                < 2;
         i++)
        wn_loop_turn(reception.loop);
    reception_spin(&reception);
    g_assert_cmpuint(reception_n_stored(&reception), ==, 2);
    g_assert_cmpuint(reception_log_count(&reception, "\"event\":\"accepted\""),
        ==, 1);
    g_assert_cmpuint(reception_log_count(&reception, "the client left"), ==, 1);
}

/* The receiver may go first, too. */
static void
test_closed_while_committed(void)
{
    g_auto(Reception) reception;

    reception_init(&reception);
    reception_open(&reception);
    reception_greet(&reception);
    reception_send_message(&reception, "", "a@plain.example", MESSAGE);
    reception_run(&reception, 0, "S: 250 2.0.0 *\n");
    faulty_hold(&reception.faulty, true);
    reception_send_message(&reception, "", "u@plain.example", MESSAGE);
    reception_run(&reception, 0, "S: <nothing>\n");
    reception_close(&reception);
    reception_run(&reception, 0, "S: 421 4.3.2 *\nS: <closed>\n");
    faulty_hold(&reception.faulty, false);
    reception_spin(&reception);
    g_assert_cmpuint(reception_n_stored(&reception), ==, 2);
}

/* Many messages in one session: nothing of one gets into the next. */
static void
test_many_messages(void)
{
    g_auto(Reception) reception;

    reception_init(&reception);
    reception_rule(&reception, "tag1.example", "tag:[t]");
    reception_rule(&reception, "rej1.example", "reject");
    reception_open(&reception);
    reception_greet(&reception);
    for (guint i = 0; i < 50; i++) {
        g_autofree char
            *message = g_strdup_printf("Subject: n%u\r\n%s\r\n..%u\r\n", i,
                i % 3 == 0 ? "X-Winnow-Id: 1\r\n" : "", i);
        g_autofree char
            *wanted = g_strdup_printf("Subject: [t] n%u\r\n\r\n.%u\r\n", i, i);
        g_autofree char *copy = NULL;

        reception_send_message(&reception, "", "u@rej1.example", message);
        reception_run(&reception, 0, "S: 550 5.7.1 *\n");
        reception_send_message(&reception, "", "u@tag1.example", message);
        reception_run(&reception, 0, "S: 250 2.0.0 *\n");
        copy = reception_plain_copy(&reception, i, "u@tag1.example");
        g_assert_cmpstr(copy, ==, wanted);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/filtering/receiver_ends/deadline", test_deadline);
    g_test_add_func("/filtering/receiver_ends/dies-once",
        test_filter_dies_once);
    g_test_add_func("/filtering/receiver_ends/dies-each-time",
        test_filter_dies_each_time);
    g_test_add_func("/filtering/receiver_ends/commit-fails",
        test_commit_failures);
    g_test_add_func("/filtering/receiver_ends/suspect", test_suspect_journal);
    g_test_add_func("/filtering/receiver_ends/no-space", test_no_space);
    g_test_add_func("/filtering/receiver_ends/leaves-filtered",
        test_leaves_while_filtered);
    g_test_add_func("/filtering/receiver_ends/leaves-committed",
        test_leaves_while_committed);
    g_test_add_func("/filtering/receiver_ends/closed-committed",
        test_closed_while_committed);
    g_test_add_func("/filtering/receiver_ends/many", test_many_messages);
    return g_test_run();
}
