/* SPDX-License-Identifier: MIT */
#include "core/queue/queue.h"

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/metrics.h"
#include "t/unit/conf-build.h"
#include "t/unit/fake_smtp.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * What a dead destination costs the others: the time from the arrival of a
 * message for a healthy domain to its delivery, with an empty queue, with a
 * backlog for a destination that refuses, and with one for a destination that
 * says nothing.  The queue starts on the backlog as mail begins to come in, so
 * finding it is part of what is measured first; as many messages again are
 * measured after that.
 * usage: fairness [backlog] [messages] [interval in ms]
 */

#define N_HEALTHY 20

typedef enum { EMPTY, REFUSING, SILENT } Backlog;

static const char *const backlog_names[] = { "no backlog", "refusing",
    "silent" };

typedef struct Options {
    unsigned n_backlog;
    unsigned n;
    unsigned interval_ms;
} Options;

static void
write_envelope(WnWriter *writer, const char *domain)
{
    g_autofree char *address = g_strdup_printf("user@%s", domain);
    WnEnvelopeScope scope = { .domain = wn_span_str(domain),
        .redirect = WN_SPAN_EMPTY,
        .prepend = WN_SPAN_EMPTY };
    WnEnvelopeRecipient recipient = { .address = wn_span_str(address),
        .notify = WN_SPAN_EMPTY,
        .orcpt = WN_SPAN_EMPTY };
    g_auto(WnEnvelope) envelope;

    wn_envelope_init(&envelope);
    envelope.arrived_ms = wn_clock_unix_ms();
    envelope.sender = WN_SPAN("sender@b.example");
    g_array_append_val(envelope.scopes, scope);
    g_array_append_val(envelope.recipients, recipient);
    wn_envelope_write(&envelope, writer);
}

/* The body says when it was written. */
static void
append(WnJournal *journal, const char *domain, WnCommitFn fn, void *user)
{
    g_autofree char *body = g_strdup_printf("X-Sent: %" G_GINT64_FORMAT
                                            "\r\n\r\n%0500d\r\n",
        wn_clock_mono_us(), 0);
    g_auto(WnWriter) writer;
    WnAppendBody bytes = { .span = wn_span_str(body), .fd = -1 };
    WnId id = wn_id_new();

    wn_writer_init(&writer);
    write_envelope(&writer, domain);
    wn_journal_append(journal, &id, wn_writer_span(&writer), &bytes, fn, user);
}

static void
on_committed(void *user, WnCommit result)
{
    g_assert_cmpint(result, ==, WN_COMMIT_DURABLE);
    ++*(unsigned *)user;
}

static void
fill(const char *spool, unsigned n)
{
    WnLoop *loop = wn_loop_new();
    WnJournal *journal = wn_journal_new(loop, spool, "old", NULL, NULL);
    unsigned n_told = 0;

    for (unsigned i = 0; i < n; i++) {
        append(journal, "dead.example", on_committed, &n_told);
        if (i % 500 == 0)
            wn_loop_turn(loop);
    }
    while (n_told < n)
        wn_loop_turn(loop);
    wn_journal_free(journal);
    wn_loop_free(loop);
}

/* Tells by the pipe how long each message took, in microseconds. */
static void G_GNUC_NORETURN
serve(int fd)
{
    WnLoop *loop = wn_loop_new();
    FakeSmtp server;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    fake_smtp_start(&server, loop, NULL);
    g_assert_true(wn_fd_write_all(fd,
        wn_span(&server.address.port, sizeof server.address.port)));
    for (;;) {
        wn_loop_turn(loop);
        for (guint i = 0; i < server.messages->len; i++) {
            FakeMessage *message = server.messages->pdata[i];
            const char *sent = memmem(message->text->data, message->text->len,
                "X-Sent: ", 8);
            int64_t us = wn_clock_mono_us()
                         - g_ascii_strtoll(sent + 8, NULL, 10);

            g_assert_true(wn_fd_write_all(fd, wn_span(&us, sizeof us)));
        }
        g_ptr_array_set_size(server.messages, 0);
    }
}

/* Connections are accepted by nobody: the first are never greeted, the others
 * never come about. */
