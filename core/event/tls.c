/* SPDX-License-Identifier: MIT */
#include "core/event/tls.h"

#include "core/event/loop.h"

#include <errno.h>
#include <openssl/err.h>

/* The library has no words for what the system says, like a file that is not
 * there. */
static const char *
first_reason(void)
{
    unsigned long code = ERR_peek_error();

    if (ERR_SYSTEM_ERROR(code))
        return g_strerror(ERR_GET_REASON(code));
    return ERR_reason_error_string(code);
}

static bool
set_tls_error(GError **error, const char *what)
{
    const char *reason = first_reason();

    g_set_error(error, WN_EVENT_ERROR, EINVAL, "%s: %s", what,
        reason != NULL ? reason : "TLS setup failed");
    ERR_clear_error();
    return false;
}

/* The end of the connection without a goodbye is common in SMTP and safe
 * there: a cut message lacks its final dot. */
static SSL_CTX *
context_new(const SSL_METHOD *method, GError **error)
{
    SSL_CTX *context;

    ERR_clear_error();
    context = SSL_CTX_new(method);
    if (context == NULL) {
        set_tls_error(error, "TLS");
        return NULL;
    }
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION
                                     | SSL_OP_IGNORE_UNEXPECTED_EOF
                                     | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS
                                  | SSL_MODE_ENABLE_PARTIAL_WRITE
                                  | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    return context;
}

/* A daemon has no terminal to ask at: an encrypted key is an error. */
static int
no_password(char *buffer, int size, int rwflag, void *user)
{
    (void)buffer;
    (void)size;
    (void)rwflag;
    (void)user;
    return -1;
}

static bool
load_identity(SSL_CTX *context, const char *certificate_path,
    const char *key_path, GError **error)
{
    SSL_CTX_set_default_passwd_cb(context, no_password);
    if (SSL_CTX_use_certificate_chain_file(context, certificate_path) != 1)
        return set_tls_error(error, certificate_path);
    if (SSL_CTX_use_PrivateKey_file(context, key_path, SSL_FILETYPE_PEM) != 1)
        return set_tls_error(error, key_path);
    if (SSL_CTX_check_private_key(context) != 1)
        return set_tls_error(error, key_path);
    return true;
}

SSL_CTX *
wn_tls_server_context(const char *certificate_path, const char *key_path,
    GError **error)
{
    g_autoptr(SSL_CTX) context = context_new(TLS_server_method(), error);

    if (context == NULL)
        return NULL;
    SSL_CTX_set_num_tickets(context, 1);
    if (!load_identity(context, certificate_path, key_path, error))
        return NULL;
    return g_steal_pointer(&context);
}

SSL_CTX *
wn_tls_client_context(const char *ca_file, GError **error)
{
    g_autoptr(SSL_CTX) context = context_new(TLS_client_method(), error);

    if (context == NULL)
        return NULL;
    if (SSL_CTX_dane_enable(context) != 1) {
        set_tls_error(error, "DANE");
        return NULL;
    }
    if (ca_file == NULL) {
        if (SSL_CTX_set_default_verify_paths(context) == 1)
            return g_steal_pointer(&context);
        set_tls_error(error, "system certificates");
        return NULL;
    }
    if (SSL_CTX_load_verify_file(context, ca_file) == 1)
        return g_steal_pointer(&context);
    set_tls_error(error, ca_file);
    return NULL;
}

void
wn_tls_describe(SSL *ssl, char *out, size_t size)
{
    g_snprintf(out, size, "%s with %s", SSL_get_version(ssl),
        SSL_get_cipher_name(ssl));
}
