/* SPDX-License-Identifier: MIT */
#include "t/unit/filtering-reception.h"

#include "core/base/clock.h"
#include "core/base/metrics.h"

#define WELCOME "S: 220 relay.example *\n"

/* The limit counts what all processes have. */
static void
test_per_client(void)
{
    g_auto(Reception) reception;
    wn_autofd fd = wn_shared_counts_create(2);
    g_autoptr(WnSharedCounts) other = wn_shared_counts_new(fd, 1);
    WnNetaddr client;

    g_assert_true(wn_netaddr_parse(WN_SPAN("192.0.2.7"), &client));
    reception_init(&reception);
    g_string_append(reception.conf,
        "[limits]\nmax_connections_per_client = 3\n");
    reception.counts = wn_shared_counts_new(fd, 0);
    reception_open(&reception);
    wn_shared_counts_add(other, &client);

    reception_enter(&reception, 0, "192.0.2.7");
    reception_run(&reception, 0, WELCOME);
    reception_enter(&reception, 1, "192.0.2.7");
    reception_run(&reception, 1, WELCOME);
    reception_enter(&reception, 2, "192.0.2.7");
    reception_run(&reception, 2, "S: 421 4.7.0 Too many*\nS: <closed>\n");
    reception_enter(&reception, 3, "192.0.2.8");
    reception_run(&reception, 3, WELCOME);
    g_assert_cmpuint(wn_shared_counts_sum(other, &client), ==, 3);

    /* one that leaves makes room, here and there */
    reception_run(&reception, 0, "C: QUIT\nS: 221 *\nS: <closed>\n");
    reception_enter(&reception, 4, "192.0.2.7");
    reception_run(&reception, 4, WELCOME);
    reception_enter(&reception, 5, "192.0.2.7");
    reception_run(&reception, 5, "S: 421 4.7.0 *\n");
    wn_shared_counts_remove(other, &client);
    reception_enter(&reception, 6, "192.0.2.7");
    reception_run(&reception, 6, WELCOME);
    reception_close(&reception);
    g_assert_cmpuint(wn_shared_counts_sum(other, &client), ==, 0);
}

/* Without a table of all processes this one counts for itself. */
static void
test_per_client_alone(void)
{
    g_auto(Reception) reception;

    reception_init(&reception);
    g_string_append(reception.conf,
        "[limits]\nmax_connections_per_client = 1\n");
    reception_open(&reception);
    reception_enter(&reception, 0, "2001:db8::1");
    reception_run(&reception, 0, WELCOME);
    reception_enter(&reception, 1, "2001:db8::1");
    reception_run(&reception, 1, "S: 421 4.7.0 *\nS: <closed>\n");
    reception_enter(&reception, 2, "2001:db8::2");
    reception_run(&reception, 2, WELCOME);
}

static void
test_all_clients(void)
{
    g_auto(Reception) reception;

    wn_metrics_attach(-1);
    reception_init(&reception);
    g_string_append(reception.conf,
        "workers = 2\n[limits]\nmax_connections = 4\n");
    reception_open(&reception);
    reception_enter(&reception, 0, "192.0.2.1");
    reception_run(&reception, 0, WELCOME);
    reception_enter(&reception, 1, "192.0.2.2");
    reception_run(&reception, 1, WELCOME);
    g_assert_cmpint(wn_metrics_lookup("winnow_connections", NULL), ==, 2);
    reception_enter(&reception, 2, "192.0.2.3");
    reception_run(&reception, 2, "S: 421 4.3.2 Too many*\nS: <closed>\n");
    g_assert_cmpint(wn_metrics_lookup("winnow_connections", NULL), ==, 2);
    reception_hang_up(&reception, 0);
    g_assert_cmpuint(wn_receiver_n_sessions(reception.receiver), ==, 1);
    reception_enter(&reception, 3, "192.0.2.3");
    reception_run(&reception, 3, WELCOME);
    /* refused ones ask no filter anything */
    g_assert_cmpstr(reception.asked->str, ==, "name name close close name");
}

