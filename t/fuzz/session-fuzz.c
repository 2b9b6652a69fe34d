/* SPDX-License-Identifier: MIT */
#include "core/base/clock.h"
#include "core/base/fd.h"
#include "core/base/log.h"
#include "core/smtp/session.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * A whole session from bytes: the first byte of the input says how the rest is
 * cut and how the handler behaves.  What must hold whatever comes in: all
 * output is well-formed replies, the handler hears of each begun transaction's
 * end and of the session's once, and no message is taken without CRLF.CRLF.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct Run {
    WnLoop *loop;
    WnSession *session;
    bool later;   /* the handler answers later */
    bool waiting; /* and has not yet */
    unsigned n_open;
    unsigned n_messages;
    GByteArray *out;
} Run;

static WnAnswerWhen
decide(Run *run, WnReply *out_reply)
{
    *out_reply = (WnReply){ 250, "2.0.0", "fine" };
    run->waiting = run->later;
    return run->later ? WN_ANSWER_LATER : WN_ANSWER_NOW;
}

static WnAnswerWhen
on_connect(void *user, WnSession *session, WnReply *out_reply)
{
    (void)user;
    (void)session;
    *out_reply = (WnReply){ 220, NULL, NULL };
    return WN_ANSWER_NOW;
}

static void
on_helo(void *user, WnSession *session)
{
    (void)user;
    g_assert_cmpuint(wn_session_helo(session).len, >, 0);
}

static WnAnswerWhen
on_mail(void *user, WnSession *session, WnReply *out_reply)
{
    Run *run = user;

    (void)session;
    run->n_open++;
    g_assert_cmpuint(run->n_open, ==, 1);
    return decide(run, out_reply);
}

static WnAnswerWhen
on_rcpt(void *user, WnSession *session, WnSessionRecipient *recipient,
    WnReply *out_reply)
{
    Run *run = user;

    (void)session;
    g_assert_cmpuint(run->n_open, ==, 1);
    g_assert_cmpuint(recipient->path.text.len, >, 0);
    return decide(run, out_reply);
}

static void
on_data(void *user, WnSession *session, WnReply *out_reply)
{
    (void)user;
    g_assert_cmpuint(wn_session_transaction(session)->recipients->len, >, 0);
    *out_reply = (WnReply){ 354, NULL, NULL };
}

static WnAnswerWhen
on_message(void *user, WnSession *session, const WnSessionMessage *message,
    WnReply *out_reply)
{
    Run *run = user;

    (void)session;
    run->n_messages++;
    g_assert_null(memmem(message->wire.ptr, message->wire.len, "\r\n.\r\n", 5));
    return decide(run, out_reply);
}

static void
on_reset(void *user, WnSession *session)
{
    Run *run = user;

    (void)session;
    g_assert_cmpuint(run->n_open, ==, 1);
    run->n_open = 0;
    run->waiting = false;
}

static void
on_closed(void *user, WnSession *session)
{
    Run *run = user;

    g_assert_true(run->session == session);
    g_assert_cmpuint(run->n_open, ==, 0);
    run->session = NULL;
    run->waiting = false;
}

static const WnSessionHandler handler = { on_connect, on_helo, on_mail, on_rcpt,
    on_data, on_message, NULL, on_reset, on_closed };

static void
nothing(void *user)
{
    (void)user;
}

static void
turn(Run *run, int fd)
{
    char bytes[4096];
    ssize_t n;

    for (int i = 0; i < 3; i++) {
        wn_loop_defer(run->loop, nothing, NULL);
        wn_loop_turn(run->loop);
        if (run->waiting) {
            run->waiting = false;
            wn_session_answer(run->session,
                &(WnReply){ 250, "2.0.0", "at last" }, 1);
        }
    }
    while ((n = recv(fd, bytes, sizeof(bytes), 0)) > 0)
        g_byte_array_append(run->out, (const guint8 *)bytes, (guint)n);
}

static void
feed(Run *run, int fd, WnSpan input, size_t step)
{
    while (input.len > 0 && run->session != NULL) {
        WnSpan piece = wn_span_slice(input, 0, step);
        ssize_t n = send(fd, piece.ptr, piece.len, MSG_NOSIGNAL);

        if (n > 0)
            input = wn_span_slice(input, (size_t)n, input.len);
        else
            wn_clock_fake_step(1000); /* it is not reading: held back */
        turn(run, fd);
    }
}

static size_t
count_ends(WnSpan input)
{
    size_t n = 0;

    for (size_t i = 0; i + 3 <= input.len; i++)
        n += memcmp(input.ptr + i, ".\r\n", 3) == 0;
    return n;
}

static void
check_output(WnSpan out)
{
    while (out.len > 0) {
        const char *lf = memchr(out.ptr, '\n', out.len);
        size_t len;

        g_assert_nonnull(lf);
        len = (size_t)(lf - out.ptr) + 1;
        g_assert_cmpuint(len, >=, 6);
        g_assert_cmpuint(len, <=, 512);
        g_assert_true(lf[-1] == '\r');
        g_assert_true(out.ptr[0] >= '2' && out.ptr[0] <= '5');
        g_assert_true(out.ptr[3] == ' ' || out.ptr[3] == '-');
        for (size_t i = 0; i < len - 2; i++)
            g_assert_true(g_ascii_isprint(out.ptr[i]));
        out = wn_span_slice(out, len, out.len);
    }
}

static void
run_session(Run *run, const WnSessionContext *context, WnSpan input,
    size_t step)
{
    WnNetaddr peer = { .len = 4, .bytes = { 192, 0, 2, 1 } };
    int ends[2];

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends),
        ==, 0);
    g_assert_true(wn_fd_set_nonblocking(ends[0]));
    run->session = wn_session_new(context, ends[1], &peer, false, "test");
    turn(run, ends[0]);
    feed(run, ends[0], input, step);
    g_assert_cmpint(shutdown(ends[0], SHUT_WR), ==, 0);
    turn(run, ends[0]);
    turn(run, ends[0]);
    /* Held back by too many mistakes. */
    wn_clock_fake_step(context->command_timeout_ms);
    turn(run, ends[0]);
    if (run->session != NULL)
        wn_session_kick(run->session, &(WnReply){ 421, "4.3.2", "bye" });
    turn(run, ends[0]);
    close(ends[0]);
    turn(run, ends[0]);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned how = size > 0 ? data[0] : 0;
    WnSpan input = wn_span_slice(wn_span(data, size), 1, size);
    Run run = { .loop = wn_loop_new(),
        .later = how & 1,
        .out = g_byte_array_new() };
    WnSessionContext context = {
        .loop = run.loop,
        .handler = &handler,
        .handler_self = &run,
        .hostname = "mx.example",
        .max_message_size = 2000,
        .max_recipients = 5,
        .normalise_bare_newlines = how & 2,
        .offer_prdr = true,
        .spool = g_get_tmp_dir(),
        .memory_max = 100,
        .command_timeout_ms = 300000,
        .data_timeout_ms = 180000,
        .min_data_rate = 500,
    };

    wn_log_set_level(WN_LEVEL_ERROR);
    wn_clock_fake(1000000000, 1700000000000);
    run_session(&run, &context, input, how >> 2 == 0 ? 65536 : how >> 2);
    g_assert_null(run.session);
    g_assert_cmpuint(run.n_open, ==, 0);
    g_assert_cmpuint(run.n_messages, <=, count_ends(input));
    check_output(wn_span(run.out->data, run.out->len));
    g_byte_array_unref(run.out);
    wn_loop_free(run.loop);
    return 0;
}
