/* SPDX-License-Identifier: MIT */
#include "t/unit/fake_smtp.h"

#include "core/base/fd.h"
#include "core/event/tls.h"

#include <glib/gstdio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

const char fake_smtp_offers[] = "250-fake.example\r\n250-PIPELINING\r\n"
                                "250-8BITMIME\r\n250-SIZE 10000000\r\n"
                                "250 DSN\r\n";
const char fake_smtp_plain[] = "250 fake.example\r\n";

typedef struct Connection {
    FakeSmtp *server;
    WnStream *stream;
    FakeMessage *message;
    bool in_data;
    bool mute; /* a rule has told it to say nothing */
    unsigned number;
} Connection;

static void
message_free(gpointer data)
{
    FakeMessage *message = data;

    if (message == NULL)
        return;
    g_free(message->sender);
    g_string_free(message->rcpts, TRUE);
    g_byte_array_unref(message->text);
    g_free(message);
}

static void
connection_free(gpointer data)
{
    Connection *self = data;

    wn_stream_free(self->stream);
    message_free(self->message);
    g_free(self);
}

static unsigned
count(FakeSmtp *self, const char *event)
{
    unsigned n = GPOINTER_TO_UINT(g_hash_table_lookup(self->counts, event)) + 1;

    g_hash_table_insert(self->counts, g_strdup(event), GUINT_TO_POINTER(n));
    return n;
}

static bool
rule_matches(FakeSmtp *self, const FakeRule *rule, const char *event,
    const char *line, unsigned n)
{
    const char *colon = strchr(rule->on, ':');
    size_t len = colon != NULL ? (size_t)(colon - rule->on) : strlen(rule->on);

    if (strlen(event) != len || strncmp(event, rule->on, len) != 0)
        return false;
    if (colon == NULL)
        return rule->nth == 0 || rule->nth == n;
    if (line == NULL || strstr(line, colon + 1) == NULL)
        return false;
    n = count(self, rule->on);
    return rule->nth == 0 || rule->nth == n;
}

/* The reply to an event: a rule's, or the usual one. */
static const char *
reply_to(FakeSmtp *self, const char *event, const char *line, const char *usual)
{
    unsigned n = count(self, event);

    for (const FakeRule *rule = self->rules; rule != NULL && rule->on != NULL;
         rule++)
        if (rule_matches(self, rule, event, line, n))
            return rule->reply;
    return usual;
}

static void
drop(Connection *self, bool flush)
{
    if (flush)
        wn_stream_finish(g_steal_pointer(&self->stream), 1000);
    g_ptr_array_remove(self->server->connections, self);
}

/* False: the connection is gone. */
static bool
answer(Connection *self, const char *reply)
{
    if (reply == NULL) {
        drop(self, false);
        return false;
    }
    self->mute |= *reply == '\0' && !self->in_data;
    wn_stream_write(self->stream,
        wn_span_str(reply[0] == '!' ? reply + 1 : reply));
    if (reply[0] != '!')
        return true;
    drop(self, true);
    return false;
}

static bool
is_positive(const char *reply)
{
    return reply != NULL && reply[0] == '2';
}

static FakeMessage *
message_new(const char *sender, unsigned connection)
{
    FakeMessage *message = g_new0(FakeMessage, 1);

    message->sender = g_strdup(sender);
    message->rcpts = g_string_new(NULL);
    message->text = g_byte_array_new();
    message->connection = connection;
    return message;
}

static bool
take_mail(Connection *self, const char *line)
{
    const char *reply = reply_to(self->server, "MAIL", line,
        "250 2.1.0 ok\r\n");

    if (self->message != NULL)
        return answer(self, "503 5.5.1 nested\r\n");
    if (is_positive(reply))
        self->message = message_new(line + 5, self->number);
    return answer(self, reply);
}

static bool
take_rcpt(Connection *self, const char *line)
{
    const char *reply = reply_to(self->server, "RCPT", line,
        "250 2.1.5 ok\r\n");
    const char *end = strchr(line, '>');

    if (self->message == NULL)
        return answer(self, "503 5.5.1 no MAIL\r\n");
    if (is_positive(reply) && end != NULL)
        g_string_append_printf(self->message->rcpts, "%.*s ",
            (int)(end - line - 9), line + 9);
    return answer(self, reply);
}

static bool
take_data(Connection *self, const char *line)
{
    const char *usual = "354 go ahead\r\n";
    const char *reply;

    if (self->message == NULL || self->message->rcpts->len == 0)
        usual = "503 5.5.1 no recipients\r\n";
    reply = reply_to(self->server, "DATA", line, usual);
    self->in_data = reply != NULL && strncmp(reply, "354", 3) == 0;
    return answer(self, reply);
}

