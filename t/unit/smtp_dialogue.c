/* SPDX-License-Identifier: MIT */
#include "t/unit/smtp_dialogue.h"

#include "core/base/clock.h"
#include "core/base/fd.h"
#include "core/smtp/framing.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* More turns than anything needs that does not wait for time. */
#define TURNS 12

const WnReply dialogue_queued = { 250, "2.0.0", "queued" };

static void
note(Dialogue *self, const char *call, WnSpan detail)
{
    if (self->log->len > 0)
        g_string_append_c(self->log, ' ');
    g_string_append(self->log, call);
    g_string_append_len(self->log, detail.ptr, (gssize)detail.len);
}

/* What an address asks for. */
static WnAnswerWhen
decide(WnSpan address, WnReply *out_reply)
{
    *out_reply = (WnReply){ 250, "2.1.0", "fine" };
    if (wn_span_case_starts(address, WN_SPAN("no@")))
        *out_reply = (WnReply){ 550, "5.1.1", "unwanted" };
    else if (wn_span_case_starts(address, WN_SPAN("tmp@")))
        *out_reply = (WnReply){ 450, "4.7.1", "not now" };
    else if (wn_span_case_starts(address, WN_SPAN("kill@")))
        *out_reply = (WnReply){ 421, "4.3.0", "go away" };
    else if (wn_span_case_starts(address, WN_SPAN("later@")))
        return WN_ANSWER_LATER;
    return WN_ANSWER_NOW;
}

static WnAnswerWhen
on_connect(void *user, WnSession *session, WnReply *out_reply)
{
    Dialogue *self = user;

    (void)session;
    note(self, "connect", WN_SPAN_EMPTY);
    *out_reply = self->connect_reply;
    return self->connect_reply.code == 0 ? WN_ANSWER_LATER : WN_ANSWER_NOW;
}

static void
on_helo(void *user, WnSession *session)
{
    note(user, wn_session_is_esmtp(session) ? "ehlo:" : "helo:",
        wn_session_helo(session));
}

static WnAnswerWhen
on_mail(void *user, WnSession *session, WnReply *out_reply)
{
    WnTransaction *transaction = wn_session_transaction(session);

    g_assert_nonnull(transaction);
    g_assert_cmpuint(transaction->recipients->len, ==, 0);
    note(user, "mail:", transaction->sender.text);
    return decide(transaction->sender.text, out_reply);
}

static WnAnswerWhen
on_rcpt(void *user, WnSession *session, WnSessionRecipient *recipient,
    WnReply *out_reply)
{
    g_assert_nonnull(wn_session_transaction(session));
    note(user, "rcpt:", recipient->path.text);
    return decide(recipient->path.text, out_reply);
}

static void
on_data(void *user, WnSession *session, WnReply *out_reply)
{
    WnTransaction *transaction = wn_session_transaction(session);
    WnSpan sender = transaction->sender.text;

    g_assert_cmpuint(transaction->recipients->len, >, 0);
    note(user, "data", WN_SPAN_EMPTY);
    *out_reply = (WnReply){ 354, NULL, NULL };
    if (wn_span_case_starts(sender, WN_SPAN("nodata@")))
        *out_reply = (WnReply){ 451, "4.3.5", "not now" };
}

static void
check_file(const WnSessionMessage *message)
{
    g_autofree char *copy = g_malloc(message->wire.len + 1);

    g_assert_true(
        wn_fd_pread_all(message->wire_fd, copy, message->wire.len, 0));
    g_assert_true(wn_span_eq(wn_span(copy, message->wire.len), message->wire));
}

static WnAnswerWhen
on_message(void *user, WnSession *session, const WnSessionMessage *message,
    WnReply *out_reply)
{
    Dialogue *self = user;

    note(self, "message", WN_SPAN_EMPTY);
    self->prdr = wn_session_transaction(session)->prdr;
    self->n_messages++;
    self->in_file = message->wire_fd >= 0;
    if (self->in_file)
        check_file(message);
    g_byte_array_set_size(self->message, 0);
    wn_framing_unstuff(message->wire, self->message);
    g_assert_cmpuint(self->message->len + message->n_stuffed, ==,
        message->wire.len);
    if (self->message_reply == NULL)
        return WN_ANSWER_LATER;
    *out_reply = *self->message_reply;
    return WN_ANSWER_NOW;
}

static void
on_reset(void *user, WnSession *session)
{
    g_assert_nonnull(wn_session_transaction(session));
    note(user, "reset", WN_SPAN_EMPTY);
}

