/* SPDX-License-Identifier: MIT */
#include "t/unit/plugin-probe.h"

#include "core/plugin/sdk.h"
#include "t/unit/plugin-stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static GString *probe_lines;

typedef struct Probe {
    const WnHost *host;
    int pipe[2];
} Probe;

const char *
probe_log(void)
{
    return probe_lines != NULL ? probe_lines->str : "";
}

void
probe_reset(void)
{
    if (probe_lines == NULL)
        probe_lines = g_string_new(NULL);
    g_string_truncate(probe_lines, 0);
}

static void
note(const Probe *probe, const char *text)
{
    if (probe_lines == NULL)
        probe_reset();
    g_string_append_printf(probe_lines, "%s%s.%s",
        probe_lines->len > 0 ? " " : "", probe->host->instance_name, text);
}

static const WnOption options[] = {
    { .name = "script",
        .help = "What the hooks do.",
        .type = WN_OPT_STRING,
        .flags = WN_OPT_PER_DOMAIN,
        .fallback = "" },
    { .name = "policy",
        .help = "What policy_new does: nothing, or fails.",
        .type = WN_OPT_STRING,
        .flags = WN_OPT_PER_DOMAIN,
        .fallback = "" },
    { .name = "start",
        .help = "What instance_new does: nothing, or fails.",
        .type = WN_OPT_STRING,
        .fallback = "" },
};

static int32_t
probe_new(const WnHost *host, const WnSettings *settings, void **self,
    WnError *err)
{
    Probe *probe = g_new0(Probe, 1);
    WnStr start = host->settings->string(settings, 2);

    probe->host = host;
    if (start.len > 0) {
        g_free(probe);
        g_snprintf(err->text, sizeof err->text, "%s", start.ptr);
        return WN_E_FAILED;
    }
    g_assert_cmpint(pipe(probe->pipe), ==, 0);
    *self = probe;
    return WN_OK;
}

static void
probe_free(void *self)
{
    Probe *probe = self;

    close(probe->pipe[0]);
    close(probe->pipe[1]);
    g_free(probe);
}

static int32_t
probe_policy_new(void *self, const WnSettings *settings, void **policy,
    WnError *err)
{
    Probe *probe = self;
    WnStr text = probe->host->settings->string(settings, 1);

    note(probe, "policy_new");
    if (text.len > 0) {
        g_snprintf(err->text, sizeof err->text, "%s", text.ptr);
        return WN_E_FAILED;
    }
    *policy = g_strdup("policy");
    return WN_OK;
}

static void
probe_policy_free(void *self, void *policy)
{
    note(self, "policy_free");
    g_free(policy);
}

static WnVerdict
match(const Probe *probe, WnCall *call, const char *evidence)
{
    WnFinding finding = { .struct_size = sizeof finding,
        .score = 1500,
        .rule = "r",
        .evidence = evidence };

    g_assert_cmpint(probe->host->call->report(call, &finding), ==, WN_OK);
    return WN_MATCH;
}

static WnVerdict act_out(Probe *probe, WnCall *call, const char *what);

typedef struct Later {
    Probe *probe;
    const char *what;
} Later;

static WnVerdict
on_time(void *user, WnCall *call)
{
    Later *later = user;

    return act_out(later->probe, call, later->what);
}

static int32_t
start_timer(Probe *probe, WnCall *call, long ms, const char *what)
{
    Later *later = probe->host->call->alloc(call, WN_LIFE_CALL, sizeof *later);

    later->probe = probe;
    later->what = what;
    return probe->host->timer->after(call, (uint32_t)ms, on_time, later);
}

static WnVerdict
start_two(Probe *probe, WnCall *call, const char *times, const char *what)
{
    char *end;
    long first = strtol(times, &end, 10);

    g_assert_cmpint(start_timer(probe, call, first, what), ==, WN_OK);
    g_assert_cmpint(start_timer(probe, call, strtol(end + 1, NULL, 10), what),
        ==, WN_OK);
    g_assert_cmpuint(probe->host->call->outstanding(call), ==, 2);
    return WN_PENDING;
}

