/* SPDX-License-Identifier: MIT */
#include "core/event/tls.h"

#include "core/base/fd.h"
#include "core/event/stream.h"

#include <glib.h>
#include <glib/gstdio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#define BIG (4 * 1024 * 1024)

typedef struct Side {
    WnStream *stream;
    GString *events;
    GString *input;
    bool free_when_secured;
    bool hold; /* consume nothing */
} Side;

typedef struct Fixture {
    WnLoop *loop;
    SSL_CTX *server_context;
    SSL_CTX *client_context;
    Side server;
    Side client;
} Fixture;

typedef struct Identity {
    char *dir;
    char *certificate;
    char *key;
    char *other_key;
} Identity;

static void
write_key(const char *path, EVP_PKEY *key)
{
    FILE *file = fopen(path, "w");

    g_assert_nonnull(file);
    g_assert_cmpint(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL),
        ==, 1);
    g_assert_cmpint(fclose(file), ==, 0);
}

static void
add_name(X509 *certificate, char *names)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL,
        NID_subject_alt_name, names);

    g_assert_nonnull(extension);
    g_assert_cmpint(X509_add_ext(certificate, extension, -1), ==, 1);
    X509_EXTENSION_free(extension);
}

static void
write_certificate(const char *path, EVP_PKEY *key)
{
    X509 *certificate = X509_new();
    X509_NAME *name = X509_get_subject_name(certificate);
    FILE *file = fopen(path, "w");
    char names[] = "DNS:mx.example.net,IP:127.0.0.1";

    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
        (const unsigned char *)"mx.example.net", -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    X509_set_pubkey(certificate, key);
    add_name(certificate, names);
    g_assert_cmpint(X509_sign(certificate, key, EVP_sha256()), >, 0);
    g_assert_nonnull(file);
    g_assert_cmpint(PEM_write_X509(file, certificate), ==, 1);
    g_assert_cmpint(fclose(file), ==, 0);
    X509_free(certificate);
}

static void
identity_make(Identity *self)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    EVP_PKEY *other = EVP_EC_gen("P-256");

    self->dir = g_dir_make_tmp("wn-tls-XXXXXX", NULL);
    self->certificate = g_build_filename(self->dir, "cert.pem", NULL);
    self->key = g_build_filename(self->dir, "key.pem", NULL);
    self->other_key = g_build_filename(self->dir, "other.pem", NULL);
    write_key(self->key, key);
    write_key(self->other_key, other);
    write_certificate(self->certificate, key);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
}

static void
identity_remove(Identity *self)
{
    g_unlink(self->certificate);
    g_unlink(self->key);
    g_unlink(self->other_key);
    g_rmdir(self->dir);
    g_free(self->certificate);
    g_free(self->key);
    g_free(self->other_key);
    g_free(self->dir);
}

static void
on_event(void *user, WnStream *stream, WnStreamEvent event)
{
    Side *side = user;
    WnSpan bytes;

    g_string_append_c(side->events, "CIDSEX"[event]);
    if (event == WN_STREAM_SECURED && side->free_when_secured)
        g_clear_pointer(&side->stream, wn_stream_free);
    if (event != WN_STREAM_INPUT || side->hold)
        return;
    bytes = wn_stream_peek(stream);
    g_string_append_len(side->input, bytes.ptr, (gssize)bytes.len);
    wn_stream_consume(stream, bytes.len);
}

static void
side_open(Side *side, WnLoop *loop, int fd)
{
    side->events = g_string_new(NULL);
    side->input = g_string_new(NULL);
    side->stream = wn_stream_new(loop, fd, on_event, side);
}

static void
side_clear(Side *side)
{
    wn_stream_free(side->stream);
    g_string_free(side->events, TRUE);
    g_string_free(side->input, TRUE);
}

static void
set_up(Fixture *f, gconstpointer data)
{
    const Identity *identity = data;
    g_autoptr(GError) error = NULL;
    int fds[2];

    f->loop = wn_loop_new();
    f->server_context = wn_tls_server_context(identity->certificate,
        identity->key, &error);
    g_assert_no_error(error);
    f->client_context = wn_tls_client_context(identity->certificate, &error);
    g_assert_no_error(error);
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), ==, 0);
    side_open(&f->server, f->loop, fds[0]);
    side_open(&f->client, f->loop, fds[1]);
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    (void)data;
    side_clear(&f->server);
    side_clear(&f->client);
    SSL_CTX_free(f->server_context);
    SSL_CTX_free(f->client_context);
    wn_loop_free(f->loop);
}

static void
turns(Fixture *f, int n)
{
    for (int i = 0; i < n; i++)
        wn_loop_turn(f->loop);
}

