/* SPDX-License-Identifier: MIT */
#include "core/base/clock.h"

#include <glib.h>

static void
test_real(void)
{
    int64_t before = wn_clock_mono_us();

    g_assert_cmpint(wn_clock_mono_us(), >=, before);
    g_assert_cmpint(wn_clock_mono_ms(), >=, before / 1000);
    g_assert_cmpint(wn_clock_unix(), >, 1700000000);
    g_assert_cmpint(wn_clock_unix_ms() / 1000 - wn_clock_unix(), <=, 1);
}

static void
test_fake(void)
{
    wn_clock_fake(5000500, 1700000000999);
    g_assert_cmpint(wn_clock_mono_ms(), ==, 5000);
    g_assert_cmpint(wn_clock_unix(), ==, 1700000000);
    wn_clock_fake_step(1);
    g_assert_cmpint(wn_clock_mono_us(), ==, 5001500);
    g_assert_cmpint(wn_clock_unix(), ==, 1700000001);
    g_assert_cmpint(wn_clock_unix_ms(), ==, 1700000001000);
}

static void
test_dates(void)
{
    static const struct {
        int64_t unix_ms;
        const char *rfc5322;
        const char *iso8601;
    } cases[] = {
        { 0, "Thu, 1 Jan 1970 00:00:00 +0000", "1970-01-01T00:00:00.000Z" },
        { 1795328898123, "Sun, 22 Nov 2026 06:28:18 +0000",
            "2026-11-22T06:28:18.123Z" },
        { 951782399999, "Mon, 28 Feb 2000 23:59:59 +0000",
            "2000-02-28T23:59:59.999Z" },
        { 951782400000, "Tue, 29 Feb 2000 00:00:00 +0000",
            "2000-02-29T00:00:00.000Z" },
        { 4107542400000, "Mon, 1 Mar 2100 00:00:00 +0000",
            "2100-03-01T00:00:00.000Z" },
        { -1000, "Wed, 31 Dec 1969 23:59:59 +0000",
            "1969-12-31T23:59:59.000Z" },
        { INT64_MAX / 1000 * 1000, "Fri, 31 Dec 9999 23:59:59 +0000", NULL },
        { INT64_MIN / 1000 * 1000, "Mon, 1 Jan 0001 00:00:00 +0000", NULL },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        char text[WN_DATE_MAX];

        wn_clock_rfc5322(cases[i].unix_ms / 1000, text);
        g_assert_cmpstr(text, ==, cases[i].rfc5322);
        wn_clock_iso8601(cases[i].unix_ms, text);
        if (cases[i].iso8601 != NULL)
            g_assert_cmpstr(text, ==, cases[i].iso8601);
    }
}

static void
test_milliseconds_before_1970(void)
{
    char text[WN_DATE_MAX];

    wn_clock_iso8601(-1, text);
    g_assert_cmpstr(text, ==, "1969-12-31T23:59:59.999Z");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/base/clock/real", test_real);
    g_test_add_func("/base/clock/fake", test_fake);
    g_test_add_func("/base/clock/dates", test_dates);
    g_test_add_func("/base/clock/milliseconds-before-1970",
        test_milliseconds_before_1970);
    return g_test_run();
}
