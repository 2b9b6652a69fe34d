/* SPDX-License-Identifier: MIT */
#include "core/smtp/session_private.h"

#include "core/base/log.h"
#include "core/smtp/proxy_header.h"

#include <sys/socket.h>

#define PROXY_TIMEOUT_MS 10000
#define HANDSHAKE_TIMEOUT_MS 30000
#define PAUSE_MS 1000
#define LINGER_MS 5000

/* Filters have their own deadlines, far below this one. */
#define ANSWER_TIMEOUT_MS (10 * 60 * 1000)

/* From the n-th command that makes no sense on, replies are held back. */
#define BAD_COMMANDS_UNTIL_PAUSE 10

/* A client that does not read its replies is not read either. */
#define OUTPUT_MAX (64 * 1024)

/* Reply memory an idle session keeps. */
#define OUT_KEEP 512

static const char *const state_names[] = {
    [WN_STATE_PROXY] = "proxy",
    [WN_STATE_CONNECT] = "connect",
    [WN_STATE_COMMAND] = "command",
    [WN_STATE_WAIT_MAIL] = "mail",
    [WN_STATE_WAIT_RCPT] = "rcpt",
    [WN_STATE_DATA] = "data",
    [WN_STATE_WAIT_MESSAGE] = "message",
    [WN_STATE_PAUSE] = "pause",
    [WN_STATE_HANDSHAKE] = "handshake",
    [WN_STATE_CLOSED] = "closed",
};

static const WnReply too_early = { 554, "5.5.0", "protocol synchronization" };
static const WnReply endless = { 500, "5.5.2", "line too long" };
static const WnReply bare_lf = { 500, "5.5.2", "bare LF" };
static const WnReply nul_byte = { 501, "5.5.2", "NUL byte" };
static const WnReply timed_out = { 421, "4.4.2", "timeout" };
static const WnReply no_answer = { 421, "4.3.0", "no decision in time" };
static const WnReply shutting_down = { 421, "4.3.2",
    "closing for maintenance" };

/* How long a state may last. */
static int64_t
state_timeout_ms(const WnSession *self, WnSessionState state)
{
    switch (state) {
    case WN_STATE_PROXY:
        return PROXY_TIMEOUT_MS;
    case WN_STATE_COMMAND:
        return self->context->command_timeout_ms;
    case WN_STATE_DATA:
        return wn_session_data_wait_ms(self);
    case WN_STATE_PAUSE:
        return PAUSE_MS;
    case WN_STATE_HANDSHAKE:
        return HANDSHAKE_TIMEOUT_MS;
    case WN_STATE_CONNECT:
    case WN_STATE_WAIT_MAIL:
    case WN_STATE_WAIT_RCPT:
    case WN_STATE_WAIT_MESSAGE:
    case WN_STATE_CLOSED:
        break;
    }
    return ANSWER_TIMEOUT_MS;
}

void
wn_session_enter(WnSession *self, WnSessionState state)
{
    self->state = state;
    if (state == WN_STATE_CLOSED)
        wn_timer_unset(&self->deadline);
    else
        wn_timer_set(&self->deadline, state_timeout_ms(self, state));
}

void
wn_session_command_done(WnSession *self)
{
    wn_session_enter(self, self->n_bad >= BAD_COMMANDS_UNTIL_PAUSE
                               ? WN_STATE_PAUSE
                               : WN_STATE_COMMAND);
}

void
wn_session_say(WnSession *self, const WnReply *reply)
{
    wn_reply_write(reply, &self->out);
}

void
wn_session_say_with_id(WnSession *self, const WnReply *reply)
{
    char id[WN_ID_TEXT_LEN + 1];

    wn_id_format(&self->transaction.id, id);
    wn_reply_write_with_id(reply, id, &self->out);
}

void
wn_session_hand_over(WnSession *self)
{
    wn_stream_write(self->stream, wn_buffer_peek(&self->out));
    wn_buffer_consume(&self->out, wn_buffer_len(&self->out));
    wn_buffer_shrink(&self->out, OUT_KEEP);
}

static void
log_end(const WnSession *self, const char *reason)
{
    char client[WN_NETADDR_TEXT_MAX];
    WnEvent event;

    if (!wn_log_enabled(WN_LEVEL_INFO))
        return;
    wn_netaddr_format(&self->client, client);
    wn_event_begin(&event, WN_LEVEL_INFO, "disconnect");
    if (self->transaction_state == WN_TRANSACTION_OPEN)
        wn_event_id(&event, &self->transaction.id);
    wn_event_str(&event, "client", client);
    wn_event_span(&event, "helo", wn_span(self->helo, self->helo_len));
    wn_event_str(&event, "state", state_names[self->state]);
    wn_event_str(&event, "reason", reason);
    wn_event_end(&event);
}

