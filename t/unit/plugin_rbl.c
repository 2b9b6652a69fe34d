/* SPDX-License-Identifier: MIT */

/* rbl: what is a listing, how long it waits, its settings. */

#include "t/unit/plugin_rbl_scene.h"

static const char mail[] = "Subject: hello\r\n\r\nhello\r\n";

/*
 * What is a listing
 */

typedef struct Case {
    const char *name, *options;
    const char *client; /* NULL: CLIENT */
    const char *records[8];
    const char *decided;
} Case;

static const Case cases[] = {
    { "not-listed", A, NULL, { NULL }, PASS },
    { "no-zones", "", NULL, { ON_A, "127.0.0.2" }, PASS },
    { "listed", A, NULL, { ON_A, "127.0.0.2" },
        MATCH(LISTED("a.example", "127.0.0.2")) },
    { "last-of-default", A, NULL, { ON_A, "127.0.0.255" },
        MATCH(LISTED("a.example", "127.0.0.255")) },
    { "outside-default", A, NULL, { ON_A, "127.0.1.2" }, PASS },
    { "code-zero", A, NULL, { ON_A, "127.0.0.0" }, PASS },
    { "two-codes", A, NULL, { ON_A, "127.0.0.2", ON_A, "127.0.0.4" },
        MATCH(LISTED("a.example", "127.0.0.2,127.0.0.4")) },
    { "two-lists", A_B, NULL, { ON_A, "127.0.0.2", ON_B, "127.0.0.9" },
        MATCH(LISTED("a.example", "127.0.0.2") "," LISTED("b.example",
            "127.0.0.9")) },
    { "one-of-two", A_B, NULL, { ON_B, "127.0.0.9" },
        MATCH(LISTED("b.example", "127.0.0.9")) },
    { "own-code", "zones = a.example=127.0.0.9\n", NULL, { ON_A, "127.0.0.9" },
        MATCH(LISTED("a.example", "127.0.0.9")) },
    { "other-code", "zones = a.example=127.0.0.9\n", NULL,
        { ON_A, "127.0.0.2" }, PASS },
    { "own-among-others", "zones = a.example=127.0.0.9\n", NULL,
        { ON_A, "127.0.0.2", ON_A, "127.0.0.9" },
        MATCH(LISTED("a.example", "127.0.0.9")) },
    { "range", "zones = A.example.=127.0.0.2,127.0.0.4-127.0.0.11\n", NULL,
        { ON_A, "127.0.0.11" }, MATCH(LISTED("a.example", "127.0.0.11")) },
    { "beside-range", "zones = a.example=127.0.0.2,127.0.0.4-127.0.0.11\n",
        NULL, { ON_A, "127.0.0.3" }, PASS },
    { "far-range", "zones = a.example=127.0.2.0-127.0.20.3\n", NULL,
        { ON_A, "127.0.9.1" }, MATCH(LISTED("a.example", "127.0.9.1")) },
    { "mask", "zones = a.example=127.0.0.2-127.0.0.254/0x18\n", NULL,
        { ON_A, "127.0.0.80" }, MATCH(LISTED("a.example", "127.0.0.80")) },
    { "mask-misses", "zones = a.example=127.0.0.2-127.0.0.254/24\n", NULL,
        { ON_A, "127.0.0.36" }, PASS },
    { "mask-only", "zones = a.example=/4\n", NULL, { ON_A, "127.0.0.6" },
        MATCH(LISTED("a.example", "127.0.0.6")) },
    { "error-in-range", "zones = a.example=127.0.0.0-127.255.255.255\n", NULL,
        { ON_A, "127.255.255.254" }, PASS },
    { "one-is-an-error", A, NULL, { ON_A, "127.0.0.1" }, PASS },
    { "web-server", A, NULL, { ON_A, "203.0.113.7" }, PASS },
    { "listing-with-error", A, NULL,
        { ON_A, "127.0.0.2", ON_A, "127.255.255.252" }, PASS },
    { "error-of-one-list", A_B, NULL,
        { ON_A, "127.255.255.254", ON_B, "127.0.0.2" },
        MATCH(LISTED("b.example", "127.0.0.2")) },
    { "six", A, "2001:db8::1",
        { "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2"
          ".a.example",
            "127.0.0.3" },
        MATCH(LISTED("a.example", "127.0.0.3")) },
    { "allowed", A ALLOW, NULL, { ON_W, "127.0.0.5" }, TRUST },
    { "allowed-and-listed", A ALLOW, NULL,
        { ON_W, "127.0.0.5", ON_A, "127.0.0.2" }, TRUST },
    { "allow-error-and-listed", A ALLOW, NULL,
        { ON_W, "127.255.255.254", ON_A, "127.0.0.2" },
        MATCH(LISTED("a.example", "127.0.0.2")) },
    { "allow-only", ALLOW, NULL, { NULL }, PASS },
    { "same-list-twice", "zones = a.example=/2; a.example=/4\n", NULL,
        { ON_A, "127.0.0.6" },
        MATCH(LISTED("a.example", "127.0.0.6") "," LISTED("a.example",
            "127.0.0.6")) },
};

