/* SPDX-License-Identifier: MIT */
#include "core/smtp/session_private.h"

#include "core/base/clock.h"

#include <errno.h>

/* Before this, a slow start is nothing to judge by. */
#define RATE_GRACE_MS 60000

/* Normalising holds the message in memory several times. */
#define NORMALISE_MAX (256 * 1024 * 1024)

static const WnReply too_large = { 552, "5.3.4", "message too large" };
static const WnReply no_space = { 452, "4.3.1", "insufficient storage" };
static const WnReply fault = { 451, "4.3.0", "storage failed" };
static const WnReply bare_newline = { 550, "5.6.11", "bare CR or LF" };
static const WnReply nul_dot = { 550, "5.6.0", "NUL beside a dot" };
static const WnReply long_line = { 554, "5.6.0", "line too long" };
static const WnReply prdr_begins = { 353, NULL,
    "PRDR content analysis has started" };
static const WnReply prdr_accepted = { 250, "2.0.0",
    "accepted for the recipients told above" };
static const WnReply prdr_refused = { 550, "5.0.0",
    "refused for all recipients" };
static const WnReply prdr_deferred = { 450, "4.0.0",
    "accepted for no recipient" };

void
wn_session_begin_data(WnSession *self)
{
    wn_framing_init(&self->framing);
    wn_store_reset(&self->store);
    self->kept = WN_KEPT;
    self->n_received = 0;
    self->data_began_ms = wn_clock_mono_ms();
    wn_session_enter(self, WN_STATE_DATA);
}

int64_t
wn_session_data_wait_ms(const WnSession *self)
{
    const WnSessionContext *context = self->context;
    int64_t spent = wn_clock_mono_ms() - self->data_began_ms;
    int64_t allowed;

    if (context->min_data_rate == 0)
        return context->data_timeout_ms;
    allowed = RATE_GRACE_MS
              + (int64_t)(self->n_received * 1000 / context->min_data_rate);
    return CLAMP(allowed - spent, 0, context->data_timeout_ms);
}

/* RFC 1870 counts the message itself. */
static uint64_t
message_size(const WnSession *self)
{
    return self->framing.n_bytes - self->framing.n_stuffed;
}

void
wn_session_refuse_message(WnSession *self, const WnReply *reply)
{
    const WnSessionContext *context = self->context;

    if (context->handler->refused != NULL)
        context->handler->refused(context->handler_self, self, reply,
            message_size(self));
    wn_session_say_with_id(self, reply);
}

static void
stop_keeping(WnSession *self, WnKept why)
{
    self->kept = why;
    wn_store_reset(&self->store);
}

static void
store_failed(WnSession *self, int error)
{
    bool full = error == ENOSPC || error == EDQUOT || error == EFBIG;

    stop_keeping(self, full ? WN_NOT_KEPT_NO_SPACE : WN_NOT_KEPT_FAULT);
}

static void
keep(WnSession *self, WnSpan bytes)
{
    if (self->kept == WN_NOT_KEPT_TOO_LARGE)
        return;
    if (message_size(self) > self->context->max_message_size)
        stop_keeping(self, WN_NOT_KEPT_TOO_LARGE);
    else if (self->kept == WN_KEPT && !wn_store_append(&self->store, bytes))
        store_failed(self, errno);
}

static bool
may_normalise(const WnSession *self)
{
    return self->context->normalise_bare_newlines
           && self->framing.n_bytes <= NORMALISE_MAX;
}

/* Why the message as it came in is not taken; NULL if it is. */
static const WnReply *
judge(const WnSession *self)
{
    const WnFraming *framing = &self->framing;

    switch (self->kept) {
    case WN_NOT_KEPT_TOO_LARGE:
        return &too_large;
    case WN_NOT_KEPT_NO_SPACE:
        return &no_space;
    case WN_NOT_KEPT_FAULT:
        return &fault;
    case WN_KEPT:
        break;
    }
    if (framing->nul_dot)
        return &nul_dot;
    /* What its lines are is only known once it is normalised. */
    if (framing->bare_cr || framing->bare_lf)
        return may_normalise(self) ? NULL : &bare_newline;
    return framing->longest_line > WN_MESSAGE_LINE_MAX ? &long_line : NULL;
}

/* Puts the normalised message in the place of the one that came in; what was
 * found out about the lines is found out anew. */