void
wn_session_end(WnSession *self, const WnReply *reply, const char *reason)
{
    const WnSessionHandler *handler = self->context->handler;

    if (self->state == WN_STATE_CLOSED)
        return;
    if (reply != NULL)
        wn_session_say(self, reply);
    log_end(self, reason);
    wn_session_enter(self, WN_STATE_CLOSED);
    wn_session_reset(self);
    handler->closed(self->context->handler_self, self);
    wn_session_hand_over(self);
    wn_stream_finish(g_steal_pointer(&self->stream), LINGER_MS);
    wn_deferred_soon(&self->soon);
}

static void
session_free(WnSession *self)
{
    wn_deferred_unset(&self->soon);
    wn_timer_clear(&self->deadline);
    wn_buffer_clear(&self->out);
    wn_store_clear(&self->store);
    g_ptr_array_unref(self->transaction.recipients);
    wn_arena_free(self->arena);
    g_free(self->listener);
    g_free(self);
}

bool
wn_session_has_early_input(const WnSession *self)
{
    char byte;

    if (wn_stream_peek(self->stream).len > 0)
        return true;
    if (wn_stream_is_tls(self->stream))
        return false;
    return recv(wn_stream_get_fd(self->stream), &byte, 1,
               MSG_PEEK | MSG_DONTWAIT)
           > 0;
}

static void
connect_answered(WnSession *self, const WnReply *reply)
{
    if (reply->code != 220) {
        wn_session_end(self, reply, "refused");
        return;
    }
    if (self->draining) {
        wn_session_end(self, &shutting_down, "draining");
        return;
    }
    if (wn_session_has_early_input(self)) {
        wn_session_end(self, &too_early, "input before the banner");
        return;
    }
    wn_buffer_printf(&self->out, "220 %s ESMTP winnow\r\n",
        self->context->hostname);
    wn_session_enter(self, WN_STATE_COMMAND);
}

static void
ask_connect(WnSession *self)
{
    const WnSessionContext *context = self->context;
    WnReply reply = { 0 };
    WnAnswerWhen when;

    wn_session_enter(self, WN_STATE_CONNECT);
    self->calling = true;
    when = context->handler->connect(context->handler_self, self, &reply);
    self->calling = false;
    if (when == WN_ANSWER_NOW && self->state == WN_STATE_CONNECT)
        connect_answered(self, &reply);
}

/* The take functions use up one thing from the input, whole, if it is there;
 * they return whether there may be more to do. */

static bool
take_proxy_header(WnSession *self)
{
    WnSpan input = wn_stream_peek(self->stream);
    size_t consumed;

    switch (wn_proxy_header_parse(input, &self->client, &consumed)) {
    case WN_PROXY_MORE:
        return false;
    case WN_PROXY_OK:
    case WN_PROXY_LOCAL:
        wn_stream_consume(self->stream, consumed);
        ask_connect(self);
        return true;
    case WN_PROXY_BROKEN:
        break;
    }
    wn_session_end(self, NULL, "broken PROXY header");
    return false;
}

/* Whether there is room for another reply, if need be after writing. */
static bool
make_room(WnSession *self)
{
    size_t waiting = wn_stream_pending(self->stream)
                     + wn_buffer_len(&self->out);

    if (waiting <= OUTPUT_MAX)
        return true;
    wn_session_hand_over(self);
    wn_stream_flush(self->stream);
    return wn_stream_pending(self->stream) == 0;
}

static void
use_line(WnSession *self, WnLineStatus status, WnSpan line)
{
    WnCommand command = wn_command_parse(line);

    switch (status) {
    case WN_LINE_OK:
        wn_session_command(self, &command);
        return;
    case WN_LINE_TOO_LONG:
        wn_session_bad_command(self, &command, &endless);
        return;
    case WN_LINE_ENDLESS:
        wn_session_end(self, &endless, "endless line");
        return;
    case WN_LINE_BARE_LF:
        wn_session_end(self, &bare_lf, "bare LF in a command");
        return;
    case WN_LINE_NUL:
        wn_session_end(self, &nul_byte, "NUL in a command");
        return;
    case WN_LINE_MORE:
        return;
    }
}

