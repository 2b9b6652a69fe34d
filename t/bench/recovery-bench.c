/* SPDX-License-Identifier: MIT */
#include "core/queue/queue.h"

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/metrics.h"
#include "core/journal/outcome.h"
#include "core/queue/parcel.h"
#include "t/unit/conf-build.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * How long the queue needs to find what an earlier run has left, what memory a
 * message takes, and what mail that comes in meanwhile notices of it: fills a
 * spool with messages that have been deferred once, then starts a queue on it,
 * while a journal takes a new message every millisecond.
 * usage: recovery-bench [messages] [size]
 */

#define N_DOMAINS 100

typedef struct Filling {
    const char *spool;
    WnLoop *loop;
    WnJournal *journal;
    unsigned n_told;
    char *segment; /* whose log is open */
    WnOutcomeLog *log;
} Filling;

static void
on_committed(void *user, WnCommit result)
{
    g_assert_cmpint(result, ==, WN_COMMIT_DURABLE);
    ++*(unsigned *)user;
}

static void
ignore(void *user, const WnOutcome *outcome)
{
    (void)user;
    (void)outcome;
}

/* The log of the segment where the message stands says that it waits. */
static void
defer(Filling *self, const WnAppend *append)
{
    WnOutcome outcome = { .kind = WN_OUTCOME_DEFERRED,
        .attempts = 1,
        .at = wn_clock_unix(),
        .next_attempt = wn_clock_unix() + 1500,
        .reply = WN_SPAN("451 4.3.0 try again later, please") };
    const char *segment = wn_append_segment(append, &outcome.offset);

    if (g_strcmp0(segment, self->segment) != 0) {
        wn_outcome_log_free(self->log);
        g_free(self->segment);
        self->segment = g_strdup(segment);
        self->log = wn_outcome_log_open(self->spool, segment, ignore, NULL,
            NULL);
    }
    wn_outcome_log_append(self->log, &outcome);
}

