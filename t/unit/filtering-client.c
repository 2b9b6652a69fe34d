/* SPDX-License-Identifier: MIT */
#include "t/unit/filtering-asking.h"

static void
test_answered(void)
{
    g_auto(Rig) rig;
    g_auto(Process) process;
    Question question;
    const Asked *asked;

    rig_init(&rig);
    g_assert_false(wn_filter_client_is_attached(rig.client));
    process_begin(&process, &rig);
    g_assert_true(wn_filter_client_is_attached(rig.client));
    ask(&rig, &question, 1, WN_REQUEST_MESSAGE);
    await_asked(&rig, &process, 1);
    asked = asked_at(&process, 0);
    g_assert_cmpuint(asked->request.attempt, ==, 1);
    g_assert_true(asked->inside);
    g_assert_cmpmem(asked->request.message.ptr, asked->request.message.len,
        "A: b\r\n\r\n", 8);
    g_assert_null(asked->file);
    answer(&process, asked->request.serial, "no");
    await_told(&rig, 1);
    g_assert_true(told_at(&rig, 0)->answered);
    g_assert_cmpstr(told_at(&rig, 0)->text, ==, "no");
    g_assert_null(question.ticket);
}

/* Answers find their questions in any order; unknown ones are nobody's. */
static void
test_many(void)
{
    g_auto(Rig) rig;
    g_auto(Process) process;
    Question questions[50];

    rig_init(&rig);
    process_begin(&process, &rig);
    for (int i = 0; i < 50; i++)
        ask(&rig, &questions[i], i, WN_REQUEST_MESSAGE);
    await_asked(&rig, &process, 50);
    answer(&process, 9999, "nobody's");
    for (guint i = 50; i-- > 0;) {
        g_autofree char *text = g_strdup_printf("%u", i);

        answer(&process, asked_at(&process, i)->request.serial, text);
    }
    await_told(&rig, 50);
    for (guint i = 0; i < 50; i++) {
        g_autofree char *text = g_strdup_printf("%d", told_at(&rig, i)->number);

        g_assert_cmpstr(told_at(&rig, i)->text, ==, text);
    }
}

static void
test_forgotten(void)
{
    g_auto(Rig) rig;
    g_auto(Process) process;
    Question questions[2];

    rig_init(&rig);
    process_begin(&process, &rig);
    ask(&rig, &questions[0], 0, WN_REQUEST_MESSAGE);
    ask(&rig, &questions[1], 1, WN_REQUEST_NAME);
    await_asked(&rig, &process, 2);
    wn_filter_forget(questions[0].ticket);
    answer(&process, asked_at(&process, 0)->request.serial, "late");
    answer(&process, asked_at(&process, 1)->request.serial, "in time");
    await_told(&rig, 1);
    g_assert_cmpint(told_at(&rig, 0)->number, ==, 1);
}

static void
test_deadline(void)
{
    g_auto(Rig) rig;
    g_auto(Process) process;
    Question questions[2];

    rig_init(&rig);
    process_begin(&process, &rig);
    ask(&rig, &questions[0], 0, WN_REQUEST_MESSAGE);
    await_asked(&rig, &process, 1);
    wn_clock_fake_step(DEADLINE_MS - 1);
    settle(&rig);
    ask(&rig, &questions[1], 1, WN_REQUEST_MESSAGE);
    g_assert_cmpuint(rig.told->len, ==, 0);
    wn_clock_fake_step(251);
    await_told(&rig, 1);
    g_assert_cmpint(told_at(&rig, 0)->number, ==, 0);
    g_assert_false(told_at(&rig, 0)->answered);
    g_assert_nonnull(strstr(told_at(&rig, 0)->text, "deadline"));
    answer(&process, asked_at(&process, 0)->request.serial, "too late");
    settle(&rig);
    g_assert_cmpuint(rig.told->len, ==, 1);
    wn_clock_fake_step(DEADLINE_MS);
    await_told(&rig, 2);
}

/* Without any process questions wait, and then are asked. */
static void
test_nobody_there(void)
{
    g_auto(Rig) rig;
    g_auto(Process) process = { 0 };
    Question questions[2];

    rig_init(&rig);
    ask(&rig, &questions[0], 0, WN_REQUEST_MESSAGE);
    settle(&rig);
    wn_clock_fake_step(DEADLINE_MS + 250);
    await_told(&rig, 1);
    ask(&rig, &questions[1], 1, WN_REQUEST_MESSAGE);
    process_begin(&process, &rig);
    await_asked(&rig, &process, 1);
    g_assert_cmpuint(asked_at(&process, 0)->request.attempt, ==, 1);
    answer(&process, asked_at(&process, 0)->request.serial, "here");
    await_told(&rig, 2);
    g_assert_true(told_at(&rig, 1)->answered);
}

