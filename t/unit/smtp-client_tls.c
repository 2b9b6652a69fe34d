/* SPDX-License-Identifier: MIT */
#include "core/event/tls.h"
#include "t/unit/smtp_client_stage.h"

typedef struct TlsCase {
    const char *name;
    const char *told;
    WnClientTls policy;
    bool offered;
    bool works; /* the server's TLS */
    unsigned n_secured;
    bool tls_failed;
    bool verify;
    FakeRule rules[2];
} TlsCase;

static const char offers_tls[] = "250-fake.example\r\n250-PIPELINING\r\n"
                                 "250 STARTTLS\r\n";

static const TlsCase tls_cases[] = {
    { "may-offered", "ready 0:ok:250 ready ", WN_CLIENT_TLS_MAY, true, true, 1,
        false, false, { { 0 } } },
    { "may-not-offered", "ready 0:ok:250 ready ", WN_CLIENT_TLS_MAY, false,
        true, 0, false, false, { { 0 } } },
    { "none-offered", "ready 0:ok:250 ready ", WN_CLIENT_TLS_NONE, true, true,
        0, false, false, { { 0 } } },
    { "may-454", "ready 0:ok:250 ready ", WN_CLIENT_TLS_MAY, true, true, 0,
        false, false, { { "STARTTLS", 0, "454 not now\r\n" } } },
    { "may-broken", "dead:lost:TLS handshake ", WN_CLIENT_TLS_MAY, true, false,
        0, true, false, { { "STARTTLS", 0, "!220 go\r\n" } } },
    { "require-offered", "ready 0:ok:250 ready ", WN_CLIENT_TLS_REQUIRE, true,
        true, 1, false, false, { { 0 } } },
    { "require-not-offered", "dead:lost:EHLO ", WN_CLIENT_TLS_REQUIRE, false,
        true, 0, false, false, { { 0 } } },
    { "require-454", "dead:temporary:STARTTLS ", WN_CLIENT_TLS_REQUIRE, true,
        true, 0, true, false, { { "STARTTLS", 0, "454 not now\r\n" } } },
    { "require-no-ehlo", "dead:lost:HELO ", WN_CLIENT_TLS_REQUIRE, true, true,
        0, false, false, { { "EHLO", 0, "502 what\r\n" } } },
    { "verify-unknown-issuer", "dead:lost:TLS handshake ",
        WN_CLIENT_TLS_REQUIRE, true, true, 0, true, true, { { 0 } } },
    { "injection", "dead:lost:STARTTLS ", WN_CLIENT_TLS_MAY, true, false, 0,
        true, false,
        { { "STARTTLS", 0, "220 go\r\n250 2.0.0 injected\r\n" } } },
    { "may-dropped", "dead:lost:STARTTLS ", WN_CLIENT_TLS_MAY, true, true, 0,
        true, false, { { "STARTTLS", 0, NULL } } },
    { "may-421", "dead:temporary:STARTTLS ", WN_CLIENT_TLS_MAY, true, true, 0,
        true, false, { { "STARTTLS", 0, "!421 no\r\n" } } },
    { "may-dropped-behind", "dead:lost:EHLO ", WN_CLIENT_TLS_MAY, true, true, 1,
        true, false, { { "EHLO", 2, NULL } } },
    { "may-421-behind", "dead:temporary:EHLO ", WN_CLIENT_TLS_MAY, true, true,
        1, true, false, { { "EHLO", 2, "!421 no\r\n" } } },
    { "may-421-before", "dead:temporary:EHLO ", WN_CLIENT_TLS_MAY, true, true,
        0, false, false, { { "EHLO", 1, "!421 no\r\n" } } },
};

static void
test_tls(gconstpointer data)
{
    const TlsCase *c = data;
    g_auto(Stage) stage = { 0 };
    g_autoptr(GError) error = NULL;

    stage_init(&stage, c->rules, 1);
    if (c->offered)
        stage.server.offers = offers_tls;
    if (c->works)
        stage.server.tls = fake_smtp_tls_context();
    stage.config.tls = c->policy;
    stage.config.tls_context = wn_tls_client_context(NULL, &error);
    stage.config.tls_name = "mx.example.net";
    stage.config.tls_verify = c->verify;
    g_assert_no_error(error);
    run(&stage, c->told);
    g_assert_cmpuint(stage.server.n_secured, ==, c->n_secured);
    g_assert_true(stage.tls_failed == c->tls_failed);
    /* Nothing of a message that must be secret goes out in clear. */
    if (c->policy == WN_CLIENT_TLS_REQUIRE && c->n_secured == 0)
        g_assert_null(strstr(stage.server.log->str, "MAIL"));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(tls_cases); i++) {
        g_autofree char *path = g_strconcat("/smtp/client/tls/",
            tls_cases[i].name, NULL);

        g_test_add_data_func(path, &tls_cases[i], test_tls);
    }
    return g_test_run();
}
