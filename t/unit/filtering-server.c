/* SPDX-License-Identifier: MIT */
#include "t/unit/fake_dns.h"
#include "t/unit/filtering-office.h"

static void
test_message(const void *data)
{
    g_auto(Office) office;
    Question question = ORDINARY;

    office_init(&office, GPOINTER_TO_INT(data), matching);
    ask_message(&office, &question);
    g_assert_cmpstr(wait_for(&office, 1), ==, "1 | deliver a:match=x");
    g_assert_cmpstr(office.last->str, ==,
        "Subject: [Spam] hello\r\nTo: x\r\n\r\nbody\r\n");
}

/* Two settings, two sets of edits, one look at the message. */
static void
test_scopes(const void *data)
{
    g_auto(Office) office;
    Question question = ORDINARY;

    office_init(&office, GPOINTER_TO_INT(data), matching);
    question.class_id = class_of(&office, "tag.example");
    ask_message(&office, &question);
    g_assert_cmpstr(wait_for(&office, 1), ==,
        "2 | deliver a:match=x | deliver a:match=x");
    g_assert_cmpstr(office.last->str, ==,
        "Subject: [Tag] hello\r\nTo: x\r\n\r\nbody\r\n");
    g_assert_cmpstr(probe_log(), ==, "a.message");
}

static void
test_early(const void *data)
{
    static const char *const filters[] = {
        "plugin = gate\naction = act\naction.do = reject\n"
        "script = connect=match:listed\n",
        NULL
    };
    g_auto(Office) office;

    office_init(&office, GPOINTER_TO_INT(data), filters);
    ask_rcpt(&office, "u@good.example");
    g_assert_nonnull(strstr(wait_for(&office, 1), "1 | reject 550 "));
    g_assert_nonnull(strstr(office.told->str, "a:match=listed"));
}

/* Nobody can say anything before the banner, and that is an answer. */
static void
test_connect_and_name(const void *data)
{
    g_auto(Office) office;
    WnRequest request = make_request(WN_REQUEST_CONNECT);

    office_init(&office, GPOINTER_TO_INT(data), matching);
    wn_filter_ask(office.client, &request, -1, on_told, &office);
    g_assert_cmpstr(wait_for(&office, 1), ==, "1 | deliver");
    forget(&office);
    request.kind = WN_REQUEST_NAME;
    wn_filter_ask(office.client, &request, -1, on_told, &office);
    g_assert_cmpstr(wait_for(&office, 1), ==, "0");
}

/* What the asker ends while a filter works is answered all the same, so that
 * nobody waits; never with a refusal for good. */
static void
test_ended_meanwhile(const void *data)
{
    static const WnRequestKind kinds[] = { WN_REQUEST_RESET, WN_REQUEST_CLOSE };

    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        g_auto(Office) office;
        Question question = ORDINARY;

        office_init(&office, GPOINTER_TO_INT(data), waiting);
        ask_message(&office, &question);
        settle(&office);
        g_assert_cmpuint(office.n_told, ==, 0);
        tell(&office, kinds[i]);
        g_assert_nonnull(strstr(wait_for(&office, 1), "1 | tempfail 451 "));
        g_assert_nonnull(strstr(probe_log(), "a.transaction_end"));
        wn_clock_fake_step(2000);
        settle(&office);
        g_assert_cmpuint(office.n_told, ==, 1);
    }
}

/* Another transaction's id ends the one before. */
static void
test_next_transaction(const void *data)
{
    g_auto(Office) office;
    Question question = ORDINARY;

    office_init(&office, GPOINTER_TO_INT(data), waiting);
    ask_message(&office, &question);
    settle(&office);
    question.id = 2;
    ask_message(&office, &question);
    g_assert_nonnull(strstr(wait_for(&office, 1), "1 | tempfail 451 "));
    forget(&office);
    settle(&office);
    wn_clock_fake_step(1000);
    g_assert_nonnull(strstr(wait_for(&office, 1), "1 | reject 550 "));
}

static void
test_forgotten(const void *data)
{
    g_auto(Office) office;
    Question question = ORDINARY;
    WnFilterTicket *ticket;

    office_init(&office, GPOINTER_TO_INT(data), waiting);
    ticket = ask_message(&office, &question);
    settle(&office);
    wn_filter_forget(ticket);
    tell(&office, WN_REQUEST_RESET);
    wn_clock_fake_step(2000);
    settle(&office);
    g_assert_cmpuint(office.n_told, ==, 0);
}

