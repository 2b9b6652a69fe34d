/* SPDX-License-Identifier: MIT */
#include "t/unit/queue_stage.h"

#include "core/base/clock.h"
#include "core/base/log.h"

#include <sys/mman.h>
#include <unistd.h>

static const char base_config[] = "[server]\n"
                                  "hostname = relay.example\n"
                                  "spool = spool\n"
                                  "state = state\n"
                                  "run = run\n"
                                  "%s\n"
                                  "[delivery]\n"
                                  "retry = 1m; 5m; 15m\n"
                                  "lifetime = 2h\n"
                                  "delay_notice = 10m\n";

void
stage_init(Stage *self, const char *more_config)
{
    g_autofree char *text = g_strdup_printf(base_config, more_config);
    g_autofree char *spool = NULL;

    *self = (Stage){ .loop = NULL };
    wn_clock_fake(1000000, STAGE_START * 1000);
    fixture_init(&self->conf);
    fixture_write(&self->conf, "winnow.conf", text);
    spool = fixture_path(&self->conf, "spool");
    g_assert_cmpint(g_mkdir_with_parents(spool, 0700), ==, 0);
    self->config = fixture_config(&self->conf);
    assert_problems(self->conf.problems, "");
    self->log_fd = memfd_create("log", MFD_CLOEXEC);
    wn_log_open("test", WN_LOG_JSON, self->log_fd);
    self->loop = wn_loop_new();
    fake_dns_start(&self->dns, self->loop);
    self->resolver = wn_resolver_new(self->loop, self->dns.place, 2000, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(self->servers); i++)
        fake_smtp_start(&self->servers[i], self->loop, NULL);
}

void
stage_clear(Stage *self)
{
    if (self->loop == NULL)
        return;
    g_clear_pointer(&self->journal, wn_journal_free);
    stage_stop_queue(self);
    wn_resolver_free(self->resolver);
    fake_dns_stop(&self->dns);
    for (size_t i = 0; i < G_N_ELEMENTS(self->servers); i++)
        fake_smtp_stop(&self->servers[i]);
    wn_loop_free(self->loop);
    wn_config_free(self->config);
    wn_log_open("test", WN_LOG_JSON, STDERR_FILENO);
    close(self->log_fd);
    fixture_clear(&self->conf);
}

char *
stage_place(const Stage *self, unsigned server)
{
    char text[WN_NETADDR_TEXT_MAX];

    wn_netaddr_format_port(&self->servers[server].address, text);
    return g_strdup(text);
}

static char *
fill_in_places(const Stage *self, const char *text)
{
    GString *out = g_string_new(NULL);

    for (const char *c = text; *c != '\0'; c++) {
        if (c[0] == '$' && c[1] >= '0' && c[1] <= '2') {
            g_autofree char *place = stage_place(self, (unsigned)(c[1] - '0'));

            g_string_append(out, place);
            c++;
        } else {
            g_string_append_c(out, *c);
        }
    }
    return g_string_free(out, FALSE);
}

static void
give_snapshot(Stage *self)
{
    g_autoptr(WnSnapshot) snapshot = build(&self->conf);

    assert_problems(self->conf.problems, "");
    wn_queue_set_snapshot(self->queue, snapshot);
}

void
stage_domains(Stage *self, const char *text)
{
    g_autofree char *filled = fill_in_places(self, text);

    fixture_write(&self->conf, "domains.d/test.conf", filled);
    if (self->queue != NULL)
        give_snapshot(self);
}

void
stage_start_queue(Stage *self)
{
    g_autofree char *domains = fixture_path(&self->conf, "domains.d/test.conf");
    g_autoptr(GError) error = NULL;

    self->queue = wn_queue_new(self->loop, self->config, self->resolver,
        &error);
    g_assert_no_error(error);
    wn_queue_tune(self->queue,
        &(WnQueueTuning){ .mx_port = self->servers[2].address.port });
    wn_queue_set_limits(self->queue, self->limits);
    if (g_file_test(domains, G_FILE_TEST_EXISTS))
        give_snapshot(self);
    wn_queue_start(self->queue);
}

void
stage_stop_queue(Stage *self)
{
    g_clear_pointer(&self->queue, wn_queue_free);
}

static void
on_durable(void *user, const char *segment, uint64_t durable, bool sealed)
{
    Stage *self = user;

    if (self->queue != NULL)
        wn_queue_durable(self->queue, segment, durable, sealed);
}

static void
on_committed(void *user, WnCommit result)
{
    Stage *self = user;

    g_assert_cmpint(result, ==, WN_COMMIT_DURABLE);
    self->n_durable++;
}

