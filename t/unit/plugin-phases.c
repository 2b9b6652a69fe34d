/* SPDX-License-Identifier: MIT */

/*
 * What the SDK's header says of phases: every function that belongs to certain
 * hooks is asked in all of them.  What came of it is one word for each hook:
 *
 *    R report  T set_tag  H add_header  A after  Q query  W wait
 *    E edit.add_header  P edit.reply  M metrics.counter  V timer.every
 *    K shared.load        each with the error's number, 0 for none
 *    h p t  header, part, text: 1 if there was one
 *    s r d  sender, recipients, domain
 *    o      outcome
 */

#include "core/plugin/chain.h"
#include "core/plugin/sdk.h"
#include "t/unit/plugin-stage.h"

#include <unistd.h>

static GHashTable *seen; /* hook -> word */
static int idle_pipe[2];

static WnVerdict
on_time(void *user, WnCall *call)
{
    (void)user;
    (void)call;
    return WN_PASS;
}

static WnVerdict
on_answer(void *user, WnCall *call, const WnAnswer *answer)
{
    (void)user;
    (void)call;
    (void)answer;
    return WN_PASS;
}

static WnVerdict
on_ready(void *user, WnCall *call, int fd, uint32_t events)
{
    (void)user;
    (void)call;
    (void)fd;
    (void)events;
    return WN_PASS;
}

static void
tick(void *self)
{
    (void)self;
}

/* What is asked of the instance, with or without a call. */
static void
ask_host(const WnHost *host, GString *word)
{
    uint64_t value = 7;

    g_string_append_printf(word, "M%d V%d K%d",
        MIN(host->metrics->counter(host, "calls", "Calls."), 0),
        host->timer->every(host, 60000, tick),
        host->shared->load(host, "key", 3, &value));
    g_assert_cmpuint(value, ==, 0);
}

static void
ask_waits(const WnHost *host, WnCall *call, GString *word)
{
    g_string_append_printf(word, "A%d Q%d W%d ",
        host->timer->after(call, 1000, on_time, NULL),
        host->dns->query(call, "name.example", WN_DNS_A, on_answer, NULL),
        host->io->wait(call, idle_pipe[0], WN_IO_READ, on_ready, NULL));
}

static void
ask_facts(const WnHost *host, WnCall *call, GString *word)
{
    const WnFactsApi *facts = host->facts;
    const WnMessageApi *message = host->message;

    g_assert_cmpstr(facts->client(call)->address_text.ptr, ==, "192.0.2.1");
    g_assert_null(facts->recipient(call, facts->n_recipients(call)));
    g_assert_null(message->header(call, message->n_headers(call)));
    g_assert_null(message->part(call, message->n_parts(call)));
    g_assert_null(message->url(call, message->n_urls(call)));
    g_assert_null(message->phone(call, message->n_phones(call)));
    g_assert_cmpuint(message->part_data(call, 99).len, ==, 0);
    g_assert_cmpuint(message->text(call, 99).len, ==, 0);
    g_assert_nonnull(message->raw(call).ptr);
    g_string_append_printf(word, " h%d p%d t%d s%d r%u d%d o%d",
        message->header_named(call, "subject", 0) != NULL,
        message->n_parts(call) > 0 && message->raw(call).len > 0
            && message->size(call) > 0,
        message->text(call, WN_TEXT_SHOWN).len > 0, facts->sender(call) != NULL,
        facts->n_recipients(call), facts->domain(call).len > 0,
        facts->outcome(call));
}

static void
ask(const WnHost *host, WnCall *call, const char *hook)
{
    WnFinding finding = { .struct_size = sizeof finding, .rule = "r" };
    GString *word = g_string_new(NULL);
    int32_t added = host->edit->add_header(call, "X-A", "b");

    g_string_append_printf(word, "R%d T%d H%d ",
        host->call->report(call, &finding),
        host->call->set_tag(call, "tag", "value"),
        host->call->add_header(call, "X-Note", "b"));
    ask_waits(host, call, word);
    g_string_append_printf(word, "E%d P%d ", added,
        host->edit->reply(call, 550, "5.7.1", "no"));
    g_assert_cmpint(host->edit->set_header(call, "X-A", "b"), ==, added);
    g_assert_cmpint(host->edit->remove_headers(call, "X-B"), ==, added);
    g_assert_cmpint(host->edit->prefix_subject(call, "[x]"), ==, added);
    g_assert_cmpint(host->edit->redirect(call, "a@b.example"), ==, added);
    ask_host(host, word);
    ask_facts(host, call, word);
    g_assert_nonnull(host->call->alloc(call, WN_LIFE_TXN, 1));
    g_assert_nonnull(host->call->slot(call, WN_LIFE_TXN));
    g_assert_null(host->data->blob(call, "none"));
    g_hash_table_insert(seen, (void *)(uintptr_t)hook,
        g_string_free(word, FALSE));
}

static int32_t
phases_new(const WnHost *host, const WnSettings *settings, void **self,
    WnError *err)
{
    GString *word = g_string_new(NULL);

    (void)settings;
    (void)err;
    ask_host(host, word);
    g_hash_table_insert(seen,
        (void *)(uintptr_t)(strcmp(host->instance_name, "a") == 0
                                ? "instance_new"
                                : "instance_new of the action"),
        g_string_free(word, FALSE));
    *self = (void *)(uintptr_t)host;
    return WN_OK;
}

