/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A client and a server that follows rules, for the client's tests.  The clock
 * is fake; what the client tells is a string: "ready 0:ok:250 ready".
 */

#include "core/base/clock.h"
#include "core/smtp/client.h"
#include "t/unit/fake_smtp.h"

#define BODY "Subject: x\r\n\r\nhello\r\n..dot\r\n"

typedef struct Stage {
    WnLoop *loop;
    FakeSmtp server;
    WnClientConfig config;
    WnSmtpClient *client;
    GString *told; /* "ready 0:ok:250 1:permanent:550 dead:lost" */
    WnOutgoingRecipient recipients[5];
    WnOutgoing outgoing;
    unsigned n_to_send;
    bool in_doubt;
    bool tls_failed;
    bool dead;
    bool free_when_ready;
    bool free_when_sent;
} Stage;

static const char *const sent_kinds[] = { [WN_SENT_OK] = "ok",
    [WN_SENT_TEMPORARY] = "temporary",
    [WN_SENT_PERMANENT] = "permanent",
    [WN_SENT_LOST] = "lost" };

static inline void
on_ready(void *user, WnSmtpClient *client)
{
    Stage *self = user;

    g_string_append(self->told, "ready ");
    g_assert_true(wn_smtp_client_is_ready(client));
    if (self->free_when_ready)
        g_clear_pointer(&self->client, wn_smtp_client_free);
    else if (self->n_to_send > 0) {
        self->n_to_send--;
        wn_smtp_client_send(client, &self->outgoing);
    }
}

static inline void
on_sent(void *user, WnSmtpClient *client, uint32_t recipient,
    const WnSent *sent)
{
    Stage *self = user;

    (void)client;
    g_string_append_printf(self->told, "%u:%s:%u%s ", recipient,
        sent_kinds[sent->kind], sent->code, sent->crowded ? ":crowded" : "");
    self->in_doubt |= sent->in_doubt;
    g_assert_nonnull(sent->text);
    g_assert_nonnull(sent->enhanced);
    g_assert_nonnull(sent->command);
    if (self->free_when_sent)
        g_clear_pointer(&self->client, wn_smtp_client_free);
}

static inline void
on_dead(void *user, WnSmtpClient *client, const WnSent *why)
{
    Stage *self = user;

    g_assert_true(client == self->client);
    g_string_append_printf(self->told, "dead:%s:%s ", sent_kinds[why->kind],
        why->command);
    self->dead = true;
    self->tls_failed = why->tls_failed;
    g_clear_pointer(&self->client, wn_smtp_client_free);
}

static const WnClientHandler handler = { on_ready, on_sent, on_dead };

static inline void
stage_init(Stage *self, const FakeRule *rules, uint32_t n_recipients)
{
    static const WnSpan addresses[] = { { "a@x.example", 11 },
        { "b@x.example", 11 }, { "c@x.example", 11 }, { "d@x.example", 11 },
        { "e@x.example", 11 } };

    wn_clock_fake(1000000, 0);
    *self = (Stage){ .loop = wn_loop_new(),
        .told = g_string_new(NULL),
        .n_to_send = 1 };
    fake_smtp_start(&self->server, self->loop, rules);
    for (size_t i = 0; i < 5; i++)
        self->recipients[i] = (WnOutgoingRecipient){ addresses[i],
            WN_SPAN_EMPTY, WN_SPAN_EMPTY };
    self->outgoing = (WnOutgoing){ .sender = WN_SPAN("s@y.example"),
        .ret = WN_SPAN_EMPTY,
        .envid = WN_SPAN_EMPTY,
        .recipients = self->recipients,
        .n_recipients = n_recipients,
        .prepend = WN_SPAN("X-Trace: 1\r\n"),
        .wire = WN_SPAN(BODY ".\r\n") };
    self->config = (WnClientConfig){ .hostname = "relay.example",
        .server = self->server.address,
        .connect_timeout_ms = 30000,
        .reply_timeout_ms = 300000,
        .dot_timeout_ms = 600000 };
}

static inline void
stage_clear(Stage *self)
{
    wn_smtp_client_free(self->client);
    fake_smtp_stop(&self->server);
    g_clear_pointer(&self->config.tls_context, SSL_CTX_free);
    g_string_free(self->told, TRUE);
    wn_loop_free(self->loop);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Stage, stage_clear)

static inline void
connect_client(Stage *self)
{
    self->client = wn_smtp_client_new(self->loop, &self->config, &handler,
        self);
}

static inline void
nothing(void *user)
{
    (void)user;
}

/* A turn that does not wait. */
static inline void
spin_once(Stage *self)
{
    wn_loop_defer(self->loop, nothing, NULL);
    wn_loop_turn(self->loop);
}

/* Enough of them for what was begun to arrive. */
static inline void
spin(Stage *self)
{
    for (int i = 0; i < 8; i++)
        spin_once(self);
}

/* Until this has been told, and no more than this. */
static inline void
await(Stage *self, const char *told)
{
    for (int i = 0; i < 300 && self->told->len < strlen(told); i++)
        wn_loop_turn(self->loop);
    spin(self);
    g_assert_cmpstr(self->told->str, ==, told);
}

static inline void
run(Stage *self, const char *told)
{
    connect_client(self);
    await(self, told);
}
