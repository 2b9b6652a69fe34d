/* SPDX-License-Identifier: MIT */
#include "core/smtp/sending.h"

/* What is handed to the kernel at once of a large message, and what a stream
 * may hold that the kernel did not take. */
#define CHUNK_LEN ((size_t)256 * 1024)

/* The reply of a recipient that was refused before the message was sent. */
typedef struct Refusal {
    bool set;
    bool unfit;
    bool crowded;
    WnSentKind kind;
    uint16_t code;
    const char *command;
    char enhanced[12];
    char *text;
} Refusal;

static void
refusal_clear(gpointer data)
{
    g_clear_pointer(&((Refusal *)data)->text, g_free);
}

void
wn_sending_init(WnSending *self)
{
    *self = (WnSending){ 0 };
    self->pieces = g_array_new(FALSE, FALSE, sizeof(WnSpan));
    self->refusals = g_array_new(FALSE, TRUE, sizeof(Refusal));
    g_array_set_clear_func(self->refusals, refusal_clear);
}

void
wn_sending_clear(WnSending *self)
{
    g_clear_pointer(&self->pieces, g_array_unref);
    g_clear_pointer(&self->refusals, g_array_unref);
}

WnSent
wn_sent_of_reply(const WnReplyParser *reply, const char *command)
{
    WnSentKind kind = WN_SENT_TEMPORARY;

    if (reply->code / 100 == 2)
        kind = WN_SENT_OK;
    else if (reply->code / 100 == 5)
        kind = WN_SENT_PERMANENT;
    return (WnSent){ .kind = kind,
        .code = reply->code,
        .enhanced = reply->enhanced,
        .text = reply->text->str,
        .command = command };
}

static Refusal *
refusal_of(const WnSending *self, uint32_t recipient)
{
    return &g_array_index(self->refusals, Refusal, recipient);
}

/* The others of the message can do without what he needs. */
static void
leave_out(WnSending *self, uint32_t recipient)
{
    Refusal *refusal = refusal_of(self, recipient);

    *refusal = (Refusal){ .set = true,
        .unfit = true,
        .kind = WN_SENT_PERMANENT,
        .command = "EHLO",
        .enhanced = "5.6.7",
        .text = g_strdup("address needs SMTPUTF8, and the server does not "
                         "offer it") };
    self->n_unfit++;
}

static void
leave_out_unfit(WnSending *self)
{
    self->n_unfit = 0;
    if (self->offers & WN_OFFERS_SMTPUTF8)
        return;
    for (uint32_t i = 0; i < self->outgoing->n_recipients; i++)
        if (!wn_span_is_ascii(self->outgoing->recipients[i].address))
            leave_out(self, i);
}

static void
write_data(WnBuffer *out)
{
    wn_buffer_append(out, WN_SPAN("DATA\r\n"));
}

void
wn_sending_begin(WnSending *self, const WnOutgoing *outgoing, unsigned offers,
    WnBuffer *out)
{
    self->outgoing = outgoing;
    self->offers = offers;
    self->step = 0;
    self->n_accepted = 0;
    self->mail_refused = false;
    self->must_reset = false;
    self->piece = 0;
    self->piece_offset = 0;
    g_array_set_size(self->pieces, 0);
    g_array_set_size(self->refusals, 0);
    g_array_set_size(self->refusals, outgoing->n_recipients);
    leave_out_unfit(self);
    wn_outgoing_write_mail(outgoing, offers, out);
    if (!(offers & WN_OFFERS_PIPELINING))
        return;
    for (uint32_t i = 0; i < outgoing->n_recipients; i++)
        if (!refusal_of(self, i)->unfit)
            wn_outgoing_write_rcpt(outgoing, i, offers, out);
    write_data(out);
}

const char *
wn_sending_awaited(const WnSending *self)
{
    if (self->step == 0)
        return "MAIL";
    return self->step <= self->outgoing->n_recipients ? "RCPT" : "DATA";
}

static void
refuse(WnSending *self, uint32_t recipient, const WnReplyParser *reply)
{
    Refusal *refusal = refusal_of(self, recipient);
    WnSent sent = wn_sent_of_reply(reply, wn_sending_awaited(self));

    if (refusal->unfit)
        return;
    refusal->set = true;
    refusal->kind = sent.kind;
    refusal->code = sent.code;
    refusal->command = sent.command;
    refusal->text = g_strdup(sent.text);
    g_strlcpy(refusal->enhanced, sent.enhanced, sizeof(refusal->enhanced));
    if (self->n_accepted == 0)
        return;
    /* 552 once meant too many recipients (RFC 5321 §4.5.3.1.10). */
    if (sent.code == 552
        && (*sent.enhanced == '\0' || g_str_equal(sent.enhanced, "5.5.3")))
        refusal->kind = WN_SENT_TEMPORARY;
    refusal->crowded = (sent.code == 452 || sent.code == 552)
                       && refusal->kind == WN_SENT_TEMPORARY;
}