static WnVerdict
on_answer(void *user, WnCall *call, const WnAnswer *answer)
{
    Probe *probe = user;
    const WnDnsApi *dns = probe->host->dns;
    char evidence[64];

    g_assert_null(dns->record(answer, dns->n_records(answer)));
    if (dns->status(answer) == WN_DNS_FAILED)
        return WN_FAIL;
    if (dns->status(answer) != WN_DNS_FOUND)
        return WN_PASS;
    g_snprintf(evidence, sizeof evidence, "%u.%u of %u",
        dns->record(answer, 0)->data[0], dns->record(answer, 0)->data[3],
        dns->n_records(answer));
    return match(probe, call, evidence);
}

static WnVerdict
on_readable(void *user, WnCall *call, int fd, uint32_t events)
{
    char byte;

    g_assert_cmpuint(events, ==, WN_IO_READ);
    g_assert_cmpint(read(fd, &byte, 1), ==, 1);
    return match(user, call, "readable");
}

static WnVerdict
wait_for_pipe(Probe *probe, WnCall *call)
{
    const WnIoApi *io = probe->host->io;

    g_assert_cmpint(io->wait(call, -1, WN_IO_READ, on_readable, probe), ==,
        WN_E_INVALID);
    g_assert_cmpint(write(probe->pipe[1], "x", 1), ==, 1);
    g_assert_cmpint(io->wait(call, probe->pipe[0], WN_IO_READ, on_readable,
                        probe),
        ==, WN_OK);
    return WN_PENDING;
}

static WnVerdict
ask_for_tag(Probe *probe, WnCall *call, const char *name)
{
    int32_t found = 7;
    WnStr value = probe->host->facts->tag(call, name, &found);

    return found == 1 ? match(probe, call, value.ptr) : WN_PASS;
}

static WnVerdict
leave_tag(Probe *probe, WnCall *call, const char *text)
{
    g_auto(GStrv) parts = g_strsplit(text, "=", 2);

    g_assert_cmpint(probe->host->call->set_tag(call, parts[0], parts[1]), ==,
        WN_OK);
    return WN_PASS;
}

static WnVerdict
remember(Probe *probe, WnCall *call)
{
    void **slot = probe->host->call->slot(call, WN_LIFE_CONN);
    char text[16];

    if (*slot == NULL)
        *slot = probe->host->call->alloc(call, WN_LIFE_CONN, sizeof(int));
    g_snprintf(text, sizeof text, "%d", ++*(int *)*slot);
    return match(probe, call, text);
}

/* Reports what should not be reported as it is. */
static WnVerdict
report_dirt(Probe *probe, WnCall *call)
{
    const WnCallApi *api = probe->host->call;
    g_autofree char *evidence = g_strnfill(199, 'e');
    g_autofree char *long_evidence = g_strconcat(evidence, "\xc3\xbc cut here",
        NULL);
    g_autofree char *rule = g_strnfill(500, 'r');
    WnFinding findings[] = {
        { sizeof *findings, 0, "a rule", "a\r\nb\x01\xff\tc" },
        { sizeof *findings, 0, "long", long_evidence },
        { sizeof *findings, 0, rule, NULL },
    };
    WnFinding none = { sizeof none, 0, NULL, "x" };
    WnFinding empty = { sizeof none, 0, "", "x" };
    WnFinding small = { 4, 0, "x", "x" };

    for (size_t i = 0; i < G_N_ELEMENTS(findings); i++)
        g_assert_cmpint(api->report(call, &findings[i]), ==, WN_OK);
    g_assert_cmpint(api->report(call, &none), ==, WN_E_INVALID);
    g_assert_cmpint(api->report(call, &empty), ==, WN_E_INVALID);
    g_assert_cmpint(api->report(call, &small), ==, WN_E_INVALID);
    g_assert_cmpint(api->report(call, NULL), ==, WN_E_INVALID);
    return WN_MATCH;
}

