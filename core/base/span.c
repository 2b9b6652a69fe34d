/* SPDX-License-Identifier: MIT */
#include "core/base/span.h"

#include <glib.h>

WnSpan
wn_span_slice(WnSpan span, size_t offset, size_t len)
{
    size_t rest;

    if (offset >= span.len)
        return wn_span(span.ptr + span.len, 0);
    rest = span.len - offset;
    return wn_span(span.ptr + offset, len < rest ? len : rest);
}

bool
wn_span_case_eq(WnSpan a, WnSpan b)
{
    return a.len == b.len && wn_span_case_starts(a, b);
}

bool
wn_span_case_starts(WnSpan span, WnSpan prefix)
{
    if (span.len < prefix.len)
        return false;
    for (size_t i = 0; i < prefix.len; i++) {
        if (g_ascii_tolower(span.ptr[i]) != g_ascii_tolower(prefix.ptr[i]))
            return false;
    }
    return true;
}

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

WnSpan
wn_span_trim(WnSpan span)
{
    while (span.len > 0 && is_blank(span.ptr[0])) {
        span.ptr++;
        span.len--;
    }
    while (span.len > 0 && is_blank(span.ptr[span.len - 1]))
        span.len--;
    return span;
}

bool
wn_span_to_u64(WnSpan span, uint64_t *out_value)
{
    uint64_t value = 0;

    if (span.len == 0)
        return false;
    for (size_t i = 0; i < span.len; i++) {
        unsigned int digit = (unsigned char)span.ptr[i] - '0';

        if (digit > 9 || value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *out_value = value;
    return true;
}

char *
wn_span_dup(WnSpan span)
{
    char *copy = g_malloc(span.len + 1);

    memcpy(copy, span.ptr, span.len);
    copy[span.len] = '\0';
    return copy;
}

WnSpan
wn_span_take_word(WnSpan *rest)
{
    const char *space = rest->len > 0 ? memchr(rest->ptr, ' ', rest->len)
                                      : NULL;
    size_t len = space != NULL ? (size_t)(space - rest->ptr) : rest->len;
    WnSpan word = wn_span_slice(*rest, 0, len);

    *rest = wn_span_slice(*rest, len + 1, rest->len);
    return word;
}

bool
wn_span_is_ascii(WnSpan span)
{
    unsigned char all = 0;

    for (size_t i = 0; i < span.len; i++)
        all |= (unsigned char)span.ptr[i];
    return all < 0x80;
}
