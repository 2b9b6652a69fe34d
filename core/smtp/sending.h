/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * One transaction under way, as the client sees it: which command is due after
 * which reply, who was refused, and the message on its way into the stream.
 * Part of client.h; nothing else uses it.
 *
 *    begin -> MAIL -> RCPT... -> DATA -> BODY -> dot
 *
 * With PIPELINING all commands are written by begin; the replies are told apart
 * by their order either way.
 */

#include "core/event/stream.h"
#include "core/smtp/outgoing.h"
#include "core/smtp/reply.h"

typedef enum {
    WN_SENT_OK,        /* 2xx */
    WN_SENT_TEMPORARY, /* 4xx */
    WN_SENT_PERMANENT, /* 5xx */
    WN_SENT_LOST       /* no reply: connection lost, deadline, broken reply */
} WnSentKind;

typedef struct WnSent {
    WnSentKind kind;
    uint16_t code;        /* 0 with LOST */
    const char *enhanced; /* "" if none */
    const char *text;     /* the reply, or what was wrong; printable */
    const char *command; /* what it answers: "connect", "RCPT", "end of DATA" */
    bool in_doubt;       /* LOST after the whole message had been sent */
    bool crowded;    /* TEMPORARY to a RCPT behind accepted ones: perhaps there
                      * were only too many in this transaction (RFC 5321
                      * §4.5.3.1.10) */
    bool unfit;      /* PERMANENT, not sent: the server has said in advance that
                      * it does not take this; another one may */
    bool tls_failed; /* dead() only: between STARTTLS and the reply to the EHLO
                      * that follows it */
} WnSent;

typedef struct WnSending {
    const WnOutgoing *outgoing; /* NULL: no transaction */
    unsigned offers;
    uint32_t n_unfit;    /* recipients whom the server is not asked about */
    GArray *refusals;    /* private */
    uint32_t step;       /* awaited reply: 0 MAIL, 1..n RCPT, then DATA */
    uint32_t n_accepted; /* recipients */
    bool mail_refused;
    bool must_reset; /* the server keeps a sender that leads nowhere */
    GArray *pieces;  /* WnSpan: of the message */
    guint piece;     /* next to write, from piece_offset on */
    size_t piece_offset;
} WnSending;

void wn_sending_init(WnSending *self);
void wn_sending_clear(WnSending *self);

/* Writes the first command, or all of them, into out.  A recipient whom only
 * SMTPUTF8 can name is left out where that is not offered; n_unfit of all
 * means that there is nothing to be sent. */
void wn_sending_begin(WnSending *self, const WnOutgoing *outgoing,
    unsigned offers, WnBuffer *out);

/* What is to be done after a reply to a command of the envelope. */
typedef enum {
    WN_SENDING_AWAIT, /* what is in out is written; another reply is due */
    WN_SENDING_BODY,  /* the message is due: wn_sending_pump() */
    WN_SENDING_DOT,   /* only a dot is due: nobody was accepted */
    WN_SENDING_OVER,  /* nothing was sent; this reply is for the accepted */
    WN_SENDING_BROKEN /* the reply makes no sense: the connection is lost */
} WnSendingNext;

WnSendingNext wn_sending_take_reply(WnSending *self, const WnReplyParser *reply,
    WnBuffer *out);

/* The command whose reply is awaited: "MAIL", "RCPT", "DATA". */
const char *wn_sending_awaited(const WnSending *self);

/* What is to be sent cannot be read any more: the connection must end before
 * the dot, the stream's last bytes are none of the message's. */
bool wn_sending_is_lost(const WnSending *self);

/* Writes as much of the message as the kernel takes; true when all of it has
 * been taken.  Otherwise, unless it is lost, call again when the stream has
 * drained. */
bool wn_sending_pump(WnSending *self, WnStream *stream);

/* What a recipient is to be told when the others are told this (NULL: there are
 * no others).  Good until the next begin. */
WnSent wn_sending_result(const WnSending *self, uint32_t recipient,
    const WnSent *others);

/* 2xx is OK, 5xx PERMANENT, everything else TEMPORARY. */
WnSent wn_sent_of_reply(const WnReplyParser *reply, const char *command);
