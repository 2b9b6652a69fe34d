/* SPDX-License-Identifier: MIT */
#include "core/queue/courier.h"

#include "core/base/clock.h"

/* A certificate is looked at again after so long. */
#define SESSION_MS (3600 * 1000)
#include "core/base/idna.h"
#include "core/smtp/xtext.h"

static void
let_go(WnCourier *self)
{
    WnParcel *parcel = g_steal_pointer(&self->parcel);

    wn_spool_content_clear(&self->content);
    self->n_carried++;
    self->handler->carried(self->destination, self, parcel);
}

/* What is said in the events of its deliveries. */
static void
note_tls(WnCourier *self)
{
    static const char *const names[] = { [WN_TLS_ANYBODY] = "encrypted",
        [WN_TLS_VERIFIED] = "verified",
        [WN_TLS_DANE] = "dane" };
    SSL *ssl = wn_smtp_client_get_ssl(self->client);
    SSL_SESSION *session = ssl != NULL ? wn_tls_session(ssl) : NULL;

    self->assurance = ssl != NULL ? names[wn_tls_assurance(ssl)] : "none";
    if (ssl != NULL)
        wn_tls_describe(ssl, self->tls, sizeof(self->tls));
    if (session == NULL)
        return;
    g_clear_pointer(&self->endpoint->session, SSL_SESSION_free);
    self->endpoint->session = session;
    self->endpoint->session_until_ms = wn_clock_mono_ms() + SESSION_MS;
}

static void
on_ready(void *user, WnSmtpClient *client)
{
    WnCourier *self = user;

    (void)client;
    if (self->n_carried == 0)
        note_tls(self);
    self->state = WN_COURIER_IDLE;
    self->handler->ready(self->destination, self);
}

static void
on_sent(void *user, WnSmtpClient *client, uint32_t recipient,
    const WnSent *sent)
{
    WnCourier *self = user;
    WnAttempt attempt = { .sent = *sent,
        .envelope = &self->content.envelope,
        .server = self->server,
        .tls = self->tls,
        .assurance = self->assurance,
        .offers = wn_smtp_client_offers(client),
        .us = wn_clock_mono_us() - self->began_us };

    self->handler->sent(self->destination, self, recipient, &attempt);
    if (recipient + 1 == self->outgoing.n_recipients)
        let_go(self);
}

static void
on_dead(void *user, WnSmtpClient *client, const WnSent *why)
{
    WnCourier *self = user;

    (void)client;
    self->handler->dead(self->destination, self, why);
}

static const WnClientHandler client_handler = { .ready = on_ready,
    .sent = on_sent,
    .dead = on_dead };

static void
describe(WnCourier *self)
{
    const WnEndpoint *endpoint = self->endpoint;
    char address[WN_NETADDR_TEXT_MAX];

    wn_netaddr_format(&endpoint->address, address);
    if (g_str_equal(wn_endpoint_host(endpoint), address))
        wn_netaddr_format_port(&endpoint->address, self->server);
    else
        g_snprintf(self->server, sizeof(self->server), "%.60s[%s]:%u",
            wn_endpoint_host(endpoint), address, endpoint->address.port);
}

WnCourier *
wn_courier_new(WnDestination *destination, WnLoop *loop, WnEndpoint *endpoint,
    const WnClientConfig *config, const WnCourierHandler *handler)
{
    WnCourier *self = g_new0(WnCourier, 1);
    WnClientConfig own = *config;

    self->destination = destination;
    self->loop = loop;
    self->endpoint = endpoint;
    self->handler = handler;
    self->link.data = self;
    self->idle_link.data = self;
    self->recipients = g_array_new(FALSE, FALSE, sizeof(WnOutgoingRecipient));
    self->spelled = g_ptr_array_new_with_free_func(g_free);
    describe(self);
    self->policy = config->tls;
    if (config->source != NULL)
        self->source = *config->source;
    self->dane_version = wn_endpoint_dane_version(endpoint);
    self->assurance = "none";
    self->tls_name = g_strdup(config->tls_name);
    self->tls_other_name = g_strdup(config->tls_other_name);
    self->hostname = g_strdup(config->hostname);
    own.hostname = self->hostname;
    own.tls_name = self->tls_name;
    own.tls_other_name = self->tls_other_name;
    self->client = wn_smtp_client_new(loop, &own, &client_handler, self);
    return self;
}

static void
dispose(WnCourier *self)
{
    wn_timer_clear(&self->idle);
    wn_timer_clear(&self->race);
    if (self->parcel != NULL)
        wn_spool_content_clear(&self->content);
    g_array_unref(self->recipients);
    g_ptr_array_unref(self->spelled);
    g_free(self->hostname);
    g_free(self->tls_name);
    g_free(self->tls_other_name);
    g_free(self);
}

