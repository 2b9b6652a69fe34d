/* SPDX-License-Identifier: MIT */
#include "core/base/id.h"

#include "core/base/clock.h"

#include <errno.h>
#include <glib.h>
#include <sys/random.h>
#include <unistd.h>

enum { TIME_LEN = 6 };

static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/* The last id made, and by whom: a child after fork begins anew. */
static struct {
    pid_t pid;
    WnId id;
} last;

static void
fill_random(uint8_t *out, size_t len)
{
    while (getrandom(out, len, 0) != (ssize_t)len) {
        if (errno != EINTR)
            g_error("getrandom: %s", g_strerror(errno));
    }
}

/* The highest random bit starts as zero, so that there is always room for
 * the ids that follow within the millisecond. */
static void
seed(int64_t unix_ms)
{
    for (int i = 0; i < TIME_LEN; i++)
        last.id.bytes[i] = (uint8_t)(unix_ms >> (8 * (TIME_LEN - 1 - i)));
    fill_random(last.id.bytes + TIME_LEN, sizeof last.id.bytes - TIME_LEN);
    last.id.bytes[TIME_LEN] &= 0x7f;
}

static void
increment(void)
{
    for (size_t i = sizeof last.id.bytes; i-- > 0;) {
        if (++last.id.bytes[i] != 0)
            return;
    }
}

WnId
wn_id_new(void)
{
    int64_t now_ms = MAX(wn_clock_unix_ms(), 0);
    pid_t pid = getpid();

    if (last.pid != pid || now_ms > wn_id_time_ms(&last.id)) {
        last.pid = pid;
        seed(now_ms);
    } else {
        increment();
    }
    return last.id;
}

/* 128 bits are 26 digits of 5 with two zero bits in front. */
void
wn_id_format(const WnId *self, char out[WN_ID_TEXT_LEN + 1])
{
    unsigned int bits = 0;
    int n_bits = 2;
    size_t n = 0;

    for (size_t i = 0; i < sizeof self->bytes; i++) {
        bits = (bits << 8 | self->bytes[i]) & 0xffff;
        n_bits += 8;
        while (n_bits >= 5) {
            n_bits -= 5;
            out[n++] = digits[bits >> n_bits & 31];
        }
    }
    out[n] = '\0';
}

static int
digit_value(char c)
{
    const char *found;

    if (c == '\0')
        return -1;
    found = strchr(digits, g_ascii_toupper(c));
    return found != NULL ? (int)(found - digits) : -1;
}

bool
wn_id_parse(WnSpan text, WnId *out_id)
{
    unsigned int bits = 0;
    int n_bits = -2;
    size_t n = 0;
    WnId id;

    if (text.len != WN_ID_TEXT_LEN || text.ptr[0] > '7')
        return false;
    for (size_t i = 0; i < text.len; i++) {
        int value = digit_value(text.ptr[i]);

        if (value < 0)
            return false;
        bits = (bits << 5 | (unsigned int)value) & 0xffff;
        n_bits += 5;
        if (n_bits >= 8) {
            n_bits -= 8;
            id.bytes[n++] = (uint8_t)(bits >> n_bits);
        }
    }
    *out_id = id;
    return true;
}

bool
wn_id_eq(const WnId *a, const WnId *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

int64_t
wn_id_time_ms(const WnId *self)
{
    int64_t ms = 0;

    for (int i = 0; i < TIME_LEN; i++)
        ms = ms << 8 | self->bytes[i];
    return ms;
}
