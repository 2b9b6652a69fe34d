/* SPDX-License-Identifier: MIT */
#include "t/unit/smtp_dialogue.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <sys/socket.h>

/* A key and a certificate signed by it, made for this run. */
static SSL_CTX *
server_context(void)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    X509_NAME *name = X509_get_subject_name(certificate);

    g_assert_true(context != NULL && key != NULL && certificate != NULL);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -86400);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
    X509_set_pubkey(certificate, key);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
        (const unsigned char *)"mx.example", -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    g_assert_cmpint(X509_sign(certificate, key, EVP_sha256()), >, 0);
    g_assert_cmpint(SSL_CTX_use_certificate(context, certificate), ==, 1);
    g_assert_cmpint(SSL_CTX_use_PrivateKey(context, key), ==, 1);
    g_assert_cmpint(SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION), ==,
        1);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return context;
}

typedef struct Fixture {
    Dialogue dialogue;
    SSL_CTX *server;
    SSL_CTX *client;
} Fixture;

static void
set_up(Fixture *fixture, gconstpointer data)
{
    (void)data;
    fixture->server = server_context();
    fixture->client = SSL_CTX_new(TLS_client_method());
    dialogue_init(&fixture->dialogue);
    fixture->dialogue.context.tls = fixture->server;
    dialogue_begin(&fixture->dialogue, false);
    dialogue_greet(&fixture->dialogue);
}

static void
tear_down(Fixture *fixture, gconstpointer data)
{
    (void)data;
    dialogue_clear(&fixture->dialogue);
    SSL_CTX_free(fixture->server);
    SSL_CTX_free(fixture->client);
}

static void
start_tls(Fixture *fixture)
{
    dialogue_run(&fixture->dialogue, "C: STARTTLS\nS: 220 2.0.0 *\n");
    dialogue_handshake(&fixture->dialogue, fixture->client);
}

static void
test_offered(Fixture *fixture, gconstpointer data)
{
    Dialogue *d = &fixture->dialogue;

    (void)data;
    dialogue_run(d, "C: EHLO x\nS: 250-mx.example\nS: 250-PIPELINING\n"
                    "S: 250-SIZE *\nS: 250-8BITMIME\n"
                    "S: 250-SMTPUTF8\nS: 250-ENHANCEDSTATUSCODES\nS: 250-DSN\n"
                    "S: 250-STARTTLS\nS: 250-PRDR\nS: 250 LIMITS *\n");
    start_tls(fixture);
    dialogue_run(d, "C: EHLO x\nS: 250-mx.example\nS: 250-PIPELINING\n"
                    "S: 250-SIZE *\nS: 250-8BITMIME\n"
                    "S: 250-SMTPUTF8\nS: 250-ENHANCEDSTATUSCODES\nS: 250-DSN\n"
                    "S: 250-PRDR\nS: 250 LIMITS *\n"
                    "C: STARTTLS\nS: 503 5.5.1 *\n");
    g_assert_nonnull(wn_session_ssl(d->session));
}

static void
test_message(Fixture *fixture, gconstpointer data)
{
    Dialogue *d = &fixture->dialogue;
    g_autofree char *block = g_strnfill(50000, 'x');

    (void)data;
    start_tls(fixture);
    dialogue_run(d, "C: HELO x\nS: 250 *\n");
    dialogue_to_data(d);
    for (int i = 0; i < 10; i++) {
        dialogue_send(d, wn_span_str(block));
        dialogue_send(d, WN_SPAN("\r\n"));
    }
    dialogue_run(d, "C: .\nC: QUIT\nS: 250 2.0.0 queued\nS: 221 *\n"
                    "S: <closed>\n");
    g_assert_cmpuint(d->message->len, ==, 500020);
}

/* Row 29: what was said before counts no more. */
static void
test_forgets(Fixture *fixture, gconstpointer data)
{
    Dialogue *d = &fixture->dialogue;

    (void)data;
    dialogue_run(d, "C: MAIL FROM:<a@b>\nS: 250 *\n");
    g_string_truncate(d->log, 0);
    start_tls(fixture);
    dialogue_expect_log(d, "reset");
    dialogue_run(d, "C: RCPT TO:<c@d>\nS: 503 5.5.1 *\n"
                    "C: MAIL FROM:<a@b>\nS: 503 5.5.1 send HELO first\n");
    g_assert_cmpuint(wn_session_helo(d->session).len, ==, 0);
}

