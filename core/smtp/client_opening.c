/* SPDX-License-Identifier: MIT */
#include "core/smtp/client_private.h"

void
wn_client_send_ehlo(WnSmtpClient *self)
{
    self->offers = (WnOffers){ 0 };
    wn_client_command(self, WN_CLIENT_EHLO, "EHLO", self->config.hostname);
}

/* Lines of a refusal offer nothing. */
static void
send_helo(WnSmtpClient *self)
{
    self->offers = (WnOffers){ 0 };
    wn_client_command(self, WN_CLIENT_HELO, "HELO", self->config.hostname);
}

void
wn_client_take_banner(WnSmtpClient *self)
{
    if (self->parser.code / 100 == 2)
        wn_client_send_ehlo(self);
    else
        wn_client_die_of_reply(self);
}

static void
greeted(WnSmtpClient *self)
{
    bool plain = !wn_stream_is_tls(self->stream);
    bool offered = self->offers.set & WN_OFFERS_STARTTLS;

    if (plain && offered && self->config.tls != WN_CLIENT_TLS_NONE)
        wn_client_command(self, WN_CLIENT_STARTTLS, "STARTTLS", NULL);
    else if (plain && self->config.tls == WN_CLIENT_TLS_REQUIRE)
        wn_client_die_lost(self, "TLS is required and not offered");
    else
        wn_client_become_ready(self);
}

void
wn_client_take_greeting(WnSmtpClient *self)
{
    if (self->parser.code / 100 == 2)
        greeted(self);
    else if (self->parser.code / 100 == 5 && self->state == WN_CLIENT_EHLO)
        send_helo(self);
    else
        wn_client_die_of_reply(self);
}

void
wn_client_take_starttls(WnSmtpClient *self)
{
    if (self->parser.code != 220) {
        if (self->config.tls == WN_CLIENT_TLS_REQUIRE)
            wn_client_die_of_reply(self);
        else
            wn_client_become_ready(self);
        return;
    }
    /* Bytes that came before the handshake would count as sent inside it
     * (CVE-2021-38371). */
    if (wn_stream_peek(self->stream).len > 0) {
        wn_client_die_lost(self, "plain text behind the reply to STARTTLS");
        return;
    }
    wn_client_enter(self, WN_CLIENT_HANDSHAKE);
    wn_stream_connect_tls(self->stream, self->config.tls_context,
        &(WnTlsPeer){ .name = self->config.tls_name,
            .other_name = self->config.tls_other_name,
            .verify = self->config.tls_verify,
            .tlsa = self->config.tlsa,
            .session = self->config.session });
}

bool
wn_client_is_securing(const WnSmtpClient *self)
{
    bool greeting = self->state == WN_CLIENT_EHLO
                    || self->state == WN_CLIENT_HELO;

    return self->state == WN_CLIENT_STARTTLS
           || self->state == WN_CLIENT_HANDSHAKE
           || (greeting && wn_stream_is_tls(self->stream));
}
