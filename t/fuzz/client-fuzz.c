/* SPDX-License-Identifier: MIT */
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/event/listener.h"
#include "core/smtp/client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * The client against a server that says these bytes, whatever is asked: the
 * first byte of the input says how the rest is cut and what is sent.  What must
 * hold: each recipient of a transaction is told of once, in order, before the
 * client is ready or dead; it is dead once, then or when the server closes; and
 * nobody is told OK unless a reply 2xx followed a whole message.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define N_RECIPIENTS 3

typedef struct Run {
    WnLoop *loop;
    WnSmtpClient *client;
    WnOutgoing outgoing;
    int peer_fd;
    unsigned n_left; /* transactions to begin */
    uint32_t n_told; /* recipients of the one under way */
    bool under_way;
    bool dead;
    unsigned n_ok;
    GByteArray *heard; /* by the server */
} Run;

static void
on_ready(void *user, WnSmtpClient *client)
{
    Run *run = user;

    g_assert_false(run->dead);
    g_assert_true(wn_smtp_client_is_ready(client));
    g_assert_true(!run->under_way || run->n_told == N_RECIPIENTS);
    run->under_way = run->n_left > 0;
    run->n_told = 0;
    if (run->n_left == 0)
        return;
    run->n_left--;
    wn_smtp_client_send(client, &run->outgoing);
}

static void
on_sent(void *user, WnSmtpClient *client, uint32_t recipient,
    const WnSent *sent)
{
    Run *run = user;

    (void)client;
    g_assert_true(run->under_way && !run->dead);
    g_assert_cmpuint(recipient, ==, run->n_told);
    run->n_told++;
    run->n_ok += sent->kind == WN_SENT_OK;
    g_assert_true((sent->kind == WN_SENT_OK) == (sent->code / 100 == 2));
    g_assert_true(sent->kind != WN_SENT_LOST || sent->code == 0);
    g_assert_true(sent->kind == WN_SENT_LOST || !sent->in_doubt);
    g_assert_true(sent->code != 421 || sent->kind == WN_SENT_TEMPORARY);
    g_assert_nonnull(sent->text);
    g_assert_nonnull(sent->enhanced);
}

static void
on_dead(void *user, WnSmtpClient *client, const WnSent *why)
{
    Run *run = user;

    g_assert_true(client == run->client && !run->dead);
    g_assert_true(!run->under_way || run->n_told == N_RECIPIENTS);
    g_assert_cmpint(why->kind, !=, WN_SENT_OK);
    run->dead = true;
    g_clear_pointer(&run->client, wn_smtp_client_free);
}

static const WnClientHandler handler = { on_ready, on_sent, on_dead };

static void
nothing(void *user)
{
    (void)user;
}

static void
on_accept(void *user, int take_fd, const WnNetaddr *peer)
{
    (void)peer;
    ((Run *)user)->peer_fd = take_fd;
}

static void
turn(Run *run)
{
    guint8 bytes[4096];
    ssize_t n;

    for (int i = 0; i < 3; i++) {
        wn_loop_defer(run->loop, nothing, NULL);
        wn_loop_turn(run->loop);
    }
    while (run->peer_fd >= 0
           && (n = recv(run->peer_fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
        g_byte_array_append(run->heard, bytes, (guint)n);
}

static void
feed(Run *run, WnSpan input, size_t step)
{
    while (input.len > 0 && !run->dead) {
        WnSpan piece = wn_span_slice(input, 0, step);
        ssize_t n = send(run->peer_fd, piece.ptr, piece.len,
            MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n <= 0)
            break;
        input = wn_span_slice(input, (size_t)n, input.len);
        turn(run);
    }
    shutdown(run->peer_fd, SHUT_WR);
    for (int i = 0; i < 4 && !run->dead; i++)
        turn(run);
}

static unsigned
count(const GByteArray *heard, const char *what)
{
    const char *at = (const char *)heard->data;
    const char *end = at + heard->len;
    unsigned n = 0;

    while (
        at != NULL && at < end
        && (at = memmem(at, (size_t)(end - at), what, strlen(what))) != NULL) {
        n++;
        at += strlen(what);
    }
    return n;
}

static void
talk(Run *run, WnSpan input, size_t step)
{
    WnNetaddr address = { .len = 4, .bytes = { 127, 0, 0, 1 } };
    struct sockaddr_in bound;
    socklen_t len = sizeof(bound);
    WnListener *listener;
    int fd = wn_listener_bind(&address, NULL);
    WnClientConfig config = { .hostname = "relay.example",
        .bounce_8bit = run->outgoing.eight_bit,
        .connect_timeout_ms = 30000,
        .reply_timeout_ms = 300000,
        .dot_timeout_ms = 600000 };

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(getsockname(fd, (struct sockaddr *)&bound, &len), ==, 0);
    config.server = address;
    config.server.port = ntohs(bound.sin_port);
    listener = wn_listener_new(run->loop, fd, NULL, on_accept, run);
    run->client = wn_smtp_client_new(run->loop, &config, &handler, run);
    for (int i = 0; i < 100 && run->peer_fd < 0; i++)
        turn(run);
    feed(run, input, step);
    g_assert_true(run->dead);
    wn_listener_free(listener);
    close(run->peer_fd);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned how = size > 0 ? data[0] : 0;
    WnSpan input = wn_span_slice(wn_span(data, size), 1, size);
    const WnOutgoingRecipient recipients[N_RECIPIENTS] = {
        { WN_SPAN("a@x.example"), WN_SPAN_EMPTY, WN_SPAN_EMPTY },
        { WN_SPAN("b@x.example"), WN_SPAN_EMPTY, WN_SPAN_EMPTY },
        { WN_SPAN("c@x.example"), WN_SPAN_EMPTY, WN_SPAN_EMPTY }
    };
    Run run = { .loop = wn_loop_new(),
        .peer_fd = -1,
        .n_left = 1 + (how & 1),
        .outgoing = { .sender = WN_SPAN("s@y.example"),
            .ret = WN_SPAN_EMPTY,
            .envid = WN_SPAN_EMPTY,
            .recipients = recipients,
            .n_recipients = N_RECIPIENTS,
            .prepend = WN_SPAN_EMPTY,
            .wire = WN_SPAN("Subject: x\r\n\r\n..MARK\r\n.\r\n"),
            .eight_bit = how & 2 },
        .heard = g_byte_array_new() };

    wn_log_set_level(WN_LEVEL_ERROR);
    wn_clock_fake(1000000000, 1700000000000);
    talk(&run, input, how >> 2 == 0 ? 65536 : how >> 2);
    g_assert_cmpuint(run.n_ok, <=, N_RECIPIENTS * count(run.heard, "..MARK"));
    g_byte_array_unref(run.heard);
    wn_loop_free(run.loop);
    return 0;
}
