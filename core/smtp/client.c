/* SPDX-License-Identifier: MIT */
#include "core/smtp/client.h"

#define QUIT_LINGER_MS 2000

/* Buffer memory that stays between transactions. */
#define KEEP_BYTES 4096

/*
 * CONNECTING --on_connected--> BANNER --take_banner--> EHLO --take_greeting-->
 *    READY, HELO or STARTTLS; HELO --take_greeting--> READY
 * STARTTLS --take_starttls--> HANDSHAKE --on_secured--> EHLO
 * READY --wn_smtp_client_send--> ENVELOPE --take_envelope--> BODY --pump--> DOT
 * DOT --finish--> READY; ENVELOPE --finish--> READY or RESET
 * RESET --take_reset--> READY
 * any --die--> DEAD
 */
typedef enum {
    CONNECTING,
    BANNER,
    EHLO,
    HELO,
    STARTTLS,
    HANDSHAKE,
    READY,
    ENVELOPE,
    BODY,
    DOT,
    RESET,
    DEAD
} State;

struct WnSmtpClient {
    WnClientConfig config;
    const WnClientHandler *handler;
    void *user;
    State state;
    WnStream *stream;
    WnReplyParser parser;
    WnTimer deadline;
    WnDeferred soon;   /* tells that there was no socket */
    char *start_error; /* then: why */
    unsigned offers;
    uint64_t size_limit;

    WnSending sending;
    WnBuffer commands;

    unsigned busy; /* handlers on the stack that still use self */
    bool freed;    /* the last of them frees self */
};

static int64_t
state_timeout(const WnSmtpClient *self, State state)
{
    switch (state) {
    case CONNECTING:
    case HANDSHAKE:
        return self->config.connect_timeout_ms;
    case DOT:
        return self->config.dot_timeout_ms;
    case BANNER:
    case EHLO:
    case HELO:
    case STARTTLS:
    case ENVELOPE:
    case BODY:
    case RESET:
        return self->config.reply_timeout_ms;
    case READY:
    case DEAD:
        break;
    }
    return -1;
}

static const char *
awaited_command(const WnSmtpClient *self)
{
    static const char *const names[] = { [CONNECTING] = "connect",
        [BANNER] = "banner",
        [EHLO] = "EHLO",
        [HELO] = "HELO",
        [STARTTLS] = "STARTTLS",
        [HANDSHAKE] = "TLS handshake",
        [READY] = "idle",
        [ENVELOPE] = "",
        [BODY] = "message",
        [DOT] = "end of DATA",
        [RESET] = "RSET",
        [DEAD] = "" };

    if (self->state == ENVELOPE)
        return wn_sending_awaited(&self->sending);
    return names[self->state];
}

/* A state begins with the wait for its reply: one deadline for all of it. */
static void
enter(WnSmtpClient *self, State state)
{
    int64_t timeout_ms = state_timeout(self, state);

    self->state = state;
    if (timeout_ms >= 0)
        wn_timer_set(&self->deadline, timeout_ms);
    else
        wn_timer_unset(&self->deadline);
}

static void
command(WnSmtpClient *self, State state, const char *verb, const char *argument)
{
    wn_stream_write(self->stream, wn_span_str(verb));
    if (argument != NULL) {
        wn_stream_write(self->stream, WN_SPAN(" "));
        wn_stream_write(self->stream, wn_span_str(argument));
    }
    wn_stream_write(self->stream, WN_SPAN("\r\n"));
    enter(self, state);
}

static WnSent
lost(const WnSmtpClient *self, const char *text)
{
    return (WnSent){ .kind = WN_SENT_LOST,
        .enhanced = "",
        .text = text,
        .command = awaited_command(self),
        .in_doubt = self->state == DOT && self->sending.n_accepted > 0,
        .tls_failed = self->state == HANDSHAKE };
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
    if (self->state == DEAD)
        return;
    enter(self, DEAD);
    if (self->sending.outgoing != NULL)
        tell_recipients(self, &why);
    g_clear_pointer(&self->stream, wn_stream_free);
    if (!self->freed)
        self->handler->dead(self->user, self, &why);
}

static void
die_lost(WnSmtpClient *self, const char *text)
{
    die(self, lost(self, text));
}

/* A refusal of the session itself says nothing about any message. */
static void
die_of_reply(WnSmtpClient *self)
{
    WnSent why = wn_sent_of_reply(&self->parser, awaited_command(self));

    why.kind = WN_SENT_TEMPORARY;
    die(self, why);
}

static void
become_ready(WnSmtpClient *self)
{
    if (wn_stream_peek(self->stream).len > 0) {
        die_lost(self, "reply without a command");
        return;
    }
    enter(self, READY);
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
        command(self, RESET, "RSET", NULL);
    else
        become_ready(self);
}

