/* SPDX-License-Identifier: MIT */
#include "core/plugin/skips.h"

static void
test_what_is_skipped(void)
{
    g_autoptr(WnSkips) skips = wn_skips_new();
    WnId one = wn_id_new();
    WnId other = wn_id_new();
    uint64_t bad = wn_skips_content(WN_SPAN("bad"));
    uint64_t good = wn_skips_content(WN_SPAN("good"));

    g_assert_null(wn_skips_why(skips, "a", &one, bad));
    wn_skips_add(skips, "a", &one, 0);
    g_assert_nonnull(wn_skips_why(skips, "a", &one, bad));
    g_assert_null(wn_skips_why(skips, "a", &other, bad));
    g_assert_null(wn_skips_why(skips, "a", NULL, 0));
    g_assert_null(wn_skips_why(skips, "b", &one, bad));

    wn_skips_add(skips, "a", NULL, bad);
    g_assert_nonnull(wn_skips_why(skips, "a", &other, bad));
    g_assert_null(wn_skips_why(skips, "a", &other, good));
    g_assert_null(wn_skips_why(skips, "b", &other, bad));

    wn_skips_add(skips, "a", NULL, 0);
    g_assert_nonnull(wn_skips_why(skips, "a", &other, good));
    g_assert_nonnull(wn_skips_why(skips, "a", NULL, 0));
    g_assert_null(wn_skips_why(skips, "b", NULL, 0));
}

static void
test_bounded(void)
{
    g_autoptr(WnSkips) skips = wn_skips_new();
    WnId first = wn_id_new();

    wn_skips_add(skips, "a", &first, 0);
    for (int i = 0; i < 100000; i++) {
        WnId id = wn_id_new();

        wn_skips_add(skips, "a", &id, 0);
        if (i % 1000 == 0)
            g_assert_nonnull(wn_skips_why(skips, "a", &id, 0));
    }
    g_assert_null(wn_skips_why(skips, "a", &first, 0));
}

/* None is that of no content at all. */
static void
test_content(void)
{
    g_assert_cmpuint(wn_skips_content(WN_SPAN_EMPTY), !=, 0);
    g_assert_cmpuint(wn_skips_content_len(0), ==, 0);
    g_assert_cmpuint(wn_skips_content_len(wn_skips_content(WN_SPAN("four"))),
        ==, 4);
    g_assert_cmpuint(wn_skips_content(WN_SPAN("a")), ==,
        wn_skips_content(WN_SPAN("a")));
    g_assert_cmpuint(wn_skips_content(WN_SPAN("a")), !=,
        wn_skips_content(WN_SPAN("b")));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/plugin/skips/what-is-skipped", test_what_is_skipped);
    g_test_add_func("/plugin/skips/bounded", test_bounded);
    g_test_add_func("/plugin/skips/content", test_content);
    return g_test_run();
}
