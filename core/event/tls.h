/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * TLS settings in one place: TLS 1.2 and newer, no renegotiation, no
 * compression, buffers released while idle.
 */

#include <glib.h>
#include <openssl/ssl.h>
#include <stdbool.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC(SSL_CTX, SSL_CTX_free)

/* For a server with this certificate chain and key (PEM). */
SSL_CTX *wn_tls_server_context(const char *certificate_path,
    const char *key_path, GError **error);

/* For a client; ca_file NULL means the system's. */
SSL_CTX *wn_tls_client_context(const char *ca_file, GError **error);

/* "TLSv1.3 with TLS_AES_256_GCM_SHA384" for Received (NUL-terminated, cut). */
void wn_tls_describe(SSL *ssl, char *out, size_t size);
