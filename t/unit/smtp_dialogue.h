/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A session on one end of a socket pair, a handler that does what addresses
 * tell it, and transcripts that read like SMTP:
 *
 *     C: what the client sends, with CRLF; lines that follow each other go out
 *        in one write; \r \n \ooo are understood
 *     C-- as above without CRLF
 *     S: a line the server must send; * at its end stands for anything
 *     S: <nothing>, <closed>
 *     H: the answer a handler gives that said LATER; with PRDR several,
 *        separated by " | "
 *     T: milliseconds go by
 *
 * The clock is fake and stands still otherwise; nothing ever sleeps.
 *
 * What the fake handler does: recipients no@ are refused, tmp@ deferred, kill@
 * get 421, later@ are answered later; senders likewise.  The message is
 * answered with message_reply, or later if that is NULL.
 */

#include "core/smtp/session.h"

#include <glib.h>

typedef struct Dialogue {
    WnLoop *loop;
    WnSessionContext context;
    WnSessionHandler handler;
    WnSession *session; /* NULL once closed() was called */
    int fd;             /* the client's end */
    SSL *ssl;           /* the client's, if TLS is on */
    char *folder;       /* the spool */
    GByteArray *in;     /* from the server, not yet looked at */
    bool ended;         /* the server has closed */

    WnReply connect_reply; /* code 0: later */
    const WnReply *message_reply;
    GString *log; /* calls of the handler: "connect helo:x mail:a@b ..." */
    GByteArray *message; /* the last one, unstuffed */
    bool in_file;        /* and whether it came in a file */
    bool prdr;
    unsigned n_messages;
} Dialogue;

extern const WnReply dialogue_queued;

/* Makes all but the session; fields may be changed before dialogue_begin(). */
void dialogue_init(Dialogue *self);
void dialogue_clear(Dialogue *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Dialogue, dialogue_clear)

void dialogue_begin(Dialogue *self, bool proxy);

/* Runs a transcript; aborts at the first line that is not as told. */
void dialogue_run(Dialogue *self, const char *transcript);

/* Everything up to the first MAIL. */
void dialogue_greet(Dialogue *self);

/* A message's worth of envelope, up to and including 354. */
void dialogue_to_data(Dialogue *self);

void dialogue_send(Dialogue *self, WnSpan bytes);
void dialogue_spin(Dialogue *self); /* until nothing happens any more */
void dialogue_expect_log(Dialogue *self, const char *log); /* and empties it */

/* The client's side of STARTTLS, after its 220. */
void dialogue_handshake(Dialogue *self, SSL_CTX *client);
