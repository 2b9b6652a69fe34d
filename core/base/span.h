/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A borrowed run of bytes.  Wire data travels through winnow as spans: nothing
 * is copied or NUL-terminated on the way, and NUL bytes are ordinary content.
 * The life of the bytes is stated by whoever hands the span out.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct WnSpan {
    const char *ptr;
    size_t len;
} WnSpan;

#define WN_SPAN_EMPTY ((WnSpan){ "", 0 })
#define WN_SPAN(literal) ((WnSpan){ (literal), sizeof(literal) - 1 })

static inline WnSpan
wn_span(const void *ptr, size_t len)
{
    return (WnSpan){ ptr != NULL ? (const char *)ptr : "", len };
}

/* A NUL-terminated string as a span; NULL is the empty span. */
static inline WnSpan
wn_span_str(const char *text)
{
    return text != NULL ? (WnSpan){ text, strlen(text) } : WN_SPAN_EMPTY;
}

static inline bool
wn_span_eq(WnSpan a, WnSpan b)
{
    return a.len == b.len && memcmp(a.ptr, b.ptr, a.len) == 0;
}

/* From offset on, at most len bytes; clamped, never outside the span. */
WnSpan wn_span_slice(WnSpan span, size_t offset, size_t len);

/* No byte from 0x80 on. */
bool wn_span_is_ascii(WnSpan span);

/* ASCII letters compare without case; nothing depends on the locale. */
bool wn_span_case_eq(WnSpan a, WnSpan b);
bool wn_span_case_starts(WnSpan span, WnSpan prefix);

/* Without leading and trailing spaces, tabs, CR and LF. */
WnSpan wn_span_trim(WnSpan span);

/* Takes what stands before the next space, and that space, off rest. */
WnSpan wn_span_take_word(WnSpan *rest);

/* A decimal number without sign that fills the whole span; false on anything
 * else and on overflow. */
bool wn_span_to_u64(WnSpan span, uint64_t *out_value);

/* A NUL-terminated copy (transfer full); bytes are copied as they are. */
char *wn_span_dup(WnSpan span);