static WnVerdict
report_much(Probe *probe, WnCall *call)
{
    WnFinding finding = { sizeof finding, 0, "r", NULL };
    int32_t result = WN_OK;
    int n = 0;

    while (result == WN_OK && n < 1000) {
        result = probe->host->call->report(call, &finding);
        n += result == WN_OK;
    }
    g_assert_cmpint(result, ==, WN_E_LIMIT);
    return n == 100 ? WN_MATCH : WN_PASS;
}

static WnVerdict
check_states(Probe *probe, WnCall *call)
{
    const WnHost *host = probe->host;
    char text[128];

    g_snprintf(text, sizeof text, "%d %d %d %d %d %d %d",
        host->edit->add_header(call, "X-A", "b"),
        host->edit->redirect(call, "a@b.example"),
        host->edit->reply(call, 550, NULL, "no"),
        host->edit->prefix_subject(call, "x"),
        host->metrics->counter(host, "late", "too late"),
        host->timer->every(host, 1000, NULL),
        host->call->set_tag(call, "not ok", "x"));
    g_assert_null(host->data->blob(call, "urls"));
    g_assert_null(host->get_interface(host, "tarpit/1"));
    g_assert_cmpuint(host->message->n_urls(call), ==, 0);
    g_assert_null(host->message->url(call, 0));
    return match(probe, call, text);
}

static WnVerdict
peek(Probe *probe, WnCall *call, const char *wanted)
{
    const WnAddress *first = probe->host->facts->recipient(call, 0);

    return first != NULL && g_str_has_prefix(first->text.ptr, wanted)
               ? match(probe, call, first->local.ptr)
               : WN_PASS;
}

static WnVerdict
take_memory(Probe *probe, WnCall *call, const char *bytes)
{
    char *memory = probe->host->call->alloc(call, WN_LIFE_CONN,
        strtoul(bytes, NULL, 10));

    g_assert_nonnull(memory);
    g_assert_cmpint(memory[0], ==, 0);
    return WN_PASS;
}

static const char *
after(const char *what, const char *word)
{
    return g_str_has_prefix(what, word) ? what + strlen(word) : NULL;
}

static WnVerdict
act_out_more(Probe *probe, WnCall *call, const char *what)
{
    const char *rest;

    if ((rest = after(what, "peek:")) != NULL)
        return peek(probe, call, rest);
    if ((rest = after(what, "tag:")) != NULL)
        return leave_tag(probe, call, rest);
    if ((rest = after(what, "seen:")) != NULL)
        return ask_for_tag(probe, call, rest);
    if ((rest = after(what, "conn:")) != NULL)
        return take_memory(probe, call, rest);
    if ((rest = after(what, "dns:")) != NULL) {
        g_assert_cmpint(probe->host->dns->query(call, rest, WN_DNS_A, on_answer,
                            probe),
            ==, WN_OK);
        return WN_PENDING;
    }
    if (strcmp(what, "dirt") == 0)
        return report_dirt(probe, call);
    if (strcmp(what, "much") == 0)
        return report_much(probe, call);
    if (strcmp(what, "helo") == 0)
        return match(probe, call, probe->host->facts->client(call)->helo.ptr);
    if (strcmp(what, "remember") == 0)
        return remember(probe, call);
    if (strcmp(what, "states") == 0)
        return check_states(probe, call);
    if (strcmp(what, "io") == 0)
        return wait_for_pipe(probe, call);
    g_error("no such script: %s", what);
}