/* Everything goes while a filter works. */
static void
test_cleared_meanwhile(const void *data)
{
    g_auto(Office) office;
    Question question = ORDINARY;

    office_init(&office, GPOINTER_TO_INT(data), waiting);
    ask_message(&office, &question);
    ask_rcpt(&office, "u@good.example");
    settle(&office);
}

static void
test_unknown_settings(const void *data)
{
    g_auto(Office) office;
    Question question = ORDINARY;

    office_init(&office, GPOINTER_TO_INT(data), matching);
    question.generation = 99; /* no such snapshot */
    question.class_id = 1;
    ask_message(&office, &question);
    g_assert_nonnull(strstr(wait_for(&office, 1), "2 | tempfail 451 Settings"));
    g_assert_nonnull(strstr(office.told->str, " | tempfail 451 Settings"));
    forget(&office);
    question = ORDINARY;
    question.id = 5;
    question.class_id = 12345; /* no such class */
    ask_message(&office, &question);
    g_assert_nonnull(
        strstr(wait_for(&office, 1), "2 | deliver a:match=x | tempfail 451 "));
}

/* The session is made from any request's facts and kept up to date by them. */
static void
test_facts(const void *data)
{
    static const char *const filters[] = {
        "plugin = probe\naction = act\naction.do = deliver\nscript = "
        "message=helo\n",
        NULL
    };
    g_auto(Office) office;
    WnRequest request = make_request(WN_REQUEST_MESSAGE);
    WnRequestScope scope;
    WnRequestRecipient recipient = { WN_SPAN("u@good.example"), 0 };

    office_init(&office, GPOINTER_TO_INT(data), filters);
    scope.class_id = class_of(&office, "good.example");
    request.n_scopes = request.n_recipients = 1;
    request.scopes = &scope;
    request.recipients = &recipient;
    request.message = WN_SPAN(PLAIN);
    wn_filter_ask(office.client, &request, -1, on_told, &office);
    g_assert_cmpstr(wait_for(&office, 1), ==,
        "1 | deliver a:match=client.example");
    forget(&office);
    request.helo = WN_SPAN("other.example");
    request.id.bytes[0] = 9;
    wn_filter_ask(office.client, &request, -1, on_told, &office);
    g_assert_cmpstr(wait_for(&office, 1), ==,
        "1 | deliver a:match=other.example");
}

static void
tell_ahead(Office *self)
{
    WnRequest request = make_request(WN_REQUEST_AHEAD);
    WnRequestScope scope = { class_of(self, "good.example") };

    request.n_scopes = 1;
    request.scopes = &scope;
    g_assert_null(wn_filter_ask(self->client, &request, -1, NULL, NULL));
    settle(self);
}

/* Nobody is answered, and what has run does not run again for the message. */
static void
test_ahead(const void *data)
{
    static const char *const filters[] = {
        "plugin = probe\naction = act\n"
        "script = connect=pass mail=match:seen\n",
        NULL
    };
    g_auto(Office) office;
    WnRequest request = make_request(WN_REQUEST_MESSAGE);
    WnRequestScope scope;
    WnRequestRecipient recipient = { WN_SPAN("u@good.example"), 0 };

    office_init(&office, GPOINTER_TO_INT(data), filters);
    tell_ahead(&office);
    g_assert_cmpstr(probe_log(), ==, "a.connect a.mail");
    g_assert_cmpuint(office.n_told, ==, 0);
    scope.class_id = class_of(&office, "good.example");
    request.n_scopes = request.n_recipients = 1;
    request.scopes = &scope;
    request.recipients = &recipient;
    request.message = WN_SPAN(PLAIN);
    wn_filter_ask(office.client, &request, -1, on_told, &office);
    g_assert_cmpstr(wait_for(&office, 1), ==, "1 | deliver a:match=seen");
    g_assert_cmpstr(probe_log(), ==, "a.connect a.mail");
}

typedef struct Named {
    WnPtrStatus status;
    bool known;
} Named;

static void
on_named(void *user, const WnResponse *response)
{
    Named *self = user;

    self->status = response->rdns_status;
    self->known = true;
}

/* A verdict of connect is kept, so that it must not be given before the look-up
 * of the client's name is over. */