static bool
take_reset(Connection *self, const char *line)
{
    g_clear_pointer(&self->message, message_free);
    return answer(self, reply_to(self->server, "RSET", line, "250 ok\r\n"));
}

static bool
take_starttls(Connection *self, const char *line)
{
    const char *reply = reply_to(self->server, "STARTTLS", line, "220 go\r\n");

    if (!answer(self, reply))
        return false;
    if (self->server->tls != NULL && reply[0] == '2')
        wn_stream_start_tls(self->stream, self->server->tls, WN_TLS_ACCEPT,
            NULL, false);
    return true;
}

static bool
take_line(Connection *self, const char *line)
{
    FakeSmtp *server = self->server;

    if (self->mute)
        return true;
    g_string_append_printf(server->log, "%s\n", line);
    if (g_str_has_prefix(line, "EHLO "))
        return answer(self, reply_to(server, "EHLO", line, server->offers));
    if (g_str_has_prefix(line, "HELO "))
        return answer(self, reply_to(server, "HELO", line, fake_smtp_plain));
    if (g_str_equal(line, "STARTTLS"))
        return take_starttls(self, line);
    if (g_str_has_prefix(line, "MAIL FROM:<"))
        return take_mail(self, line);
    if (g_str_has_prefix(line, "RCPT TO:<"))
        return take_rcpt(self, line);
    if (g_str_equal(line, "DATA"))
        return take_data(self, line);
    if (g_str_equal(line, "RSET"))
        return take_reset(self, line);
    if (g_str_equal(line, "QUIT"))
        return answer(self, reply_to(server, "QUIT", line, "!221 bye\r\n"));
    g_error("not a command: %s", line);
}

static void
assert_no_bare_line_ends(const GByteArray *text)
{
    for (guint i = 0; i < text->len; i++) {
        if (text->data[i] == '\n')
            g_assert_true(i > 0 && text->data[i - 1] == '\r');
        if (text->data[i] == '\r')
            g_assert_true(i + 1 < text->len && text->data[i + 1] == '\n');
    }
}

static bool
end_message(Connection *self)
{
    FakeSmtp *server = self->server;
    FakeMessage *message = g_steal_pointer(&self->message);
    const char *reply = reply_to(server, "dot",
        message != NULL ? message->rcpts->str : "", "250 2.0.0 accepted\r\n");

    self->in_data = false;
    if (message != NULL)
        assert_no_bare_line_ends(message->text);
    if (message == NULL || reply == NULL || reply[0] != '2') {
        message_free(message);
    } else {
        server->n_messages++;
        if (server->discard)
            message_free(message);
        else
            g_ptr_array_add(server->messages, message);
    }
    return answer(self, reply);
}

/* Takes what is there of the message; false: gone. */
static bool
take_text(Connection *self, WnSpan bytes)
{
    GByteArray *text;
    guint before;
    const char *end;
    size_t from;

    if (self->message == NULL)
        self->message = message_new("nobody", self->number);
    text = self->message->text;
    before = text->len;
    if (before == 0) {
        const char *reply = reply_to(self->server, "body", NULL, "");

        if (!answer(self, reply))
            return false;
    }
    g_byte_array_append(text, (const guint8 *)bytes.ptr, (guint)bytes.len);
    from = before > 4 ? before - 4 : 0;
    if (text->len >= 3 && memcmp(text->data, ".\r\n", 3) == 0)
        end = (const char *)text->data;
    else
        end = memmem(text->data + from, text->len - from, "\r\n.\r\n", 5);
    if (end == NULL) {
        wn_stream_consume(self->stream, bytes.len);
        return true;
    }
    end += *end == '.' ? 0 : 2;
    from = (size_t)(end - (const char *)text->data);
    wn_stream_consume(self->stream, from + 3 - before);
    g_byte_array_set_size(text, (guint)from);
    return end_message(self);
}

/* False: nothing more to do now, or gone. */
static bool
step(Connection *self)
{
    WnSpan bytes = wn_stream_peek(self->stream);
    g_autofree char *line = NULL;
    const char *end;

    if (bytes.len == 0)
        return false;
    if (self->in_data)
        return take_text(self, bytes);
    end = memmem(bytes.ptr, bytes.len, "\r\n", 2);
    if (end == NULL)
        return false;
    line = g_strndup(bytes.ptr, (gsize)(end - bytes.ptr));
    wn_stream_consume(self->stream, (size_t)(end - bytes.ptr) + 2);
    return take_line(self, line);
}