static void
start(Fixture *f, const char *name, bool verify)
{
    wn_stream_start_tls(f->server.stream, f->server_context, WN_TLS_ACCEPT,
        NULL, false);
    wn_stream_start_tls(f->client.stream, f->client_context, WN_TLS_CONNECT,
        name, verify);
}

/* The plain reply written just before TLS stays plain and comes first; what is
 * written right after waits for the handshake. */
static void
test_handshake(Fixture *f, gconstpointer data)
{
    char text[80];

    (void)data;
    wn_stream_write(f->server.stream, WN_SPAN("220 go\r\n"));
    wn_stream_start_tls(f->server.stream, f->server_context, WN_TLS_ACCEPT,
        NULL, false);
    wn_stream_write(f->server.stream, WN_SPAN("inside"));
    turns(f, 1);
    g_assert_cmpstr(f->client.input->str, ==, "220 go\r\n");
    wn_stream_start_tls(f->client.stream, f->client_context, WN_TLS_CONNECT,
        "mx.example.net", true);
    g_assert_false(wn_stream_is_tls(f->client.stream));
    wn_stream_write(f->client.stream, WN_SPAN("EHLO"));
    turns(f, 6);
    g_assert_cmpstr(f->client.events->str, ==, "ISI");
    g_assert_cmpstr(f->server.events->str, ==, "SI");
    g_assert_cmpstr(f->client.input->str, ==, "220 go\r\ninside");
    g_assert_cmpstr(f->server.input->str, ==, "EHLO");
    g_assert_true(wn_stream_is_tls(f->server.stream));
    wn_tls_describe(wn_stream_get_ssl(f->server.stream), text, sizeof(text));
    g_assert_true(g_str_has_prefix(text, "TLSv1.3 with TLS_"));
}

typedef struct Name {
    const char *name;
    bool verify;
    bool good;
} Name;

static const Name names[] = {
    { "mx.example.net", true, true },
    { "127.0.0.1", true, true },
    { NULL, true, true },
    { "mx.example.org", true, false },
    { "127.0.0.2", true, false },
    { "mx.example.org", false, true },
};

static void
test_names(gconstpointer data)
{
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        Fixture f = { 0 };

        g_test_message("%s", names[i].name);
        set_up(&f, data);
        start(&f, names[i].name, names[i].verify);
        turns(&f, 6);
        g_assert_cmpstr(f.client.events->str, ==, names[i].good ? "S" : "X");
        if (!names[i].good)
            g_assert_nonnull(strstr(wn_stream_error(f.client.stream),
                "certificate is for mx.example.net"));
        tear_down(&f, data);
    }
}

static void
test_unknown_issuer(Fixture *f, gconstpointer data)
{
    g_autoptr(SSL_CTX) trusting_nobody = wn_tls_client_context(NULL, NULL);

    (void)data;
    wn_stream_start_tls(f->server.stream, f->server_context, WN_TLS_ACCEPT,
        NULL, false);
    wn_stream_start_tls(f->client.stream, trusting_nobody, WN_TLS_CONNECT,
        "mx.example.net", true);
    turns(f, 6);
    g_assert_cmpstr(f->client.events->str, ==, "X");
    g_assert_cmpstr(f->server.events->str, ==, "X");
}

/* Plain bytes where a handshake should be (STARTTLS injection). */
static void
test_not_tls(Fixture *f, gconstpointer data)
{
    (void)data;
    wn_stream_start_tls(f->server.stream, f->server_context, WN_TLS_ACCEPT,
        NULL, false);
    wn_stream_write(f->client.stream, WN_SPAN("MAIL FROM:<a@b>\r\n"));
    turns(f, 4);
    g_assert_cmpstr(f->server.events->str, ==, "X");
    g_assert_cmpstr(f->server.input->str, ==, "");
}

static void
test_closed_in_handshake(Fixture *f, gconstpointer data)
{
    (void)data;
    wn_stream_start_tls(f->server.stream, f->server_context, WN_TLS_ACCEPT,
        NULL, false);
    turns(f, 1);
    g_clear_pointer(&f->client.stream, wn_stream_free);
    turns(f, 3);
    g_assert_cmpstr(f->server.events->str, ==, "X");
    g_assert_true(
        g_str_has_prefix(wn_stream_error(f->server.stream), "TLS handshake: "));
}

static void
test_bulk(Fixture *f, gconstpointer data)
{
    g_autoptr(GString) sent = g_string_new(NULL);

    (void)data;
    while (sent->len < BIG)
        g_string_append_printf(sent, "%zu,", sent->len);
    start(f, "mx.example.net", true);
    wn_stream_write(f->client.stream, wn_span(sent->str, sent->len));
    for (int i = 0; i < 4000 && f->server.input->len < sent->len; i++)
        turns(f, 1);
    g_assert_cmpuint(f->server.input->len, ==, sent->len);
    g_assert_cmpint(memcmp(f->server.input->str, sent->str, sent->len), ==, 0);
    turns(f, 1);
    g_assert_cmpstr(f->client.events->str, ==, "SD");
}