static void
on_deadline(void *user)
{
    WnSmtpClient *self = user;

    self->busy++;
    die_lost(self, self->state == CONNECTING ? "connection timed out"
                                             : "no complete reply in time");
    leave(self);
}

static void
take_keyword(void *user, WnSpan text)
{
    static const struct {
        WnSpan word;
        unsigned offer;
    } keywords[] = {
        { { "PIPELINING", 10 }, WN_OFFERS_PIPELINING },
        { { "8BITMIME", 8 }, WN_OFFERS_8BITMIME },
        { { "SIZE", 4 }, WN_OFFERS_SIZE },
        { { "DSN", 3 }, WN_OFFERS_DSN },
        { { "STARTTLS", 8 }, WN_OFFERS_STARTTLS },
        { { "SMTPUTF8", 8 }, WN_OFFERS_SMTPUTF8 },
    };
    WnSmtpClient *self = user;
    const char *space = memchr(text.ptr, ' ', text.len);
    size_t len = space != NULL ? (size_t)(space - text.ptr) : text.len;
    WnSpan word = wn_span_slice(text, 0, len);

    if (self->state != EHLO || self->parser.n_lines < 2)
        return;
    for (size_t i = 0; i < G_N_ELEMENTS(keywords); i++) {
        if (!wn_span_case_eq(word, keywords[i].word))
            continue;
        self->offers |= keywords[i].offer;
        if (keywords[i].offer == WN_OFFERS_SIZE)
            wn_span_to_u64(wn_span_trim(wn_span_slice(text, len, text.len)),
                &self->size_limit);
    }
}

static void
send_ehlo(WnSmtpClient *self)
{
    self->offers = 0;
    self->size_limit = 0;
    command(self, EHLO, "EHLO", self->config.hostname);
}

static void
take_banner(WnSmtpClient *self)
{
    if (self->parser.code / 100 == 2)
        send_ehlo(self);
    else
        die_of_reply(self);
}

static void
greeted(WnSmtpClient *self)
{
    bool plain = !wn_stream_is_tls(self->stream);
    bool offered = self->offers & WN_OFFERS_STARTTLS;

    if (plain && offered && self->config.tls != WN_CLIENT_TLS_NONE)
        command(self, STARTTLS, "STARTTLS", NULL);
    else if (plain && self->config.tls == WN_CLIENT_TLS_REQUIRE)
        die_lost(self, "TLS is required and not offered");
    else
        become_ready(self);
}

static void
take_greeting(WnSmtpClient *self)
{
    if (self->parser.code / 100 == 2)
        greeted(self);
    else if (self->parser.code / 100 == 5 && self->state == EHLO)
        command(self, HELO, "HELO", self->config.hostname);
    else
        die_of_reply(self);
}

static void
take_starttls(WnSmtpClient *self)
{
    if (self->parser.code != 220) {
        if (self->config.tls == WN_CLIENT_TLS_REQUIRE)
            die_of_reply(self);
        else
            become_ready(self);
        return;
    }
    /* Bytes that came before the handshake would count as sent inside it
     * (CVE-2021-38371). */
    if (wn_stream_peek(self->stream).len > 0) {
        die_lost(self, "plain text behind the reply to STARTTLS");
        return;
    }
    enter(self, HANDSHAKE);
    wn_stream_start_tls(self->stream, self->config.tls_context, WN_TLS_CONNECT,
        self->config.tls_name, self->config.tls_verify);
}

static void
take_reset(WnSmtpClient *self)
{
    if (self->parser.code / 100 == 2)
        become_ready(self);
    else
        die_of_reply(self);
}

static void
flush_commands(WnSmtpClient *self)
{
    wn_stream_write(self->stream, wn_buffer_peek(&self->commands));
    wn_buffer_consume(&self->commands, wn_buffer_len(&self->commands));
    wn_buffer_shrink(&self->commands, KEEP_BYTES);
    enter(self, ENVELOPE);
}

static void
pump(WnSmtpClient *self)
{
    if (wn_sending_pump(&self->sending, self->stream))
        enter(self, DOT);
    else
        enter(self, BODY);
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
        pump(self);
        break;
    case WN_SENDING_DOT:
        wn_stream_write(self->stream, WN_SPAN(".\r\n"));
        enter(self, DOT);
        break;
    case WN_SENDING_OVER:
        finish(self, &sent);
        break;
    case WN_SENDING_BROKEN:
        die_lost(self, "reply to DATA is neither 354 nor a refusal");
        break;
    }
}