static void
test_replaced(void)
{
    g_auto(Rig) rig;
    g_auto(Process) first = { 0 };
    g_auto(Process) second = { 0 };
    Question question;

    rig_init(&rig);
    process_begin(&first, &rig);
    ask(&rig, &question, 0, WN_REQUEST_MESSAGE);
    process_begin(&second, &rig);
    await_asked(&rig, &second, 1);
    for (int i = 0; i < TURNS_MAX && !first.closed; i++)
        wn_loop_turn(rig.loop);
    g_assert_true(first.closed);
    answer(&second, asked_at(&second, 0)->request.serial, "new");
    await_told(&rig, 1);
}

static void
test_not_answered_kinds(void)
{
    static const WnRequestKind kinds[] = { WN_REQUEST_RESET, WN_REQUEST_CLOSE,
        WN_REQUEST_AHEAD };
    static const WnRequestScope scope = { 1 };
    g_auto(Rig) rig;
    g_auto(Process) process;
    WnRequest request = { .session = 4,
        .n_scopes = 1,
        .scopes = &scope,
        .listener = WN_SPAN_EMPTY,
        .helo = WN_SPAN_EMPTY,
        .rdns = WN_SPAN_EMPTY,
        .sender = WN_SPAN_EMPTY,
        .message = WN_SPAN_EMPTY };

    rig_init(&rig);
    request.kind = WN_REQUEST_CLOSE; /* nobody there: nothing to be done */
    g_assert_null(wn_filter_ask(rig.client, &request, -1, NULL, NULL));
    process_begin(&process, &rig);
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        request.kind = kinds[i];
        g_assert_null(wn_filter_ask(rig.client, &request, -1, NULL, NULL));
    }
    await_asked(&rig, &process, 3);
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++)
        g_assert_cmpint(asked_at(&process, i)->request.kind, ==, kinds[i]);
}

static int
message_file(WnSpan message)
{
    g_autofree char *path = g_strdup("/tmp/filtering-client-XXXXXX");
    int fd = mkstemp(path);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(unlink(path), ==, 0);
    g_assert_true(wn_fd_write_all(fd, message));
    return fd;
}

/* From a file or from memory: the process reads it and cannot write. */
static void
test_large_message(void)
{
    g_auto(Rig) rig;
    g_auto(Process) second = { 0 };
    Process first;
    Question questions[2];
    g_autofree char *text = g_strnfill(WN_REQUEST_INLINE_MAX + 1, 'm');
    WnSpan message = wn_span_str(text);
    int fd = message_file(message);

    rig_init(&rig);
    process_begin(&first, &rig);
    ask_about(&rig, &questions[0], 0, WN_REQUEST_MESSAGE, message, fd);
    ask_about(&rig, &questions[1], 1, WN_REQUEST_MESSAGE, message, -1);
    close(fd); /* borrowed during the call only */
    await_asked(&rig, &first, 2);
    process_clear(&first);
    settle(&rig);
    process_begin(&second, &rig);
    for (guint i = 0; i < 2; i++) {
        const Asked *asked;

        await_asked(&rig, &second, i + 1);
        asked = asked_at(&second, i);
        g_assert_false(asked->inside);
        g_assert_false(asked->writable);
        g_assert_cmpuint(asked->request.message_len, ==, message.len);
        g_assert_cmpmem(asked->file, asked->file_len, message.ptr, message.len);
        answer(&second, asked->request.serial, "read");
    }
    await_told(&rig, 2);
}

static void
test_large_response(void)
{
    g_auto(Rig) rig;
    g_auto(Process) process;
    g_auto(WnWriter) writer;
    g_autofree char *text = g_strnfill(1000, 't');
    Question question;
    wn_autofd fd = -1;

    rig_init(&rig);
    process_begin(&process, &rig);
    ask(&rig, &question, 0, WN_REQUEST_MESSAGE);
    await_asked(&rig, &process, 1);
    wn_writer_init(&writer);
    write_answer(&writer, asked_at(&process, 0)->request.serial, 500,
        wn_span_str(text));
    g_assert_cmpuint(wn_writer_span(&writer).len, >, WN_CHANNEL_MESSAGE_MAX);
    fd = wn_fd_sealed_memory("response", wn_writer_span(&writer));
    wn_channel_send(process.channel, WN_FILTERING_RESPONSE_FILE, WN_SPAN_EMPTY,
        fd);
    await_told(&rig, 1);
    g_assert_cmpuint(told_at(&rig, 0)->n_decisions, ==, 500);
    g_assert_cmpstr(told_at(&rig, 0)->text, ==, text);
}

