/* SPDX-License-Identifier: MIT */
#include "core/event/tls.h"

#include "core/event/stream.h"

#include <glib/gstdio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

/* Whom a client accepts: real OpenSSL at both ends, TLSA records made from the
 * server's certificate or from another. */

#define SPKI 1
#define SHA2_256 1

typedef struct Case {
    const char *name;
    int usage; /* of the record; -1: none */
    bool of_other_key;
    bool cut; /* the record is damaged */
    bool expired;
    const char *host;
    bool verify;
    bool good;
    WnTlsAssurance assurance;
    const char *reason; /* part of it */
} Case;

static const Case cases[] = {
    { "anybody", -1, false, false, false, "mx.example", false, true,
        WN_TLS_ANYBODY, NULL },
    { "verified", -1, false, false, false, "mx.example", true, true,
        WN_TLS_VERIFIED, NULL },
    { "other-name", -1, false, false, false, "mail.example", true, false, 0,
        "certificate is for mx.example" },
    { "expired", -1, false, false, true, "mx.example", true, false, 0,
        "certificate expired 20" },
    { "expired-unverified", -1, false, false, true, "mx.example", false, true,
        WN_TLS_ANYBODY, NULL },
    { "dane-ee", 3, false, false, false, "mx.example", false, true, WN_TLS_DANE,
        NULL },
    { "dane-ee-any-name", 3, false, false, false, "other.example", false, true,
        WN_TLS_DANE, NULL },
    { "dane-ee-expired", 3, false, false, true, "mx.example", false, true,
        WN_TLS_DANE, NULL },
    { "dane-ee-other-key", 3, true, false, false, "mx.example", false, false, 0,
        "fits no TLSA record" },
    { "dane-ta", 2, false, false, false, "mx.example", false, true, WN_TLS_DANE,
        NULL },
    { "dane-ta-other-name", 2, false, false, false, "other.example", false,
        false, 0, "certificate is for mx.example" },
    { "pkix-usage-is-unusable", 1, true, false, false, "mx.example", false,
        true, WN_TLS_ANYBODY, NULL },
    { "damaged-is-unusable", 3, true, true, false, "mx.example", false, true,
        WN_TLS_ANYBODY, NULL },
};

typedef struct Side {
    WnStream *stream;
    bool secured, failed;
} Side;

typedef struct Stage {
    WnLoop *loop;
    char *dir, *certificate, *authorities, *key;
    EVP_PKEY *identity, *authority, *other;
    SSL_CTX *server, *client;
    Side sides[2]; /* server, client */
} Stage;

/* names: of its host; NULL: an authority. */
static X509 *
make_certificate(const char *subject, const char *names, EVP_PKEY *key,
    X509 *issuer, EVP_PKEY *issuer_key, long seconds)
{
    X509 *certificate = X509_new();
    X509_EXTENSION *extension = names != NULL ? X509V3_EXT_conf_nid(NULL, NULL,
                                    NID_subject_alt_name, names)
                                              : X509V3_EXT_conf_nid(NULL, NULL,
                                                  NID_basic_constraints,
                                                  "critical,CA:TRUE");

    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), names != NULL);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -7200);
    X509_gmtime_adj(X509_getm_notAfter(certificate), seconds);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN",
        MBSTRING_ASC, (const unsigned char *)subject, -1, -1, 0);
    X509_set_issuer_name(certificate,
        X509_get_subject_name(issuer != NULL ? issuer : certificate));
    X509_set_pubkey(certificate, key);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
    g_assert_cmpint(X509_sign(certificate, issuer_key, EVP_sha256()), >, 0);
    return certificate;
}

static void
write_pem(const char *path, X509 *first, X509 *second, EVP_PKEY *key)
{
    FILE *file = fopen(path, "w");

    g_assert_nonnull(file);
    if (first != NULL)
        PEM_write_X509(file, first);
    if (second != NULL)
        PEM_write_X509(file, second);
    if (key != NULL)
        PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL);
    g_assert_cmpint(fclose(file), ==, 0);
}

static void
write_identity(Stage *stage, bool expired)
{
    X509 *authority = make_certificate("Authority", NULL, stage->authority,
        NULL, stage->authority, 7200);
    X509 *certificate = make_certificate("mx.example",
        "DNS:mx.example,DNS:relay\t.example", stage->identity, authority,
        stage->authority, expired ? -60 : 3600);

    write_pem(stage->certificate, certificate, authority, NULL);
    write_pem(stage->authorities, authority, NULL, NULL);
    write_pem(stage->key, NULL, NULL, stage->identity);
    X509_free(authority);
    X509_free(certificate);
}

static void
stage_init(Stage *stage, bool expired)
{
    g_autoptr(GError) error = NULL;

    *stage = (Stage){ .loop = wn_loop_new() };
    stage->dir = g_dir_make_tmp("wn-tls-XXXXXX", NULL);
    stage->certificate = g_build_filename(stage->dir, "cert.pem", NULL);
    stage->authorities = g_build_filename(stage->dir, "ca.pem", NULL);
    stage->key = g_build_filename(stage->dir, "key.pem", NULL);
    stage->identity = EVP_EC_gen("P-256");
    stage->authority = EVP_EC_gen("P-256");
    stage->other = EVP_EC_gen("P-256");
    write_identity(stage, expired);
    stage->server = wn_tls_server_context(stage->certificate, stage->key,
        &error);
    g_assert_no_error(error);
    stage->client = wn_tls_client_context(stage->authorities, &error);
    g_assert_no_error(error);
}

