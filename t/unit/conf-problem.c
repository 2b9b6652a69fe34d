/* SPDX-License-Identifier: MIT */
#include "core/conf/problem.h"

#include <string.h>

static void
test_print(void)
{
    g_autoptr(WnProblems) problems = wn_problems_new();
    g_autoptr(GString) text = g_string_new(NULL);

    wn_problems_add(problems,
        (WnPlace){ "conf.d/20-rbl.conf", 7, "filter rbl", "zonez" },
        "unknown key%s", " (did you mean \"zones\"?)");
    wn_problems_add(problems, (WnPlace){ .file = "winnow.conf" }, "is a fifo");
    wn_problems_add(problems,
        (WnPlace){ .group = "domain a.example", .key = "servers" }, "no port");
    wn_problems_add(problems, (WnPlace){ .line = 0 }, "too much");
    wn_problems_print(problems, text);
    g_assert_cmpstr(text->str, ==,
        "conf.d/20-rbl.conf:7: [filter rbl] zonez: unknown key (did you mean "
        "\"zones\"?)\n"
        "winnow.conf: is a fifo\n"
        "[domain a.example] servers: no port\n"
        "too much\n");
}

static void
test_json(void)
{
    g_autoptr(WnProblems) problems = wn_problems_new();
    g_autoptr(GString) text = g_string_new(NULL);

    wn_problems_add(problems, (WnPlace){ "a.conf", 3, "server", "listen" },
        "\"x\" is no address");
    wn_problems_print_json(problems, text);
    g_assert_cmpstr(text->str, ==,
        "[{\"file\":\"a.conf\",\"line\":3,\"group\":\"server\","
        "\"key\":\"listen\",\"error\":\"\\\"x\\\" is no address\"}]");
}

static void
test_warnings_stop_nothing(void)
{
    g_autoptr(WnProblems) problems = wn_problems_new();
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GString) json = g_string_new(NULL);
    WnPlace place = { "a.conf", 3, "filter x", "list" };

    wn_problems_warn(problems, place, "row %d left out", 7);
    wn_problems_warn(problems, place, "row %d left out", 7);
    g_assert_cmpuint(wn_problems_count(problems), ==, 0);
    g_assert_cmpuint(wn_problems_reported(problems), ==, 0);
    g_assert_cmpuint(wn_problems_n_warnings(problems), ==, 1);
    g_assert_cmpstr(wn_problems_warning(problems, 0)->text, ==,
        "row 7 left out");

    wn_problems_add(problems, place, "row 7 left out");
    g_assert_cmpuint(wn_problems_count(problems), ==, 1);
    g_assert_false(wn_problems_get(problems, 0)->is_warning);
    wn_problems_print(problems, text);
    g_assert_cmpstr(text->str, ==,
        "a.conf:3: [filter x] list: row 7 left out\n"
        "a.conf:3: warning: [filter x] list: row 7 left out\n");
    wn_problems_print_json(problems, json);
    g_assert_nonnull(
        strstr(json->str, "\"key\":\"list\",\"warning\":\"row 7 left out\"}]"));
}

static void
test_same_once(void)
{
    g_autoptr(WnProblems) problems = wn_problems_new();
    WnPlace place = { "a.conf", 1, NULL, NULL };

    wn_problems_add(problems, place, "broken");
    wn_problems_add(problems, place, "broken");
    place.line = 2;
    wn_problems_add(problems, place, "broken");
    g_assert_cmpuint(wn_problems_count(problems), ==, 2);
    g_assert_cmpuint(wn_problems_reported(problems), ==, 3);
}

static void
test_bounded(void)
{
    g_autoptr(WnProblems) problems = wn_problems_new();
    g_autoptr(GString) text = g_string_new(NULL);

    for (unsigned i = 1; i <= 10007; i++)
        wn_problems_add(problems, (WnPlace){ "a.conf", i, NULL, NULL }, "x");
    g_assert_cmpuint(wn_problems_count(problems), ==, 10000);
    wn_problems_print(problems, text);
    g_assert_true(
        g_str_has_suffix(text->str, "\n7 more problems are not shown\n"));
}

static void
test_hostile_text_is_one_line(void)
{
    g_autoptr(WnProblems) problems = wn_problems_new();
    g_autoptr(GString) text = g_string_new(NULL);

    wn_problems_add(problems, (WnPlace){ "a\nb.conf", 1, "g\033[2J", "k\r" },
        "bad \"%s\"", "x\r\ny\x01");
    wn_problems_print(problems, text);
    g_assert_true(strchr(text->str, '\n') == text->str + text->len - 1);
    for (size_t i = 0; i + 1 < text->len; i++)
        g_assert_false(g_ascii_iscntrl(text->str[i]));
}

static void
test_hint(void)
{
    static const char *const names[] = { "listen", "hostname", NULL };
    g_autofree char *near = wn_problem_hint("lisen", names);
    g_autofree char *far = wn_problem_hint("zebra", names);

    g_assert_cmpstr(near, ==, " (did you mean \"listen\"?)");
    g_assert_cmpstr(far, ==, "");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/conf/problem/print", test_print);
    g_test_add_func("/conf/problem/json", test_json);
    g_test_add_func("/conf/problem/warnings", test_warnings_stop_nothing);
    g_test_add_func("/conf/problem/same-once", test_same_once);
    g_test_add_func("/conf/problem/bounded", test_bounded);
    g_test_add_func("/conf/problem/hostile-text",
        test_hostile_text_is_one_line);
    g_test_add_func("/conf/problem/hint", test_hint);
    return g_test_run();
}
