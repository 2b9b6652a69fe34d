/* SPDX-License-Identifier: MIT */
#include "core/base/crc32c.h"

#include <glib.h>

typedef uint32_t (*Crc)(uint32_t crc, WnSpan bytes);

static const Crc both[] = { wn_crc32c, wn_crc32c_portable };

/* RFC 3720 section B.4. */
static void
test_known_values(void)
{
    char bytes[32];

    for (size_t n = 0; n < G_N_ELEMENTS(both); n++) {
        g_assert_cmphex(both[n](0, WN_SPAN_EMPTY), ==, 0);
        g_assert_cmphex(both[n](0, WN_SPAN("123456789")), ==, 0xe3069283);
        memset(bytes, 0, sizeof bytes);
        g_assert_cmphex(both[n](0, wn_span(bytes, 32)), ==, 0x8a9136aa);
        memset(bytes, 0xff, sizeof bytes);
        g_assert_cmphex(both[n](0, wn_span(bytes, 32)), ==, 0x62a8ab43);
        for (int i = 0; i < 32; i++)
            bytes[i] = (char)i;
        g_assert_cmphex(both[n](0, wn_span(bytes, 32)), ==, 0x46dd794e);
        for (int i = 0; i < 32; i++)
            bytes[i] = (char)(31 - i);
        g_assert_cmphex(both[n](0, wn_span(bytes, 32)), ==, 0x113fdb5c);
    }
}

/* One bit at a time, as the polynomial is defined. */
static uint32_t
by_bits(WnSpan bytes)
{
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < bytes.len; i++) {
        crc ^= (uint8_t)bytes.ptr[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
    }
    return ~crc;
}

/* Every alignment and length, and every way to cut the input in two. */
static void
test_pieces(void)
{
    char bytes[80];

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)g_test_rand_int();
    for (size_t offset = 0; offset < 9; offset++) {
        for (size_t len = 0; offset + len <= 64; len++) {
            WnSpan all = wn_span(bytes + offset, len);
            uint32_t expected = by_bits(all);

            for (size_t n = 0; n < G_N_ELEMENTS(both); n++) {
                uint32_t head = both[n](0, wn_span_slice(all, 0, len / 3));

                g_assert_cmphex(both[n](0, all), ==, expected);
                g_assert_cmphex(both[n](head, wn_span_slice(all, len / 3, len)),
                    ==, expected);
            }
        }
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/base/crc32c/known-values", test_known_values);
    g_test_add_func("/base/crc32c/pieces", test_pieces);
    return g_test_run();
}
