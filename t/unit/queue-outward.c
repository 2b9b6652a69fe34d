/* SPDX-License-Identifier: MIT */
#include "core/queue/outward.h"

#include "core/base/span.h"

#define LOST "the connection to the recipient's mail server was lost"
#define UNREACHED "the recipient's mail server could not be reached"
#define INSECURE \
    "no secure connection to the recipient's mail server could be made"

static const struct {
    const char *reply;
    const char *text;
    const char *temporary, *permanent; /* status */
} cases[] = {
    { NULL, NULL, "4.0.0", "5.0.0" },
    { "550 5.1.1 no such user", "550 5.1.1 no such user", "4.0.0", "5.1.1" },
    { "450 4.2.0 later", "450 4.2.0 later", "4.2.0", "5.0.0" },
    { "550 no", "550 no", "4.0.0", "5.0.0" },
    { "554 5.7.1", "554 5.7.1", "4.0.0", "5.7.1" },
    { "EHLO: 5.3.4 message of 9 bytes, and the server takes 8",
        "EHLO: 5.3.4 message of 9 bytes, and the server takes 8", "4.0.0",
        "5.3.4" },
    { "EHLO: 4.3.4 message of 9 bytes, and the server takes 8",
        "EHLO: 4.3.4 message of 9 bytes, and the server takes 8", "4.3.4",
        "5.0.0" },
    { "connect: exchange01.secret.test: Connection refused", UNREACHED, "4.4.1",
        "5.0.0" },
    { "connection timed out", UNREACHED, "4.4.1", "5.0.0" },
    { "DNS: exchange01.secret.test: no such name",
        "the recipient's mail server could not be found", "4.4.3", "5.0.0" },
    { "TLS handshake: certificate of exchange01.secret.test", INSECURE, "4.7.5",
        "5.0.0" },
    { "STARTTLS: connection closed by the server", INSECURE, "4.7.5", "5.0.0" },
    { "EHLO: TLS is required and not offered", INSECURE, "4.7.4", "5.0.0" },
    { "EHLO: connection closed by the server", LOST, "4.4.2", "5.0.0" },
    { "banner: no complete reply in time", LOST, "4.4.2", "5.0.0" },
    { "end of DATA: broken reply", LOST, "4.4.2", "5.0.0" },
    { "message not taken in time", LOST, "4.4.2", "5.0.0" },
    { "route: no address of the egress pool can be used on this host",
        "there is no way to the recipient's mail server at present", "4.3.5",
        "5.0.0" },
    { "smtp0-1.seg: the disk does not give it",
        "the message could not be handed to the recipient's mail server",
        "4.3.0", "5.0.0" },
    { WN_OUTWARD_RETURNED, WN_OUTWARD_RETURNED, "4.3.0", "5.0.0" },
    { WN_OUTWARD_RETURNED WN_OUTWARD_LAST "450 4.2.0 at mx.example",
        WN_OUTWARD_RETURNED WN_OUTWARD_LAST "450 4.2.0 at mx.example", "4.3.0",
        "5.0.0" },
    { WN_OUTWARD_RETURNED WN_OUTWARD_LAST "DNS: secret.test: no such name",
        WN_OUTWARD_RETURNED WN_OUTWARD_LAST
        "the recipient's mail server could not be found",
        "4.3.0", "5.0.0" },
};

/* Where the customer's server is and what it is called stays with us. */
static void
test_case(gconstpointer data)
{
    const typeof(cases[0]) *c = data;
    g_autofree char *text = wn_outward_text(c->reply);
    char status[WN_STATUS_MAX];

    g_assert_cmpstr(text, ==, c->text);
    wn_outward_status(c->reply, WN_STATUS_TEMPORARY, status);
    g_assert_cmpstr(status, ==, c->temporary);
    wn_outward_status(c->reply, WN_STATUS_PERMANENT, status);
    g_assert_cmpstr(status, ==, c->permanent);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strdup_printf("/queue/outward/%zu", i);

        g_test_add_data_func(path, &cases[i], test_case);
    }
    return g_test_run();
}
