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

G_DEFINE_AUTOPTR_CLEANUP_FUNC(SSL_SESSION, SSL_SESSION_free)

/*
 * Whom a client wants to find at the other end.  With neither verify nor tlsa
 * everybody is welcome.
 */
typedef struct WnTlsPeer {
    const char *name;       /* for SNI, and to verify; NULL: none */
    const char *other_name; /* good in a certificate as well; NULL: none */
    bool verify;            /* by authority and name */
    const GPtrArray *tlsa;  /* GBytes, the data of TLSA records; NULL: none.
                             * Usages 2 and 3 count (RFC 7672 §3.1); if none of
                             * them can be used, everybody is welcome */
    SSL_SESSION *session;   /* to resume if both sides like; NULL: none.  Made
                             * under equal demands, or it is a way round them */
} WnTlsPeer;

/* Sets all that up; false: OpenSSL's error queue says why.  reason has
 * WN_TLS_REASON_MAX bytes, is empty and as good as ssl; if the certificate is
 * refused it says why, in printable words which also tell whose it is. */
#define WN_TLS_REASON_MAX 128
bool wn_tls_expect(SSL *ssl, const WnTlsPeer *peer, char *reason);

/* What the handshake has shown about the peer. */
typedef enum {
    WN_TLS_ANYBODY,  /* nothing */
    WN_TLS_VERIFIED, /* name and authority */
    WN_TLS_DANE      /* fits a TLSA record */
} WnTlsAssurance;
WnTlsAssurance wn_tls_assurance(SSL *ssl);

/* To resume with later (transfer full); NULL if the server offers none. */
SSL_SESSION *wn_tls_session(SSL *ssl);

/* "TLSv1.3 with TLS_AES_256_GCM_SHA384" for Received (NUL-terminated, cut). */
void wn_tls_describe(SSL *ssl, char *out, size_t size);
