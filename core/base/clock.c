/* SPDX-License-Identifier: MIT */
#include "core/base/clock.h"

#include <errno.h>
#include <glib.h>
#include <stdbool.h>
#include <time.h>

/* The seam for tests: when fake is true, both clocks stand still. */
static struct {
    bool fake;
    int64_t mono_us;
    int64_t unix_ms;
} fake_clock;

static const char day_names[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri",
    "Sat" };
static const char month_names[12][4] = { "Jan", "Feb", "Mar", "Apr", "May",
    "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

static int64_t
read_us(clockid_t clock)
{
    struct timespec now;

    if (clock_gettime(clock, &now) != 0)
        g_error("clock_gettime: %s", g_strerror(errno));
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t
wn_clock_mono_us(void)
{
    return fake_clock.fake ? fake_clock.mono_us : read_us(CLOCK_MONOTONIC);
}

int64_t
wn_clock_mono_ms(void)
{
    return wn_clock_mono_us() / 1000;
}

int64_t
wn_clock_unix_ms(void)
{
    return fake_clock.fake ? fake_clock.unix_ms
                           : read_us(CLOCK_REALTIME) / 1000;
}

int64_t
wn_clock_unix(void)
{
    return wn_clock_unix_ms() / 1000;
}

void
wn_clock_fake(int64_t mono_us, int64_t unix_ms)
{
    fake_clock.fake = true;
    fake_clock.mono_us = mono_us;
    fake_clock.unix_ms = unix_ms;
}

void
wn_clock_fake_step(int64_t ms)
{
    g_assert(fake_clock.fake);
    fake_clock.mono_us += ms * 1000;
    fake_clock.unix_ms += ms;
}

/* Times outside of the years 1 to 9999 have no written form and are clamped. */
static void
break_down(int64_t unix_time, struct tm *out_tm)
{
    time_t time = (time_t)CLAMP(unix_time, -62135596800, 253402300799);

    if (gmtime_r(&time, out_tm) == NULL)
        g_error("gmtime_r: %s", g_strerror(errno));
}

void
wn_clock_rfc5322(int64_t unix_time, char out[WN_DATE_MAX])
{
    struct tm tm;

    break_down(unix_time, &tm);
    g_snprintf(out, WN_DATE_MAX, "%s, %d %s %04d %02d:%02d:%02d +0000",
        day_names[tm.tm_wday], tm.tm_mday, month_names[tm.tm_mon],
        tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

void
wn_clock_iso8601(int64_t unix_ms, char out[WN_DATE_MAX])
{
    int64_t seconds = unix_ms / 1000;
    int ms = (int)(unix_ms % 1000);
    struct tm tm;

    if (ms < 0) {
        ms += 1000;
        seconds--;
    }
    break_down(seconds, &tm);
    g_snprintf(out, WN_DATE_MAX, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
        tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
        tm.tm_sec, ms);
}
