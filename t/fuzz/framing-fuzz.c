/* SPDX-License-Identifier: MIT */
#include "core/smtp/framing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Where the end is by the letter: CRLF.CRLF, or .CRLF at the beginning. */
static size_t
find_end(WnSpan input)
{
    const char *found;

    if (input.len >= 3 && memcmp(input.ptr, ".\r\n", 3) == 0)
        return 0;
    found = memmem(input.ptr, input.len, "\r\n.\r\n", 5);
    return found != NULL ? (size_t)(found - input.ptr) + 2 : SIZE_MAX;
}

/* Scans input cut into pieces of step bytes; how much was used up. */
static size_t
scan(WnFraming *framing, WnSpan input, size_t step, WnFramingStatus *out_status)
{
    size_t used = 0;
    size_t end = 0;

    wn_framing_init(framing);
    *out_status = WN_FRAMING_MORE;
    while (*out_status == WN_FRAMING_MORE && end < input.len) {
        size_t n_message;
        size_t consumed;

        end = MIN(end + step, input.len);
        *out_status = wn_framing_scan(framing,
            wn_span_slice(input, used, end - used), &n_message, &consumed);
        used += consumed;
    }
    return used;
}

static void
check_scans(WnSpan input)
{
    size_t end = find_end(input);
    WnFraming first;
    WnFramingStatus status;
    size_t used = scan(&first, input, MAX(input.len, 1), &status);

    g_assert_cmpint(status == WN_FRAMING_END, ==, end != SIZE_MAX);
    if (end != SIZE_MAX) {
        g_assert_cmpuint(first.n_bytes, ==, end);
        g_assert_cmpuint(used, ==, end + 3);
    }
    for (size_t step = 1; step <= 7; step++) {
        WnFraming framing;
        WnFramingStatus other;

        g_assert_cmpuint(scan(&framing, input, step, &other), ==, used);
        g_assert_cmpint(other, ==, status);
        g_assert_cmpmem(&framing, sizeof(framing), &first, sizeof(first));
    }
}

/* Any bytes as a message: stuffed they hold no end and come back unchanged,
 * normalised they hold no bare line end. */
static void
check_stuffing(WnSpan message)
{
    g_autoptr(GByteArray) wire = g_byte_array_new();
    g_autoptr(GByteArray) back = g_byte_array_new();
    g_autoptr(GByteArray) clean = g_byte_array_new();
    WnFraming framing;
    WnFramingStatus status;

    wn_framing_stuff(message, wire);
    g_assert_cmpuint(find_end(wn_span(wire->data, wire->len)), ==, SIZE_MAX);
    wn_framing_unstuff(wn_span(wire->data, wire->len), back);
    g_assert_cmpuint(back->len, >=, message.len);
    if (message.len > 0)
        g_assert_cmpmem(back->data, message.len, message.ptr, message.len);
    wn_framing_normalise(message, clean);
    scan(&framing, wn_span(clean->data, clean->len), 64, &status);
    g_assert_false(framing.bare_lf || framing.bare_cr);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    WnSpan input = wn_span(data, size);

    check_scans(input);
    check_stuffing(input);
    return 0;
}
