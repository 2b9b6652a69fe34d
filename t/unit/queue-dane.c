/* SPDX-License-Identifier: MIT */
#include "core/queue/dane.h"

#include "core/base/clock.h"
#include "t/unit/fake_dns.h"

/* The truth table of RFC 7672 §2.2: what DNS says, and what follows. */
typedef struct Case {
    const char *name;
    const char *alias_of; /* of mx.example; NULL: none */
    const char *insecure; /* names that end so are not signed */
    const char *broken;   /* names that begin so: SERVFAIL */
    const char *tlsa_at;  /* whose record there is; NULL: none */
    bool no_ad;           /* the resolver does not verify */
    WnDaneState state;
    const char *base;
} Case;

static const Case cases[] = {
    { "signed", NULL, NULL, NULL, "mx.example", false, WN_DANE_RECORDS,
        "mx.example" },
    { "no-record", NULL, NULL, NULL, NULL, false, WN_DANE_NONE, NULL },
    { "not-verified", NULL, NULL, NULL, "mx.example", true, WN_DANE_NONE,
        NULL },
    { "unsigned-zone", NULL, "mx.example", NULL, "mx.example", false,
        WN_DANE_NONE, NULL },
    { "bogus-tlsa", NULL, NULL, "_25._tcp", "mx.example", false, WN_DANE_FAILED,
        NULL },
    { "bogus-address", NULL, NULL, "mx.", "mx.example", false, WN_DANE_FAILED,
        NULL },
    { "alias-signed", "real.test", NULL, NULL, "real.test", false,
        WN_DANE_RECORDS, "real.test" },
    { "alias-signed-own-record", "real.test", NULL, NULL, "mx.example", false,
        WN_DANE_RECORDS, "mx.example" },
    { "alias-signed-no-record", "real.test", NULL, NULL, NULL, false,
        WN_DANE_NONE, NULL },
    { "alias-not-verified", "real.test", NULL, NULL, "mx.example", true,
        WN_DANE_NONE, NULL },
};

typedef struct Stage {
    WnLoop *loop;
    FakeDns dns;
    WnResolver *resolver;
    WnDane *dane;
    unsigned n_told;
} Stage;

static void
on_dane(void *user)
{
    ((Stage *)user)->n_told++;
}

static void
look_up(Stage *stage)
{
    unsigned before = stage->n_told;
    bool known = wn_dane_state(stage->dane) == WN_DANE_RECORDS;

    wn_dane_look_up(stage->dane);
    g_assert_cmpint(wn_dane_state(stage->dane), ==,
        known ? WN_DANE_RECORDS : WN_DANE_ASKING);
    for (int i = 0; i < 300 && stage->n_told == before; i++)
        wn_loop_turn(stage->loop);
    g_assert_cmpuint(stage->n_told, ==, before + 1);
}

static void
stage_init(Stage *stage, const Case *c)
{
    static const uint8_t tlsa[] = { 3, 1, 1, 0xab, 0xcd };

    wn_clock_fake(1000000, 0);
    *stage = (Stage){ .loop = wn_loop_new() };
    fake_dns_start(&stage->dns, stage->loop);
    stage->dns.secure = !c->no_ad;
    stage->dns.insecure = c->insecure;
    stage->dns.broken = c->broken;
    if (c->alias_of != NULL)
        fake_dns_add_name(&stage->dns, "mx.example", FAKE_CNAME, 60,
            c->alias_of);
    fake_dns_add_address(&stage->dns,
        c->alias_of != NULL ? c->alias_of : "mx.example", 60, "192.0.2.1");
    if (c->tlsa_at != NULL) {
        g_autofree char *name = g_strdup_printf("_25._tcp.%s", c->tlsa_at);

        fake_dns_add(&stage->dns, name, WN_RR_TLSA, 60, tlsa, sizeof(tlsa));
    }
    stage->resolver = wn_resolver_new(stage->loop, stage->dns.place, 2000,
        NULL);
    stage->dane = wn_dane_new(stage->resolver, "mx.example", 25, on_dane,
        stage);
}

