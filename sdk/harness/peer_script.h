/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What a server of a test's says and expects, a line for each step:
 *
 *    expect "BYTES"     these come next
 *    until "BYTES"      whatever comes, up to and with these
 *    rest               whatever comes, up to the end of the connection
 *    end                the plugin closes the connection
 *    send "BYTES"
 *    pause TIME         500, 500ms, 2s: of the test's clock
 *    close
 *    reset              the connection breaks
 *    refuse             alone: nobody listens
 *
 * In BYTES there may be \n \r \t \0 \\ \" and \xHH.
 */

#include <glib.h>

typedef enum {
    WN_PEER_EXPECT,
    WN_PEER_UNTIL,
    WN_PEER_REST,
    WN_PEER_END,
    WN_PEER_SEND,
    WN_PEER_PAUSE,
    WN_PEER_CLOSE,
    WN_PEER_RESET,
    WN_PEER_REFUSE
} WnPeerVerb;

typedef struct WnPeerStep {
    WnPeerVerb verb;
    char *line;    /* as it was written */
    GBytes *bytes; /* NULL: it has none */
    guint ms;
} WnPeerStep;

/* Of WnPeerStep.  NULL with error if a line is not understood. */
GPtrArray *wn_peer_script_parse(const char *lines, GError **error);