static void
test_ahead_waits_for_the_name(void)
{
    static const char *const filters[] = {
        "plugin = probe\naction = act\n"
        "script = connect=pass mail=match:seen\n",
        NULL
    };
    g_auto(Office) office;
    g_autoptr(GError) error = NULL;
    WnRequest name = make_request(WN_REQUEST_NAME);
    WnRequest ahead = make_request(WN_REQUEST_AHEAD);
    WnRequestScope scope;
    Named named = { .known = false };
    WnResolver *resolver;
    WnEngine *engine;
    FakeDns dns;

    office_init(&office, WITHIN, filters);
    fake_dns_start(&dns, office.stage.loop);
    resolver = wn_resolver_new(office.stage.loop, dns.place, 5000, &error);
    g_assert_no_error(error);
    engine = wn_engine_new(office.stage.loop, office.stage.host, resolver,
        office.stage.files.folder);
    wn_engine_set_snapshot(engine, office.stage.snapshot);
    scope.class_id = class_of(&office, "good.example");
    ahead.n_scopes = 1;
    ahead.scopes = &scope;
    g_assert_nonnull(wn_engine_ask(engine, &name, on_named, &named));
    g_assert_null(wn_engine_ask(engine, &ahead, NULL, NULL));
    g_assert_cmpstr(probe_log(), ==, "");
    while (!named.known)
        wn_loop_turn(office.stage.loop);
    g_assert_cmpint(named.status, ==, WN_PTR_NONE);
    settle(&office);
    g_assert_cmpstr(probe_log(), ==, "a.connect a.mail");
    wn_engine_free(engine);
    wn_resolver_free(resolver);
    fake_dns_stop(&dns);
}

static void
test_large_message(const void *data)
{
    g_auto(Office) office;
    g_autoptr(GString) text = g_string_new(PLAIN);
    Question question = ORDINARY;
    wn_autofd fd = -1;

    while (text->len < 1000000)
        g_string_append(text, "more of it\r\n");
    office_init(&office, GPOINTER_TO_INT(data), matching);
    question.message = wn_span(text->str, text->len);
    ask_message(&office, &question);
    g_assert_cmpstr(wait_for(&office, 1), ==, "1 | deliver a:match=x");
    forget(&office);
    fd = file_with(question.message);
    question.fd = fd;
    question.id = 2;
    ask_message(&office, &question);
    g_assert_cmpstr(wait_for(&office, 1), ==, "1 | deliver a:match=x");
}

/* More decisions than one packet can hold. */
static void
test_large_response(const void *data)
{
    enum { N = 1000 };
    static const char *const filters[] = {
        "plugin = probe\naction = act\naction.do = deliver\nscript = "
        "message=much\n",
        NULL
    };
    g_auto(Office) office;
    WnRequest request = make_request(WN_REQUEST_MESSAGE);
    g_autofree WnRequestScope *scopes = g_new0(WnRequestScope, N);
    g_autofree WnRequestRecipient *recipients = g_new0(WnRequestRecipient, N);

    office_init(&office, GPOINTER_TO_INT(data), filters);
    for (uint32_t i = 0; i < N; i++) {
        scopes[i].class_id = class_of(&office, "good.example");
        recipients[i] = (WnRequestRecipient){ WN_SPAN("u@good.example"), i };
    }
    request.n_scopes = request.n_recipients = N;
    request.scopes = scopes;
    request.recipients = recipients;
    request.message = WN_SPAN(PLAIN);
    wn_filter_ask(office.client, &request, -1, on_told, &office);
    g_assert_true(g_str_has_prefix(wait_for(&office, 1),
        "1000 | deliver a:match= | deliver"));
}

static void
add(const char *name, GTestDataFunc fn)
{
    g_autofree char *channel = g_strdup_printf("/filtering/server/%s", name);
    g_autofree char *within = g_strdup_printf("/filtering/engine/%s", name);

    g_test_add_data_func(channel, GINT_TO_POINTER(OVER_CHANNEL), fn);
    g_test_add_data_func(within, GINT_TO_POINTER(WITHIN), fn);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add("message", test_message);
    add("scopes", test_scopes);
    add("early", test_early);
    add("connect-name", test_connect_and_name);
    add("ended-meanwhile", test_ended_meanwhile);
    add("next-transaction", test_next_transaction);
    add("forgotten", test_forgotten);
    add("cleared-meanwhile", test_cleared_meanwhile);
    add("unknown-settings", test_unknown_settings);
    add("facts", test_facts);
    add("ahead", test_ahead);
    g_test_add_func("/filtering/engine/ahead-waits-for-the-name",
        test_ahead_waits_for_the_name);
    add("large-message", test_large_message);
    add("large-response", test_large_response);
    return g_test_run();
}
