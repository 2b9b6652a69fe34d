/* SPDX-License-Identifier: MIT */

/* rbl: lists that go wrong are not believed, and come back. */

#include "t/unit/plugin_rbl_scene.h"

/* What does not answer ten times is not waited for. */
static void
test_unreachable(void)
{
    g_auto(Scene) scene;
    int64_t off = metric("switched_off");

    if (!open_scene(&scene))
        return;
    add_list(&scene, "a.example");
    scene.dns.silent = true;
    start(&scene, A, "");
    for (int i = 0; i < 10; i++) {
        g_autofree char *client = g_strdup_printf("192.0.2.%d", i + 10);

        arrive(&scene, client);
        stage_run_rcpt(&scene.stage, "u@good.example");
        g_assert_cmpstr(decided_after(&scene, 2000), ==, FAILED);
    }
    g_assert_cmpint(metric("switched_off"), ==, off + 1);
    g_assert_cmpstr(decide(&scene, CLIENT), ==, FAILED);
    scene.dns.silent = false;
    add(&scene, ON_A, "127.0.0.2");
    wn_clock_fake_step(MINUTE_MS + 10000);
    decide(&scene, "192.0.2.200");
    g_assert_cmpstr(decide(&scene, CLIENT), ==,
        MATCH(LISTED("a.example", "127.0.0.2")));
}

static void
check_bad_at_start(const char *test_name, const char *test_answer)
{
    g_auto(Scene) scene;
    int64_t off = metric("switched_off");

    if (!open_scene(&scene))
        return;
    if (test_name != NULL)
        add(&scene, test_name, test_answer);
    if (g_strcmp0(test_name, "1.0.0.127.a.example") == 0)
        add_list(&scene, "a.example");
    add(&scene, ON_A, "127.0.0.2");
    start(&scene, A, "");
    g_assert_cmpstr(decide(&scene, CLIENT), ==, PASS);
    g_assert_cmpint(metric("switched_off"), ==, off + 1);
}

static void
test_bad_at_start(void)
{
    check_bad_at_start(NULL, NULL);
    check_bad_at_start("1.0.0.127.a.example", "127.0.0.2");
    check_bad_at_start("1.0.0.127.a.example", "127.0.0.1");
    check_bad_at_start("2.0.0.127.a.example", "127.255.255.254");
    check_bad_at_start("2.0.0.127.a.example", "198.51.100.1");
}

/* A listing waits for the first test, not longer than for a list. */
static void
test_no_test(void)
{
    g_auto(Scene) scene;

    if (!open_scene(&scene))
        return;
    add_list(&scene, "a.example");
    add(&scene, ON_A, "127.0.0.2");
    scene.dns.mute = ".0.0.127.a.example";
    start(&scene, A, "");
    arrive(&scene, CLIENT);
    stage_run_rcpt(&scene.stage, "u@good.example");
    g_assert_cmpstr(decided_after(&scene, 2000), ==, FAILED);
}

/* Off, not asked, and back when the pause is over and the test is passed. */
static void
test_off_and_on(void)
{
    g_auto(Scene) scene;
    int64_t on = metric("switched_on");
    unsigned n_queries;

    if (!open_scene(&scene))
        return;
    add_list(&scene, "a.example");
    add_listing(&scene, "192.0.2.9", "a.example", "127.255.255.254");
    add(&scene, ON_A, "127.0.0.2");
    start(&scene, A, "");
    g_assert_cmpstr(decide(&scene, CLIENT), ==,
        MATCH(LISTED("a.example", "127.0.0.2")));
    g_assert_cmpstr(decide(&scene, "192.0.2.9"), ==, PASS);
    n_queries = scene.dns.n_queries;
    wn_clock_fake_step(9 * MINUTE_MS);
    g_assert_cmpstr(decide(&scene, CLIENT), ==, PASS);
    g_assert_cmpuint(scene.dns.n_queries, ==, n_queries);
    wn_clock_fake_step(MINUTE_MS);
    g_assert_cmpstr(decide(&scene, CLIENT), ==,
        MATCH(LISTED("a.example", "127.0.0.2")));
    g_assert_cmpint(metric("switched_on"), ==, on + 1);
    g_assert_cmpstr(decide(&scene, "192.0.2.9"), ==, PASS);
    wn_clock_fake_step(11 * MINUTE_MS);
    g_assert_cmpstr(decide(&scene, CLIENT), ==, PASS);
    g_assert_cmpint(metric("switched_on"), ==, on + 1);
}