static void
take_dot(WnSmtpClient *self)
{
    WnSent sent = wn_sent_of_reply(&self->parser, awaited_command(self));

    if (sent.code < 400 && sent.code / 100 != 2)
        die_lost(self, "reply to the message is no answer");
    else
        finish(self, &sent);
}

/* A refusal before the end counts, but what was sent of the message is in the
 * way of any further transaction. */
static void
take_early(WnSmtpClient *self)
{
    if (self->parser.code < 400)
        die_lost(self, "reply before the end of the message");
    else
        die(self, wn_sent_of_reply(&self->parser, awaited_command(self)));
}

static void
take_reply(WnSmtpClient *self)
{
    if (self->parser.code == 421) {
        die_of_reply(self);
        return;
    }
    switch (self->state) {
    case BANNER:
        take_banner(self);
        break;
    case EHLO:
    case HELO:
        take_greeting(self);
        break;
    case STARTTLS:
        take_starttls(self);
        break;
    case ENVELOPE:
        take_envelope(self);
        break;
    case BODY:
        take_early(self);
        break;
    case DOT:
        take_dot(self);
        break;
    case RESET:
        take_reset(self);
        break;
    case CONNECTING:
    case HANDSHAKE:
    case READY:
    case DEAD:
        die_lost(self, "reply without a command");
        break;
    }
}

static void
on_input(WnSmtpClient *self)
{
    while (!self->freed && self->stream != NULL && self->state != HANDSHAKE) {
        WnSpan input = wn_stream_peek(self->stream);
        WnReplyStatus status;
        size_t consumed;

        if (input.len == 0)
            return;
        status = wn_reply_parse(&self->parser, input, &consumed, take_keyword,
            self);
        wn_stream_consume(self->stream, consumed);
        if (status == WN_REPLY_MORE)
            return;
        if (status == WN_REPLY_BROKEN) {
            die_lost(self, "broken reply");
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
    if (self->state == BODY)
        pump(self);
}

static void
on_error(WnSmtpClient *self, WnStream *stream)
{
    g_autofree char *text = g_strdup(wn_stream_error(stream));

    die_lost(self, text);
}

static void
on_stream(void *user, WnStream *stream, WnStreamEvent event)
{
    WnSmtpClient *self = user;

    self->busy++;
    switch (event) {
    case WN_STREAM_CONNECTED:
        enter(self, BANNER);
        break;
    case WN_STREAM_INPUT:
        on_input(self);
        break;
    case WN_STREAM_DRAINED:
        on_drained(self);
        break;
    case WN_STREAM_SECURED:
        send_ehlo(self);
        break;
    case WN_STREAM_END:
        die_lost(self, "connection closed by the server");
        break;
    case WN_STREAM_ERROR:
        on_error(self, stream);
        break;
    }
    leave(self);
}

static void
on_no_socket(void *user)
{
    WnSmtpClient *self = user;

    self->busy++;
    die_lost(self, self->start_error);
    leave(self);
}

WnSmtpClient *
wn_smtp_client_new(WnLoop *loop, const WnClientConfig *config,
    const WnClientHandler *handler, void *user)
{
    WnSmtpClient *self = g_new0(WnSmtpClient, 1);
    g_autoptr(GError) error = NULL;

    self->config = *config;
    self->handler = handler;
    self->user = user;
    wn_reply_parser_init(&self->parser);
    wn_buffer_init(&self->commands);
    wn_sending_init(&self->sending);
    wn_timer_init(&self->deadline, loop, on_deadline, self);
    wn_deferred_init(&self->soon, loop, on_no_socket, self);
    enter(self, CONNECTING);
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
    if (self->state == READY) {
        wn_stream_write(self->stream, WN_SPAN("QUIT\r\n"));
        wn_stream_finish(g_steal_pointer(&self->stream), QUIT_LINGER_MS);
    }
    wn_smtp_client_free(self);
}

void
wn_smtp_client_send(WnSmtpClient *self, const WnOutgoing *outgoing)
{
    g_assert(self->state == READY && outgoing->n_recipients > 0);
    wn_sending_begin(&self->sending, outgoing, self->offers, &self->commands);
    flush_commands(self);
}

unsigned
wn_smtp_client_offers(const WnSmtpClient *self)
{
    return self->offers;
}

uint64_t
wn_smtp_client_size_limit(const WnSmtpClient *self)
{
    return self->size_limit;
}

bool
wn_smtp_client_is_tls(const WnSmtpClient *self)
{
    return self->stream != NULL && wn_stream_is_tls(self->stream);
}

bool
wn_smtp_client_is_ready(const WnSmtpClient *self)
{
    return self->state == READY;
}