/* When nearly all are taken, idle ones must make room. */
static void
test_stress(void)
{
    g_auto(Reception) reception;

    reception_init(&reception);
    g_string_append(reception.conf,
        "workers = 1\n[limits]\nmax_connections = 2\n");
    reception_open(&reception);
    reception_enter(&reception, 0, "192.0.2.1");
    reception_run(&reception, 0, WELCOME);
    reception_enter(&reception, 1, "192.0.2.2");
    reception_run(&reception, 1, WELCOME);
    wn_clock_fake_step(9000);
    reception_run(&reception, 1, "S: <nothing>\n");
    wn_clock_fake_step(2000);
    reception_run(&reception, 1, "S: 421 4.4.2 timeout\nS: <closed>\n");
}

/*
 * Draining
 */

static void
test_drain(void)
{
    g_auto(Reception) reception;

    reception_init(&reception);
    reception_open(&reception);
    reception_greet(&reception);
    reception_run(&reception, 0,
        "C: MAIL FROM:<a@client.example>\nS: 250 *\n"
        "C: RCPT TO:<a@plain.example>\nS: 250 *\n");
    reception_enter(&reception, 1, "192.0.2.2");
    reception_run(&reception, 1, WELCOME);
    reception_enter(&reception, 2, "192.0.2.3"); /* not served yet */
    g_assert_cmpuint(wn_receiver_n_sessions(reception.receiver), ==, 3);
    wn_receiver_drain(reception.receiver);
    reception_run(&reception, 1, "S: 421 4.3.2 *\nS: <closed>\n");
    reception_run(&reception, 2, "S: 421 4.3.2 *\nS: <closed>\n");
    g_assert_cmpuint(wn_receiver_n_sessions(reception.receiver), ==, 1);
    reception_run(&reception, 0,
        "C: DATA\nS: 354 *\nC: A: b\nC: .\n"
        "S: 250 2.0.0 *\nS: 421 4.3.2 *\nS: <closed>\n");
    g_assert_cmpuint(wn_receiver_n_sessions(reception.receiver), ==, 0);
    g_assert_cmpuint(reception_n_stored(&reception), ==, 1);
    reception_enter(&reception, 3, "192.0.2.4");
    reception_run(&reception, 3, "S: 421 4.3.2 *\nS: <closed>\n");
}

/* A connection that a balancer passes on counts from the beginning, and its
 * client from when it is known. */
static void
test_proxy(void)
{
    g_auto(Reception) reception;

    reception_init(&reception);
    g_string_append(reception.conf, "proxy_from = 10.0.0.0/8\n"
                                    "[limits]\n"
                                    "max_connections_per_client = 1\n");
    reception_open(&reception);
    for (int i = 0; i < 3; i++)
        reception_enter(&reception, i, "10.1.2.3");
    reception_spin(&reception);
    g_assert_cmpuint(wn_receiver_n_sessions(reception.receiver), ==, 3);
    reception_run(&reception, 0,
        "C: PROXY TCP4 192.0.2.9 192.0.2.1 4711 25\n" WELCOME);
    reception_run(&reception, 1,
        "C: PROXY TCP4 192.0.2.9 192.0.2.1 4712 25\nS: 421 4.7.0 *\n");
    wn_receiver_drain(reception.receiver);
    reception_spin(&reception);
    g_assert_cmpuint(wn_receiver_n_sessions(reception.receiver), ==, 0);
    g_assert_true(reception.guests[2].ended);
}

/*
 * Decisions before the banner
 */

static void
decide_at_connect(Reception *reception)
{
    reception_init(reception);
    fixture_write(&reception->files, "conf.d/05-listener.conf",
        "[filter listener]\nplugin = rbl\ndecide = listener\n"
        "action = reject\n");
}

