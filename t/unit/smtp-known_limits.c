/* SPDX-License-Identifier: MIT */
#include "core/smtp/known_limits.h"

#include "core/base/clock.h"
#include "core/base/fd.h"

#include <unistd.h>

static WnLimitsKey
key_of(const char *host, uint16_t port)
{
    WnLimitsKey key;

    wn_limits_key_begin(&key, WN_TLS_POLICY_MAY);
    wn_limits_key_add(&key, wn_span_str(host), port);
    return key;
}

static void
assert_limits(const WnKnownLimits *known, const WnLimitsKey *key, bool no_utf8,
    uint64_t max_size)
{
    WnLimits limits = wn_known_limits_get(known, key);

    g_assert_cmpint(limits.no_utf8, ==, no_utf8);
    g_assert_cmpuint(limits.max_size, ==, max_size);
}

/* One process writes, another reads. */
static void
test_shared(void)
{
    wn_autofd fd = wn_known_limits_create();
    g_autoptr(WnKnownLimits) queue = wn_known_limits_new(fd);
    g_autoptr(WnKnownLimits) smtp = wn_known_limits_new(fd);
    WnLimitsKey a = key_of("mx.a.example", 25);
    WnLimitsKey b = key_of("mx.b.example", 25);

    g_assert_nonnull(queue);
    g_assert_nonnull(smtp);
    assert_limits(smtp, &a, false, 0);
    wn_known_limits_note(queue, &a, &(WnLimits){ true, 1000 });
    wn_known_limits_note(queue, &b, &(WnLimits){ false, 0 });
    assert_limits(smtp, &a, true, 1000);
    assert_limits(smtp, &b, false, 0);
    wn_known_limits_note(queue, &a, &(WnLimits){ false, G_MAXUINT64 });
    assert_limits(smtp, &a, false, (UINT64_C(1) << 62) - 1);
    wn_known_limits_note(queue, &a, NULL);
    assert_limits(smtp, &a, false, 0);
    wn_known_limits_note(queue, &a, NULL);
    assert_limits(smtp, &a, false, 0);
}

static void
test_forgotten(void)
{
    g_autoptr(WnKnownLimits) known = NULL;
    WnLimitsKey key = key_of("mx.a.example", 25);

    wn_clock_fake(1000000, INT64_C(1795328898000));
    known = wn_known_limits_new(-1);
    wn_known_limits_note(known, &key, &(WnLimits){ true, 5 });
    wn_clock_fake_step(WN_KNOWN_LIMITS_S * 1000 - 2000);
    assert_limits(known, &key, true, 5);
    wn_clock_fake_step(3000);
    assert_limits(known, &key, false, 0);
    wn_known_limits_note(known, &key, &(WnLimits){ true, 5 });
    assert_limits(known, &key, true, 5);
}

/* What differs in any part is another. */
static void
test_key(void)
{
    g_autoptr(WnKnownLimits) known = wn_known_limits_new(-1);
    WnLimitsKey key = key_of("mx.a.example", 25);
    WnLimitsKey same = key_of("mx.a.example", 0);
    WnLimitsKey port = key_of("mx.a.example", 26);
    WnLimitsKey more = key;
    WnLimitsKey tls;

    wn_limits_key_add(&more, WN_SPAN("mx.b.example"), 25);
    wn_limits_key_begin(&tls, WN_TLS_POLICY_NONE);
    wn_limits_key_add(&tls, WN_SPAN("mx.a.example"), 25);
    wn_known_limits_note(known, &key, &(WnLimits){ true, 5 });
    assert_limits(known, &same, true, 5);
    assert_limits(known, &port, false, 0);
    assert_limits(known, &more, false, 0);
    assert_limits(known, &tls, false, 0);
}

/* Too many servers for a key: nothing is known, of these or of others. */
static void
test_long_key(void)
{
    g_autoptr(WnKnownLimits) known = wn_known_limits_new(-1);
    WnLimitsKey key = key_of("mx.a.example", 25);
    unsigned n = 1;

    for (; key.len > 0; n++) {
        g_assert_cmpuint(key.len, <, WN_LIMITS_KEY_MAX);
        wn_limits_key_add(&key, WN_SPAN("another.server.example"), 65535);
    }
    g_assert_cmpuint(n, >, 30);
    wn_limits_key_add(&key, WN_SPAN("mx.a.example"), 25);
    g_assert_cmpuint(key.len, ==, 0);
    wn_known_limits_note(known, &key, &(WnLimits){ true, 5 });
    assert_limits(known, &key, false, 0);
}

static void
test_no_region(void)
{
    wn_autofd fd = -1;
    int ends[2];

    g_assert_cmpint(pipe(ends), ==, 0);
    fd = ends[0];
    close(ends[1]);
    g_assert_null(wn_known_limits_new(fd));
    wn_known_limits_free(NULL);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/smtp/known_limits/shared", test_shared);
    g_test_add_func("/smtp/known_limits/forgotten", test_forgotten);
    g_test_add_func("/smtp/known_limits/key", test_key);
    g_test_add_func("/smtp/known_limits/long-key", test_long_key);
    g_test_add_func("/smtp/known_limits/no-region", test_no_region);
    return g_test_run();
}
