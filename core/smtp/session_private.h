/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the files of the session share: session.c has the connection and the
 * states, session_commands.c the commands, session_data.c the message.  The
 * states and their transitions:
 *
 *   PROXY --take_proxy_header--> CONNECT --connect_answered--> COMMAND
 *   COMMAND --do_mail--> WAIT_MAIL --mail_answered--> COMMAND
 *   COMMAND --do_rcpt--> WAIT_RCPT --rcpt_answered--> COMMAND
 *   COMMAND --do_data--> DATA --data_ended--> WAIT_MESSAGE
 * --message_answered--> COMMAND COMMAND --do_starttls--> HANDSHAKE
 * --on_secured--> COMMAND wherever COMMAND is entered after a command: PAUSE
 * first, for a client that makes too many mistakes; its deadline leads to
 * COMMAND any --wn_session_end--> CLOSED, then freed by the loop
 *
 * Functions that may end the session return with state CLOSED; their callers
 * look before they go on.
 */

#include "core/base/arena.h"
#include "core/smtp/command.h"
#include "core/smtp/framing.h"
#include "core/smtp/session.h"
#include "core/smtp/store.h"

typedef enum {
    WN_STATE_PROXY,
    WN_STATE_CONNECT, /* the handler is asked for the banner */
    WN_STATE_COMMAND,
    WN_STATE_WAIT_MAIL,
    WN_STATE_WAIT_RCPT,
    WN_STATE_DATA,
    WN_STATE_WAIT_MESSAGE,
    WN_STATE_PAUSE, /* replies are held back */
    WN_STATE_HANDSHAKE,
    WN_STATE_CLOSED
} WnSessionState;

typedef enum {
    WN_TRANSACTION_NONE,
    WN_TRANSACTION_OPEN,
    WN_TRANSACTION_ENDING /* within handler->reset */
} WnTransactionState;

/* Why the bytes of a message are no longer kept. */
typedef enum {
    WN_KEPT,
    WN_NOT_KEPT_TOO_LARGE,
    WN_NOT_KEPT_NO_SPACE,
    WN_NOT_KEPT_FAULT
} WnKept;

struct WnSession {
    const WnSessionContext *context;
    WnSessionState state;
    uint64_t serial;
    WnStream *stream; /* NULL once CLOSED */
    WnNetaddr client;
    char *listener;
    void *data;
    WnTimer deadline; /* of the state */
    WnDeferred soon;  /* the beginning, then the end */
    WnBuffer out;     /* replies until the session waits for the client */
    bool calling;     /* within a function of the handler that answers */
    bool draining;
    bool peer_ended;
    bool esmtp;
    size_t helo_len; /* 0: not greeted */
    char helo[WN_DOMAIN_MAX + 1];
    unsigned n_commands; /* since a message was accepted, without RCPT */
    unsigned n_bad;      /* not understood at all */
    unsigned n_refused;  /* by the session itself */

    WnTransactionState transaction_state;
    WnTransaction transaction;
    WnArena *arena; /* of the transaction; NULL before the first */
    WnSessionRecipient *recipient; /* WAIT_RCPT: the one asked about */
    unsigned n_rcpt;               /* RCPT commands of the transaction */

    WnFraming framing;
    WnStore store;
    WnKept kept;
    int64_t data_began_ms;
    uint64_t n_received; /* bytes of DATA */
    WnSessionMessage message;
};

/* The only writer of state; sets the state's deadline. */
void wn_session_enter(WnSession *self, WnSessionState state);

/* A command has been answered: on to the next. */
void wn_session_command_done(WnSession *self);

void wn_session_say(WnSession *self, const WnReply *reply);
void wn_session_say_with_id(WnSession *self, const WnReply *reply);

/* The same for the message that is or was being read, and tells the handler. */
void wn_session_refuse_message(WnSession *self, const WnReply *reply);

/* Replies (unless NULL) and closes.  reason is for the log. */
void wn_session_end(WnSession *self, const WnReply *reply, const char *reason);

/* The one end of every transaction that was begun. */
void wn_session_reset(WnSession *self);

/* Whether the client has sent more than it may have by now. */
bool wn_session_has_early_input(const WnSession *self);

/* Replies waiting for the client go to the stream. */
void wn_session_hand_over(WnSession *self);

void wn_session_command(WnSession *self, const WnCommand *command);
void wn_session_bad_command(WnSession *self, const WnCommand *command,
    const WnReply *reply);
void wn_session_mail_answered(WnSession *self, const WnReply *reply);
void wn_session_rcpt_answered(WnSession *self, const WnReply *reply);

void wn_session_begin_data(WnSession *self);
bool wn_session_take_data(WnSession *self); /* whether there was the end */
int64_t wn_session_data_wait_ms(const WnSession *self); /* from now */
void wn_session_message_answered(WnSession *self, const WnReply *replies,
    size_t n);