static const WnReply *
normalise(WnSession *self)
{
    g_autoptr(GByteArray) plain = g_byte_array_new();
    g_autoptr(GByteArray) clean = g_byte_array_new();
    WnSpan wire;
    size_t n_message;
    size_t consumed;

    if (!wn_store_finish(&self->store, &wire))
        return &fault;
    wn_framing_unstuff(wire, plain);
    wn_framing_normalise(wn_span(plain->data, plain->len), clean);
    g_byte_array_set_size(plain, 0);
    wn_framing_stuff(wn_span(clean->data, clean->len), plain);
    wn_framing_init(&self->framing);
    wn_framing_scan(&self->framing, wn_span(plain->data, plain->len),
        &n_message, &consumed);
    wn_store_reset(&self->store);
    keep(self, wn_span(plain->data, plain->len));
    return judge(self);
}

static void
ask_message(WnSession *self, WnSpan wire)
{
    const WnSessionContext *context = self->context;
    WnReply reply = { 0 };
    WnAnswerWhen when;

    self->message = (WnSessionMessage){
        .wire = wire,
        .wire_fd = self->store.fd,
        .n_stuffed = self->framing.n_stuffed,
        .eight_bit = self->framing.eight_bit,
        .nul = self->framing.nul,
    };
    wn_session_enter(self, WN_STATE_WAIT_MESSAGE);
    self->calling = true;
    when = context->handler->message(context->handler_self, self,
        &self->message, &reply);
    self->calling = false;
    if (when == WN_ANSWER_NOW && self->state == WN_STATE_WAIT_MESSAGE)
        wn_session_message_answered(self, &reply, 1);
}

static void
data_ended(WnSession *self)
{
    const WnReply *refusal;
    WnSpan wire;

    refusal = judge(self);
    if (refusal == NULL && (self->framing.bare_cr || self->framing.bare_lf))
        refusal = normalise(self);
    if (refusal == NULL && !wn_store_finish(&self->store, &wire))
        refusal = &fault;
    if (refusal == NULL) {
        ask_message(self, wire);
        return;
    }
    wn_session_refuse_message(self, refusal);
    wn_session_reset(self);
    if (self->state != WN_STATE_CLOSED)
        wn_session_command_done(self);
}

bool
wn_session_take_data(WnSession *self)
{
    WnSpan input = wn_stream_peek(self->stream);
    WnFramingStatus status;
    size_t n_message;
    size_t consumed;

    status = wn_framing_scan(&self->framing, input, &n_message, &consumed);
    keep(self, wn_span_slice(input, 0, n_message));
    wn_stream_consume(self->stream, consumed);
    self->n_received += consumed;
    if (status == WN_FRAMING_END) {
        data_ended(self);
        return true;
    }
    if (message_size(self) > 2 * self->context->max_message_size) {
        wn_session_refuse_message(self, &too_large);
        wn_session_end(self, NULL, "message without end");
    } else if (consumed > 0) {
        wn_timer_set(&self->deadline, wn_session_data_wait_ms(self));
    }
    return false;
}

static bool
is_accepted(const WnReply *reply)
{
    return reply->code / 100 == 2;
}

/* draft-hall-prdr §4: a reply for each recipient in the order of RCPT, then one
 * for the message. */
static void
say_prdr(WnSession *self, const WnReply *replies, size_t n)
{
    const WnReply *last = &prdr_refused;

    wn_session_say(self, &prdr_begins);
    for (size_t i = 0; i < n; i++) {
        wn_session_say(self, &replies[i]);
        if (is_accepted(&replies[i]))
            last = &prdr_accepted;
        else if (replies[i].code / 100 == 4 && last == &prdr_refused)
            last = &prdr_deferred;
    }
    wn_session_say_with_id(self, last);
}

void
wn_session_message_answered(WnSession *self, const WnReply *replies, size_t n)
{
    bool accepted = false;
    bool closing = false;

    for (size_t i = 0; i < n; i++) {
        accepted = accepted || is_accepted(&replies[i]);
        closing = closing || replies[i].code == 421;
    }
    if (n == 1)
        wn_session_say(self, replies);
    else
        say_prdr(self, replies, n);
    if (accepted)
        self->n_commands = 0;
    wn_session_reset(self);
    if (closing)
        wn_session_end(self, NULL, "refused");
    else if (self->state != WN_STATE_CLOSED)
        wn_session_command_done(self);
}
