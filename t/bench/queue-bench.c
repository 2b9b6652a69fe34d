/* SPDX-License-Identifier: MIT */
#include "core/queue/queue.h"

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/metrics.h"
#include "t/unit/conf-build.h"
#include "t/unit/fake_smtp.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * How many messages a second the queue relays, and what one costs: fills a
 * spool with messages of 4 KiB, then delivers them to a server in a process of
 * its own.  With "dead" there is no server: how long until every message has
 * been found and deferred, and what memory they take.
 * usage: queue-bench [messages] [size] [dead]
 */

static void
on_committed(void *user, WnCommit result)
{
    g_assert_cmpint(result, ==, WN_COMMIT_DURABLE);
    ++*(unsigned *)user;
}

static void
fill(WnLoop *loop, const char *spool, unsigned n, size_t size)
{
    WnJournal *journal = wn_journal_new(loop, spool, "bench", NULL, NULL);
    g_autofree char *body = g_malloc(size);
    g_auto(WnEnvelope) envelope;
    g_auto(WnWriter) writer;
    WnEnvelopeScope scope = { .domain = WN_SPAN("a.example"),
        .redirect = WN_SPAN_EMPTY,
        .prepend = WN_SPAN("Received: from here by there; a date\r\n") };
    WnEnvelopeRecipient recipient = { .address = WN_SPAN("user@a.example"),
        .notify = WN_SPAN_EMPTY,
        .orcpt = WN_SPAN_EMPTY };
    unsigned n_told = 0;

    for (size_t i = 0; i < size; i++)
        body[i] = i % 72 < 70 ? 'x' : "\r\n"[i % 72 - 70];
    memcpy(body + size - 3, "x\r\n", 3);
    wn_envelope_init(&envelope);
    wn_writer_init(&writer);
    envelope.arrived_ms = wn_clock_unix_ms();
    envelope.sender = WN_SPAN("sender@b.example");
    g_array_append_val(envelope.scopes, scope);
    g_array_append_val(envelope.recipients, recipient);
    wn_envelope_write(&envelope, &writer);
    for (unsigned i = 0; i < n; i++) {
        WnAppendBody append = { .span = wn_span(body, size), .fd = -1 };
        WnId id = wn_id_new();

        wn_journal_append(journal, &id, wn_writer_span(&writer), &append,
            on_committed, &n_told);
        if (i % 500 == 0)
            wn_loop_turn(loop);
    }
    while (n_told < n)
        wn_loop_turn(loop);
    wn_journal_free(journal);
}

/* The server, until its parent goes; it tells its port by the pipe. */
static void G_GNUC_NORETURN
serve(int fd)
{
    WnLoop *loop = wn_loop_new();
    FakeSmtp server;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    fake_smtp_start(&server, loop, NULL);
    server.discard = true;
    g_assert_true(wn_fd_write_all(fd,
        wn_span(&server.address.port, sizeof server.address.port)));
    wn_loop_run(loop);
    exit(0);
}

static double
cpu_seconds(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
           + 1e-6 * (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static uint16_t
start_server(pid_t *out_pid)
{
    uint16_t port = 0;
    int fds[2];

    g_assert_cmpint(pipe(fds), ==, 0);
    *out_pid = fork();
    if (*out_pid == 0)
        serve(fds[1]);
    g_assert_cmpint(read(fds[0], &port, sizeof port), ==, sizeof port);
    return port;
}

static WnConfig *
configure(Fixture *conf, uint16_t port)
{
    g_autofree char *domains =
        g_strdup_printf("[domain a.example]\nservers = 127.0.0.1:%u\n", port);
    g_autofree char *spool = NULL;

    fixture_init(conf);
    fixture_write(conf, "winnow.conf",
        "[server]\nhostname = relay.example\nspool = spool\n");
    fixture_write(conf, "domains.d/a.conf", domains);
    spool = fixture_path(conf, "spool");
    g_assert_cmpint(g_mkdir_with_parents(spool, 0700), ==, 0);
    return fixture_config(conf);
}

static void
deliver(WnLoop *loop, WnConfig *config, Fixture *conf, unsigned n,
    const char *result)
{
    g_autoptr(WnSnapshot) snapshot = build(conf);
    g_autoptr(WnQueue) queue = wn_queue_new(loop, config, NULL, NULL);
    int64_t begin_us = wn_clock_mono_us();
    double cpu = cpu_seconds();
    double seconds;
    struct rusage usage;

    wn_queue_set_snapshot(queue, snapshot);
    wn_queue_start(queue);
    while (wn_metrics_lookup("winnow_deliveries_total", result) < n)
        wn_loop_turn(loop);
    seconds = 1e-6 * (double)(wn_clock_mono_us() - begin_us);
    cpu = cpu_seconds() - cpu;
    getrusage(RUSAGE_SELF, &usage);
    printf("%u messages in %.2f s: %.0f/s; %.1f us CPU each, %ld MB\n", n,
        seconds, n / seconds, cpu / n * 1e6, usage.ru_maxrss / 1024);
}

int
main(int argc, char **argv)
{
    unsigned n = argc > 1 ? (unsigned)g_ascii_strtoull(argv[1], NULL, 10)
                          : 100000;
    size_t size = argc > 2 ? (size_t)g_ascii_strtoull(argv[2], NULL, 10) : 4096;
    pid_t server;
    bool dead = argc > 3 && g_str_equal(argv[3], "dead");
    uint16_t port = start_server(&server);
    Fixture conf = { 0 };
    WnConfig *config = configure(&conf, dead ? 1 : port);
    WnLoop *loop = wn_loop_new();
    g_autofree char *log_path = fixture_path(&conf, "log");
    FILE *log = fopen(log_path, "w");

    g_assert_nonnull(log);
    wn_log_open("bench", WN_LOG_JSON, fileno(log));
    wn_metrics_attach(-1);
    fill(loop, config->spool, n, size);
    deliver(loop, config, &conf, n,
        dead ? "result=\"deferred\"" : "result=\"delivered\"");
    kill(server, SIGTERM);
    waitpid(server, NULL, 0);
    wn_loop_free(loop);
    wn_config_free(config);
    fclose(log);
    fixture_clear(&conf);
    return 0;
}
