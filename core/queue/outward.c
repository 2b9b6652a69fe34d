/* SPDX-License-Identifier: MIT */
#include "core/queue/outward.h"

#include <stdio.h>
#include <string.h>

/* By how the reply begins; the first that fits counts. */
typedef struct Trouble {
    const char *beginning;
    const char *status;
    const char *text;
} Trouble;

#define UNREACHED "the recipient's mail server could not be reached"
#define LOST "the connection to the recipient's mail server was lost"
#define INSECURE \
    "no secure connection to the recipient's mail server could be made"

static const Trouble troubles[] = {
    { "connect", "4.4.1", UNREACHED },
    { "DNS:", "4.4.3", "the recipient's mail server could not be found" },
    { "TLS handshake", "4.7.5", INSECURE },
    { "STARTTLS:", "4.7.5", INSECURE },
    { "EHLO: TLS is required", "4.7.4", INSECURE },
    { "HELO: TLS is required", "4.7.4", INSECURE },
    { "banner:", "4.4.2", LOST },
    { "EHLO:", "4.4.2", LOST },
    { "HELO:", "4.4.2", LOST },
    { "MAIL:", "4.4.2", LOST },
    { "RCPT:", "4.4.2", LOST },
    { "DATA:", "4.4.2", LOST },
    { "message", "4.4.2", LOST },
    { "end of DATA:", "4.4.2", LOST },
    { "RSET:", "4.4.2", LOST },
    { "route:", "4.3.5",
        "there is no way to the recipient's mail server at present" },
    { "", "4.3.0",
        "the message could not be handed to the recipient's mail server" },
};

static const Trouble *
find_trouble(const char *reply)
{
    const Trouble *trouble = troubles;

    while (!g_str_has_prefix(reply, trouble->beginning))
        trouble++;
    return trouble;
}

/* Is it the server's, by a reply or in its answer to EHLO?  With its status, or
 * an empty one. */
static bool
is_of_server(const char *reply, char status[WN_STATUS_MAX])
{
    unsigned int code, subject, detail;
    char class_;

    *status = '\0';
    if (sscanf(reply, "%3u %c.%3u.%3u ", &code, &class_, &subject, &detail) == 4
        || sscanf(reply, "EHLO: %c.%3u.%3u ", &class_, &subject, &detail) == 3)
        g_snprintf(status, WN_STATUS_MAX, "%c.%u.%u", class_, subject, detail);
    return *status != '\0' || g_ascii_isdigit(reply[0]);
}

char *
wn_outward_text(const char *reply)
{
    char status[WN_STATUS_MAX];

    if (reply == NULL)
        return NULL;
    if (g_str_has_prefix(reply, WN_OUTWARD_RETURNED)) {
        const char *rest = reply + strlen(WN_OUTWARD_RETURNED);
        g_autofree char *last = NULL;

        if (!g_str_has_prefix(rest, WN_OUTWARD_LAST))
            return g_strdup(WN_OUTWARD_RETURNED);
        last = wn_outward_text(rest + strlen(WN_OUTWARD_LAST));
        return g_strconcat(WN_OUTWARD_RETURNED, WN_OUTWARD_LAST, last, NULL);
    }
    return g_strdup(
        is_of_server(reply, status) ? reply : find_trouble(reply)->text);
}

void
wn_outward_status(const char *reply, WnStatusClass class_,
    char out[WN_STATUS_MAX])
{
    bool of_server = reply != NULL && is_of_server(reply, out);

    if (of_server && out[0] == (char)class_)
        return;
    if (reply != NULL && !of_server && class_ == WN_STATUS_TEMPORARY)
        g_strlcpy(out, find_trouble(reply)->status, WN_STATUS_MAX);
    else
        g_snprintf(out, WN_STATUS_MAX, "%c.0.0", (char)class_);
}