static void
add_recipient(WnEnvelope *envelope, char *text)
{
    g_auto(GStrv) words = g_strsplit(text, ",", -1);
    WnEnvelopeRecipient recipient = { .address = wn_span(text,
                                          strlen(words[0])),
        .notify = WN_SPAN_EMPTY,
        .orcpt = WN_SPAN_EMPTY };
    WnSpan redirect = WN_SPAN_EMPTY;
    bool caught = false;

    for (int i = 1; words[i] != NULL; i++) {
        const char *at = strstr(text, words[i]);
        const char *value = strchr(at, '=') + 1;
        WnSpan span = wn_span(value, strlen(words[i]) - (size_t)(value - at));

        if (g_str_has_prefix(words[i], "scope="))
            recipient.scope = (uint32_t)(value[0] - '0');
        else if (g_str_has_prefix(words[i], "notify="))
            recipient.notify = span;
        else if (g_str_has_prefix(words[i], "caught="))
            caught = true;
        else
            redirect = span;
    }
    g_assert_cmpuint(recipient.scope, <=, envelope->scopes->len);
    if (recipient.scope == envelope->scopes->len) {
        const char *domain = strchr(text, '@') + 1;
        WnEnvelopeScope scope = { .domain = wn_span(domain,
                                      strcspn(domain, ",")),
            .redirect = redirect,
            .caught = caught,
            .prepend = WN_SPAN("Received: here\r\n") };

        g_array_append_val(envelope->scopes, scope);
    }
    g_array_append_val(envelope->recipients, recipient);
}

void
stage_message(Stage *self, const char *text, const char *body)
{
    g_auto(GStrv) words = g_strsplit(text, " ", -1);
    WnAppendBody append = { .span = wn_span_str(body), .fd = -1 };
    unsigned before = self->n_durable;
    g_auto(WnEnvelope) envelope;
    g_auto(WnWriter) writer;

    if (self->journal == NULL)
        self->journal = wn_journal_new(self->loop, self->config->spool, "smtp0",
            on_durable, self);
    wn_envelope_init(&envelope);
    wn_writer_init(&writer);
    envelope.arrived_ms = wn_clock_unix_ms();
    envelope.sender = wn_span_str(words[0]);
    envelope.envid = WN_SPAN("env+2B1");
    envelope.flags = self->flags;
    if (self->ret != NULL)
        envelope.ret = wn_span_str(self->ret);
    for (int i = 2; words[i] != NULL; i++)
        add_recipient(&envelope, words[i]);
    wn_envelope_write(&envelope, &writer);
    self->last_id = wn_id_new();
    wn_journal_append(self->journal, &self->last_id, wn_writer_span(&writer),
        &append, on_committed, self);
    for (int i = 0; i < 200 && self->n_durable == before; i++)
        wn_loop_turn(self->loop);
    g_assert_cmpuint(self->n_durable, ==, before + 1);
}

static void
nothing(void *user)
{
    (void)user;
}

void
stage_turn(Stage *self)
{
    wn_loop_defer(self->loop, nothing, NULL);
    wn_loop_turn(self->loop);
}

void
stage_pass(Stage *self, int64_t ms)
{
    while (ms > 0) {
        int64_t step_ms = MIN(ms, 1000);

        wn_clock_fake_step(step_ms);
        ms -= step_ms;
        for (int i = 0; i < 4; i++)
            stage_turn(self);
    }
    for (int i = 0; i < 10; i++)
        stage_turn(self);
}

/* The clock goes on by 1 ms in each turn, and a turn may wait much longer: what
 * never comes must not look like a test that hangs. */
static bool
is_late(int64_t began_us)
{
    return g_get_monotonic_time() - began_us > 30 * G_USEC_PER_SEC;
}

void
stage_await(Stage *self, unsigned server, unsigned n_messages)
{
    int64_t began_us = g_get_monotonic_time();

    for (int i = 0; i < 3000 && self->servers[server].n_messages < n_messages
                    && !is_late(began_us);
         i++) {
        wn_clock_fake_step(1);
        wn_loop_turn(self->loop);
    }
    g_assert_cmpuint(self->servers[server].n_messages, ==, n_messages);
    stage_pass(self, 100);
}

char *
stage_log(Stage *self)
{
    off_t len = lseek(self->log_fd, 0, SEEK_END);
    char *text = g_malloc0((gsize)len + 1);

    g_assert_true(wn_fd_pread_all(self->log_fd, text, (size_t)len, 0));
    return text;
}

unsigned
stage_n_events(Stage *self, const char *event)
{
    g_autofree char *log = stage_log(self);
    g_autofree char *key = g_strdup_printf("\"event\":\"%s\"", event);
    unsigned n = 0;

    for (const char *at = strstr(log, key); at != NULL;
         at = strstr(at + 1, key))
        n++;
    return n;
}

void
stage_await_event(Stage *self, const char *event, unsigned n)
{
    int64_t began_us = g_get_monotonic_time();

    for (int i = 0;
         i < 300 && stage_n_events(self, event) < n && !is_late(began_us);
         i++) {
        wn_clock_fake_step(1);
        wn_loop_turn(self->loop);
    }
    g_assert_cmpuint(stage_n_events(self, event), ==, n);
    stage_pass(self, 100);
}

char *
stage_list(Stage *self, const char *state)
{
    GString *out = g_string_new(NULL);

    wn_queue_list(self->queue, &(WnQueueFilter){ .state = state },
        WN_QUEUE_JSON, out);
    return g_string_free(out, FALSE);
}

unsigned
stage_n_files(Stage *self, const char *suffix)
{
    g_autoptr(GDir) folder = g_dir_open(self->config->spool, 0, NULL);
    const char *name;
    unsigned n = 0;

    while ((name = g_dir_read_name(folder)) != NULL)
        n += g_str_has_suffix(name, suffix);
    return n;
}