void
wn_courier_free(WnCourier *self)
{
    wn_smtp_client_free(self->client);
    dispose(self);
}

void
wn_courier_quit(WnCourier *self)
{
    wn_smtp_client_quit(self->client);
    dispose(self);
}

static WnSpan
keep_spelled(WnCourier *self, char *take_text)
{
    g_ptr_array_add(self->spelled, take_text);
    return wn_span_str(take_text);
}

/* For a server without SMTPUTF8: an address that is not ASCII in its domain
 * alone is the same address with A-labels. */
static WnSpan
spell_address(WnCourier *self, WnSpan address)
{
    bool utf8 = wn_smtp_client_offers(self->client) & WN_OFFERS_SMTPUTF8;
    const char *at = memrchr(address.ptr, '@', address.len);
    size_t local = at != NULL ? (size_t)(at - address.ptr) : address.len;
    char domain[WN_IDNA_MAX + 1];

    if (utf8 || at == NULL || wn_span_is_ascii(address)
        || !wn_span_is_ascii(wn_span_slice(address, 0, local))
        || !wn_domain_to_ascii(wn_span_slice(address, local + 1, address.len),
            domain))
        return address;
    return keep_spelled(self,
        g_strdup_printf("%.*s@%s", (int)local, address.ptr, domain));
}

/* The form without UTF-8 is good everywhere. */
static WnSpan
spell_orcpt(WnCourier *self, WnSpan orcpt)
{
    if (wn_span_is_ascii(orcpt))
        return orcpt;
    return keep_spelled(self, wn_orcpt_to_ascii(orcpt));
}

static void
add_recipient(WnCourier *self, const WnParcel *parcel, uint32_t index)
{
    const WnEnvelope *envelope = &self->content.envelope;
    const WnEnvelopeRecipient *to = &g_array_index(envelope->recipients,
        WnEnvelopeRecipient, index);
    const WnEnvelopeScope *scope = &g_array_index(envelope->scopes,
        WnEnvelopeScope, parcel->scope);
    WnOutgoingRecipient outgoing = { spell_address(self, to->address),
        to->notify, spell_orcpt(self, to->orcpt) };

    /* What becomes of a forwarded copy is no business of the sender's. */
    if (parcel->redirected)
        outgoing = (WnOutgoingRecipient){ scope->redirect, WN_SPAN("NEVER"),
            WN_SPAN_EMPTY };
    g_array_append_val(self->recipients, outgoing);
}

static void
compose(WnCourier *self, const WnParcel *parcel)
{
    const WnEnvelope *envelope = &self->content.envelope;
    const WnEnvelopeScope *scope = &g_array_index(envelope->scopes,
        WnEnvelopeScope, parcel->scope);

    g_array_set_size(self->recipients, 0);
    g_ptr_array_set_size(self->spelled, 0);
    for (uint32_t i = 0; i < parcel->n_recipients; i++)
        if (i == 0
            || parcel->recipients[i].target != parcel->recipients[i - 1].target)
            add_recipient(self, parcel, parcel->recipients[i].index);
    self->outgoing = (WnOutgoing){ .sender = spell_address(self,
                                       envelope->sender),
        .ret = envelope->ret,
        .envid = envelope->envid,
        .recipients = (const WnOutgoingRecipient *)self->recipients->data,
        .n_recipients = self->recipients->len,
        .prepend = scope->prepend,
        .wire = self->content.wire,
        .source = wn_spool_content_guard(&self->content),
        .splices = scope->splices,
        .eight_bit = envelope->flags & WN_ENVELOPE_8BIT };
    self->outgoing.utf8 = (envelope->flags & WN_ENVELOPE_UTF8)
                          || !wn_span_is_ascii(self->outgoing.sender);
}

bool
wn_courier_carry(WnCourier *self, WnParcel *parcel, GError **error)
{
    g_assert(self->state == WN_COURIER_BUSY && self->parcel == NULL);
    if (!wn_spool_read(&parcel->message->record, WN_SPOOL_WHOLE, &self->content,
            error)) {
        wn_spool_content_clear(&self->content);
        return false;
    }
    compose(self, parcel);
    if (!wn_outgoing_is_clean(&self->outgoing)) {
        wn_spool_content_clear(&self->content);
        g_set_error(error, WN_JOURNAL_ERROR, EBADMSG,
            "not in the form in which it may be sent");
        return false;
    }
    self->parcel = parcel;
    self->failed = false;
    self->lost = false;
    self->unfit = false;
    self->deferring = false;
    self->soured = false;
    self->served = false;
    self->began_us = wn_clock_mono_us();
    wn_smtp_client_send(self->client, &self->outgoing);
    return true;
}
