/* SPDX-License-Identifier: MIT */
#include "core/smtp/client.h"

#include "core/base/clock.h"
#include "core/smtp/client_private.h"

#define QUIT_LINGER_MS 2000

/* A message has the time of a reply, though not less than RFC 5321 §4.5.3.2.5
 * gives to a block of data, and what it takes at this rate. */
#define BLOCK_MS (3 * 60 * 1000)
#define BYTES_PER_S (16 * 1024)

/* Buffer memory that stays between transactions. */
#define KEEP_BYTES 4096

static const char *
awaited_command(const WnSmtpClient *self)
{
    if (self->state == WN_CLIENT_ENVELOPE)
        return wn_sending_awaited(&self->sending);
    return wn_client_state_command(self->state);
}

void
wn_client_enter(WnSmtpClient *self, WnClientState state)
{
    int64_t timeout_ms = wn_client_state_timeout(state, &self->config);

    self->state = state;
    if (timeout_ms >= 0)
        wn_timer_set(&self->deadline, timeout_ms);
    else
        wn_timer_unset(&self->deadline);
}

void
wn_client_command(WnSmtpClient *self, WnClientState state, const char *verb,
    const char *argument)
{
    wn_stream_write(self->stream, wn_span_str(verb));
    if (argument != NULL) {
        wn_stream_write(self->stream, WN_SPAN(" "));
        wn_stream_write(self->stream, wn_span_str(argument));
    }
    wn_stream_write(self->stream, WN_SPAN("\r\n"));
    wn_client_enter(self, state);
}

static WnSent
lost(const WnSmtpClient *self, const char *text)
{
    return (WnSent){ .kind = WN_SENT_LOST,
        .enhanced = "",
        .text = text,
        .command = awaited_command(self),
        .in_doubt = self->state == WN_CLIENT_DOT
                    && self->sending.n_accepted > 0,
        .tls_failed = wn_client_is_securing(self) };
}

static void
release(WnSmtpClient *self)
{
    wn_timer_clear(&self->deadline);
    wn_deferred_unset(&self->soon);
    g_clear_pointer(&self->stream, wn_stream_free);
    wn_reply_parser_clear(&self->parser);
    wn_buffer_clear(&self->commands);
    wn_sending_clear(&self->sending);
    g_clear_pointer(&self->config.tlsa, g_ptr_array_unref);
    g_clear_pointer(&self->config.session, SSL_SESSION_free);
    g_free(self->start_error);
    g_free(self);
}

static void
leave(WnSmtpClient *self)
{
    self->busy--;
    if (self->busy == 0 && self->freed)
        release(self);
}

/* Tells every recipient what became of it: its own refusal, or result. */
static void
tell_recipients(WnSmtpClient *self, const WnSent *result)
{
    uint32_t n = self->sending.outgoing->n_recipients;

    for (uint32_t i = 0; i < n && !self->freed; i++) {
        WnSent sent = wn_sending_result(&self->sending, i, result);

        self->handler->sent(self->user, self, i, &sent);
    }
    self->sending.outgoing = NULL;
}

static void
die(WnSmtpClient *self, WnSent why)
{
    if (self->state == WN_CLIENT_DEAD)
        return;
    wn_client_enter(self, WN_CLIENT_DEAD);
    if (self->sending.outgoing != NULL)
        tell_recipients(self, &why);
    g_clear_pointer(&self->stream, wn_stream_free);
    if (!self->freed)
        self->handler->dead(self->user, self, &why);
}

void
wn_client_die_lost(WnSmtpClient *self, const char *text)
{
    die(self, lost(self, text));
}

void
wn_client_die_of_reply(WnSmtpClient *self)
{
    WnSent why = wn_sent_of_reply(&self->parser, awaited_command(self));

    why.kind = WN_SENT_TEMPORARY;
    why.tls_failed = wn_client_is_securing(self);
    die(self, why);
}

void
wn_client_become_ready(WnSmtpClient *self)
{
    if (wn_stream_peek(self->stream).len > 0) {
        wn_client_die_lost(self, "reply without a command");
        return;
    }
    wn_client_enter(self, WN_CLIENT_READY);
    self->handler->ready(self->user, self);
}

/* The transaction is over: result is for those who were not refused. */
static void
finish(WnSmtpClient *self, const WnSent *result)
{
    tell_recipients(self, result);
    if (self->freed)
        return;
    if (self->sending.must_reset)
        wn_client_command(self, WN_CLIENT_RESET, "RSET", NULL);
    else
        wn_client_become_ready(self);
}

static void
on_deadline(void *user)
{
    WnSmtpClient *self = user;

    self->busy++;
    if (self->state == WN_CLIENT_CONNECTING)
        wn_client_die_lost(self, "connection timed out");
    else if (self->state == WN_CLIENT_BODY)
        wn_client_die_lost(self, "message not taken in time");
    else
        wn_client_die_lost(self, "no complete reply in time");
    leave(self);
}

static void
take_line(void *user, WnSpan text)
{
    WnSmtpClient *self = user;

    if (self->state == WN_CLIENT_EHLO && self->parser.n_lines >= 2)
        wn_offers_take(&self->offers, text);
}