static void
test_case(const void *data)
{
    const Case *one = data;
    g_auto(Scene) scene;

    if (!open_scene(&scene))
        return;
    add_list(&scene, "a.example");
    add_list(&scene, "b.example");
    add_list(&scene, "w.example");
    for (int i = 0; i < 8 && one->records[i] != NULL; i += 2)
        add(&scene, one->records[i], one->records[i + 1]);
    start(&scene, one->options, "");
    g_assert_cmpstr(decide(&scene, one->client != NULL ? one->client : CLIENT),
        ==, one->decided);
}

static void
test_domain(void)
{
    g_auto(Scene) scene;

    if (!open_scene(&scene))
        return;
    add_list(&scene, "a.example");
    add_list(&scene, "b.example");
    add(&scene, ON_A, "127.0.0.2");
    add(&scene, ON_B, "127.0.0.3");
    stage_domain(&scene.stage, "none.example", "[filter rbl]\nzones =\n");
    start(&scene, A, "[filter rbl]\nzones = b.example\n");
    g_assert_cmpstr(decide(&scene, CLIENT), ==,
        MATCH(LISTED("b.example", "127.0.0.3")));
    g_assert_cmpstr(stage_rcpt(&scene.stage, "u@none.example"), ==, PASS);
}

static void
test_listener(void)
{
    g_auto(Scene) scene;

    if (!open_scene(&scene))
        return;
    add_list(&scene, "a.example");
    add(&scene, ON_A, "127.0.0.2");
    start(&scene, A "decide = listener\n", "");
    stage_connect(&scene.stage, CLIENT);
    stage_run_connect(&scene.stage);
    g_assert_cmpstr(stage_wait(&scene.stage), ==,
        MATCH(LISTED("a.example", "127.0.0.2")));
}

/* A list that was not waited for, as another one trusts the client, is asked
 * when it matters. */
static void
test_trust_cuts_short(void)
{
    g_auto(Scene) scene;

    if (!open_scene(&scene))
        return;
    add_list(&scene, "a.example");
    add_list(&scene, "w.example");
    add(&scene, ON_W, "127.0.0.2");
    add(&scene, ON_A, "127.0.0.2");
    scene.dns.mute = "a.example";
    start(&scene, A ALLOW, "[filter rbl]\nallow_zones =\n");
    arrive(&scene, CLIENT);
    turn(&scene);
    for (int i = 0; i < TURNS; i++)
        stage_turn(&scene.stage);
    scene.dns.mute = NULL;
    for (int i = 0; i < 2; i++) { /* the resolver gives up, and forgets it */
        wn_clock_fake_step(2 * DNS_MS);
        stage_turn(&scene.stage);
    }
    g_assert_cmpstr(stage_rcpt(&scene.stage, "u@good.example"), ==,
        MATCH(LISTED("a.example", "127.0.0.2")));
}