static void
take_mail(WnSending *self, const WnReplyParser *reply)
{
    self->mail_refused = reply->code / 100 != 2;
    for (uint32_t i = 0; self->mail_refused && i < self->outgoing->n_recipients;
         i++)
        refuse(self, i, reply);
}

static void
take_rcpt(WnSending *self, const WnReplyParser *reply)
{
    if (self->mail_refused)
        return;
    if (reply->code / 100 == 2)
        self->n_accepted++;
    else
        refuse(self, self->step - 1, reply);
}

static WnSendingNext
take_data(WnSending *self, const WnReplyParser *reply)
{
    /* 354 is the only one there is, but the first digit counts (RFC 5321
     * §4.2.1). */
    if (reply->code / 100 == 3 && self->n_accepted == 0)
        return WN_SENDING_DOT;
    if (reply->code / 100 == 3) {
        wn_outgoing_pieces(self->outgoing, self->pieces);
        return WN_SENDING_BODY;
    }
    if (reply->code < 400)
        return WN_SENDING_BROKEN;
    self->must_reset = !self->mail_refused;
    return WN_SENDING_OVER;
}

/* To the next recipient whom the server is asked about, or to DATA. */
static void
advance(WnSending *self)
{
    uint32_t n = self->outgoing->n_recipients;

    do
        self->step++;
    while (self->step <= n && refusal_of(self, self->step - 1)->unfit);
}

/* Without PIPELINING: the next command, after the reply to the last one. */
static WnSendingNext
next_command(WnSending *self, WnBuffer *out)
{
    if (self->mail_refused)
        return WN_SENDING_OVER;
    if (self->step <= self->outgoing->n_recipients) {
        wn_outgoing_write_rcpt(self->outgoing, self->step - 1, self->offers,
            out);
        return WN_SENDING_AWAIT;
    }
    if (self->n_accepted > 0) {
        write_data(out);
        return WN_SENDING_AWAIT;
    }
    self->must_reset = true;
    return WN_SENDING_OVER;
}

WnSendingNext
wn_sending_take_reply(WnSending *self, const WnReplyParser *reply,
    WnBuffer *out)
{
    if (self->step > self->outgoing->n_recipients)
        return take_data(self, reply);
    if (self->step == 0)
        take_mail(self, reply);
    else
        take_rcpt(self, reply);
    advance(self);
    if (self->offers & WN_OFFERS_PIPELINING)
        return WN_SENDING_AWAIT;
    return next_command(self, out);
}

bool
wn_sending_is_lost(const WnSending *self)
{
    const WnMapGuard *source = self->outgoing->source;

    return source != NULL && source->lost;
}

bool
wn_sending_pump(WnSending *self, WnStream *stream)
{
    while (self->piece < self->pieces->len) {
        WnSpan piece = g_array_index(self->pieces, WnSpan, self->piece);
        size_t pending = wn_stream_pending(stream);
        WnSpan part = wn_span_slice(piece, self->piece_offset,
            CHUNK_LEN - MIN(pending, CHUNK_LEN));

        wn_stream_write(stream, part);
        if (wn_sending_is_lost(self))
            return false;
        self->piece_offset += part.len;
        if (self->piece_offset == piece.len) {
            self->piece++;
            self->piece_offset = 0;
        }
        if (wn_stream_pending(stream) < CHUNK_LEN)
            continue;
        wn_stream_flush(stream);
        if (wn_stream_pending(stream) > 0)
            return false;
    }
    wn_stream_flush(stream);
    return wn_stream_pending(stream) == 0;
}

WnSent
wn_sending_result(const WnSending *self, uint32_t recipient,
    const WnSent *others)
{
    const Refusal *refusal = refusal_of(self, recipient);

    if (!refusal->set)
        return *others;
    return (WnSent){ .kind = refusal->kind,
        .code = refusal->code,
        .enhanced = refusal->enhanced,
        .text = refusal->text,
        .command = refusal->command,
        .crowded = refusal->crowded,
        .unfit = refusal->unfit };
}