static void
test_connect(void)
{
    g_auto(Reception) reception;

    decide_at_connect(&reception);
    reception_open(&reception);
    reception_greet(&reception);
    g_assert_cmpstr(reception.asked->str, ==, "name connect");
    reception_rule(&reception, "connect", "reply:554:5.7.1:not you");
    reception_enter(&reception, 1, "192.0.2.2");
    reception_run(&reception, 1, "S: 554 5.7.1 not you\nS: <closed>\n");
    reception_rule(&reception, "connect", "later:421:4.7.0:not now");
    reception_enter(&reception, 2, "192.0.2.3");
    reception_run(&reception, 2, "S: 421 4.7.0 not now\nS: <closed>\n");
    /* a refusal is none if its code would welcome */
    reception_rule(&reception, "connect", "reply:220:2.0.0:come in");
    reception_enter(&reception, 3, "192.0.2.4");
    reception_run(&reception, 3, "S: 550 5.7.1 come in\nS: <closed>\n");
}

/* A client that leaves, or a filter that is silent, before the decision. */
static void
test_connect_unanswered(void)
{
    g_auto(Reception) reception;

    decide_at_connect(&reception);
    reception_rule(&reception, "connect", "hold");
    reception_rule(&reception, "name", "hold");
    reception_open(&reception);
    reception_enter(&reception, 0, "192.0.2.1");
    reception_spin(&reception);
    reception_hang_up(&reception, 0);
    g_assert_cmpuint(wn_receiver_n_sessions(reception.receiver), ==, 0);
    reception_enter(&reception, 1, "192.0.2.2");
    reception_run(&reception, 1, "S: <nothing>\n");
    wn_clock_fake_step(10250);
    reception_run(&reception, 1, WELCOME);
}

/*
 * Much at once
 */

/* All recipients of a request fit into it, however long they are. */
static void
test_many_long_recipients(void)
{
    enum { N = 1500, LEN = 64 };
    g_auto(Reception) reception;
    g_autoptr(GString) transcript = g_string_new(NULL);
    g_autofree char *filler = g_strnfill(LEN - 5, 'a');
    guint fit = WN_REQUEST_RECIPIENT_BYTES_MAX
                / (WN_REQUEST_RECIPIENT_OVERHEAD + LEN
                    + (guint)strlen("@tag1.example"));

    reception_init(&reception);
    g_string_append(reception.conf, "[limits]\nmax_recipients = 5000\n");
    reception_open(&reception);
    reception_greet(&reception);
    g_string_append(transcript, "C: MAIL FROM:<a@client.example>\nS: 250 *\n");
    for (guint i = 0; i < N; i++)
        g_string_append_printf(transcript,
            "C: RCPT TO:<%05u%s@tag1.example>\nS: %s\n", i, filler,
            i < fit ? "250 *" : "452 4.5.3 *");
    g_string_append(transcript,
        "C: DATA\nS: 354 *\nC: A: b\nC: .\nS: 250 2.0.0 *\n");
    reception_run(&reception, 0, transcript->str);
    g_assert_cmpuint(reception.questions->len, ==, 1);
    {
        g_auto(StoredList) list = reception_stored(&reception);
        const Stored *stored = list.records->pdata[0];

        g_assert_cmpuint(stored->envelope.recipients->len, ==, fit);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/filtering/limits/per-client", test_per_client);
    g_test_add_func("/filtering/limits/alone", test_per_client_alone);
    g_test_add_func("/filtering/limits/all-clients", test_all_clients);
    g_test_add_func("/filtering/limits/stress", test_stress);
    g_test_add_func("/filtering/limits/drain", test_drain);
    g_test_add_func("/filtering/limits/proxy", test_proxy);
    g_test_add_func("/filtering/limits/connect", test_connect);
    g_test_add_func("/filtering/limits/connect-unanswered",
        test_connect_unanswered);
    g_test_add_func("/filtering/limits/long-recipients",
        test_many_long_recipients);
    return g_test_run();
}
