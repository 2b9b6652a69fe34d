/* SPDX-License-Identifier: MIT */
#include "core/base/crc32c.h"

#include <glib.h>

/* The Castagnoli polynomial, its bits reversed. */
#define POLYNOMIAL 0x82f63b78u

typedef uint32_t (*Update)(uint32_t crc, const char *ptr, size_t len);

/* slices[n][byte]: the CRC of a byte followed by n zero bytes, so that eight
 * bytes are eight independent look-ups. */
static uint32_t slices[8][256];

static void
fill_slices(void)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;

        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? POLYNOMIAL : 0);
        slices[0][byte] = crc;
    }
    for (int n = 1; n < 8; n++) {
        for (int byte = 0; byte < 256; byte++) {
            uint32_t crc = slices[n - 1][byte];

            slices[n][byte] = crc >> 8 ^ slices[0][crc & 0xff];
        }
    }
}

static uint64_t
load_u64(const char *ptr)
{
    uint64_t word;

    memcpy(&word, ptr, sizeof word);
    return GUINT64_FROM_LE(word);
}

static uint32_t
update_by_table(uint32_t crc, const char *ptr, size_t len)
{
    for (; len >= 8; ptr += 8, len -= 8) {
        uint64_t word = load_u64(ptr) ^ crc;

        crc = 0;
        for (int i = 0; i < 8; i++)
            crc ^= slices[7 - i][word >> (8 * i) & 0xff];
    }
    for (; len > 0; ptr++, len--)
        crc = crc >> 8 ^ slices[0][(crc ^ (uint8_t)*ptr) & 0xff];
    return crc;
}

#ifdef __x86_64__
__attribute__((target("sse4.2"))) static uint32_t
update_by_instruction(uint32_t crc, const char *ptr, size_t len)
{
    for (; len >= 8; ptr += 8, len -= 8)
        crc = (uint32_t)__builtin_ia32_crc32di(crc, load_u64(ptr));
    for (; len > 0; ptr++, len--)
        crc = __builtin_ia32_crc32qi(crc, (uint8_t)*ptr);
    return crc;
}
#endif

static Update
choose_update(void)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("sse4.2"))
        return update_by_instruction;
#endif
    return update_by_table;
}

/* Set once, by whichever thread comes first. */
static Update
get_update(void)
{
    static gsize ready;
    static Update update;

    if (g_once_init_enter(&ready)) {
        fill_slices();
        update = choose_update();
        g_once_init_leave(&ready, 1);
    }
    return update;
}

uint32_t
wn_crc32c(uint32_t crc, WnSpan bytes)
{
    return ~get_update()(~crc, bytes.ptr, bytes.len);
}

uint32_t
wn_crc32c_portable(uint32_t crc, WnSpan bytes)
{
    get_update();
    return ~update_by_table(~crc, bytes.ptr, bytes.len);
}