static void
take_reset(WnSmtpClient *self)
{
    if (self->parser.code / 100 == 2)
        wn_client_become_ready(self);
    else
        wn_client_die_of_reply(self);
}

static void
flush_commands(WnSmtpClient *self)
{
    wn_stream_write(self->stream, wn_buffer_peek(&self->commands));
    wn_buffer_consume(&self->commands, wn_buffer_len(&self->commands));
    wn_buffer_shrink(&self->commands, KEEP_BYTES);
    wn_client_enter(self, WN_CLIENT_ENVELOPE);
}

/* Each chunk that is taken gives time for the next one, all of them together
 * have an end. */
static void
pump(WnSmtpClient *self)
{
    int64_t left_ms = self->body_until_ms - wn_clock_mono_ms();

    if (wn_sending_pump(&self->sending, self->stream)) {
        wn_client_enter(self, WN_CLIENT_DOT);
        return;
    }
    if (wn_sending_is_lost(&self->sending)) {
        wn_client_die_lost(self, "the message can no longer be read");
        return;
    }
    wn_client_enter(self, WN_CLIENT_BODY);
    wn_timer_set(&self->deadline,
        CLAMP(left_ms, 0, self->config.reply_timeout_ms));
}

static void
begin_body(WnSmtpClient *self)
{
    uint64_t size = wn_outgoing_size(self->sending.outgoing);

    self->body_until_ms = wn_clock_mono_ms()
                          + MAX(self->config.reply_timeout_ms, BLOCK_MS)
                          + (int64_t)(size / BYTES_PER_S) * 1000;
    pump(self);
}

static void
take_envelope(WnSmtpClient *self)
{
    WnSent sent = wn_sent_of_reply(&self->parser, awaited_command(self));

    switch (
        wn_sending_take_reply(&self->sending, &self->parser, &self->commands)) {
    case WN_SENDING_AWAIT:
        flush_commands(self);
        break;
    case WN_SENDING_BODY:
        begin_body(self);
        break;
    case WN_SENDING_DOT:
        wn_stream_write(self->stream, WN_SPAN(".\r\n"));
        wn_client_enter(self, WN_CLIENT_DOT);
        break;
    case WN_SENDING_OVER:
        finish(self, &sent);
        break;
    case WN_SENDING_BROKEN:
        wn_client_die_lost(self, "reply to DATA is neither 354 nor a refusal");
        break;
    }
}

static void
take_dot(WnSmtpClient *self)
{
    WnSent sent = wn_sent_of_reply(&self->parser, awaited_command(self));

    if (sent.code < 400 && sent.code / 100 != 2)
        wn_client_die_lost(self, "reply to the message is no answer");
    else
        finish(self, &sent);
}

/* A refusal before the end counts, but what was sent of the message is in the
 * way of any further transaction. */
static void
take_early(WnSmtpClient *self)
{
    if (self->parser.code < 400)
        wn_client_die_lost(self, "reply before the end of the message");
    else
        die(self, wn_sent_of_reply(&self->parser, awaited_command(self)));
}

static void
take_reply(WnSmtpClient *self)
{
    if (self->parser.code == 421) {
        wn_client_die_of_reply(self);
        return;
    }
    switch (self->state) {
    case WN_CLIENT_BANNER:
        wn_client_take_banner(self);
        break;
    case WN_CLIENT_EHLO:
    case WN_CLIENT_HELO:
        wn_client_take_greeting(self);
        break;
    case WN_CLIENT_STARTTLS:
        wn_client_take_starttls(self);
        break;
    case WN_CLIENT_ENVELOPE:
        take_envelope(self);
        break;
    case WN_CLIENT_BODY:
        take_early(self);
        break;
    case WN_CLIENT_DOT:
        take_dot(self);
        break;
    case WN_CLIENT_RESET:
        take_reset(self);
        break;
    case WN_CLIENT_CONNECTING:
    case WN_CLIENT_HANDSHAKE:
    case WN_CLIENT_READY:
    case WN_CLIENT_UNSENT:
    case WN_CLIENT_DEAD:
        wn_client_die_lost(self, "reply without a command");
        break;
    }
}

static void
on_input(WnSmtpClient *self)
{
    while (!self->freed && self->stream != NULL
           && self->state != WN_CLIENT_HANDSHAKE) {
        WnSpan input = wn_stream_peek(self->stream);
        WnReplyStatus status;
        size_t consumed;

        if (input.len == 0)
            return;
        status = wn_reply_parse(&self->parser, input, &consumed, take_line,
            self);
        wn_stream_consume(self->stream, consumed);
        if (status == WN_REPLY_MORE)
            return;
        if (status == WN_REPLY_BROKEN) {
            wn_client_die_lost(self, "broken reply");
            return;
        }
        take_reply(self);
        if (!self->freed)
            wn_reply_parser_reset(&self->parser);
    }
}

static void
on_drained(WnSmtpClient *self)
{
    if (self->state == WN_CLIENT_BODY)
        pump(self);
}