static void
on_closed(void *user, WnSession *session)
{
    Dialogue *self = user;

    g_assert_true(self->session == session);
    note(self, "closed", WN_SPAN_EMPTY);
    self->session = NULL;
}

static const WnSessionHandler fake_handler = {
    .connect = on_connect,
    .helo = on_helo,
    .mail = on_mail,
    .rcpt = on_rcpt,
    .data = on_data,
    .message = on_message,
    .reset = on_reset,
    .closed = on_closed,
};

void
dialogue_init(Dialogue *self)
{
    wn_clock_fake(1000000000, 1700000000000);
    *self = (Dialogue){
        .loop = wn_loop_new(),
        .handler = fake_handler,
        .fd = -1,
        .folder = g_dir_make_tmp("winnow-session-XXXXXX", NULL),
        .in = g_byte_array_new(),
        .connect_reply = { 220, NULL, NULL },
        .message_reply = &dialogue_queued,
        .log = g_string_new(NULL),
        .message = g_byte_array_new(),
    };
    self->context = (WnSessionContext){
        .loop = self->loop,
        .handler = &self->handler,
        .handler_self = self,
        .hostname = "mx.example",
        .max_message_size = 1000000,
        .max_recipients = 100,
        .offer_prdr = true,
        .spool = self->folder,
        .memory_max = 65536,
        .command_timeout_ms = 300000,
        .data_timeout_ms = 180000,
        .min_data_rate = 500,
    };
}

void
dialogue_begin(Dialogue *self, bool proxy)
{
    WnNetaddr peer = { .len = 4, .bytes = { 192, 0, 2, 1 }, .port = 4711 };
    int ends[2];

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends),
        ==, 0);
    g_assert_true(wn_fd_set_nonblocking(ends[0]));
    self->fd = ends[0];
    self->session = wn_session_new(&self->context, ends[1], &peer, proxy,
        "127.0.0.1:25");
    g_assert_cmpuint(self->log->len, ==, 0);
}

static void
nothing(void *user)
{
    (void)user;
}

void
dialogue_clear(Dialogue *self)
{
    if (self->session != NULL)
        wn_session_kick(self->session, &(WnReply){ 421, "4.3.2", "bye" });
    if (self->fd >= 0)
        close(self->fd);
    dialogue_spin(self);
    SSL_free(self->ssl);
    wn_loop_free(self->loop);
    g_assert_cmpint(g_rmdir(self->folder), ==, 0);
    g_free(self->folder);
    g_string_free(self->log, TRUE);
    g_byte_array_unref(self->in);
    g_byte_array_unref(self->message);
}

static ssize_t
receive(Dialogue *self, char *out, size_t size)
{
    int n;

    if (self->ssl == NULL)
        return recv(self->fd, out, size, 0);
    n = SSL_read(self->ssl, out, (int)size);
    if (n > 0)
        return n;
    errno = EAGAIN;
    return SSL_get_error(self->ssl, n) == SSL_ERROR_WANT_READ ? -1 : 0;
}

static void
collect(Dialogue *self)
{
    char bytes[4096];
    ssize_t n = 1;

    while (self->fd >= 0 && !self->ended && n > 0) {
        n = receive(self, bytes, sizeof(bytes));
        if (n > 0)
            g_byte_array_append(self->in, (const guint8 *)bytes, (guint)n);
        else if (n == 0 || errno != EAGAIN)
            self->ended = true;
    }
}

void
dialogue_spin(Dialogue *self)
{
    for (int i = 0; i < TURNS; i++) {
        wn_loop_defer(self->loop, nothing, NULL);
        wn_loop_turn(self->loop);
        collect(self);
    }
}

void
dialogue_send(Dialogue *self, WnSpan bytes)
{
    while (bytes.len > 0) {
        ssize_t n = self->ssl != NULL
                        ? SSL_write(self->ssl, bytes.ptr, (int)bytes.len)
                        : send(self->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);

        if (n > 0)
            bytes = wn_span_slice(bytes, (size_t)n, bytes.len);
        else if (self->ssl == NULL && errno != EAGAIN)
            return;
        if (bytes.len > 0)
            dialogue_spin(self);
    }
}

/* The next line from the server, or NULL. */
static char *
take_line(Dialogue *self)
{
    char *end = NULL;
    size_t len;
    char *line;

    if (self->in->len > 0)
        end = memmem(self->in->data, self->in->len, "\r\n", 2);
    if (end == NULL)
        return NULL;
    len = (size_t)(end - (char *)self->in->data);
    line = g_strndup((char *)self->in->data, len);
    g_byte_array_remove_range(self->in, 0, (guint)len + 2);
    return line;
}

