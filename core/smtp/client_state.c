/* SPDX-License-Identifier: MIT */
#include "core/smtp/client_state.h"

int64_t
wn_client_state_timeout(WnClientState state, const WnClientConfig *config)
{
    switch (state) {
    case WN_CLIENT_CONNECTING:
    case WN_CLIENT_HANDSHAKE:
        return config->connect_timeout_ms;
    case WN_CLIENT_DOT:
        return config->dot_timeout_ms;
    case WN_CLIENT_BANNER:
    case WN_CLIENT_EHLO:
    case WN_CLIENT_HELO:
    case WN_CLIENT_STARTTLS:
    case WN_CLIENT_ENVELOPE:
    case WN_CLIENT_BODY:
    case WN_CLIENT_RESET:
        return config->reply_timeout_ms;
    case WN_CLIENT_READY:
    case WN_CLIENT_UNSENT:
    case WN_CLIENT_DEAD:
        break;
    }
    return -1;
}

const char *
wn_client_state_command(WnClientState state)
{
    static const char *const names[] = { [WN_CLIENT_CONNECTING] = "connect",
        [WN_CLIENT_BANNER] = "banner",
        [WN_CLIENT_EHLO] = "EHLO",
        [WN_CLIENT_HELO] = "HELO",
        [WN_CLIENT_STARTTLS] = "STARTTLS",
        [WN_CLIENT_HANDSHAKE] = "TLS handshake",
        [WN_CLIENT_READY] = "idle",
        [WN_CLIENT_UNSENT] = "EHLO",
        [WN_CLIENT_ENVELOPE] = "",
        [WN_CLIENT_BODY] = "message",
        [WN_CLIENT_DOT] = "end of DATA",
        [WN_CLIENT_RESET] = "RSET",
        [WN_CLIENT_DEAD] = "" };

    return names[state];
}
