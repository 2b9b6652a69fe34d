/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A filter client on a fake clock, questions with what came of them, and the
 * other end of its channel, which keeps what it was asked.
 */

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

static inline void
asked_free(void *data)
{
    Asked *asked = data;

    wn_arena_free(asked->arena);
    g_free(asked->file);
    g_free(asked);
}

static inline void
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

static inline void
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

static inline void
on_process_closed(void *user)
{
    ((Process *)user)->closed = true;
}

static inline void
process_begin(Process *self, Rig *rig)
{
    int fds[2];

    g_assert_true(wn_channel_pair(fds));
    *self = (Process){ .asked = g_ptr_array_new_with_free_func(asked_free) };
    self->channel = wn_channel_new(rig->loop, fds[1], on_asked,
        on_process_closed, self);
    wn_filter_client_attach(rig->client, fds[0]);
}

static inline void
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

static inline void
clear_told(void *data)
{
    g_free(((Told *)data)->text);
}

static inline void
rig_init(Rig *self)
{
    wn_clock_fake(1000000, INT64_C(1795435200000));
    *self = (Rig){ .loop = wn_loop_new(),
        .told = g_array_new(FALSE, TRUE, sizeof(Told)) };
    g_array_set_clear_func(self->told, clear_told);
    self->client = wn_filter_client_new(self->loop, DEADLINE_MS);
}

static inline void
rig_clear(Rig *self)
{
    wn_filter_client_free(self->client);
    g_array_unref(self->told);
    wn_loop_free(self->loop);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Rig, rig_clear)

static inline void
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

static inline void
await_told(Rig *rig, guint n)
{
    for (int i = 0; i < TURNS_MAX && rig->told->len < n; i++)
        wn_loop_turn(rig->loop);
    g_assert_cmpuint(rig->told->len, ==, n);
}

static inline void
await_asked(Rig *rig, const Process *process, guint n)
{
    for (int i = 0; i < TURNS_MAX && process->asked->len < n; i++)
        wn_loop_turn(rig->loop);
    g_assert_cmpuint(process->asked->len, ==, n);
}

static inline void
settle(Rig *rig)
{
    for (int i = 0; i < 3; i++)
        wn_loop_turn(rig->loop);
}

static const WnRequestScope one_scope[] = { { 5 } };
static const WnRequestRecipient one_recipient[] = {
    { { "a@customer.example", 18 }, 0 }
};

static inline void
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

static inline void
ask(Rig *rig, Question *question, int number, WnRequestKind kind)
{
    ask_about(rig, question, number, kind, WN_SPAN("A: b\r\n\r\n"), -1);
}

static inline void
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

static inline void
answer(Process *process, uint64_t serial, const char *text)
{
    g_auto(WnWriter) writer;

    wn_writer_init(&writer);
    write_answer(&writer, serial, 1, wn_span_str(text));
    wn_channel_send(process->channel, WN_FILTERING_RESPONSE,
        wn_writer_span(&writer), -1);
}
