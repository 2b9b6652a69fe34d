/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A customer's mail server for tests, on 127.0.0.1 and a port of its own, run
 * by the test's loop.  It is friendly unless rules say otherwise, keeps what it
 * accepts, and aborts the test when a message has a bare CR or LF.
 */

#include "core/event/listener.h"
#include "core/event/stream.h"

/*
 * What to answer instead of the usual.  on: "connect", "EHLO", "HELO",
 * "STARTTLS", "MAIL", "RCPT", "DATA", "body" (first bytes of a message), "dot",
 * "RSET", "QUIT"; with RCPT and MAIL also "RCPT:someone@".  nth counts what
 * matches, over all connections, from 1; 0 is always.
 *
 * reply: as it goes over the wire; "" nothing, NULL closes, "!..." closes
 * behind it.
 */
typedef struct FakeRule {
    const char *on;
    unsigned nth;
    const char *reply;
} FakeRule;

typedef struct FakeMessage {
    char *sender;     /* all behind "MAIL " */
    GString *rcpts;   /* accepted addresses, "a@b c@d " */
    GByteArray *text; /* wire form without the final dot */
    unsigned connection;
} FakeMessage;

typedef struct FakeSmtp {
    WnLoop *loop;
    WnListener *listener;
    WnNetaddr address;
    const FakeRule *rules; /* ends with on NULL; NULL: none */
    const char *offers;    /* lines behind EHLO, ending with "250 ..." */
    SSL_CTX *tls;          /* for STARTTLS; NULL: none */
    GHashTable *counts;
    GPtrArray *connections; /* private */
    GPtrArray *messages;    /* FakeMessage */
    GString *log;           /* commands, each with LF */
    WnNetaddr last_peer;
    unsigned n_connections;
    unsigned n_messages;
    unsigned n_secured;
    bool discard; /* count messages, keep none */
} FakeSmtp;

extern const char fake_smtp_offers[]; /* PIPELINING, 8BITMIME, SIZE, DSN */
extern const char fake_smtp_plain[];  /* nothing */

void fake_smtp_start(FakeSmtp *self, WnLoop *loop, const FakeRule *rules);
void fake_smtp_stop(FakeSmtp *self);

/* On the port that address names; after fake_smtp_close(), or instead of
 * fake_smtp_start() with a port. */
void fake_smtp_listen(FakeSmtp *self);
void fake_smtp_close(FakeSmtp *self); /* connections too */

/* To all connections, as it is; those that a rule has silenced answer again. */
void fake_smtp_write(FakeSmtp *self, const char *bytes);

const FakeMessage *fake_smtp_message(const FakeSmtp *self, guint n);

/* A certificate for mx.example.net and its key, self-signed. */
SSL_CTX *fake_smtp_tls_context(void);