/* Asked at connect, and once only: the recipient finds the answers. */
static void
test_asked_once(void)
{
    g_auto(Scene) scene;

    if (!open_scene(&scene))
        return;
    add_list(&scene, "a.example");
    add(&scene, ON_A, "127.0.0.2");
    start(&scene, A, "[filter rbl]\nzones = a.example=127.0.0.2\n");
    stage_connect(&scene.stage, CLIENT);
    stage_run_connect(&scene.stage);
    stage_wait(&scene.stage);
    for (int i = 0; i < TURNS; i++)
        stage_turn(&scene.stage);
    g_assert_cmpuint(scene.dns.n_queries, ==, 3);
    stage_mail(&scene.stage, "from@b.example");
    g_assert_cmpstr(stage_rcpt(&scene.stage, "u@good.example"), ==,
        MATCH(LISTED("a.example", "127.0.0.2")));
    g_assert_cmpstr(stage_message(&scene.stage, mail, "u@good.example"), ==,
        MATCH(LISTED("a.example", "127.0.0.2")));
    g_assert_cmpuint(scene.dns.n_queries, ==, 3);
}

static void
test_key_is_not_shown(void)
{
    g_auto(Scene) scene;
    static const char zone[] = "abcdefghijklmnopqrstuvwxyz.zen.example";

    if (!open_scene(&scene))
        return;
    add_list(&scene, zone);
    add_listing(&scene, CLIENT, zone, "127.0.0.2");
    start(&scene, "zones = abcdefghijklmnopqrstuvwxyz.zen.example\n", "");
    g_assert_cmpstr(decide(&scene, CLIENT), ==,
        MATCH(LISTED("zen.example", "127.0.0.2")));
}

/*
 * Time
 */

static void
test_silent_list(void)
{
    g_auto(Scene) scene;

    if (!open_scene(&scene))
        return;
    add_list(&scene, "a.example");
    add(&scene, ON_A, "127.0.0.2");
    scene.dns.mute = "b.example";
    start(&scene, A_B, "");
    arrive(&scene, CLIENT);
    stage_run_rcpt(&scene.stage, "u@good.example");
    g_assert_cmpstr(decided_after(&scene, 2000), ==,
        MATCH(LISTED("a.example", "127.0.0.2")));
    stage_mail(&scene.stage, "second@b.example");
    g_assert_cmpstr(stage_rcpt(&scene.stage, "u@good.example"), ==,
        MATCH(LISTED("a.example", "127.0.0.2")));
}

/* One list that answers is enough for a verdict. */
static void
test_silent_and_clean(void)
{
    g_auto(Scene) scene;

    if (!open_scene(&scene))
        return;
    add_list(&scene, "a.example");
    scene.dns.mute = "b.example";
    start(&scene, A_B, "");
    arrive(&scene, CLIENT);
    stage_run_rcpt(&scene.stage, "u@good.example");
    g_assert_cmpstr(decided_after(&scene, 2000), ==, PASS);
}

static void
test_all_silent(void)
{
    g_auto(Scene) scene;

    if (!open_scene(&scene))
        return;
    scene.dns.silent = true;
    start(&scene, A_B "on_error = tempfail\n", "");
    arrive(&scene, CLIENT);
    stage_run_rcpt(&scene.stage, "u@good.example");
    g_assert_true(
        g_str_has_prefix(decided_after(&scene, 2000), "tempfail 451"));
    stage_mail(&scene.stage, "second@b.example");
    g_assert_true(g_str_has_prefix(stage_rcpt(&scene.stage, "u@good.example"),
        "tempfail 451"));
}

static void
test_all_refused(void)
{
    g_auto(Scene) scene;

    if (!open_scene(&scene))
        return;
    scene.dns.rcode = 5;
    start(&scene, A_B, "");
    g_assert_cmpstr(decide(&scene, CLIENT), ==, FAILED);
}

/* Two seconds for the instance's list, one for the domain's. */
static void
test_three_seconds_together(void)
{
    g_auto(Scene) scene;

    if (!open_scene(&scene))
        return;
    scene.dns.silent = true;
    start(&scene, A, "[filter rbl]\nzones = b.example\n");
    arrive(&scene, CLIENT);
    stage_run_rcpt(&scene.stage, "u@good.example");
    turn(&scene);
    wn_clock_fake_step(2000);
    turn(&scene);
    g_assert_cmpstr(decided_after(&scene, 1000), ==, FAILED);
}

/* The two seconds count from connect. */
static void
test_late_recipient(void)
{
    g_auto(Scene) scene;

    if (!open_scene(&scene))
        return;
    scene.dns.silent = true;
    start(&scene, A, "");
    arrive(&scene, CLIENT);
    wn_clock_fake_step(1500);
    stage_run_rcpt(&scene.stage, "u@good.example");
    g_assert_cmpstr(decided_after(&scene, 500), ==, FAILED);
}

