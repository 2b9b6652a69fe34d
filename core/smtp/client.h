/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The client's side of one SMTP connection to a customer's server: connects,
 * greets, secures, then sends one transaction after another as it is given
 * them.  Knows nothing of queues; every result goes to the callbacks.
 *
 *   CONNECT -> BANNER -> EHLO (-> HELO) -> [STARTTLS -> HANDSHAKE -> EHLO]
 *      -> READY -> ENVELOPE -> BODY -> DOT -> READY ...
 *   any: error, 421, deadline -> DEAD
 *   ENVELOPE, every recipient refused -> RESET -> READY
 *
 * MAIL, all RCPT and DATA go out in one write where PIPELINING is offered, and
 * every partial failure is told apart.  The connection is given back READY
 * after each transaction.  One absolute deadline for each whole reply, and one
 * for the message, by its size.  What the server has said it will not take
 * (SIZE; SMTPUTF8 for the whole message, or for one recipient) is refused
 * without being sent: a permanent WnSent without a reply code, unfit.
 */

#include "core/event/stream.h"
#include "core/event/tls.h"
#include "core/smtp/sending.h"

typedef enum {
    WN_CLIENT_TLS_NONE,   /* never */
    WN_CLIENT_TLS_MAY,    /* if offered; else plain */
    WN_CLIENT_TLS_REQUIRE /* or not at all */
} WnClientTls;

typedef struct WnClientConfig {
    const char *hostname; /* for EHLO; outlives the client */
    WnNetaddr server;
    const WnNetaddr *source; /* NULL: any */
    WnClientTls tls;
    SSL_CTX *tls_context;       /* NULL only with TLS_NONE */
    const char *tls_name;       /* SNI; NULL: none; outlives the client */
    const char *tls_other_name; /* good in its certificate as well; NULL: none;
                                 * outlives the client */
    bool tls_verify;            /* the certificate must be good for tls_name */
    GPtrArray *tlsa;      /* GBytes, as in WnTlsPeer; NULL: none; referenced */
    SSL_SESSION *session; /* to resume; NULL: none; referenced */
    bool bounce_8bit; /* where 8BITMIME is not offered; else sent as it is */
    int64_t connect_timeout_ms, reply_timeout_ms, dot_timeout_ms;
} WnClientConfig;

typedef struct WnSmtpClient WnSmtpClient;

typedef struct WnClientHandler {
    /* Ready for the first or the next transaction. */
    void (*ready)(void *user, WnSmtpClient *client);

    /* One call for each recipient of the transaction, in order, then ready() or
     * dead().  A recipient that was refused gets its own reply; the others the
     * reply to the message. */
    void (*sent)(void *user, WnSmtpClient *client, uint32_t recipient,
        const WnSent *sent);

    /* The connection is of no more use; sent() has been called for what was
     * under way.  Free it. */
    void (*dead)(void *user, WnSmtpClient *client, const WnSent *why);
} WnClientHandler;

WnSmtpClient *wn_smtp_client_new(WnLoop *loop, const WnClientConfig *config,
    const WnClientHandler *handler, void *user);
void wn_smtp_client_free(WnSmtpClient *self); /* no callback; no QUIT */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnSmtpClient, wn_smtp_client_free)

/* QUIT, then frees itself; no callback. */
void wn_smtp_client_quit(WnSmtpClient *self);

/* Only in or after ready(), one at a time.  Everything in outgoing, which has
 * at least one recipient and is clean, is borrowed until the last sent(). */
void wn_smtp_client_send(WnSmtpClient *self, const WnOutgoing *outgoing);

unsigned wn_smtp_client_offers(const WnSmtpClient *self);
uint64_t wn_smtp_client_size_limit(const WnSmtpClient *self); /* 0: none told */
bool wn_smtp_client_is_tls(const WnSmtpClient *self);
SSL *wn_smtp_client_get_ssl(const WnSmtpClient *self); /* NULL when plain */
bool wn_smtp_client_is_connected(const WnSmtpClient *self);
bool wn_smtp_client_is_ready(const WnSmtpClient *self);
