/* SPDX-License-Identifier: MIT */
#include "core/base/text.h"

enum { CLOSEST_MAX = 64 }; /* longer names have no near ones */

typedef struct Unit {
    const char *suffix;
    int64_t factor;
} Unit;

static const Unit durations[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60000 },
    { "h", 3600000 }, { "d", 86400000 }, { "", 1000 } };
static const Unit sizes[] = { { "k", 1 << 10 }, { "m", 1 << 20 },
    { "g", 1 << 30 }, { "", 1 } };

static bool
parse_with_unit(WnSpan text, const Unit *units, size_t n_units,
    int64_t *out_value)
{
    size_t n_digits = 0;
    uint64_t number;
    WnSpan suffix;

    while (n_digits < text.len && g_ascii_isdigit(text.ptr[n_digits]))
        n_digits++;
    if (!wn_span_to_u64(wn_span_slice(text, 0, n_digits), &number))
        return false;
    suffix = wn_span_slice(text, n_digits, text.len);
    for (size_t i = 0; i < n_units; i++) {
        if (!wn_span_case_eq(suffix, wn_span_str(units[i].suffix)))
            continue;
        if (number > (uint64_t)(INT64_MAX / units[i].factor))
            return false;
        *out_value = (int64_t)number * units[i].factor;
        return true;
    }
    return false;
}

bool
wn_text_to_duration_ms(WnSpan text, int64_t *out_ms)
{
    return parse_with_unit(text, durations, G_N_ELEMENTS(durations), out_ms);
}

bool
wn_text_to_size(WnSpan text, int64_t *out_bytes)
{
    return parse_with_unit(text, sizes, G_N_ELEMENTS(sizes), out_bytes);
}

/* "5" is 500, "05" is 50. */
static bool
parse_decimals(WnSpan text, uint64_t *out_thousandths)
{
    uint64_t value;

    if (text.len > 3 || !wn_span_to_u64(text, &value))
        return false;
    for (size_t i = text.len; i < 3; i++)
        value *= 10;
    *out_thousandths = value;
    return true;
}

bool
wn_text_to_score(WnSpan text, int64_t *out_thousandths)
{
    bool negative = text.len > 0 && text.ptr[0] == '-';
    WnSpan number = wn_span_slice(text, negative ? 1 : 0, text.len);
    const char *dot = memchr(number.ptr, '.', number.len);
    size_t n_whole = dot != NULL ? (size_t)(dot - number.ptr) : number.len;
    uint64_t decimals = 0;
    uint64_t whole;

    if (!wn_span_to_u64(wn_span_slice(number, 0, n_whole), &whole)
        || whole > G_MAXINT32)
        return false;
    if (dot != NULL
        && !parse_decimals(wn_span_slice(number, n_whole + 1, number.len),
            &decimals))
        return false;
    *out_thousandths = (int64_t)(whole * 1000 + decimals) * (negative ? -1 : 1);
    return true;
}

bool
wn_text_to_bool(WnSpan text, bool *out_value)
{
    static const char *const words[] = { "false", "true", "no", "yes", "off",
        "on", "0", "1" };

    for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
        if (wn_span_case_eq(text, wn_span_str(words[i]))) {
            *out_value = i % 2 == 1;
            return true;
        }
    }
    return false;
}

/* Insertions, deletions, replacements and swaps of neighbours that turn a
 * into b; case does not count. */
static int
edit_distance(WnSpan a, WnSpan b)
{
    int rows[3][CLOSEST_MAX + 1]; /* the current and the last two */

    for (size_t j = 0; j <= b.len; j++)
        rows[0][j] = (int)j;
    for (size_t i = 1; i <= a.len; i++) {
        int *row = rows[i % 3];
        const int *up = rows[(i + 2) % 3];
        const int *up2 = rows[(i + 1) % 3];

        row[0] = (int)i;
        for (size_t j = 1; j <= b.len; j++) {
            char ca = g_ascii_tolower(a.ptr[i - 1]);
            char cb = g_ascii_tolower(b.ptr[j - 1]);

            row[j] = MIN(MIN(up[j], row[j - 1]) + 1, up[j - 1] + (ca != cb));
            if (i > 1 && j > 1 && ca == g_ascii_tolower(b.ptr[j - 2])
                && cb == g_ascii_tolower(a.ptr[i - 2]))
                row[j] = MIN(row[j], up2[j - 2] + 1);
        }
    }
    return rows[a.len % 3][b.len];
}

const char *
wn_text_closest(const char *text, const char *const *candidates)
{
    WnSpan wanted = wn_span_str(text);
    const char *closest = NULL;
    int best = MAX(1, (int)MIN(wanted.len, CLOSEST_MAX) / 3) + 1;

    if (wanted.len == 0 || wanted.len > CLOSEST_MAX)
        return NULL;
    for (; *candidates != NULL; candidates++) {
        WnSpan candidate = wn_span_str(*candidates);
        int distance;

        if (candidate.len > CLOSEST_MAX)
            continue;
        distance = edit_distance(wanted, candidate);
        if (distance < best && distance < (int)candidate.len) {
            best = distance;
            closest = *candidates;
        }
    }
    return closest;
}

static size_t
sequence_len(unsigned char first)
{
    if (first < 0x80)
        return 1;
    if (first >= 0xc2 && first <= 0xdf)
        return 2;
    if (first >= 0xe0 && first <= 0xef)
        return 3;
    if (first >= 0xf0 && first <= 0xf4)
        return 4;
    return 0;
}

/* RFC 3629 section 4: the first byte bounds the second, which excludes
 * overlong forms, surrogates and what lies beyond U+10FFFF. */
size_t
wn_text_utf8_next(WnSpan text, uint32_t *out_code)
{
    static const struct {
        unsigned char first, low, high;
    } second[] = { { 0xe0, 0xa0, 0xbf }, { 0xed, 0x80, 0x9f },
        { 0xf0, 0x90, 0xbf }, { 0xf4, 0x80, 0x8f } };
    const unsigned char *bytes = (const unsigned char *)text.ptr;
    size_t len = text.len > 0 ? sequence_len(bytes[0]) : 0;
    uint32_t code;

    if (len == 0 || len > text.len)
        return 0;
    code = len == 1 ? bytes[0] : bytes[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (bytes[i] & 0x3f);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(second); i++) {
        if (bytes[0] == second[i].first
            && (bytes[1] < second[i].low || bytes[1] > second[i].high))
            return 0;
    }
    *out_code = code;
    return len;
}

static bool
is_control(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0);
}

bool
wn_text_is_printable(uint32_t code)
{
    return !is_control(code)
           && !(code >= 0x2028 && code <= 0x202e)  /* separators, direction */
           && !(code >= 0x2066 && code <= 0x2069); /* direction */
}

void
wn_text_clean(GString *text)
{
    size_t out = 0;
    size_t in = 0;

    while (in < text->len) {
        WnSpan rest = wn_span(text->str + in, text->len - in);
        uint32_t code;
        size_t len = wn_text_utf8_next(rest, &code);

        if (len > 0 && !is_control(code)) {
            memmove(text->str + out, rest.ptr, len);
            out += len;
            in += len;
            continue;
        }
        if (rest.len >= 2 && rest.ptr[0] == '\r' && rest.ptr[1] == '\n')
            len = 2;
        text->str[out++] = ' ';
        in += MAX(len, 1);
    }
    g_string_truncate(text, out);
}