static void
close_both(Stage *stage)
{
    for (int i = 0; i < 2; i++) {
        wn_stream_free(stage->sides[i].stream);
        stage->sides[i] = (Side){ 0 };
    }
}

static void
stage_clear(Stage *stage)
{
    close_both(stage);
    SSL_CTX_free(stage->server);
    SSL_CTX_free(stage->client);
    EVP_PKEY_free(stage->identity);
    EVP_PKEY_free(stage->authority);
    EVP_PKEY_free(stage->other);
    g_unlink(stage->certificate);
    g_unlink(stage->key);
    g_unlink(stage->authorities);
    g_free(stage->authorities);
    g_rmdir(stage->dir);
    g_free(stage->certificate);
    g_free(stage->key);
    g_free(stage->dir);
    wn_loop_free(stage->loop);
}

static void
on_event(void *user, WnStream *stream, WnStreamEvent event)
{
    Side *side = user;

    side->secured |= event == WN_STREAM_SECURED;
    side->failed |= event == WN_STREAM_ERROR;
    wn_stream_consume(stream, wn_stream_peek(stream).len);
}

static void
shake(Stage *stage, const WnTlsPeer *peer)
{
    int fds[2];

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), ==, 0);
    for (int i = 0; i < 2; i++)
        stage->sides[i].stream = wn_stream_new(stage->loop, fds[i], on_event,
            &stage->sides[i]);
    wn_stream_start_tls(stage->sides[0].stream, stage->server, WN_TLS_ACCEPT,
        NULL, false);
    wn_stream_connect_tls(stage->sides[1].stream, stage->client, peer);
    for (int i = 0; i < 6; i++)
        wn_loop_turn(stage->loop);
}

/* 2 or 3, the key, its digest. */
static GPtrArray *
make_records(const Stage *stage, const Case *c)
{
    GPtrArray *records = g_ptr_array_new_with_free_func(
        (GDestroyNotify)g_bytes_unref);
    unsigned char *spki = NULL;
    uint8_t record[3 + 32] = { (uint8_t)c->usage, SPKI, SHA2_256 };
    EVP_PKEY *key = c->usage == 2 ? stage->authority : stage->identity;
    int len = i2d_PUBKEY(c->of_other_key ? stage->other : key, &spki);

    EVP_Digest(spki, (size_t)len, record + 3, NULL, EVP_sha256(), NULL);
    OPENSSL_free(spki);
    g_ptr_array_add(records, g_bytes_new(record, c->cut ? 3 : sizeof(record)));
    return records;
}

static void
test_case(gconstpointer data)
{
    const Case *c = data;
    g_autoptr(GPtrArray) records = NULL;
    Stage stage;
    Side *client = &stage.sides[1];

    stage_init(&stage, c->expired);
    if (c->usage >= 0)
        records = make_records(&stage, c);
    shake(&stage,
        &(WnTlsPeer){ .name = c->host, .verify = c->verify, .tlsa = records });
    g_assert_true(client->secured == c->good);
    g_assert_true(client->failed != c->good);
    if (c->good)
        g_assert_cmpint(wn_tls_assurance(wn_stream_get_ssl(client->stream)), ==,
            c->assurance);
    else if (strstr(wn_stream_error(client->stream), c->reason) == NULL)
        g_error("%s", wn_stream_error(client->stream));
    for (const char *at = wn_stream_error(client->stream); *at != '\0'; at++)
        g_assert_true(g_ascii_isprint(*at));
    stage_clear(&stage);
}

/* A second connection resumes, and is as sure of the peer as the first. */
static void
test_resumed(void)
{
    g_autoptr(SSL_SESSION) session = NULL;
    g_autoptr(GPtrArray) records = NULL;
    Stage stage;
    WnTlsPeer peer = { .name = "mx.example" };

    stage_init(&stage, false);
    records = make_records(&stage, &(Case){ .usage = 3 });
    peer.tlsa = records;
    for (int i = 0; i < 2; i++) {
        Side *client = &stage.sides[1];
        SSL *ssl;

        shake(&stage, &peer);
        g_assert_true(client->secured);
        wn_stream_write(stage.sides[0].stream, WN_SPAN("250 hello\r\n"));
        for (int turn = 0; turn < 3; turn++)
            wn_loop_turn(stage.loop);
        ssl = wn_stream_get_ssl(client->stream);
        g_assert_cmpint(SSL_session_reused(ssl), ==, i);
        g_assert_cmpint(wn_tls_assurance(ssl), ==, WN_TLS_DANE);
        if (i == 0) {
            session = wn_tls_session(ssl);
            g_assert_nonnull(session);
            peer.session = session;
        }
        close_both(&stage);
    }
    stage_clear(&stage);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strdup_printf("/event/tls-peer/%s",
            cases[i].name);

        g_test_add_data_func(path, &cases[i], test_case);
    }
    g_test_add_func("/event/tls-peer/resumed", test_resumed);
    return g_test_run();
}