static bool
line_matches(const char *line, const char *pattern)
{
    size_t len = strlen(pattern);

    if (len > 0 && pattern[len - 1] == '*')
        return strncmp(line, pattern, len - 1) == 0;
    return strcmp(line, pattern) == 0;
}

static void
expect(Dialogue *self, const char *pattern)
{
    g_autofree char *line = NULL;

    dialogue_spin(self);
    line = take_line(self);
    if (strcmp(pattern, "<nothing>") == 0) {
        g_assert_cmpstr(line, ==, NULL);
        g_assert_false(self->ended);
    } else if (strcmp(pattern, "<closed>") == 0) {
        g_assert_cmpstr(line, ==, NULL);
        g_assert_true(self->ended);
        g_assert_null(self->session);
    } else if (line == NULL || !line_matches(line, pattern)) {
        g_error("server said \"%s\" instead of \"%s\"",
            line != NULL ? line : "nothing", pattern);
    }
}

static void
answer(Dialogue *self, const char *text)
{
    g_auto(GStrv) parts = g_strsplit(text, " | ", -1);
    size_t n = g_strv_length(parts);
    g_autofree WnReply *replies = g_new0(WnReply, n);

    g_assert_nonnull(self->session);
    for (size_t i = 0; i < n; i++) {
        /* "250 2.0.0 text" */
        replies[i].code = (uint16_t)g_ascii_strtoull(parts[i], NULL, 10);
        parts[i][9] = '\0';
        replies[i].enhanced = parts[i] + 4;
        replies[i].text = parts[i] + 10;
    }
    wn_session_answer(self->session, replies, n);
}

static void
flush_lines(Dialogue *self, GString *lines)
{
    dialogue_send(self, wn_span(lines->str, lines->len));
    g_string_truncate(lines, 0);
}

static void
run_line(Dialogue *self, const char *line, GString *sending)
{
    if (g_str_has_prefix(line, "C: ") || g_str_has_prefix(line, "C--")) {
        g_autofree char *text = g_strcompress(line + 3);

        g_string_append(sending, text);
        if (line[1] == ':')
            g_string_append(sending, "\r\n");
        return;
    }
    flush_lines(self, sending);
    if (g_str_has_prefix(line, "S: ")) {
        expect(self, line + 3);
    } else if (g_str_has_prefix(line, "H: ")) {
        dialogue_spin(self);
        answer(self, line + 3);
    } else if (g_str_has_prefix(line, "T: ")) {
        dialogue_spin(self);
        wn_clock_fake_step(g_ascii_strtoll(line + 3, NULL, 10));
        dialogue_spin(self);
    } else {
        g_error("not a line of a transcript: %s", line);
    }
}

void
dialogue_run(Dialogue *self, const char *transcript)
{
    g_auto(GStrv) lines = g_strsplit(transcript, "\n", -1);
    g_autoptr(GString) sending = g_string_new(NULL);

    for (size_t i = 0; lines[i] != NULL; i++) {
        if (lines[i][0] != '\0')
            run_line(self, lines[i], sending);
    }
    flush_lines(self, sending);
    dialogue_spin(self);
}

void
dialogue_greet(Dialogue *self)
{
    dialogue_run(self, "S: 220 mx.example ESMTP winnow\n"
                       "C: HELO client.example\n"
                       "S: 250 mx.example\n");
    g_string_truncate(self->log, 0);
}

void
dialogue_to_data(Dialogue *self)
{
    dialogue_run(self, "C: MAIL FROM:<a@b.example>\n"
                       "S: 250 2.1.0 fine\n"
                       "C: RCPT TO:<c@d.example>\n"
                       "S: 250 2.1.0 fine\n"
                       "C: DATA\n"
                       "S: 354 *\n");
    g_string_truncate(self->log, 0);
}

void
dialogue_expect_log(Dialogue *self, const char *log)
{
    g_assert_cmpstr(self->log->str, ==, log);
    g_string_truncate(self->log, 0);
}

void
dialogue_handshake(Dialogue *self, SSL_CTX *client)
{
    int result = 0;

    self->ssl = SSL_new(client);
    SSL_set_fd(self->ssl, self->fd);
    for (int i = 0; i < TURNS && result != 1; i++) {
        result = SSL_connect(self->ssl);
        for (int turn = 0; turn < 3; turn++) {
            wn_loop_defer(self->loop, nothing, NULL);
            wn_loop_turn(self->loop);
        }
    }
    g_assert_cmpint(result, ==, 1);
}