#define HOOK(name, verdict)                                  \
    static WnVerdict phases_##name(void *self, WnCall *call) \
    {                                                        \
        ask(self, call, #name);                              \
        return verdict;                                      \
    }

HOOK(connect, WN_PASS)
HOOK(helo, WN_PASS)
HOOK(mail, WN_PASS)
HOOK(rcpt, WN_PASS)
HOOK(early_rcpt, WN_MATCH)
HOOK(headers, WN_PASS)
HOOK(message, WN_MATCH)

static void
phases_transaction_end(void *self, WnCall *call)
{
    ask(self, call, "transaction_end");
}

static void
phases_connection_end(void *self, WnCall *call)
{
    ask(self, call, "connection_end");
}

static WnDisposition
phases_apply(void *self, WnCall *call, const WnDecision *why)
{
    const WnHost *host = self;

    (void)why;
    ask(host, call,
        host->message->n_headers(call) > 0 ? "apply" : "apply at rcpt");
    return WN_DELIVER;
}

static const WnFilter filter = {
    .struct_size = sizeof(WnFilter),
    .connect = phases_connect,
    .helo = phases_helo,
    .mail = phases_mail,
    .rcpt = phases_rcpt,
    .headers = phases_headers,
    .message = phases_message,
    .transaction_end = phases_transaction_end,
    .connection_end = phases_connection_end,
};
static const WnFilter early_filter = {
    .struct_size = sizeof(WnFilter),
    .rcpt = phases_early_rcpt,
};
static const WnAction action = {
    .struct_size = sizeof(WnAction),
    .apply = phases_apply,
};

#define ABOUT                                                                 \
    .version = "1", .summary = "Asks.", .author = "a test", .license = "MIT", \
    .instance_new = phases_new

static const WnPlugin filter_plugin = { WN_PLUGIN_HEAD, .name = "phases", ABOUT,
    .filter = &filter };
static const WnPlugin early_plugin = { WN_PLUGIN_HEAD, .name = "early", ABOUT,
    .filter = &early_filter };
static const WnPlugin action_plugin = { WN_PLUGIN_HEAD, .name = "asks", ABOUT,
    .action = &action };
static const WnPlugin *const plugins[] = { &filter_plugin, &early_plugin,
    &action_plugin, NULL };

static void
assert_seen(const char *hook, const char *expected)
{
    const char *word = g_hash_table_lookup(seen, hook);

    if (g_strcmp0(word, expected) != 0)
        g_error("%s: \"%s\", not \"%s\"", hook, word, expected);
}

#define NO_EDITS "E-2 P-2 "
#define NO_FINDINGS "R-2 T-2 H-2 A-2 Q-2 W-2 "
#define WAITS "A0 Q0 W0 "
#define LATE "M-2 V-2 K-4"

static const struct {
    const char *hook, *expected;
} expectations[] = {
    { "instance_new", "M0 V0 K-2" },
    { "instance_new of the action", "M0 V0 K-2" },
    { "connect", "R0 T-2 H-2 " WAITS NO_EDITS LATE " h0 p0 t0 s0 r0 d0 o-4" },
    { "helo", "R0 T-2 H-2 " WAITS NO_EDITS LATE " h0 p0 t0 s0 r0 d0 o-4" },
    { "mail", "R0 T0 H-2 " WAITS NO_EDITS LATE " h0 p0 t0 s1 r0 d0 o-4" },
    { "rcpt", "R0 T0 H-2 " WAITS NO_EDITS LATE " h0 p0 t0 s1 r1 d1 o-4" },
    { "early_rcpt", "R0 T0 H-2 " WAITS NO_EDITS LATE " h0 p0 t0 s1 r1 d1 o-4" },
    { "headers", "R0 T0 H-2 " WAITS NO_EDITS LATE " h1 p0 t0 s1 r1 d1 o-4" },
    { "message", "R0 T0 H0 " WAITS NO_EDITS LATE " h1 p1 t1 s1 r1 d1 o-4" },
    { "apply at rcpt", NO_FINDINGS "E-2 P0 " LATE " h0 p0 t0 s1 r1 d1 o-4" },
    { "apply", NO_FINDINGS "E0 P0 " LATE " h1 p1 t1 s1 r1 d1 o-4" },
    { "transaction_end", NO_FINDINGS NO_EDITS LATE " h0 p0 t0 s1 r1 d1 o0" },
    { "connection_end", NO_FINDINGS NO_EDITS LATE " h0 p0 t0 s0 r0 d0 o-4" },
};

static void
run_all_hooks(Stage *stage)
{
    const char *const filters[] = { "plugin = phases\naction = asks",
        "plugin = early\naction = asks", NULL };

    stage_init(stage, plugins, NULL);
    stage_filters(stage, filters);
    stage_domain(stage, "good.example", "");
    stage_start(stage);
    stage_assert_no_problem(stage);
    stage_connect(stage, "192.0.2.1");
    stage_run_connect(stage);
    stage_wait(stage);
    stage_helo(stage, "client.example.org");
    stage_mail(stage, "from@b.example");
    stage_rcpt(stage, "u@good.example");
    stage_message(stage, "Subject: s\r\n\r\nbody\r\n", "u@good.example");
    stage_reset(stage);
    stage_hang_up(stage);
}

static void
test_phases(void)
{
    seen = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
    g_assert_cmpint(pipe(idle_pipe), ==, 0);
    {
        g_auto(Stage) stage;

        run_all_hooks(&stage);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(expectations); i++)
        assert_seen(expectations[i].hook, expectations[i].expected);
    g_assert_cmpuint(g_hash_table_size(seen), ==, G_N_ELEMENTS(expectations));
    g_hash_table_unref(seen);
    close(idle_pipe[0]);
    close(idle_pipe[1]);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/plugin/phases", test_phases);
    return g_test_run();
}