static void
stage_clear(Stage *stage)
{
    wn_dane_free(stage->dane);
    wn_resolver_free(stage->resolver);
    fake_dns_stop(&stage->dns);
    wn_loop_free(stage->loop);
}

static void
test_case(gconstpointer data)
{
    const Case *c = data;
    Stage stage;

    stage_init(&stage, c);
    look_up(&stage);
    g_assert_cmpint(wn_dane_state(stage.dane), ==, c->state);
    g_assert_cmpstr(wn_dane_base(stage.dane), ==, c->base);
    if (c->state == WN_DANE_RECORDS) {
        const GPtrArray *records = wn_dane_records(stage.dane);

        g_assert_cmpuint(records->len, ==, 1);
        g_assert_cmpuint(g_bytes_get_size(records->pdata[0]), ==, 5);
    } else {
        g_assert_null(wn_dane_records(stage.dane));
    }
    g_assert_cmpint(wn_dane_expires(stage.dane), >, wn_clock_mono_ms());
    stage_clear(&stage);
}

/* Records that become unknown are not used on: neither are none. */
static void
test_later(void)
{
    Stage stage;

    stage_init(&stage, &cases[0]);
    look_up(&stage);
    g_assert_cmpint(wn_dane_state(stage.dane), ==, WN_DANE_RECORDS);
    stage.dns.broken = "_25._tcp";
    wn_clock_fake_step(61000);
    look_up(&stage);
    g_assert_cmpint(wn_dane_state(stage.dane), ==, WN_DANE_FAILED);
    stage.dns.broken = NULL;
    wn_clock_fake_step(61000);
    look_up(&stage);
    g_assert_cmpint(wn_dane_state(stage.dane), ==, WN_DANE_RECORDS);
    stage_clear(&stage);
}

/* The version tells whether something else was found out. */
static void
test_version(void)
{
    static const uint8_t other[] = { 3, 1, 1, 0x12, 0x34 };
    Stage stage;
    unsigned version;

    stage_init(&stage, &cases[1]);
    g_assert_cmpint(wn_dane_state(stage.dane), ==, WN_DANE_ASKING);
    look_up(&stage);
    version = wn_dane_version(stage.dane);
    wn_clock_fake_step(FAKE_NEGATIVE_TTL * 1000 + 1000);
    look_up(&stage);
    g_assert_cmpint(wn_dane_state(stage.dane), ==, WN_DANE_NONE);
    g_assert_cmpuint(wn_dane_version(stage.dane), ==, version);
    fake_dns_add(&stage.dns, "_25._tcp.mx.example", WN_RR_TLSA, 60, other,
        sizeof(other));
    wn_clock_fake_step(FAKE_NEGATIVE_TTL * 1000 + 1000);
    look_up(&stage);
    g_assert_cmpint(wn_dane_state(stage.dane), ==, WN_DANE_RECORDS);
    g_assert_cmpuint(wn_dane_version(stage.dane), ==, ++version);
    wn_clock_fake_step(61000);
    look_up(&stage);
    g_assert_cmpuint(wn_dane_version(stage.dane), ==, version);
    fake_dns_add(&stage.dns, "_25._tcp.mx.example", WN_RR_TLSA, 60, "\3\1\1x",
        4);
    wn_clock_fake_step(61000);
    look_up(&stage);
    g_assert_cmpuint(wn_dane_version(stage.dane), ==, version + 1);
    stage_clear(&stage);
}

static void
test_freed_while_asking(void)
{
    Stage stage;

    stage_init(&stage, &cases[0]);
    wn_dane_look_up(stage.dane);
    g_clear_pointer(&stage.dane, wn_dane_free);
    for (int i = 0; i < 10; i++)
        wn_loop_turn(stage.loop);
    g_assert_cmpuint(stage.n_told, ==, 0);
    stage_clear(&stage);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strdup_printf("/queue/dane/%s",
            cases[i].name);

        g_test_add_data_func(path, &cases[i], test_case);
    }
    g_test_add_func("/queue/dane/later", test_later);
    g_test_add_func("/queue/dane/version", test_version);
    g_test_add_func("/queue/dane/freed-while-asking", test_freed_while_asking);
    return g_test_run();
}
