/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The server's side of one SMTP connection: lines in, replies out, one
 * transaction at a time.  Knows the protocol and nothing of domains, filters
 * and spools: those are asked through WnSessionHandler.
 *
 *   PROXY --header--> CONNECT --accepted--> COMMAND <--------------+
 *                        |                    |  |   answer        |
 *                        |                    |  +--> WAIT --------+
 *                        |                    +--354--> DATA       |
 *                        |                               | dot     |
 *                        |                               +--> WAIT-+
 *                        +--refused--+   STARTTLS: COMMAND -> HANDSHAKE ->
 * COMMAND
 *                                    v
 *   any: QUIT, 421, error, peer gone --> CLOSED
 *
 * Every end of a transaction, whatever the reason, goes through one function,
 * which calls handler->reset once if a MAIL had been accepted.  Every state has
 * its deadline.  Input is not used while an answer is awaited, and not read on
 * once some has come.  Commands of one batch are answered in one write.  A
 * session frees itself after handler->closed.
 */

#include "core/base/id.h"
#include "core/base/netaddr.h"
#include "core/event/stream.h"
#include "core/smtp/grammar.h"
#include "core/smtp/reply.h"

typedef struct WnSession WnSession;

/* What a handler gives back: the reply is in *out_reply now, or it will be
 * given by wn_session_answer() later. */
typedef enum { WN_ANSWER_NOW, WN_ANSWER_LATER } WnAnswerWhen;

typedef struct WnSessionRecipient {
    WnPath path;        /* spans live as long as the transaction */
    WnSpan notify;      /* NOTIFY= as given, empty if absent */
    WnSpan orcpt;       /* ORCPT= as given */
    void *handler_data; /* the handler's own */
} WnSessionRecipient;

typedef struct WnTransaction {
    WnId id;
    WnPath sender;
    uint64_t declared_size; /* SIZE=, 0 if absent */
    bool body_8bit;         /* BODY=8BITMIME */
    bool prdr;
    bool utf8;             /* SMTPUTF8 */
    WnSpan ret, envid;     /* DSN, as given */
    GPtrArray *recipients; /* WnSessionRecipient, accepted ones only */
    int64_t began_ms;      /* monotonic, at MAIL */
} WnTransaction;

/* The message after the true end of DATA. */
typedef struct WnSessionMessage {
    WnSpan wire;        /* wire form without the final dot; good until the
                         * answer */
    int wire_fd;        /* the same bytes in a file, if they were too many for
                         * memory; else -1.  Borrowed. */
    uint64_t n_stuffed; /* 0: wire form and message are the same bytes */
    bool eight_bit;
    bool nul;
} WnSessionMessage;

/* One reply for all, or with PRDR one for each recipient.  A reply 421 to any
 * command closes the connection. */
typedef struct WnSessionHandler {
    /* A connection stands (client address known, banner not sent).  Answer 220
     * to go on, anything else is sent and the connection closed. */
    WnAnswerWhen (*connect)(void *self, WnSession *session, WnReply *out_reply);

    /* After a good HELO or EHLO; no answer. */
    void (*helo)(void *self, WnSession *session);

    /* The envelope commands, syntax already checked.  A 2xx accepts. */
    WnAnswerWhen (*mail)(void *self, WnSession *session, WnReply *out_reply);
    WnAnswerWhen (*rcpt)(void *self, WnSession *session,
        WnSessionRecipient *recipient, WnReply *out_reply);

    /* Before 354; a reply other than 354 refuses and ends the transaction.  Now
     * only. */
    void (*data)(void *self, WnSession *session, WnReply *out_reply);

    /* The whole message.  The reply to the final dot. */
    WnAnswerWhen (*message)(void *self, WnSession *session,
        const WnSessionMessage *message, WnReply *out_reply);

    /* The message was refused before it was handed over, for its form, its size
     * or its slowness; the reply carries the id.  NULL: nobody wants to know.
     * reset() follows. */
    void (*refused)(void *self, WnSession *session, const WnReply *reply,
        uint64_t size);

    /* The transaction has ended; its memory goes after this returns.  An
     * outstanding answer is no longer wanted.  Called once after each mail()
     * that was not answered with a refusal, so also if the connection ends
     * before the answer; before closed(). */
    void (*reset)(void *self, WnSession *session);

    /* The session ends: forget it.  Called exactly once for each session,
     * whatever its state, connect() or not. */
    void (*closed)(void *self, WnSession *session);
} WnSessionHandler;

/* Shared by all sessions of a process; outlives them. */
typedef struct WnSessionContext {
    WnLoop *loop;
    const WnSessionHandler *handler;
    void *handler_self;
    const char *hostname;
    SSL_CTX *tls; /* NULL: STARTTLS is not offered */
    uint64_t max_message_size;
    uint32_t max_recipients;
    bool normalise_bare_newlines;
    bool offer_prdr;
    const char *spool;          /* for messages too large for memory */
    size_t memory_max;          /* a message up to this size stays in memory */
    int64_t command_timeout_ms; /* 300,000; 10,000 under stress */
    int64_t data_timeout_ms;    /* of DATA without a byte */
    uint32_t min_data_rate;     /* octets a second, after the first minute; 0:
                                 * any */
} WnSessionContext;

/* Takes fd.  proxy: the client is behind a balancer that sends a PROXY header.
 * listener is the listening address as text.  The banner is sent when the
 * handler accepts the connection. */
WnSession *wn_session_new(const WnSessionContext *context, int take_fd,
    const WnNetaddr *peer, bool proxy, const char *listener);

/* Gives the answer a handler said would come later.  Without PRDR n is 1; with
 * PRDR for a message, one reply per recipient in their order, or one for all.
 * The texts are copied.  Safe to call from any callback but the handler itself.
 * It goes on with the session, so the handler may be called (reset, closed, the
 * next command) before it returns: make it the last thing done. */
void wn_session_answer(WnSession *self, const WnReply *replies, size_t n);

/* No new transactions: idle sessions get 421 4.3.2 and close, one in a
 * transaction after its end. */
void wn_session_drain(WnSession *self);

/* 421 and close now, whatever is going on. */
void wn_session_kick(WnSession *self, const WnReply *reply);

/* What is known; spans live as long as the session (helo: until the next). */
const WnNetaddr *wn_session_client(const WnSession *self);
WnSpan wn_session_helo(const WnSession *self);
bool wn_session_is_esmtp(const WnSession *self);
const char *wn_session_listener(const WnSession *self);
SSL *wn_session_ssl(const WnSession *self);             /* NULL without TLS */
WnTransaction *wn_session_transaction(WnSession *self); /* NULL outside */
uint64_t wn_session_serial(const WnSession *self); /* unique in the process */
bool wn_session_is_idle(const WnSession *self);    /* no transaction */

/* The handler's own pointer. */
void wn_session_set_data(WnSession *self, void *data);
void *wn_session_get_data(const WnSession *self);