static void
write_envelope(WnWriter *writer, unsigned n)
{
    g_autofree char *domain = g_strdup_printf("d%u.example", n % N_DOMAINS);
    g_autofree char *address = g_strdup_printf("user%u@%s", n, domain);
    WnEnvelopeScope scope = { .domain = wn_span_str(domain),
        .redirect = WN_SPAN_EMPTY,
        .prepend = WN_SPAN("Received: from here by there; a date\r\n") };
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

static WnAppend *
append(WnJournal *journal, unsigned n, WnSpan body, WnCommitFn fn, void *user)
{
    g_auto(WnWriter) writer;
    WnAppendBody bytes = { .span = body, .fd = -1 };
    WnId id = wn_id_new();

    wn_writer_init(&writer);
    write_envelope(&writer, n);
    return wn_journal_append(journal, &id, wn_writer_span(&writer), &bytes, fn,
        user);
}

static char *
make_body(size_t size)
{
    char *body = g_malloc(size);

    for (size_t i = 0; i < size; i++)
        body[i] = i % 72 < 70 ? 'x' : "\r\n"[i % 72 - 70];
    memcpy(body + size - 3, "x\r\n", 3);
    return body;
}

static void
fill(const char *spool, unsigned n, size_t size)
{
    Filling self = { .spool = spool, .loop = wn_loop_new() };
    g_autofree char *body = make_body(size);

    self.journal = wn_journal_new(self.loop, spool, "old", NULL, NULL);
    for (unsigned i = 0; i < n; i++) {
        defer(&self, append(self.journal, i, wn_span(body, size), on_committed,
                         &self.n_told));
        if (i % 500 == 0)
            wn_loop_turn(self.loop);
    }
    while (self.n_told < n)
        wn_loop_turn(self.loop);
    wn_journal_free(self.journal);
    wn_outcome_log_free(self.log);
}

/* So that this process has no memory of it. */
static void
fill_elsewhere(const char *spool, unsigned n, size_t size)
{
    pid_t child = fork();
    int status;

    g_assert_cmpint(child, >=, 0);
    if (child == 0) {
        fill(spool, n, size);
        _exit(0);
    }
    g_assert_cmpint(waitpid(child, &status, 0), ==, child);
    g_assert_cmpint(status, ==, 0);
}

static long
anonymous_kib(void)
{
    g_autofree char *text = NULL;
    const char *line;

    g_assert_true(g_file_get_contents("/proc/self/status", &text, NULL, NULL));
    line = strstr(text, "RssAnon:");
    return line != NULL ? strtol(line + strlen("RssAnon:"), NULL, 10) : 0;
}

static WnConfig *
configure(Fixture *conf)
{
    g_autoptr(GString) domains = g_string_new(NULL);
    g_autofree char *spool = NULL;

    fixture_init(conf);
    fixture_write(conf, "winnow.conf",
        "[server]\nhostname = relay.example\nspool = spool\n");
    for (int i = 0; i < N_DOMAINS; i++)
        g_string_append_printf(domains,
            "[domain d%d.example]\nservers = 127.0.0.1:1\n", i);
    fixture_write(conf, "domains.d/a.conf", domains->str);
    spool = fixture_path(conf, "spool");
    g_assert_cmpint(g_mkdir_with_parents(spool, 0700), ==, 0);
    return fixture_config(conf);
}

/* Mail that comes in meanwhile. */
typedef struct Coming {
    WnJournal *journal;
    WnQueue *queue;
    GArray *waits_us; /* int64_t */
    WnSpan body;
    WnTimer next;
    unsigned n;
} Coming;

typedef struct Arrival {
    Coming *coming;
    int64_t begun_us;
} Arrival;

static void
on_accepted(void *user, WnCommit result)
{
    g_autofree Arrival *arrival = user;
    int64_t wait_us = wn_clock_mono_us() - arrival->begun_us;

    g_assert_cmpint(result, ==, WN_COMMIT_DURABLE);
    g_array_append_val(arrival->coming->waits_us, wait_us);
}

static void
on_next(void *user)
{
    Coming *self = user;
    Arrival *arrival = g_new0(Arrival, 1);

    arrival->coming = self;
    arrival->begun_us = wn_clock_mono_us();
    append(self->journal, self->n++, self->body, on_accepted, arrival);
    wn_timer_set(&self->next, 1);
}

static void
on_durable(void *user, const char *segment, uint64_t durable, bool sealed)
{
    Coming *self = user;

    wn_queue_durable(self->queue, segment, durable, sealed);
}

static int
compare_times(const void *a, const void *b)
{
    int64_t one = *(const int64_t *)a;
    int64_t other = *(const int64_t *)b;

    return (one > other) - (one < other);
}

static double
share_ms(const GArray *sorted, double share)
{
    guint at = (guint)(share * (sorted->len - 1));

    return sorted->len > 0 ? 1e-3 * (double)g_array_index(sorted, int64_t, at)
                           : 0;
}

static void
recover(WnConfig *config, Fixture *conf, unsigned n, size_t size)
{
    WnLoop *loop = wn_loop_new();
    g_autoptr(WnSnapshot) snapshot = build(conf);
    g_autoptr(WnQueue) queue = wn_queue_new(loop, config, NULL, NULL);
    g_autofree char *body = make_body(size);
    Coming coming = { .queue = queue, .body = wn_span(body, size) };
    int64_t begin_us = wn_clock_mono_us();
    long before = anonymous_kib();
    double seconds;

    coming.waits_us = g_array_new(FALSE, FALSE, sizeof(int64_t));
    coming.journal = wn_journal_new(loop, config->spool, "new", on_durable,
        &coming);
    wn_timer_init(&coming.next, loop, on_next, &coming);
    wn_queue_set_snapshot(queue, snapshot);
    wn_queue_start(queue);
    wn_timer_set(&coming.next, 0);
    while (wn_queue_n_messages(queue) < n)
        wn_loop_turn(loop);
    seconds = 1e-6 * (double)(wn_clock_mono_us() - begin_us);
    wn_timer_unset(&coming.next);
    g_array_sort(coming.waits_us, compare_times);
    printf("%u messages found in %.2f s (%.0f/s), %.0f bytes of memory each\n",
        n, seconds, n / seconds,
        1024.0 * (double)(anonymous_kib() - before) / n);
    printf("meanwhile %u new ones taken: durable in %.1f ms (p50), %.1f ms "
           "(p99), %.1f ms (longest)\n",
        coming.waits_us->len, share_ms(coming.waits_us, 0.5),
        share_ms(coming.waits_us, 0.99), share_ms(coming.waits_us, 1));
    fflush(stdout);
    _exit(0); /* taking it all apart is not what is measured */
}

int
main(int argc, char **argv)
{
    unsigned n = argc > 1 ? (unsigned)g_ascii_strtoull(argv[1], NULL, 10)
                          : 1000000;
    size_t size = argc > 2 ? (size_t)g_ascii_strtoull(argv[2], NULL, 10) : 300;
    Fixture conf = { 0 };
    WnConfig *config = configure(&conf);
    pid_t child;
    int status;

    wn_log_set_level(WN_LEVEL_ERROR);
    wn_metrics_attach(-1);
    fill_elsewhere(config->spool, n, MAX(size, 8));
    child = fork();
    g_assert_cmpint(child, >=, 0);
    if (child == 0)
        recover(config, &conf, n, MAX(size, 8));
    g_assert_cmpint(waitpid(child, &status, 0), ==, child);
    wn_config_free(config);
    fixture_clear(&conf);
    return status == 0 ? 0 : 1;
}