/* What TLS has taken from the kernel comes out after a pause, although no
 * readiness announces it; the bound on input holds. */
static void
test_pending_after_pause(Fixture *f, gconstpointer data)
{
    size_t len = WN_STREAM_INPUT_MAX + 5000;
    g_autofree char *big = g_malloc0(len);

    (void)data;
    f->server.hold = true;
    start(f, NULL, false);
    wn_stream_write(f->client.stream, wn_span(big, len));
    turns(f, 20);
    g_assert_cmpuint(wn_stream_peek(f->server.stream).len, ==,
        WN_STREAM_INPUT_MAX);
    wn_stream_set_reading(f->server.stream, false);
    wn_stream_consume(f->server.stream, WN_STREAM_INPUT_MAX);
    turns(f, 3);
    g_assert_cmpuint(wn_stream_peek(f->server.stream).len, ==, 0);
    wn_stream_set_reading(f->server.stream, true);
    turns(f, 3);
    g_assert_cmpuint(wn_stream_peek(f->server.stream).len, ==, 5000);
}

static void
test_end(Fixture *f, gconstpointer data)
{
    (void)data;
    start(f, NULL, false);
    turns(f, 6);
    wn_stream_write(f->client.stream, WN_SPAN("QUIT"));
    wn_stream_finish(g_steal_pointer(&f->client.stream), 1000);
    turns(f, 4);
    g_assert_cmpstr(f->server.events->str, ==, "SIE");
    g_assert_cmpstr(f->server.input->str, ==, "QUIT");
}

/* No close_notify: still an end, not an error. */
static void
test_rude_end(Fixture *f, gconstpointer data)
{
    (void)data;
    start(f, NULL, false);
    turns(f, 6);
    wn_stream_write(f->client.stream, WN_SPAN("QUIT"));
    wn_stream_flush(f->client.stream);
    g_clear_pointer(&f->client.stream, wn_stream_free);
    turns(f, 4);
    g_assert_cmpstr(f->server.events->str, ==, "SIE");
}

static void
test_freed_when_secured(Fixture *f, gconstpointer data)
{
    (void)data;
    f->server.free_when_secured = true;
    start(f, NULL, false);
    wn_stream_write(f->client.stream, WN_SPAN("EHLO"));
    turns(f, 8);
    g_assert_cmpstr(f->server.events->str, ==, "S");
}

static void
test_old_versions_refused(Fixture *f, gconstpointer data)
{
    (void)data;
    SSL_CTX_set_min_proto_version(f->client_context, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(f->client_context, TLS1_1_VERSION);
    start(f, NULL, false);
    turns(f, 6);
    g_assert_cmpstr(f->server.events->str, ==, "X");
}

static void
test_wrong_files(gconstpointer data)
{
    const Identity *identity = data;
    g_autoptr(GError) missing = NULL;
    g_autoptr(GError) mismatch = NULL;
    g_autoptr(GError) no_ca = NULL;

    g_assert_null(
        wn_tls_server_context("/nonexistent", identity->key, &missing));
    g_assert_cmpstr(missing->message, ==,
        "/nonexistent: No such file or directory");
    g_assert_null(wn_tls_server_context(identity->certificate,
        identity->other_key, &mismatch));
    g_assert_nonnull(strstr(mismatch->message, "other.pem: "));
    g_assert_null(wn_tls_client_context("/nonexistent", &no_ca));
    g_assert_nonnull(no_ca);
}

static void
add(const char *name, const Identity *identity,
    void (*test)(Fixture *, gconstpointer))
{
    g_autofree char *path = g_strconcat("/event/tls/", name, NULL);

    g_test_add(path, Fixture, identity, set_up, test, tear_down);
}

int
main(int argc, char **argv)
{
    Identity identity;
    int status;

    g_test_init(&argc, &argv, NULL);
    identity_make(&identity);
    add("handshake", &identity, test_handshake);
    g_test_add_data_func("/event/tls/names", &identity, test_names);
    add("unknown-issuer", &identity, test_unknown_issuer);
    add("not-tls", &identity, test_not_tls);
    add("closed-in-handshake", &identity, test_closed_in_handshake);
    add("bulk", &identity, test_bulk);
    add("pending-after-pause", &identity, test_pending_after_pause);
    add("end", &identity, test_end);
    add("rude-end", &identity, test_rude_end);
    add("freed-when-secured", &identity, test_freed_when_secured);
    add("old-versions-refused", &identity, test_old_versions_refused);
    g_test_add_data_func("/event/tls/wrong-files", &identity, test_wrong_files);
    status = g_test_run();
    identity_remove(&identity);
    return status;
}