static uint16_t
listen_in_silence(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = { .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof address;

    g_assert_cmpint(bind(fd, (struct sockaddr *)&address, len), ==, 0);
    g_assert_cmpint(listen(fd, 30), ==, 0);
    g_assert_cmpint(getsockname(fd, (struct sockaddr *)&address, &len), ==, 0);
    return ntohs(address.sin_port);
}

static WnConfig *
configure(Fixture *conf, uint16_t healthy, uint16_t dead)
{
    g_autoptr(GString) domains = g_string_new(NULL);
    g_autofree char *spool = NULL;

    fixture_init(conf);
    fixture_write(conf, "winnow.conf",
        "[server]\nhostname = relay.example\nspool = spool\n");
    g_string_append_printf(domains,
        "[domain dead.example]\nservers = 127.0.0.1:%u\n", dead);
    for (int i = 0; i < N_HEALTHY; i++)
        g_string_append_printf(domains,
            "[domain h%d.example]\nservers = 127.0.0.1:%u\n", i, healthy);
    fixture_write(conf, "domains.d/a.conf", domains->str);
    spool = fixture_path(conf, "spool");
    g_assert_cmpint(g_mkdir_with_parents(spool, 0700), ==, 0);
    return fixture_config(conf);
}

typedef struct Run {
    const Options *options;
    WnQueue *queue;
    WnJournal *journal;
    WnTimer next;
    unsigned n_sent;
    unsigned n_committed;
} Run;

static void
on_next(void *user)
{
    Run *self = user;
    g_autofree char *domain = g_strdup_printf("h%u.example",
        self->n_sent % N_HEALTHY);

    append(self->journal, domain, on_committed, &self->n_committed);
    if (++self->n_sent < 2 * self->options->n)
        wn_timer_set(&self->next, self->options->interval_ms);
}

static void
on_durable(void *user, const char *segment, uint64_t durable, bool sealed)
{
    Run *self = user;

    wn_queue_durable(self->queue, segment, durable, sealed);
}

static void G_GNUC_NORETURN
run_queue(WnConfig *config, Fixture *conf, const Options *options)
{
    WnLoop *loop = wn_loop_new();
    g_autoptr(WnSnapshot) snapshot = build(conf);
    Run run = { .options = options };

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    run.queue = wn_queue_new(loop, config, NULL, NULL);
    run.journal = wn_journal_new(loop, config->spool, "new", on_durable, &run);
    wn_timer_init(&run.next, loop, on_next, &run);
    wn_queue_set_snapshot(run.queue, snapshot);
    wn_queue_start(run.queue);
    wn_timer_set(&run.next, 0);
    wn_loop_run(loop);
    exit(0);
}

static int
compare_times(const void *a, const void *b)
{
    int64_t one = *(const int64_t *)a;
    int64_t other = *(const int64_t *)b;

    return (one > other) - (one < other);
}

typedef struct Times {
    double p50_ms, p99_ms, longest_ms;
} Times;

static Times
read_times(int fd, unsigned n)
{
    g_autofree int64_t *times = g_new(int64_t, n);

    for (unsigned i = 0; i < n; i++)
        g_assert_cmpint(read(fd, &times[i], sizeof times[i]), ==,
            sizeof times[i]);
    qsort(times, n, sizeof *times, compare_times);
    return (Times){ 1e-3 * (double)times[n / 2],
        1e-3 * (double)times[(n - 1) / 100 * 99], 1e-3 * (double)times[n - 1] };
}

static void
measure(Backlog backlog, const Options *options, Times out[2])
{
    uint16_t port = 0;
    uint16_t dead = backlog == SILENT ? listen_in_silence() : 1;
    Fixture conf = { 0 };
    WnConfig *config;
    pid_t server, queue;
    int fds[2];

    g_assert_cmpint(pipe(fds), ==, 0);
    server = fork();
    if (server == 0)
        serve(fds[1]);
    g_assert_cmpint(read(fds[0], &port, sizeof port), ==, sizeof port);
    config = configure(&conf, port, dead);
    if (backlog != EMPTY)
        fill(config->spool, options->n_backlog);
    queue = fork();
    if (queue == 0)
        run_queue(config, &conf, options);
    for (int i = 0; i < 2; i++)
        out[i] = read_times(fds[0], options->n);
    kill(queue, SIGKILL);
    kill(server, SIGKILL);
    waitpid(queue, NULL, 0);
    waitpid(server, NULL, 0);
    wn_config_free(config);
    fixture_clear(&conf);
}

static unsigned
number(int argc, char **argv, int at, unsigned otherwise)
{
    return argc > at ? (unsigned)g_ascii_strtoull(argv[at], NULL, 10)
                     : otherwise;
}

int
main(int argc, char **argv)
{
    Options options = { .n_backlog = number(argc, argv, 1, 100000),
        .n = MAX(number(argc, argv, 2, 5000), 100),
        .interval_ms = number(argc, argv, 3, 2) };
    static const char *const phases[] = { "found", "after" };
    Times none[2] = { 0 };

    wn_log_set_level(WN_LEVEL_ERROR);
    wn_metrics_attach(-1);
    for (Backlog backlog = EMPTY; backlog <= SILENT; backlog++) {
        Times times[2];

        measure(backlog, &options, times);
        for (int i = 0; i < 2; i++) {
            if (backlog == EMPTY)
                none[i] = times[i];
            printf("%-10s %s  p50 %6.2f ms (x%.2f)  p99 %6.2f ms (x%.2f)  "
                   "longest %6.1f ms\n",
                backlog_names[backlog], phases[i], times[i].p50_ms,
                times[i].p50_ms / none[i].p50_ms, times[i].p99_ms,
                times[i].p99_ms / none[i].p99_ms, times[i].longest_ms);
        }
        fflush(stdout);
    }
    return 0;
}
