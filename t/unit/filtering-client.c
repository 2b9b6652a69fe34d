/* SPDX-License-Identifier: MIT */
#include "core/filtering/client.h"

#include "core/base/clock.h"
#include "core/base/fd.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEADLINE_MS 10000
#define TURNS_MAX 200

/* The other end of a channel: keeps what it was asked. */
typedef struct Asked {
    WnArena *arena;
    WnRequest request;
    bool inside;
    char *file; /* what the descriptor holds, NULL without one */
    size_t file_len;
    bool writable;
} Asked;

typedef struct Process {
    WnChannel *channel;
    GPtrArray *asked; /* Asked */
    bool closed;
} Process;

typedef struct Told {
    int number;
    bool answered;
    WnPtrStatus status;
    uint32_t n_decisions;
    char *text; /* of the first decision, or the reason */
} Told;

typedef struct Rig {
    WnLoop *loop;
    WnFilterClient *client;
    GArray *told; /* Told */
} Rig;

typedef struct Question {
    Rig *rig;
    int number;
    WnFilterTicket *ticket;
} Question;

static void
asked_free(void *data)
{
    Asked *asked = data;

    wn_arena_free(asked->arena);
    g_free(asked->file);
    g_free(asked);
}

static void
read_descriptor(Asked *asked, int fd)
{
    struct stat st;

    asked->writable = write(fd, "", 0) == 0
                      && (fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDONLY
                      && (fcntl(fd, F_GET_SEALS) & F_SEAL_WRITE) == 0;
    g_assert_cmpint(fstat(fd, &st), ==, 0);
    asked->file_len = (size_t)st.st_size;
    asked->file = g_malloc(asked->file_len + 1);
    g_assert_true(wn_fd_pread_all(fd, asked->file, asked->file_len, 0));
}

static void
on_asked(void *user, uint16_t type, WnSpan payload, int take_fd)
{
    Process *self = user;
    wn_autofd fd = take_fd;
    Asked *asked = g_new0(Asked, 1);

    g_assert_cmpuint(type, ==, WN_FILTERING_REQUEST);
    asked->arena = wn_arena_new(0);
    g_assert_true(wn_request_read(wn_arena_copy(asked->arena, payload),
        asked->arena, &asked->request, &asked->inside));
    if (fd >= 0)
        read_descriptor(asked, fd);
    g_ptr_array_add(self->asked, asked);
}

static void
on_process_closed(void *user)
{
    ((Process *)user)->closed = true;
}

static void
process_begin(Process *self, Rig *rig)
{
    int fds[2];

    g_assert_true(wn_channel_pair(fds));
    *self = (Process){ .asked = g_ptr_array_new_with_free_func(asked_free) };
    self->channel = wn_channel_new(rig->loop, fds[1], on_asked,
        on_process_closed, self);
    wn_filter_client_attach(rig->client, fds[0]);
}

static void
process_clear(Process *self)
{
    g_clear_pointer(&self->channel, wn_channel_free);
    g_clear_pointer(&self->asked, g_ptr_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Process, process_clear)

static const Asked *
asked_at(const Process *self, guint n)
{
    g_assert_cmpuint(n, <, self->asked->len);
    return self->asked->pdata[n];
}

static void
clear_told(void *data)
{
    g_free(((Told *)data)->text);
}

static void
rig_init(Rig *self)
{
    wn_clock_fake(1000000, INT64_C(1795435200000));
    *self = (Rig){ .loop = wn_loop_new(),
        .told = g_array_new(FALSE, TRUE, sizeof(Told)) };
    g_array_set_clear_func(self->told, clear_told);
    self->client = wn_filter_client_new(self->loop, DEADLINE_MS);
}

static void
rig_clear(Rig *self)
{
    wn_filter_client_free(self->client);
    g_array_unref(self->told);
    wn_loop_free(self->loop);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Rig, rig_clear)

static void
on_told(void *user, const WnResponse *response, const char *reason)
{
    Question *question = user;
    Told told = { .number = question->number, .answered = response != NULL };

    question->ticket = NULL;
    g_assert_true((response == NULL) == (reason != NULL));
    if (response != NULL) {
        told.status = response->rdns_status;
        told.n_decisions = response->n_decisions;
    }
    told.text = response == NULL ? g_strdup(reason)
                : response->n_decisions > 0
                    ? wn_span_dup(response->decisions[0].text)
                    : wn_span_dup(response->rdns);
    g_array_append_val(question->rig->told, told);
}

static const Told *
told_at(const Rig *rig, guint n)
{
    g_assert_cmpuint(n, <, rig->told->len);
    return &g_array_index(rig->told, Told, n);
}

static void
await_told(Rig *rig, guint n)
{
    for (int i = 0; i < TURNS_MAX && rig->told->len < n; i++)
        wn_loop_turn(rig->loop);
    g_assert_cmpuint(rig->told->len, ==, n);
}

static void
await_asked(Rig *rig, const Process *process, guint n)
{
    for (int i = 0; i < TURNS_MAX && process->asked->len < n; i++)
        wn_loop_turn(rig->loop);
    g_assert_cmpuint(process->asked->len, ==, n);
}

static void
settle(Rig *rig)
{
    for (int i = 0; i < 3; i++)
        wn_loop_turn(rig->loop);
}

static const WnRequestScope one_scope[] = { { 5 } };
static const WnRequestRecipient one_recipient[] = {
    { { "a@customer.example", 18 }, 0 }
};

static void
ask_about(Rig *rig, Question *question, int number, WnRequestKind kind,
    WnSpan message, int fd)
{
    WnRequest request = { .kind = kind,
        .session = 3,
        .generation = 9,
        .listener = WN_SPAN("127.0.0.1:25"),
        .helo = WN_SPAN("client.example"),
        .rdns = WN_SPAN_EMPTY,
        .rdns_status = WN_PTR_UNKNOWN,
        .id = wn_id_new(),
        .sender = WN_SPAN("s@sender.example"),
        .n_scopes = 1,
        .scopes = one_scope,
        .n_recipients = 1,
        .recipients = one_recipient,
        .message = message };

    *question = (Question){ .rig = rig, .number = number };
    question->ticket = wn_filter_ask(rig->client, &request, fd, on_told,
        question);
    g_assert_nonnull(question->ticket);
}

static void
ask(Rig *rig, Question *question, int number, WnRequestKind kind)
{
    ask_about(rig, question, number, kind, WN_SPAN("A: b\r\n\r\n"), -1);
}

static void
write_answer(WnWriter *writer, uint64_t serial, uint32_t n, WnSpan text)
{
    g_autofree WnScopeDecision *decisions = g_new0(WnScopeDecision, n);
    WnResponse response = { .serial = serial,
        .rdns_status = WN_PTR_NONE,
        .rdns = WN_SPAN_EMPTY,
        .n_decisions = n,
        .decisions = decisions };

    for (uint32_t i = 0; i < n; i++)
        decisions[i] = (WnScopeDecision){ .decided = WN_DECIDED_REJECT,
            .filter = WN_SPAN_EMPTY,
            .code = 550,
            .enhanced = WN_SPAN_EMPTY,
            .text = text,
            .redirect = WN_SPAN_EMPTY };
    wn_response_write(&response, writer);
}

static void
answer(Process *process, uint64_t serial, const char *text)
{
    g_auto(WnWriter) writer;

    wn_writer_init(&writer);
    write_answer(&writer, serial, 1, wn_span_str(text));
    wn_channel_send(process->channel, WN_FILTERING_RESPONSE,
        wn_writer_span(&writer), -1);
}

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

/* What was asked of a process that died is asked of the next. */
static void
test_process_dies(void)
{
    g_auto(Rig) rig;
    g_auto(Process) second = { 0 };
    Process first;
    Question questions[2];

    rig_init(&rig);
    process_begin(&first, &rig);
    ask(&rig, &questions[0], 0, WN_REQUEST_NAME);
    ask(&rig, &questions[1], 1, WN_REQUEST_MESSAGE);
    await_asked(&rig, &first, 2);
    process_clear(&first);
    settle(&rig);
    g_assert_false(wn_filter_client_is_attached(rig.client));
    g_assert_cmpuint(rig.told->len, ==, 0);
    process_begin(&second, &rig);
    await_asked(&rig, &second, 2);
    for (guint i = 0; i < 2; i++) {
        const Asked *asked = asked_at(&second, i);

        g_assert_cmpuint(asked->request.attempt, ==, 2);
        answer(&second, asked->request.serial, "second");
    }
    g_assert_cmpmem(asked_at(&second, 1)->request.message.ptr,
        asked_at(&second, 1)->request.message.len, "A: b\r\n\r\n", 8);
    await_told(&rig, 2);
    g_assert_cmpstr(told_at(&rig, 0)->text, ==, "second");
    g_assert_cmpstr(told_at(&rig, 1)->text, ==, "second");
}

static void
test_dies_twice(void)
{
    g_auto(Rig) rig;
    g_auto(Process) third = { 0 };
    Process process;
    Question question;

    rig_init(&rig);
    process_begin(&process, &rig);
    ask(&rig, &question, 0, WN_REQUEST_MESSAGE);
    for (guint n = 0; n < WN_FILTER_ATTEMPTS_MAX; n++) {
        if (n > 0)
            process_begin(&process, &rig);
        await_asked(&rig, &process, 1);
        process_clear(&process);
        settle(&rig);
    }
    g_assert_cmpuint(rig.told->len, ==, 0);
    process_begin(&third, &rig);
    await_told(&rig, 1);
    g_assert_false(told_at(&rig, 0)->answered);
    g_assert_nonnull(strstr(told_at(&rig, 0)->text, "died"));
    g_assert_cmpuint(third.asked->len, ==, 0);
}

/* One message kills every process that sees it.  The others that were asked at
 * the same time are none the worse for it. */
static void
test_poison(void)
{
    enum { N = 20, POISON = 7 };
    g_auto(Rig) rig;
    g_auto(Process) third = { 0 };
    Process process;
    Question questions[N];
    guint n_answered = 0;
    uint64_t poison;

    rig_init(&rig);
    process_begin(&process, &rig);
    for (int i = 0; i < N; i++)
        ask(&rig, &questions[i], i, WN_REQUEST_MESSAGE);
    await_asked(&rig, &process, N);
    poison = asked_at(&process, POISON)->request.serial;
    process_clear(&process);
    settle(&rig);

    process_begin(&process, &rig);
    for (guint i = 0; i <= POISON; i++) {
        await_asked(&rig, &process, i + 1); /* one after another */
        if (asked_at(&process, i)->request.serial == poison)
            break;
        answer(&process, asked_at(&process, i)->request.serial, "well");
        await_told(&rig, ++n_answered);
    }
    g_assert_cmpuint(n_answered, ==, POISON);
    process_clear(&process);
    settle(&rig);

    process_begin(&third, &rig);
    for (guint i = 0; i < N - POISON - 1; i++) {
        await_asked(&rig, &third, i + 1);
        g_assert_cmpuint(asked_at(&third, i)->request.serial, !=, poison);
        answer(&third, asked_at(&third, i)->request.serial, "well");
        settle(&rig);
    }
    g_assert_cmpuint(rig.told->len, ==, N);
    for (guint i = 0; i < N; i++)
        g_assert_cmpint(told_at(&rig, i)->answered, ==,
            told_at(&rig, i)->number != POISON);
}

/* A suspect that takes its time does not hold up the others for long, and one
 * that is forgotten not at all. */
static void
test_slow_suspect(void)
{
    g_auto(Rig) rig;
    g_auto(Process) second = { 0 };
    Process first;
    Question questions[4];

    rig_init(&rig);
    process_begin(&first, &rig);
    for (int i = 0; i < 4; i++)
        ask(&rig, &questions[i], i, WN_REQUEST_MESSAGE);
    await_asked(&rig, &first, 4);
    process_clear(&first);
    settle(&rig);
    process_begin(&second, &rig);
    settle(&rig);
    g_assert_cmpuint(second.asked->len, ==, 1);
    wn_clock_fake_step(WN_FILTER_PACE_MS + 250);
    await_asked(&rig, &second, 2);
    wn_filter_forget(questions[1].ticket);
    await_asked(&rig, &second, 3);
    answer(&second, asked_at(&second, 0)->request.serial, "slow");
    settle(&rig);
    g_assert_cmpuint(second.asked->len, ==, 3); /* was not waited for */
    answer(&second, asked_at(&second, 2)->request.serial, "quick");
    await_asked(&rig, &second, 4);
    wn_filter_forget(questions[3].ticket);
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
    static const WnRequestKind kinds[] = { WN_REQUEST_RESET, WN_REQUEST_CLOSE };
    g_auto(Rig) rig;
    g_auto(Process) process;
    WnRequest request = { .session = 4,
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
    await_asked(&rig, &process, 2);
    g_assert_cmpint(asked_at(&process, 0)->request.kind, ==, WN_REQUEST_RESET);
    g_assert_cmpint(asked_at(&process, 1)->request.kind, ==, WN_REQUEST_CLOSE);
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
    g_test_add_func("/filtering/client/process-dies", test_process_dies);
    g_test_add_func("/filtering/client/dies-twice", test_dies_twice);
    g_test_add_func("/filtering/client/poison", test_poison);
    g_test_add_func("/filtering/client/slow-suspect", test_slow_suspect);
    g_test_add_func("/filtering/client/replaced", test_replaced);
    g_test_add_func("/filtering/client/not-answered", test_not_answered_kinds);
    g_test_add_func("/filtering/client/large-message", test_large_message);
    g_test_add_func("/filtering/client/large-response", test_large_response);
    g_test_add_func("/filtering/client/malformed", test_malformed);
    g_test_add_func("/filtering/client/too-large", test_too_large);
    g_test_add_func("/filtering/client/callback-acts", test_callback_acts);
    return g_test_run();
}
