/* SPDX-License-Identifier: MIT */

/* urlphone's DNS lists: what is asked, what is a listing, when a list counts,
 * how long it waits, its settings. */

#include "t/unit/plugin_rbl_scene.h"

#define P "deliver; urlphone:pass"
#define F "deliver; urlphone:fail(could not tell)"
#define HIT(findings) \
    "reject 550 5.7.1 \"no\" by urlphone; urlphone:match(" findings ")>reject"
#define ONE "uribl = u.example\n"
#define TWO "uribl = u.example; v.example\n"
#define BAD "bad-shop.com"
#define LINK "Look at http://www.bad-shop.com/x\r\n"
#define ON_U "bad-shop.com.u.example"
#define ON_V "bad-shop.com.v.example"

typedef struct Case {
    const char *name, *options, *body;
    const char *records[8];
    const char *decided;
} Case;

static const Case cases[] = {
    { "no-lists", "", LINK, { ON_U, "127.0.0.2" }, P },
    { "not-listed", ONE, LINK, { NULL }, P },
    { "no-url", ONE, "hello\r\n", { ON_U, "127.0.0.2" }, P },
    { "listed", ONE, LINK, { ON_U, "127.0.0.2" },
        HIT("u.example=bad-shop.com u.example 127.0.0.2") },
    { "host-is-not-asked", ONE, LINK,
        { "www.bad-shop.com.u.example", "127.0.0.2" }, P },
    { "code-of-others", ONE, LINK, { ON_U, "127.0.1.2" }, P },
    { "own-code", "uribl = u.example=127.0.1.2\n", LINK, { ON_U, "127.0.1.2" },
        HIT("u.example=bad-shop.com u.example 127.0.1.2") },
    { "bits", "uribl = u.example=/8\n", LINK, { ON_U, "127.0.0.12" },
        HIT("u.example=bad-shop.com u.example 127.0.0.12") },
    { "other-bits", "uribl = u.example=/8\n", LINK, { ON_U, "127.0.0.4" }, P },
    { "two-lists", TWO, LINK, { ON_U, "127.0.0.2", ON_V, "127.0.0.3" },
        HIT("u.example=bad-shop.com u.example 127.0.0.2,"
            "v.example=bad-shop.com v.example 127.0.0.3") },
    { "two-sites", ONE, LINK "http://worse-shop.com/\r\n",
        { ON_U, "127.0.0.2", "worse-shop.com.u.example", "127.0.0.2" },
        HIT("u.example=bad-shop.com u.example 127.0.0.2,"
            "u.example=worse-shop.com u.example 127.0.0.2") },
    { "refuses", TWO, LINK, { ON_U, "127.255.255.254", ON_V, "127.0.0.3" },
        HIT("v.example=bad-shop.com v.example 127.0.0.3") },
    { "refuses-alone", ONE, LINK, { ON_U, "127.255.255.254" }, P },
    { "uribl-error", ONE, LINK, { ON_U, "127.0.0.1" }, P },
    { "not-loopback", ONE, LINK, { ON_U, "192.0.2.1" }, P },
    { "address", ONE, "http://192.0.2.7/x\r\n",
        { "7.2.0.192.u.example", "127.0.0.2" },
        HIT("u.example=192.0.2.7 u.example 127.0.0.2") },
    { "address-in-decimal", ONE, "http://3221225991/x\r\n",
        { "7.2.0.192.u.example", "127.0.0.2" },
        HIT("u.example=192.0.2.7 u.example 127.0.0.2") },
    { "test-point-is-no-site", ONE, "http://127.0.0.2/x\r\n",
        { "2.0.0.127.u.example", "127.0.0.2" }, P },
    { "six", ONE, "http://[2001:db8::1]/x\r\n",
        { "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2"
          ".u.example",
            "127.0.0.3" },
        HIT("u.example=2001:db8::1 u.example 127.0.0.3") },
    { "own-domain", ONE, "http://www.good.example/\r\n",
        { "good.example.u.example", "127.0.0.2" }, P },
    { "skipped", ONE "uribl_skip = bad-shop.com\n", LINK, { ON_U, "127.0.0.2" },
        P },
    { "skipped-with-dot", ONE "uribl_skip = .bad-shop.com\n", LINK,
        { ON_U, "127.0.0.2" }, P },
    { "skipped-other", ONE "uribl_skip = shop.com\n", LINK,
        { ON_U, "127.0.0.2" },
        HIT("u.example=bad-shop.com u.example 127.0.0.2") },
};

static void
add_site_list(Scene *scene, const char *zone)
{
    g_autofree char *name = g_strconcat("test.", zone, NULL);

    add(scene, name, "127.0.0.2");
}