static void
test_tested_again(void)
{
    g_auto(Scene) scene;

    if (!open_scene(&scene))
        return;
    add_list(&scene, "a.example");
    add(&scene, ON_A, "127.0.0.2");
    start(&scene, A, "");
    g_assert_cmpstr(decide(&scene, CLIENT), ==,
        MATCH(LISTED("a.example", "127.0.0.2")));
    add(&scene, "1.0.0.127.a.example", "127.0.0.2");
    wn_clock_fake_step(9 * MINUTE_MS);
    g_assert_cmpstr(decide(&scene, CLIENT), ==,
        MATCH(LISTED("a.example", "127.0.0.2")));
    wn_clock_fake_step(MINUTE_MS);
    g_assert_cmpstr(decide(&scene, CLIENT), ==, PASS);
    unlist(&scene, "1.0.0.127.a.example");
    wn_clock_fake_step(10 * MINUTE_MS);
    g_assert_cmpstr(decide(&scene, CLIENT), ==,
        MATCH(LISTED("a.example", "127.0.0.2")));
}

/* At RCPT nobody waits for a test that is due. */
static void
test_test_delays_nothing(void)
{
    g_auto(Scene) scene;

    if (!open_scene(&scene))
        return;
    add_list(&scene, "a.example");
    add_list(&scene, "b.example");
    add(&scene, ON_B, "127.0.0.2");
    start(&scene, A, "[filter rbl]\nzones = b.example\n");
    g_assert_cmpstr(decide(&scene, CLIENT), ==,
        MATCH(LISTED("b.example", "127.0.0.2")));
    wn_clock_fake_step(10 * MINUTE_MS);
    scene.dns.mute = ".0.0.127.b.example";
    g_assert_cmpstr(decide(&scene, CLIENT), ==,
        MATCH(LISTED("b.example", "127.0.0.2")));
}

static unsigned
count_caught(Scene *scene, unsigned from, unsigned n, unsigned every)
{
    unsigned caught = 0;

    for (unsigned i = from; i < from + n; i++) {
        g_autofree char *client = g_strdup_printf("198.18.%u.%u", i / 250,
            i % 250);

        if (i % every == 0)
            add_listing(scene, client, "a.example", "127.0.0.2");
        caught += g_str_has_prefix(decide(scene, client), "reject");
        wn_clock_fake_step(10);
    }
    return caught;
}

static void
test_lists_everybody(void)
{
    g_auto(Scene) scene;
    int64_t off = metric("switched_off");

    if (!open_scene(&scene))
        return;
    add_list(&scene, "a.example");
    start(&scene, A, "");
    g_assert_cmpuint(count_caught(&scene, 0, 200, 20), ==, 10);
    g_assert_cmpuint(count_caught(&scene, 200, 100, 1), <=, 50);
    g_assert_cmpint(metric("switched_off"), ==, off + 1);
}

static void
test_lists_everybody_at_once(void)
{
    g_auto(Scene) scene;
    int64_t off = metric("switched_off");

    if (!open_scene(&scene))
        return;
    add_list(&scene, "a.example");
    start(&scene, A, "");
    g_assert_cmpuint(count_caught(&scene, 0, 120, 1), ==, 99);
    g_assert_cmpint(metric("switched_off"), ==, off + 1);
}

/* Where most clients are listed, as on a spam trap, that is as it should be;
 * and one client counts once, however often it comes. */
static void
test_many_listings_are_usual(void)
{
    g_auto(Scene) scene;
    int64_t off = metric("switched_off");

    if (!open_scene(&scene))
        return;
    add_list(&scene, "a.example");
    start(&scene, A, "");
    g_assert_cmpuint(count_caught(&scene, 0, 400, 2), ==, 200);
    add(&scene, ON_A, "127.0.0.2");
    for (int i = 0; i < 150; i++)
        g_assert_cmpstr(decide(&scene, CLIENT), ==,
            MATCH(LISTED("a.example", "127.0.0.2")));
    g_assert_cmpint(metric("switched_off"), ==, off);
}

static const struct {
    const char *name;
    void (*run)(void);
} tests[] = {
    { "unreachable", test_unreachable },
    { "bad-at-start", test_bad_at_start },
    { "no-test", test_no_test },
    { "off-and-on", test_off_and_on },
    { "tested-again", test_tested_again },
    { "test-delays-nothing", test_test_delays_nothing },
    { "lists-everybody", test_lists_everybody },
    { "lists-everybody-at-once", test_lists_everybody_at_once },
    { "many-listings-are-usual", test_many_listings_are_usual },
};

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_autofree char *path = g_strconcat("/plugin/rbl/lists/", tests[i].name,
            NULL);

        g_test_add_func(path, tests[i].run);
    }
    return g_test_run();
}