static void
on_error(WnSmtpClient *self, WnStream *stream)
{
    g_autofree char *text = g_strdup(wn_stream_error(stream));

    wn_client_die_lost(self, text);
}

static void
on_stream(void *user, WnStream *stream, WnStreamEvent event)
{
    WnSmtpClient *self = user;

    self->busy++;
    switch (event) {
    case WN_STREAM_CONNECTED:
        wn_client_enter(self, WN_CLIENT_BANNER);
        break;
    case WN_STREAM_INPUT:
        on_input(self);
        break;
    case WN_STREAM_DRAINED:
        on_drained(self);
        break;
    case WN_STREAM_SECURED:
        wn_client_send_ehlo(self);
        break;
    case WN_STREAM_END:
        wn_client_die_lost(self, "connection closed by the server");
        break;
    case WN_STREAM_ERROR:
        on_error(self, stream);
        break;
    }
    leave(self);
}

static void
on_soon(void *user)
{
    WnSmtpClient *self = user;

    self->busy++;
    if (self->state == WN_CLIENT_UNSENT)
        finish(self, &self->unsent);
    else
        wn_client_die_lost(self, self->start_error);
    leave(self);
}

WnSmtpClient *
wn_smtp_client_new(WnLoop *loop, const WnClientConfig *config,
    const WnClientHandler *handler, void *user)
{
    WnSmtpClient *self = g_new0(WnSmtpClient, 1);
    g_autoptr(GError) error = NULL;

    self->config = *config;
    if (config->tlsa != NULL)
        g_ptr_array_ref(config->tlsa);
    if (config->session != NULL)
        SSL_SESSION_up_ref(config->session);
    self->handler = handler;
    self->user = user;
    wn_reply_parser_init(&self->parser);
    wn_buffer_init(&self->commands);
    wn_sending_init(&self->sending);
    wn_timer_init(&self->deadline, loop, on_deadline, self);
    wn_deferred_init(&self->soon, loop, on_soon, self);
    wn_client_enter(self, WN_CLIENT_CONNECTING);
    self->stream = wn_stream_connect(loop, &config->server, config->source,
        on_stream, self, &error);
    if (self->stream == NULL) {
        self->start_error = g_strdup(error->message);
        wn_deferred_soon(&self->soon);
    }
    return self;
}

void
wn_smtp_client_free(WnSmtpClient *self)
{
    if (self == NULL || self->freed)
        return;
    self->freed = true;
    wn_timer_unset(&self->deadline);
    wn_deferred_unset(&self->soon);
    g_clear_pointer(&self->stream, wn_stream_free);
    if (self->busy == 0)
        release(self);
}

void
wn_smtp_client_quit(WnSmtpClient *self)
{
    if (self->state == WN_CLIENT_READY) {
        wn_stream_write(self->stream, WN_SPAN("QUIT\r\n"));
        wn_stream_finish(g_steal_pointer(&self->stream), QUIT_LINGER_MS);
    }
    wn_smtp_client_free(self);
}

/* What the server has said in advance that it will not take. */
static bool
is_hopeless(WnSmtpClient *self, const WnOutgoing *outgoing)
{
    self->unsent = (WnSent){ .kind = WN_SENT_PERMANENT,
        .unfit = true,
        .enhanced = wn_offers_refuse(&self->offers, outgoing,
            self->config.bounce_8bit, self->unsent_text,
            sizeof self->unsent_text),
        .text = self->unsent_text,
        .command = "EHLO" };
    return self->unsent.enhanced != NULL;
}

void
wn_smtp_client_send(WnSmtpClient *self, const WnOutgoing *outgoing)
{
    g_assert(self->state == WN_CLIENT_READY && outgoing->n_recipients > 0);
    wn_sending_begin(&self->sending, outgoing, self->offers.set,
        &self->commands);
    if (is_hopeless(self, outgoing)
        || self->sending.n_unfit == outgoing->n_recipients) {
        wn_buffer_consume(&self->commands, wn_buffer_len(&self->commands));
        wn_client_enter(self, WN_CLIENT_UNSENT);
        wn_deferred_soon(&self->soon);
    } else {
        flush_commands(self);
    }
}

unsigned
wn_smtp_client_offers(const WnSmtpClient *self)
{
    return self->offers.set;
}

uint64_t
wn_smtp_client_size_limit(const WnSmtpClient *self)
{
    return self->offers.size_limit;
}

bool
wn_smtp_client_is_tls(const WnSmtpClient *self)
{
    return self->stream != NULL && wn_stream_is_tls(self->stream);
}

bool
wn_smtp_client_is_ready(const WnSmtpClient *self)
{
    return self->state == WN_CLIENT_READY;
}

SSL *
wn_smtp_client_get_ssl(const WnSmtpClient *self)
{
    return wn_smtp_client_is_tls(self) ? wn_stream_get_ssl(self->stream) : NULL;
}

bool
wn_smtp_client_is_connected(const WnSmtpClient *self)
{
    return self->state != WN_CLIENT_CONNECTING && self->state != WN_CLIENT_DEAD;
}
