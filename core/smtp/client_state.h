/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The states of a client's connection, their time limits and what they wait
 * for.  Private to core/smtp/client.c and client_opening.c, whose functions are
 * named here.
 *
 *    CONNECTING --on_stream--> BANNER --take_banner--> EHLO
 *    EHLO, HELO --take_greeting--> READY; EHLO also HELO or STARTTLS
 *    STARTTLS --take_starttls--> HANDSHAKE --on_stream--> EHLO
 *    READY --wn_smtp_client_send--> ENVELOPE --take_envelope--> BODY
 *    BODY --pump--> DOT --finish--> READY
 *    ENVELOPE --finish--> READY, or RESET --take_reset--> READY
 *    READY --wn_smtp_client_send--> UNSENT --on_soon--> READY
 *    any --die--> DEAD
 */

#include "core/smtp/client.h"

typedef enum {
    WN_CLIENT_CONNECTING,
    WN_CLIENT_BANNER,
    WN_CLIENT_EHLO,
    WN_CLIENT_HELO,
    WN_CLIENT_STARTTLS,
    WN_CLIENT_HANDSHAKE,
    WN_CLIENT_READY,
    WN_CLIENT_UNSENT, /* refused unsent, at the end of the turn */
    WN_CLIENT_ENVELOPE,
    WN_CLIENT_BODY,
    WN_CLIENT_DOT,
    WN_CLIENT_RESET,
    WN_CLIENT_DEAD
} WnClientState;

/* Of the wait that the state is; -1: there is none. */
int64_t wn_client_state_timeout(WnClientState state,
    const WnClientConfig *config);

/* The command whose reply is awaited; of ENVELOPE, WnSending tells. */
const char *wn_client_state_command(WnClientState state);