static void
begin(Scene *self, const char *options, const char *domain)
{
    g_autofree char *snippet =
        g_strconcat("[filter urlphone]\naction = reject\naction.text = no\n",
            options, NULL);

    stage_snippet(&self->stage, "20-urlphone", snippet);
    stage_domain(&self->stage, "good.example", domain);
    stage_start(&self->stage);
    stage_assert_no_problem(&self->stage);
    stage_connect(&self->stage, CLIENT);
    stage_mail(&self->stage, "from@b.example");
    stage_rcpt(&self->stage, "u@good.example");
}

static char *
mail_of(const char *body)
{
    return g_strconcat("Subject: hello\r\n\r\n", body, NULL);
}

static const char *
read_mail(Scene *self, const char *body)
{
    g_autofree char *mail = mail_of(body);

    return stage_message(&self->stage, mail, "u@good.example");
}

static void
test_case(const void *data)
{
    const Case *one = data;
    g_auto(Scene) scene;

    if (!open_scene(&scene))
        return;
    add_site_list(&scene, "u.example");
    add_site_list(&scene, "v.example");
    for (int i = 0; i < 8 && one->records[i] != NULL; i += 2)
        add(&scene, one->records[i], one->records[i + 1]);
    begin(&scene, one->options, "");
    g_assert_cmpstr(read_mail(&scene, one->body), ==, one->decided);
}

/* Twenty names are asked about, and links go before text. */
static void
test_most_important(void)
{
    g_auto(Scene) scene;
    g_autoptr(GString) body = g_string_new(NULL);

    if (!open_scene(&scene))
        return;
    add_site_list(&scene, "u.example");
    add(&scene, ON_U, "127.0.0.2");
    add(&scene, "site-25.com.u.example", "127.0.0.2");
    begin(&scene, ONE, "");
    for (int i = 0; i < 30; i++)
        g_string_append_printf(body, "http://site-%d.com/\r\n", i);
    g_assert_cmpstr(read_mail(&scene, body->str), ==, P);
    g_assert_cmpuint(scene.dns.n_queries, ==, 22);
    g_string_append(body, "<a href=\"http://bad-shop.com/\">x</a>");
    g_string_prepend(body, "Content-Type: text/html\r\nSubject: x\r\n\r\n");
    stage_mail(&scene.stage, "second@b.example");
    stage_rcpt(&scene.stage, "u@good.example");
    g_assert_cmpstr(stage_message(&scene.stage, body->str, "u@good.example"),
        ==, HIT("u.example=bad-shop.com u.example 127.0.0.2"));
}

/*
 * When a list counts
 */

/* Without TEST it may have the test point of address lists. */
static void
test_old_point(void)
{
    g_auto(Scene) scene;

    if (!open_scene(&scene))
        return;
    add_list(&scene, "u.example");
    add(&scene, ON_U, "127.0.0.2");
    begin(&scene, ONE, "");
    g_assert_cmpstr(read_mail(&scene, LINK), ==,
        HIT("u.example=bad-shop.com u.example 127.0.0.2"));
}

static int64_t
switched_off(void)
{
    return wn_metrics_lookup("winnow_ext_urlphone_switched_off",
        "instance=\"urlphone\"");
}

static void
test_no_point(void)
{
    g_auto(Scene) scene;
    int64_t before;

    if (!open_scene(&scene))
        return;
    add(&scene, ON_U, "127.0.0.2");
    begin(&scene, ONE, "");
    before = switched_off();
    g_assert_cmpstr(read_mail(&scene, LINK), ==, P);
    g_assert_cmpint(switched_off(), ==, before + 1);
}

static void
test_lists_all(void)
{
    g_auto(Scene) scene;

    if (!open_scene(&scene))
        return;
    add_site_list(&scene, "u.example");
    add(&scene, "invalid.u.example", "127.0.0.2");
    add(&scene, ON_U, "127.0.0.2");
    begin(&scene, ONE, "");
    g_assert_cmpstr(read_mail(&scene, LINK), ==, P);
}

/* After ten minutes it is tested again, and gone if it fails. */
static void
test_tested_again(void)
{
    g_auto(Scene) scene;

    if (!open_scene(&scene))
        return;
    add_site_list(&scene, "u.example");
    add(&scene, ON_U, "127.0.0.2");
    begin(&scene, ONE, "");
    g_assert_cmpstr(read_mail(&scene, LINK), ==,
        HIT("u.example=bad-shop.com u.example 127.0.0.2"));
    unlist(&scene, "test.u.example");
    wn_clock_fake_step(11 * MINUTE_MS);
    stage_mail(&scene.stage, "second@b.example");
    stage_rcpt(&scene.stage, "u@good.example");
    g_assert_cmpstr(read_mail(&scene, LINK), ==, P);
}

