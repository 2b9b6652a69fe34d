/* SPDX-License-Identifier: MIT */
#include "core/event/tls.h"

#include "core/base/netaddr.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

/* Of a TLSA record: usage, selector, matching type, then the data. */
#define TLSA_HEADER 3
#define USAGE_TA 2
#define USAGE_EE 3

static void
append_printable(GString *out, const ASN1_STRING *name)
{
    const unsigned char *text = ASN1_STRING_get0_data(name);
    int len = MIN(ASN1_STRING_length(name), WN_TLS_REASON_MAX);

    for (int i = 0; i < len; i++)
        g_string_append_c(out,
            g_ascii_isgraph((char)text[i]) ? (char)text[i] : '?');
}

static void
append_subject(GString *out, X509 *certificate)
{
    X509_NAME *subject = X509_get_subject_name(certificate);
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);

    if (at >= 0)
        append_printable(out,
            X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    else
        g_string_append(out, "nobody");
}

/* "certificate is for a.example, b.example" */
static void
append_owner(GString *out, X509 *certificate)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name,
        NULL, NULL);
    int n = names != NULL ? sk_GENERAL_NAME_num(names) : 0;
    bool any = false;

    g_string_append(out, "certificate is for ");
    for (int i = 0; i < n && out->len < WN_TLS_REASON_MAX; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

        if (name->type != GEN_DNS)
            continue;
        g_string_append(out, any ? ", " : "");
        append_printable(out, name->d.dNSName);
        any = true;
    }
    if (!any)
        append_subject(out, certificate);
    GENERAL_NAMES_free(names);
}

static void
append_date(GString *out, const char *what, const ASN1_TIME *date)
{
    struct tm parts;

    g_string_append(out, what);
    if (ASN1_TIME_to_tm(date, &parts) == 1)
        g_string_append_printf(out, " %04d-%02d-%02d", parts.tm_year + 1900,
            parts.tm_mon + 1, parts.tm_mday);
}

static void
describe_problem(GString *out, int error, X509 *certificate)
{
    switch (certificate != NULL ? error : X509_V_OK) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        append_owner(out, certificate);
        break;
    case X509_V_ERR_CERT_HAS_EXPIRED:
        append_date(out, "certificate expired",
            X509_get0_notAfter(certificate));
        break;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        append_date(out, "certificate begins",
            X509_get0_notBefore(certificate));
        break;
    case X509_V_ERR_DANE_NO_MATCH:
        g_string_append(out, "certificate fits no TLSA record");
        break;
    default:
        g_string_append(out, X509_verify_cert_error_string(error));
    }
}

static int
on_verified(int good, X509_STORE_CTX *store)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store,
        SSL_get_ex_data_X509_STORE_CTX_idx());
    char *out = SSL_get_app_data(ssl);
    GString *reason;

    if (good || SSL_get_verify_mode(ssl) == SSL_VERIFY_NONE || *out != '\0')
        return good;
    reason = g_string_new(NULL);
    describe_problem(reason, X509_STORE_CTX_get_error(store),
        X509_STORE_CTX_get_current_cert(store));
    g_strlcpy(out, reason->str, WN_TLS_REASON_MAX);
    g_string_free(reason, TRUE);
    return good;
}

static bool
add_record(SSL *ssl, GBytes *record)
{
    gsize len;
    const uint8_t *data = g_bytes_get_data(record, &len);
    bool usable = len > TLSA_HEADER
                  && (data[0] == USAGE_TA || data[0] == USAGE_EE)
                  && SSL_dane_tlsa_add(ssl, data[0], data[1], data[2],
                         data + TLSA_HEADER, len - TLSA_HEADER)
                         > 0;

    ERR_clear_error();
    return usable;
}

/* RFC 7672 §3.1.1: a record for the server's own certificate counts whatever
 * name and dates stand in that. */
static bool
expect_records(SSL *ssl, const WnTlsPeer *peer)
{
    unsigned n = 0;

    if (SSL_dane_enable(ssl, peer->name) != 1)
        return false;
    SSL_dane_set_flags(ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
    if (peer->other_name != NULL && SSL_add1_host(ssl, peer->other_name) != 1)
        return false;
    for (guint i = 0; i < peer->tlsa->len; i++)
        n += add_record(ssl, peer->tlsa->pdata[i]);
    SSL_set_verify(ssl, n > 0 ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, on_verified);
    return true;
}

/* An address is no name for SNI (RFC 6066 §3). */
static bool
expect_name(SSL *ssl, const WnTlsPeer *peer)
{
    WnNetaddr address;
    bool is_address = wn_netaddr_parse(wn_span_str(peer->name), &address);

    if (!is_address && SSL_set_tlsext_host_name(ssl, peer->name) != 1)
        return false;
    if (!peer->verify)
        return true;
    if (is_address)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), peer->name)
               == 1;
    return SSL_set1_host(ssl, peer->name) == 1
           && (peer->other_name == NULL
               || SSL_add1_host(ssl, peer->other_name) == 1);
}

bool
wn_tls_expect(SSL *ssl, const WnTlsPeer *peer, char *reason)
{
    SSL_set_app_data(ssl, reason);
    SSL_set_verify(ssl, peer->verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE,
        on_verified);
    if (peer->session != NULL)
        SSL_set_session(ssl, peer->session);
    if (peer->tlsa != NULL)
        return expect_records(ssl, peer);
    return peer->name == NULL || expect_name(ssl, peer);
}

WnTlsAssurance
wn_tls_assurance(SSL *ssl)
{
    if (SSL_get_verify_mode(ssl) == SSL_VERIFY_NONE
        || SSL_get_verify_result(ssl) != X509_V_OK)
        return WN_TLS_ANYBODY;
    /* The flag is only set with records; which of them it was is not known when
     * the session was resumed. */
    return SSL_dane_clear_flags(ssl, 0) & DANE_FLAG_NO_DANE_EE_NAMECHECKS
               ? WN_TLS_DANE
               : WN_TLS_VERIFIED;
}

/* A copy: a connection that ends without a goodbye spoils its own. */
SSL_SESSION *
wn_tls_session(SSL *ssl)
{
    SSL_SESSION *session = SSL_get0_session(ssl);

    if (session == NULL || SSL_SESSION_is_resumable(session) != 1)
        return NULL;
    return SSL_SESSION_dup(session);
}