static bool
take_command(WnSession *self)
{
    char copy[WN_COMMAND_LINE_MAX];
    WnSpan line = WN_SPAN_EMPTY;
    WnLineStatus status;
    size_t consumed;

    if (self->draining && self->transaction_state == WN_TRANSACTION_NONE) {
        wn_session_end(self, &shutting_down, "draining");
        return false;
    }
    if (wn_stream_peek(self->stream).len == 0 || !make_room(self))
        return false;
    status = wn_command_line(wn_stream_peek(self->stream), &line, &consumed);
    if (status == WN_LINE_MORE)
        return false;
    /* Commands look at what is behind them, so they cannot stay there. */
    line.len = MIN(line.len, sizeof(copy));
    memcpy(copy, line.ptr, line.len);
    line.ptr = copy;
    wn_stream_consume(self->stream, consumed);
    use_line(self, status, line);
    return true;
}

static bool
step(WnSession *self)
{
    switch (self->state) {
    case WN_STATE_PROXY:
        return take_proxy_header(self);
    case WN_STATE_COMMAND:
        return take_command(self);
    case WN_STATE_DATA:
        return wn_session_take_data(self);
    case WN_STATE_CONNECT:
    case WN_STATE_WAIT_MAIL:
    case WN_STATE_WAIT_RCPT:
    case WN_STATE_WAIT_MESSAGE:
    case WN_STATE_PAUSE:
    case WN_STATE_HANDSHAKE:
    case WN_STATE_CLOSED:
        break;
    }
    return false;
}

static bool
awaits_client(const WnSession *self)
{
    return self->state == WN_STATE_COMMAND || self->state == WN_STATE_DATA
           || self->state == WN_STATE_PROXY;
}

/* Uses up what has come in, then turns to the client: only here replies go
 * out, so that a pipelined batch is answered at once. */
static void
run(WnSession *self)
{
    bool room;

    while (step(self))
        continue;
    if (!awaits_client(self))
        return;
    wn_session_hand_over(self);
    room = wn_stream_pending(self->stream) <= OUTPUT_MAX;
    wn_stream_set_reading(self->stream, room);
    if (self->peer_ended && room)
        wn_session_end(self, NULL, "lost connection");
}

static void
on_input(WnSession *self)
{
    if (self->state == WN_STATE_CONNECT)
        wn_session_end(self, &too_early, "input before the banner");
    else if (awaits_client(self))
        run(self);
    else
        wn_stream_set_reading(self->stream, false);
}

/* The peer may only have closed its side: what it has asked is answered. */
static void
on_peer_end(WnSession *self)
{
    self->peer_ended = true;
    if (self->state == WN_STATE_CONNECT || self->state == WN_STATE_HANDSHAKE)
        wn_session_end(self, NULL, "lost connection");
    else if (awaits_client(self))
        run(self);
}

static void
on_stream(void *user, WnStream *stream, WnStreamEvent event)
{
    WnSession *self = user;

    switch (event) {
    case WN_STREAM_INPUT:
        on_input(self);
        return;
    case WN_STREAM_DRAINED:
        run(self);
        return;
    case WN_STREAM_SECURED:
        wn_session_enter(self, WN_STATE_COMMAND);
        run(self);
        return;
    case WN_STREAM_END:
        on_peer_end(self);
        return;
    case WN_STREAM_ERROR:
        wn_session_end(self, NULL, wn_stream_error(stream));
        return;
    case WN_STREAM_CONNECTED:
        return;
    }
}

static void
on_deadline(void *user)
{
    WnSession *self = user;

    switch (self->state) {
    case WN_STATE_COMMAND:
        wn_session_end(self, &timed_out, "timeout");
        return;
    case WN_STATE_DATA:
        wn_session_refuse_message(self, &timed_out);
        wn_session_end(self, NULL, "timeout");
        return;
    case WN_STATE_CONNECT:
    case WN_STATE_WAIT_MAIL:
    case WN_STATE_WAIT_RCPT:
    case WN_STATE_WAIT_MESSAGE:
        wn_session_end(self, &no_answer, "no answer from the handler");
        return;
    case WN_STATE_PAUSE:
        wn_session_hand_over(self);
        wn_session_enter(self, WN_STATE_COMMAND);
        run(self);
        return;
    case WN_STATE_PROXY:
    case WN_STATE_HANDSHAKE:
        wn_session_end(self, NULL, "timeout");
        return;
    case WN_STATE_CLOSED:
        return;
    }
}

