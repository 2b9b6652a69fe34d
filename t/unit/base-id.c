/* SPDX-License-Identifier: MIT */
#include "core/base/id.h"

#include "core/base/clock.h"

#include <glib.h>
#include <sys/wait.h>
#include <unistd.h>

static void
test_known_form(void)
{
    static const struct {
        WnId id;
        const char *text;
    } cases[] = {
        { { { 0 } }, "00000000000000000000000000" },
        { { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
              0xff, 0xff, 0xff, 0xff, 0xff } },
            "7ZZZZZZZZZZZZZZZZZZZZZZZZZ" },
        { { { 0x01, 0x56, 0x3d, 0xf3, 0x64, 0x81, 0, 0, 0, 0, 0, 0, 0, 0, 0,
              1 } },
            "01ARYZ6S410000000000000001" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        char text[WN_ID_TEXT_LEN + 1];
        WnId back;

        wn_id_format(&cases[i].id, text);
        g_assert_cmpstr(text, ==, cases[i].text);
        g_assert_true(wn_id_parse(wn_span_str(text), &back));
        g_assert_true(wn_id_eq(&back, &cases[i].id));
    }
    g_assert_cmpint(wn_id_time_ms(&cases[2].id), ==, 1469918176385);
}

static void
test_parse_refuses(void)
{
    static const struct {
        const char *name;
        WnSpan text;
    } cases[] = {
        { "empty", { "", 0 } },
        { "short", { "01ARYZ6S41000000000000000", 25 } },
        { "long", { "01ARYZ6S4100000000000000010", 27 } },
        { "more than 128 bits", { "80000000000000000000000000", 26 } },
        { "letter that is no digit", { "01ARYZ6S41000000000000000U", 26 } },
        { "NUL", { "01ARYZ6S4100000000000000\0001", 26 } },
        { "high bit first", { "\xff"
                              "1ARYZ6S410000000000000001",
                                26 } },
        { "high bit", { "01ARYZ6S41000000000000000\xc1", 26 } },
        { "path", { "../../../../../etc/passwd0", 26 } },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        WnId id = { { 9 } };

        g_test_message("%s", cases[i].name);
        g_assert_false(wn_id_parse(cases[i].text, &id));
        g_assert_cmpuint(id.bytes[0], ==, 9);
    }
}

static void
test_parse_small_letters(void)
{
    WnId small;
    WnId big;

    g_assert_true(wn_id_parse(WN_SPAN("01aryz6s410000000000000001"), &small));
    g_assert_true(wn_id_parse(WN_SPAN("01ARYZ6S410000000000000001"), &big));
    g_assert_true(wn_id_eq(&small, &big));
}

/* Also while the clock stands still and when it is set back. */
static void
test_grows(void)
{
    char last[WN_ID_TEXT_LEN + 1] = "";

    wn_clock_fake(0, 1700000000000);
    for (int i = 0; i < 100000; i++) {
        char text[WN_ID_TEXT_LEN + 1];
        WnId id = wn_id_new();

        wn_id_format(&id, text);
        g_assert_cmpstr(text, >, last);
        memcpy(last, text, sizeof last);
        if (i == 30000)
            wn_clock_fake_step(-3600000);
        if (i == 60000)
            wn_clock_fake_step(2 * 3600000);
    }
}

static void
test_fork_begins_anew(void)
{
    WnId mine;
    WnId childs;
    int fds[2];
    pid_t pid;
    int status;

    wn_clock_fake(0, 1800000000000);
    wn_id_new();
    g_assert_cmpint(pipe(fds), ==, 0);
    pid = fork();
    g_assert_cmpint(pid, >=, 0);
    if (pid == 0) {
        childs = wn_id_new();
        _exit(write(fds[1], &childs, sizeof childs) != sizeof childs);
    }
    mine = wn_id_new();
    g_assert_cmpint(read(fds[0], &childs, sizeof childs), ==, sizeof childs);
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_cmpint(status, ==, 0);
    g_assert_false(wn_id_eq(&mine, &childs));
    /* not the neighbour either, which a shared counter would give */
    g_assert_cmpint(memcmp(mine.bytes + 6, childs.bytes + 6, 8), !=, 0);
    close(fds[0]);
    close(fds[1]);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/base/id/known-form", test_known_form);
    g_test_add_func("/base/id/parse-refuses", test_parse_refuses);
    g_test_add_func("/base/id/parse-small-letters", test_parse_small_letters);
    g_test_add_func("/base/id/grows", test_grows);
    g_test_add_func("/base/id/fork-begins-anew", test_fork_begins_anew);
    return g_test_run();
}