/* Nonsense is nobody's answer and does no harm. */
static void
test_malformed(void)
{
    g_auto(Rig) rig;
    g_auto(Process) process;
    Question question;
    wn_autofd small = wn_fd_sealed_memory("nonsense", WN_SPAN("nonsense"));
    wn_autofd large = memfd_create("large", MFD_CLOEXEC);

    rig_init(&rig);
    process_begin(&process, &rig);
    ask(&rig, &question, 0, WN_REQUEST_MESSAGE);
    await_asked(&rig, &process, 1);
    g_assert_cmpint(ftruncate(large, WN_RESPONSE_BYTES_MAX + 1), ==, 0);
    wn_channel_send(process.channel, WN_FILTERING_RESPONSE, WN_SPAN("x"), -1);
    wn_channel_send(process.channel, 0x7777, WN_SPAN("x"), small);
    wn_channel_send(process.channel, WN_FILTERING_RESPONSE_FILE, WN_SPAN_EMPTY,
        -1);
    wn_channel_send(process.channel, WN_FILTERING_RESPONSE_FILE, WN_SPAN_EMPTY,
        small);
    wn_channel_send(process.channel, WN_FILTERING_RESPONSE_FILE, WN_SPAN_EMPTY,
        large);
    answer(&process, asked_at(&process, 0)->request.serial, "sense");
    await_told(&rig, 1);
    g_assert_cmpstr(told_at(&rig, 0)->text, ==, "sense");
}

/* More than a channel can carry fails instead of stopping the program. */
static void
test_too_large(void)
{
    enum { N = 2000 };
    g_auto(Rig) rig;
    g_auto(Process) process;
    g_autofree char *address = g_strnfill(200, 'a');
    g_autofree WnRequestRecipient *many = g_new0(WnRequestRecipient, N);
    Question question = { .rig = &rig };
    WnRequest request = { .kind = WN_REQUEST_MESSAGE,
        .listener = WN_SPAN_EMPTY,
        .helo = WN_SPAN_EMPTY,
        .rdns = WN_SPAN_EMPTY,
        .sender = WN_SPAN_EMPTY,
        .n_scopes = 1,
        .scopes = one_scope,
        .n_recipients = N,
        .recipients = many,
        .message = WN_SPAN_EMPTY };

    rig_init(&rig);
    process_begin(&process, &rig);
    for (int i = 0; i < N; i++)
        many[i].address = wn_span_str(address);
    question.ticket = wn_filter_ask(rig.client, &request, -1, on_told,
        &question);
    await_told(&rig, 1);
    g_assert_false(told_at(&rig, 0)->answered);
    process_clear(&process);
    process_begin(&process, &rig);
    settle(&rig);
    g_assert_cmpuint(process.asked->len, ==, 0);
}

/* A callback may ask again and forget others. */
typedef struct Chain {
    Question question;
    Question *victim;
    Question next;
} Chain;

static void
on_chain(void *user, const WnResponse *response, const char *reason)
{
    Chain *chain = user;
    Rig *rig = chain->question.rig;

    if (chain->victim->ticket != NULL)
        wn_filter_forget(g_steal_pointer(&chain->victim->ticket));
    ask(rig, &chain->next, 100, WN_REQUEST_NAME);
    on_told(&chain->question, response, reason);
}

static void
test_callback_acts(void)
{
    g_auto(Rig) rig;
    Question victims[2];
    Chain chains[2] = { { .victim = &victims[0] }, { .victim = &victims[1] } };

    rig_init(&rig);
    for (int i = 0; i < 2; i++) {
        WnRequest request = { .kind = WN_REQUEST_NAME,
            .listener = WN_SPAN_EMPTY,
            .helo = WN_SPAN_EMPTY,
            .rdns = WN_SPAN_EMPTY,
            .sender = WN_SPAN_EMPTY,
            .message = WN_SPAN_EMPTY };

        chains[i].question = (Question){ .rig = &rig, .number = i };
        wn_filter_ask(rig.client, &request, -1, on_chain, &chains[i]);
        ask(&rig, &victims[i], 50 + i, WN_REQUEST_NAME);
    }
    wn_clock_fake_step(DEADLINE_MS + 250);
    settle(&rig);
    for (guint i = 0; i < rig.told->len; i++)
        g_assert_cmpint(told_at(&rig, i)->number, <, 100);
    wn_clock_fake_step(DEADLINE_MS + 250);
    settle(&rig);
    g_assert_cmpint(told_at(&rig, rig.told->len - 1)->number, ==, 100);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/filtering/client/answered", test_answered);
    g_test_add_func("/filtering/client/many", test_many);
    g_test_add_func("/filtering/client/forgotten", test_forgotten);
    g_test_add_func("/filtering/client/deadline", test_deadline);
    g_test_add_func("/filtering/client/nobody-there", test_nobody_there);
    g_test_add_func("/filtering/client/replaced", test_replaced);
    g_test_add_func("/filtering/client/not-answered", test_not_answered_kinds);
    g_test_add_func("/filtering/client/large-message", test_large_message);
    g_test_add_func("/filtering/client/large-response", test_large_response);
    g_test_add_func("/filtering/client/malformed", test_malformed);
    g_test_add_func("/filtering/client/too-large", test_too_large);
    g_test_add_func("/filtering/client/callback-acts", test_callback_acts);
    return g_test_run();
}