/*
 * Time
 */

/* The stage borrows the message until it is decided. */
static void
run_mail(Scene *scene)
{
    static const char mail[] = "Subject: hello\r\n\r\n" LINK;

    stage_run_message(&scene->stage, mail, "u@good.example");
}

static void
test_silent_list(void)
{
    g_auto(Scene) scene;

    if (!open_scene(&scene))
        return;
    add_site_list(&scene, "u.example");
    add(&scene, ON_U, "127.0.0.2");
    scene.dns.mute = "v.example";
    begin(&scene, TWO, "");
    run_mail(&scene);
    g_assert_cmpstr(decided_after(&scene, 2000), ==,
        HIT("u.example=bad-shop.com u.example 127.0.0.2"));
}

static void
test_all_silent(void)
{
    g_auto(Scene) scene;

    if (!open_scene(&scene))
        return;
    scene.dns.silent = true;
    begin(&scene, TWO, "");
    run_mail(&scene);
    g_assert_cmpstr(decided_after(&scene, 2000), ==, F);
}

static void
test_all_refused(void)
{
    g_auto(Scene) scene;

    if (!open_scene(&scene))
        return;
    scene.dns.rcode = 5;
    begin(&scene, TWO, "");
    g_assert_cmpstr(read_mail(&scene, LINK), ==, F);
}

/* What does not answer is not waited for by everybody. */
static void
test_breaker(void)
{
    g_auto(Scene) scene;

    if (!open_scene(&scene))
        return;
    scene.dns.rcode = 5;
    begin(&scene, ONE, "");
    for (int i = 0; i < 12; i++) {
        g_assert_cmpstr(read_mail(&scene, LINK), ==, F);
        stage_mail(&scene.stage, "next@b.example");
        stage_rcpt(&scene.stage, "u@good.example");
    }
    scene.dns.silent = true;
    g_assert_cmpstr(read_mail(&scene, LINK), ==, F);
}

/*
 * Settings
 */

static void
test_domain(void)
{
    g_auto(Scene) scene;

    if (!open_scene(&scene))
        return;
    add_site_list(&scene, "u.example");
    add_site_list(&scene, "v.example");
    add(&scene, ON_U, "127.0.0.2");
    add(&scene, ON_V, "127.0.0.3");
    begin(&scene, ONE, "[filter urlphone]\nuribl = v.example\n");
    g_assert_cmpstr(read_mail(&scene, LINK), ==,
        HIT("v.example=bad-shop.com v.example 127.0.0.3"));
}

static void
check_problem(const char *options, const char *reason)
{
    g_auto(Scene) scene;
    g_autofree char *snippet = g_strconcat("[filter urlphone]\n", options, "\n",
        NULL);
    g_autoptr(GString) text = g_string_new(NULL);

    if (!open_scene(&scene))
        return;
    stage_snippet(&scene.stage, "20-urlphone", snippet);
    stage_domain(&scene.stage, "good.example", "");
    stage_start(&scene.stage);
    wn_problems_print(scene.stage.files.problems, text);
    g_assert_nonnull(strstr(text->str, reason));
}

static void
test_problems(void)
{
    check_problem("uribl = u.example=10.0.0.1", "codes are addresses");
    check_problem("uribl = a..b", "the name of a DNS zone");
    check_problem("country = USA", "two letters are expected");
    check_problem("uribl_skip = a b", "uribl_skip");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strconcat("/urlphone/uribl/", cases[i].name,
            NULL);

        g_test_add_data_func(path, &cases[i], test_case);
    }
    g_test_add_func("/urlphone/uribl/most-important", test_most_important);
    g_test_add_func("/urlphone/uribl/old-point", test_old_point);
    g_test_add_func("/urlphone/uribl/no-point", test_no_point);
    g_test_add_func("/urlphone/uribl/lists-all", test_lists_all);
    g_test_add_func("/urlphone/uribl/tested-again", test_tested_again);
    g_test_add_func("/urlphone/uribl/silent-list", test_silent_list);
    g_test_add_func("/urlphone/uribl/all-silent", test_all_silent);
    g_test_add_func("/urlphone/uribl/all-refused", test_all_refused);
    g_test_add_func("/urlphone/uribl/breaker", test_breaker);
    g_test_add_func("/urlphone/uribl/domain", test_domain);
    g_test_add_func("/urlphone/uribl/problems", test_problems);
    return g_test_run();
}