/* Row 27. */
static void
test_injection(Fixture *fixture, gconstpointer data)
{
    Dialogue *d = &fixture->dialogue;

    (void)data;
    dialogue_run(d, "C: STARTTLS\nC: MAIL FROM:<x@y>\n"
                    "S: 554 5.5.0 *\nS: <closed>\n");
    dialogue_expect_log(d, "closed");
}

/* The same in two segments: it has come before the 220 is out. */
static void
test_injection_behind(Fixture *fixture, gconstpointer data)
{
    Dialogue *d = &fixture->dialogue;

    (void)data;
    dialogue_run(d, "C: MAIL FROM:<later@b>\nS: <nothing>\n");
    g_assert_cmpint(send(d->fd, "STARTTLS\r\n", 10, 0), ==, 10);
    dialogue_spin(d);
    g_assert_cmpint(send(d->fd, "RSET\r\n", 6, 0), ==, 6);
    dialogue_run(d, "H: 250 2.0.0 ok\nS: 250 *\nS: 554 5.5.0 *\n"
                    "S: <closed>\n");
}

/* Row 28. */
static void
test_garbage(Fixture *fixture, gconstpointer data)
{
    Dialogue *d = &fixture->dialogue;

    (void)data;
    dialogue_run(d, "C: STARTTLS\nS: 220 *\nC: MAIL FROM:<x@y>\nC: NOOP\n");
    g_assert_null(d->session);
    g_assert_true(d->ended);
    dialogue_expect_log(d, "closed");
}

static void
test_handshake_deadline(Fixture *fixture, gconstpointer data)
{
    Dialogue *d = &fixture->dialogue;

    (void)data;
    dialogue_run(d, "C: STARTTLS\nS: 220 *\nT: 29999\nS: <nothing>\n"
                    "T: 1\nS: <closed>\n");
}

static void
test_kick_in_handshake(Fixture *fixture, gconstpointer data)
{
    Dialogue *d = &fixture->dialogue;

    (void)data;
    dialogue_run(d, "C: STARTTLS\nS: 220 *\n");
    wn_session_kick(d->session, &(WnReply){ 421, "4.3.2", "bye" });
    dialogue_run(d, "S: <closed>\n");
}

static void
test_drain_in_handshake(Fixture *fixture, gconstpointer data)
{
    Dialogue *d = &fixture->dialogue;

    (void)data;
    dialogue_run(d, "C: STARTTLS\nS: 220 *\n");
    wn_session_drain(d->session);
    dialogue_handshake(d, fixture->client);
    dialogue_run(d, "S: 421 4.3.2 *\nS: <closed>\n");
}

/* Row 26. */
static void
test_argument(Fixture *fixture, gconstpointer data)
{
    (void)data;
    dialogue_run(&fixture->dialogue, "C: STARTTLS now\nS: 501 5.5.4 *\n"
                                     "C: NOOP\nS: 250 *\n");
}

/* Row 30: the end of TLS in a message is no end of the message. */
static void
test_close_notify(Fixture *fixture, gconstpointer data)
{
    Dialogue *d = &fixture->dialogue;

    (void)data;
    start_tls(fixture);
    dialogue_run(d, "C: HELO x\nS: 250 *\n");
    dialogue_to_data(d);
    dialogue_run(d, "C: half a message\n");
    SSL_shutdown(d->ssl);
    dialogue_spin(d);
    dialogue_expect_log(d, "reset closed");
    g_assert_cmpuint(d->n_messages, ==, 0);
}

#define ADD(name, fn) \
    g_test_add("/smtp/session-tls/" name, Fixture, NULL, set_up, fn, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("offered", test_offered);
    ADD("message", test_message);
    ADD("forgets", test_forgets);
    ADD("injection", test_injection);
    ADD("injection-behind", test_injection_behind);
    ADD("garbage", test_garbage);
    ADD("handshake-deadline", test_handshake_deadline);
    ADD("kick-in-handshake", test_kick_in_handshake);
    ADD("drain-in-handshake", test_drain_in_handshake);
    ADD("argument", test_argument);
    ADD("close-notify", test_close_notify);
    return g_test_run();
}