static WnVerdict
act_out(Probe *probe, WnCall *call, const char *what)
{
    static const struct {
        const char *word;
        WnVerdict verdict;
    } plain[] = { { "pass", WN_PASS }, { "trust", WN_TRUST },
        { "fail", WN_FAIL }, { "odd", 99 }, { "pending", WN_PENDING },
        { "matchnothing", WN_MATCH } };
    const char *rest;
    char *end;
    long ms;

    for (size_t i = 0; i < G_N_ELEMENTS(plain); i++)
        if (strcmp(what, plain[i].word) == 0)
            return plain[i].verdict;
    if (strcmp(what, "match") == 0)
        return match(probe, call, NULL);
    if (strcmp(what, "match2") == 0) {
        match(probe, call, "one");
        return match(probe, call, "two");
    }
    if ((rest = after(what, "match:")) != NULL)
        return match(probe, call, rest);
    if ((rest = after(what, "race:")) != NULL)
        return start_two(probe, call, rest, "match");
    if ((rest = after(what, "linger:")) != NULL)
        return start_two(probe, call, rest, "pending");
    if ((rest = after(what, "wait:")) == NULL)
        return act_out_more(probe, call, what);
    ms = strtol(rest, &end, 10);
    g_assert_cmpint(start_timer(probe, call, ms, end + 1), ==, WN_OK);
    return WN_PENDING;
}

/* The script's word for the hook, copied into the call; NULL without one. */
static const char *
find_word(Probe *probe, WnCall *call, const char *hook)
{
    WnStr script = probe->host->settings->string(probe->host->call->settings(
                                                     call),
        0);
    g_auto(GStrv) words = g_strsplit(script.ptr, " ", -1);

    for (unsigned i = 0; words[i] != NULL; i++) {
        const char *value = after(words[i], hook);
        char *copy;

        if (value == NULL || *value != '=')
            continue;
        copy = probe->host->call->alloc(call, WN_LIFE_CALL, strlen(value));
        memcpy(copy, value + 1, strlen(value));
        return copy;
    }
    return NULL;
}

static WnVerdict
run_hook(void *self, WnCall *call, const char *hook)
{
    const char *what = find_word(self, call, hook);

    if (what == NULL)
        return WN_PASS;
    note(self, hook);
    g_assert_cmpstr(((Probe *)self)->host->call->policy(call), ==, "policy");
    return act_out(self, call, what);
}