/*
 * Settings
 */

static void
check_problem(const char *entry, const char *reason)
{
    g_auto(Scene) scene;
    g_autofree char *
        snippet = g_strdup_printf("[filter rbl]\naction = reject\nzones = %s\n",
            entry);
    g_autofree char *expected = g_strdup_printf("conf.d/60-rbl.conf:1: [filter "
                                                "rbl]: zones: \"%s\": %s\n",
        entry, reason);
    g_autoptr(GString) text = g_string_new(NULL);

    if (!open_scene(&scene))
        return;
    stage_snippet(&scene.stage, "60-rbl", snippet);
    stage_domain(&scene.stage, "good.example", "");
    stage_start(&scene.stage);
    wn_problems_print(scene.stage.files.problems, text);
    g_assert_cmpstr(text->str, ==, expected);
}

static void
test_problems(void)
{
    static const char zone[] = "before = stands the name of a DNS zone";
    static const char mask[] = "a mask is a number from 1 to 255";
    static const char codes[] =
        "codes are addresses or ranges in 127.0.0.0/8, at most 32, and neither"
        " 127.0.0.1 nor 127.255.255.x";
    static const struct {
        const char *entry, *reason;
    } bad[] = {
        { "a..example", zone },
        { ".example", zone },
        { "a b.example", zone },
        { "=127.0.0.2", zone },
        { "a.example/8", zone },
        { "a.example=", codes },
        { "a.example=127.0.0.1", codes },
        { "a.example=127.255.255.254", codes },
        { "a.example=10.0.0.1", codes },
        { "a.example=127.0.0.2,", codes },
        { "a.example=127.0.0.4-127.0.0.2", codes },
        { "a.example=127.0.0", codes },
        { "a.example=127.0.0.2-", codes },
        { "a.example=2", codes },
        { "a.example=127.0.0.2/", mask },
        { "a.example=127.0.0.2/0", mask },
        { "a.example=127.0.0.2/256", mask },
        { "a.example=127.0.0.2/-1", mask },
        { "a.example=127.0.0.2/8/8", mask },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
        check_problem(bad[i].entry, bad[i].reason);
}

/* The snippets as they are installed: no problem, and nothing is caught. */
static void
test_installed_snippets(void)
{
    static const char *const names[] = { "50-geoip", "60-rbl" };
    const char *source = g_getenv("WN_SOURCE");
    g_auto(Scene) scene;

    if (!open_scene(&scene))
        return;
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_strdup_printf("%s/conf.d/%s.conf",
            source != NULL ? source : ".", names[i]);
        g_autofree char *text = NULL;

        g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
        stage_snippet(&scene.stage, names[i], text);
    }
    stage_domain(&scene.stage, "good.example", "");
    stage_start(&scene.stage);
    stage_assert_no_problem(&scene.stage);
    arrive(&scene, CLIENT);
    g_assert_cmpstr(stage_message(&scene.stage, mail, "u@good.example"), ==,
        PASS);
    g_assert_cmpuint(scene.dns.n_queries, ==, 0);
}

static const struct {
    const char *name;
    void (*run)(void);
} tests[] = {
    { "domain", test_domain },
    { "listener", test_listener },
    { "trust-cuts-short", test_trust_cuts_short },
    { "asked-once", test_asked_once },
    { "key-is-not-shown", test_key_is_not_shown },
    { "silent-list", test_silent_list },
    { "silent-and-clean", test_silent_and_clean },
    { "all-silent", test_all_silent },
    { "all-refused", test_all_refused },
    { "three-seconds-together", test_three_seconds_together },
    { "late-recipient", test_late_recipient },
    { "problems", test_problems },
    { "installed-snippets", test_installed_snippets },
};

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strconcat("/plugin/rbl/case/", cases[i].name,
            NULL);

        g_test_add_data_func(path, &cases[i], test_case);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_autofree char *path = g_strconcat("/plugin/rbl/", tests[i].name,
            NULL);

        g_test_add_func(path, tests[i].run);
    }
    return g_test_run();
}
