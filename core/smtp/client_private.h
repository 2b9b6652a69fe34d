/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What client.c (a connection's life and its transactions) and client_opening.c
 * (from the banner to READY) know together.
 */

#include "core/smtp/client_state.h"
#include "core/smtp/offers.h"

struct WnSmtpClient {
    WnClientConfig config;
    const WnClientHandler *handler;
    void *user;
    WnClientState state;
    WnStream *stream;
    WnReplyParser parser;
    WnTimer deadline;
    WnDeferred soon;   /* CONNECTING: there was no socket; UNSENT */
    char *start_error; /* why there was none */
    WnSent unsent;
    char unsent_text[128];
    WnOffers offers;

    WnSending sending;
    WnBuffer commands;
    int64_t body_until_ms; /* BODY */

    unsigned busy; /* handlers on the stack that still use self */
    bool freed;    /* the last of them frees self */
};

/* client.c */

/* A state begins with the wait for its reply: one deadline for all of it. */
void wn_client_enter(WnSmtpClient *self, WnClientState state);

/* Sends a command, whose reply the state awaits; argument NULL: none. */
void wn_client_command(WnSmtpClient *self, WnClientState state,
    const char *verb, const char *argument);

void wn_client_become_ready(WnSmtpClient *self);
void wn_client_die_lost(WnSmtpClient *self, const char *text);

/* A refusal of the session itself says nothing about any message. */
void wn_client_die_of_reply(WnSmtpClient *self);

/* client_opening.c */

void wn_client_send_ehlo(WnSmtpClient *self);
void wn_client_take_banner(WnSmtpClient *self);
void wn_client_take_greeting(WnSmtpClient *self); /* of EHLO, HELO */
void wn_client_take_starttls(WnSmtpClient *self);

/* Has TLS been asked for, and not come to work yet?  What ends the connection
 * then may be due to TLS. */
bool wn_client_is_securing(const WnSmtpClient *self);