static void
on_soon(void *user)
{
    WnSession *self = user;

    if (self->state == WN_STATE_CLOSED) {
        session_free(self);
        return;
    }
    ask_connect(self);
    run(self);
}

/* The identity of sessions is what a handler's late answers are matched by;
 * it must not depend on which context they came from. */
static uint64_t
next_serial(void)
{
    static uint64_t last;

    return ++last;
}

WnSession *
wn_session_new(const WnSessionContext *context, int take_fd,
    const WnNetaddr *peer, bool proxy, const char *listener)
{
    WnSession *self = g_new0(WnSession, 1);

    self->context = context;
    self->serial = next_serial();
    self->client = *peer;
    self->listener = g_strdup(listener);
    self->transaction.recipients = g_ptr_array_new();
    wn_buffer_init(&self->out);
    wn_store_init(&self->store, context->spool, context->memory_max);
    wn_timer_init(&self->deadline, context->loop, on_deadline, self);
    wn_deferred_init(&self->soon, context->loop, on_soon, self);
    self->stream = wn_stream_new(context->loop, take_fd, on_stream, self);
    if (proxy) {
        wn_session_enter(self, WN_STATE_PROXY);
    } else {
        wn_session_enter(self, WN_STATE_CONNECT);
        wn_deferred_soon(&self->soon);
    }
    return self;
}

static bool
fits_question(const WnSession *self, size_t n)
{
    return n == 1
           || (self->state == WN_STATE_WAIT_MESSAGE && self->transaction.prdr
               && n == self->transaction.recipients->len);
}

void
wn_session_answer(WnSession *self, const WnReply *replies, size_t n)
{
    g_return_if_fail(!self->calling && fits_question(self, n));
    switch (self->state) {
    case WN_STATE_CONNECT:
        connect_answered(self, replies);
        break;
    case WN_STATE_WAIT_MAIL:
        wn_session_mail_answered(self, replies);
        break;
    case WN_STATE_WAIT_RCPT:
        wn_session_rcpt_answered(self, replies);
        break;
    case WN_STATE_WAIT_MESSAGE:
        wn_session_message_answered(self, replies, n);
        break;
    case WN_STATE_PROXY:
    case WN_STATE_COMMAND:
    case WN_STATE_DATA:
    case WN_STATE_PAUSE:
    case WN_STATE_HANDSHAKE:
    case WN_STATE_CLOSED:
        g_return_if_reached();
    }
    run(self);
}

void
wn_session_drain(WnSession *self)
{
    self->draining = true;
    if (self->transaction_state != WN_TRANSACTION_NONE)
        return;
    if (self->state == WN_STATE_COMMAND || self->state == WN_STATE_PAUSE)
        wn_session_end(self, &shutting_down, "draining");
    else if (self->state == WN_STATE_PROXY)
        wn_session_end(self, NULL, "draining");
}

void
wn_session_kick(WnSession *self, const WnReply *reply)
{
    bool mute = self->state == WN_STATE_PROXY
                || self->state == WN_STATE_HANDSHAKE;

    wn_session_end(self, mute ? NULL : reply, "closed by us");
}

const WnNetaddr *
wn_session_client(const WnSession *self)
{
    return &self->client;
}

WnSpan
wn_session_helo(const WnSession *self)
{
    return wn_span(self->helo, self->helo_len);
}

bool
wn_session_is_esmtp(const WnSession *self)
{
    return self->esmtp;
}

const char *
wn_session_listener(const WnSession *self)
{
    return self->listener;
}

SSL *
wn_session_ssl(const WnSession *self)
{
    return self->stream != NULL && wn_stream_is_tls(self->stream)
               ? wn_stream_get_ssl(self->stream)
               : NULL;
}

WnTransaction *
wn_session_transaction(WnSession *self)
{
    return self->transaction_state != WN_TRANSACTION_NONE ? &self->transaction
                                                          : NULL;
}

uint64_t
wn_session_serial(const WnSession *self)
{
    return self->serial;
}

bool
wn_session_is_idle(const WnSession *self)
{
    return self->transaction_state == WN_TRANSACTION_NONE;
}

void
wn_session_set_data(WnSession *self, void *data)
{
    self->data = data;
}

void *
wn_session_get_data(const WnSession *self)
{
    return self->data;
}