#define HOOK(name)                                          \
    static WnVerdict probe_##name(void *self, WnCall *call) \
    {                                                       \
        return run_hook(self, call, #name);                 \
    }

HOOK(connect)
HOOK(helo)
HOOK(mail)
HOOK(rcpt)
HOOK(headers)
HOOK(message)

static void
probe_transaction_end(void *self, WnCall *call)
{
    Probe *probe = self;
    g_autofree char *text = g_strdup_printf("transaction_end=%d,%u",
        probe->host->facts->outcome(call),
        probe->host->facts->n_recipients(call));

    note(probe, text);
    g_assert_cmpint(probe->host->timer->after(call, 1, on_time, probe), ==,
        WN_E_STATE);
}

static void
probe_connection_end(void *self, WnCall *call)
{
    (void)call;
    note(self, "connection_end");
}

static const WnFilter probe_filter = {
    .struct_size = sizeof(WnFilter),
    .connect = probe_connect,
    .helo = probe_helo,
    .mail = probe_mail,
    .rcpt = probe_rcpt,
    .headers = probe_headers,
    .message = probe_message,
    .transaction_end = probe_transaction_end,
    .connection_end = probe_connection_end,
};
static const WnFilter gate_filter = {
    .struct_size = sizeof(WnFilter),
    .connect = probe_connect,
    .helo = probe_helo,
    .mail = probe_mail,
    .rcpt = probe_rcpt,
};
static const WnFilter keeper_filter = { .struct_size = sizeof(WnFilter),
    .flags = WN_FILTER_RCPT_SHARED,
    .rcpt = probe_rcpt };
static const WnFilter single_filter = { .struct_size = sizeof(WnFilter),
    .flags = WN_FILTER_SHARED,
    .message = probe_message };

#define PROBE(variable, plugin_name, plugin_filter)                         \
    static const WnPlugin variable = { WN_PLUGIN_HEAD, .name = plugin_name, \
        .version = "1", .summary = "Does what it is told.",                 \
        .author = "a test", .license = "MIT", WN_OPTIONS(options),          \
        .instance_new = probe_new, .instance_free = probe_free,             \
        .policy_new = probe_policy_new, .policy_free = probe_policy_free,   \
        .filter = plugin_filter }

PROBE(probe_plugin, "probe", &probe_filter);
PROBE(gate_plugin, "gate", &gate_filter);
PROBE(keeper_plugin, "keeper", &keeper_filter);
PROBE(single_plugin, "single", &single_filter);

/*
 * The action
 */

static const WnOption act_options[] = {
    { .name = "do",
        .help = "What apply does.",
        .type = WN_OPT_STRING,
        .flags = WN_OPT_PER_DOMAIN,
        .fallback = "deliver" },
};

static int32_t
act_new(const WnHost *host, const WnSettings *settings, void **self,
    WnError *err)
{
    (void)settings;
    (void)err;
    *self = (void *)(uintptr_t)host;
    return WN_OK;
}

static void
act_edit(const WnHost *host, WnCall *call, const char *word)
{
    g_auto(GStrv) parts = g_strsplit(word, ":", 4);
    g_auto(GStrv)
        pair = g_strsplit(parts[0] != NULL && parts[1] != NULL ? parts[1] : "",
            "=", 2);

    if (strcmp(parts[0], "prefix") == 0)
        host->edit->prefix_subject(call, parts[1]);
    else if (strcmp(parts[0], "add") == 0)
        host->edit->add_header(call, pair[0], pair[1]);
    else if (strcmp(parts[0], "to") == 0)
        host->edit->redirect(call, parts[1]);
    else if (strcmp(parts[0], "reply") == 0)
        host->edit->reply(call, (uint16_t)strtol(parts[1], NULL, 10), parts[2],
            parts[3]);
}

static WnDisposition
act_apply(void *self, WnCall *call, const WnDecision *why)
{
    const WnHost *host = self;
    WnStr what = host->settings->string(host->call->settings(call), 0);
    g_auto(GStrv) words = g_strsplit(what.ptr, "|", -1);
    WnDisposition disposition = WN_DELIVER;
    g_autofree char *text = NULL;

    for (unsigned i = 0; words[i] != NULL; i++) {
        if (strcmp(words[i], "reject") == 0)
            disposition = WN_REJECT;
        else if (strcmp(words[i], "tempfail") == 0)
            disposition = WN_TEMPFAIL;
        else if (strcmp(words[i], "discard") == 0)
            disposition = WN_DISCARD;
        else if (strcmp(words[i], "odd") == 0)
            disposition = 77;
        else
            act_edit(host, call, words[i]);
        if (strcmp(words[i], "why") != 0)
            continue;
        text = g_strdup_printf("%s %s %s %d", why->filter.ptr, why->rule.ptr,
            why->evidence.ptr, why->score);
        host->edit->reply(call, 550, NULL, text);
        disposition = WN_REJECT;
    }
    return disposition;
}

static const WnAction act_action = { .struct_size = sizeof(WnAction),
    .apply = act_apply };
static const WnAction mild_action = { .struct_size = sizeof(WnAction),
    .flags = WN_ACTION_NEVER_REFUSES,
    .apply = act_apply };

#define ACT(variable, plugin_name, plugin_action)                           \
    static const WnPlugin variable = { WN_PLUGIN_HEAD, .name = plugin_name, \
        .version = "1", .summary = "Does what it is told.",                 \
        .author = "a test", .license = "MIT", WN_OPTIONS(act_options),      \
        .instance_new = act_new, .action = plugin_action }

ACT(act_plugin, "act", &act_action);
ACT(mild_plugin, "mild", &mild_action);

const struct WnPlugin *const probe_plugins[] = { &probe_plugin, &gate_plugin,
    &keeper_plugin, &single_plugin, &act_plugin, &mild_plugin, NULL };

void
probe_stage_open(Stage *stage, const char *keys)
{
    const char *const filters[] = { keys, NULL };

    stage_init(stage, probe_plugins, NULL);
    stage_filters(stage, filters);
    stage_domain(stage, "good.example", "");
    stage_start(stage);
    stage_assert_no_problem(stage);
    probe_reset();
    stage_connect(stage, "192.0.2.1");
    stage_mail(stage, "from@b.example");
}