static void
on_stream(void *user, WnStream *stream, WnStreamEvent event)
{
    Connection *self = user;

    (void)stream;
    switch (event) {
    case WN_STREAM_INPUT:
        while (step(self))
            continue;
        break;
    case WN_STREAM_SECURED:
        self->server->n_secured++;
        break;
    case WN_STREAM_END:
    case WN_STREAM_ERROR:
        drop(self, false);
        break;
    case WN_STREAM_CONNECTED:
    case WN_STREAM_DRAINED:
        break;
    }
}

static void
on_accept(void *user, int take_fd, const WnNetaddr *peer)
{
    FakeSmtp *self = user;
    Connection *connection = g_new0(Connection, 1);

    self->last_peer = *peer;
    connection->server = self;
    connection->number = ++self->n_connections;
    connection->stream = wn_stream_new(self->loop, take_fd, on_stream,
        connection);
    g_ptr_array_add(self->connections, connection);
    answer(connection, reply_to(self, "connect", NULL, "220 fake.example\r\n"));
}

void
fake_smtp_listen(FakeSmtp *self)
{
    g_autoptr(GError) error = NULL;
    struct sockaddr_storage address;
    socklen_t len = sizeof(address);
    int fd = wn_listener_bind(&self->address, &error);

    g_assert_no_error(error);
    g_assert_cmpint(getsockname(fd, (struct sockaddr *)&address, &len), ==, 0);
    wn_netaddr_from_sockaddr((struct sockaddr *)&address, len, &self->address);
    self->listener = wn_listener_new(self->loop, fd, NULL, on_accept, self);
}

void
fake_smtp_start(FakeSmtp *self, WnLoop *loop, const FakeRule *rules)
{
    *self = (FakeSmtp){ .loop = loop,
        .rules = rules,
        .offers = fake_smtp_offers,
        .address = { .len = 4, .bytes = { 127, 0, 0, 1 } } };
    self->counts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    self->connections = g_ptr_array_new_with_free_func(connection_free);
    self->messages = g_ptr_array_new_with_free_func(message_free);
    self->log = g_string_new(NULL);
    fake_smtp_listen(self);
}

void
fake_smtp_close(FakeSmtp *self)
{
    g_clear_pointer(&self->listener, wn_listener_free);
    g_ptr_array_set_size(self->connections, 0);
}

void
fake_smtp_stop(FakeSmtp *self)
{
    fake_smtp_close(self);
    g_ptr_array_unref(self->connections);
    g_ptr_array_unref(self->messages);
    g_hash_table_unref(self->counts);
    g_string_free(self->log, TRUE);
    g_clear_pointer(&self->tls, SSL_CTX_free);
}

void
fake_smtp_write(FakeSmtp *self, const char *bytes)
{
    for (guint i = 0; i < self->connections->len; i++) {
        Connection *connection = self->connections->pdata[i];

        connection->mute = false;
        wn_stream_write(connection->stream, wn_span_str(bytes));
    }
}

const FakeMessage *
fake_smtp_message(const FakeSmtp *self, guint n)
{
    g_assert_cmpuint(n, <, self->messages->len);
    return self->messages->pdata[n];
}

static void
write_pem(const char *path, EVP_PKEY *key, X509 *certificate)
{
    FILE *file = fopen(path, "w");

    g_assert_nonnull(file);
    if (key != NULL)
        PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL);
    else
        PEM_write_X509(file, certificate);
    g_assert_cmpint(fclose(file), ==, 0);
}

static X509 *
make_certificate(EVP_PKEY *key)
{
    X509 *certificate = X509_new();
    X509_NAME *name = X509_get_subject_name(certificate);

    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
        (const unsigned char *)"mx.example.net", -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    X509_set_pubkey(certificate, key);
    g_assert_cmpint(X509_sign(certificate, key, EVP_sha256()), >, 0);
    return certificate;
}

SSL_CTX *
fake_smtp_tls_context(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *folder = g_dir_make_tmp("wn-smtp-XXXXXX", NULL);
    g_autofree char *key_path = g_build_filename(folder, "key.pem", NULL);
    g_autofree char *path = g_build_filename(folder, "cert.pem", NULL);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = make_certificate(key);
    SSL_CTX *context;

    write_pem(key_path, key, NULL);
    write_pem(path, NULL, certificate);
    context = wn_tls_server_context(path, key_path, &error);
    g_assert_no_error(error);
    EVP_PKEY_free(key);
    X509_free(certificate);
    g_unlink(key_path);
    g_unlink(path);
    g_rmdir(folder);
    return context;
}
