/* SPDX-License-Identifier: MIT */
#include "core/message/url_refang.h"

#include "core/message/url_host.h"

/* A change: from this place on, text and original run in step again. */
typedef struct Point {
    size_t text, original;
} Point;

static const struct {
    const char *written, *meant;
    bool spaces; /* around it do not count */
} words[] = {
    { ".", ".", true },
    { "dot", ".", true },
    { "d0t", ".", true },
    { "punkt", ".", true },
    { "punto", ".", true },
    { "point", ".", true },
    { ":", ":", false },
    { "://", "://", false },
    { "/", "/", false },
    { "@", "@", true },
    { "at", "@", true },
};

static void
mark(WnRefanged *self, size_t original)
{
    Point point = { self->text->len, original };

    while (self->points->len > 0
           && g_array_index(self->points, Point, self->points->len - 1).text
                  > point.text)
        g_array_set_size(self->points, self->points->len - 1);
    g_array_append_val(self->points, point);
}

static char
closing_of(char open)
{
    return open == '[' ? ']' : open == '(' ? ')' : '}';
}

/* The word between the brackets that rest begins with, and the length of all;
 * -1 if it is none of ours. */
static int
find_word(WnSpan rest, size_t *out_len)
{
    WnSpan head = wn_span_slice(rest, 1, 8);
    const char *end = memchr(head.ptr, closing_of(rest.ptr[0]), head.len);

    if (end == NULL)
        return -1;
    head.len = (size_t)(end - head.ptr);
    *out_len = head.len + 2;
    head = wn_span_trim(head);
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
        if (wn_span_case_eq(head, wn_span_str(words[i].written)))
            return (int)i;
    }
    return -1;
}

static bool
is_word_char(char c)
{
    return g_ascii_isalnum(c) || (guchar)c >= 0x80;
}

/* At a bracket: what it means, or itself.  The length that was used. */
static size_t
put_bracket(WnRefanged *self, WnSpan rest)
{
    size_t len = 0, start = self->text->len, blanks = 0;
    int word = find_word(rest, &len);
    size_t at = (size_t)(rest.ptr - self->original.ptr);

    if (word < 0) {
        g_string_append_c(self->text, rest.ptr[0]);
        return 1;
    }
    if (words[word].spaces) {
        while (blanks < 2 && start > 0 && self->text->str[start - 1] == ' ') {
            start--;
            blanks++;
        }
        if (len < rest.len && rest.ptr[len] == ' ')
            len++;
        if (start == 0 || !is_word_char(self->text->str[start - 1])
            || len >= rest.len || !is_word_char(rest.ptr[len])) {
            g_string_append_c(self->text, rest.ptr[0]);
            return 1;
        }
        g_string_truncate(self->text, start);
    }
    mark(self, at);
    g_string_append(self->text, words[word].meant);
    mark(self, at + len);
    return len;
}

static bool
is_blank(gunichar code)
{
    return code == 0xa0 || (code >= 0x2000 && code <= 0x200a) || code == 0x202f
           || code == 0x205f || code == 0x3000;
}

/* A character that is not ASCII; its length. */
static size_t
put_wide(WnRefanged *self, WnSpan rest)
{
    gunichar code = g_utf8_get_char(rest.ptr);
    size_t len = (size_t)g_utf8_skip[(guchar)*rest.ptr];
    size_t at = (size_t)(rest.ptr - self->original.ptr);
    char plain = is_blank(code) ? ' ' : wn_url_ascii_of(code);

    if (plain != 0) {
        mark(self, at);
        g_string_append_c(self->text, plain);
        mark(self, at + len);
    } else if (wn_url_is_invisible(code)) {
        mark(self, at + len);
    } else {
        g_string_append_len(self->text, rest.ptr, (gssize)len);
    }
    return len;
}

/* 1 for what may be changed: brackets and what is not ASCII. */
static const uint8_t
    is_special[256] = { ['('] = 1, ['['] = 1, ['{'] = 1, [0x80 ... 0xff] = 1 };

static size_t
plain_len(WnSpan rest)
{
    size_t len = 0;

    while (len < rest.len && is_special[(guchar)rest.ptr[len]] == 0)
        len++;
    return len;
}

void
wn_refanged_init(WnRefanged *self, WnSpan text)
{
    self->original = text;
    self->text = g_string_sized_new(text.len + 1);
    self->points = g_array_new(FALSE, FALSE, sizeof(Point));
    while (text.len > 0) {
        size_t len = plain_len(text);

        if (len > 0)
            g_string_append_len(self->text, text.ptr, (gssize)len);
        else if ((guchar)text.ptr[0] < 0x80)
            len = put_bracket(self, text);
        else
            len = put_wide(self, text);
        text = wn_span_slice(text, len, text.len);
    }
}

void
wn_refanged_clear(WnRefanged *self)
{
    if (self->text != NULL)
        g_string_free(self->text, TRUE);
    if (self->points != NULL)
        g_array_unref(self->points);
    *self = (WnRefanged){ .text = NULL };
}

/* The number of points at or before the place. */
static guint
count_before(const WnRefanged *self, size_t place)
{
    guint low = 0, high = self->points->len;

    while (low < high) {
        guint middle = low + (high - low) / 2;

        if (g_array_index(self->points, Point, middle).text <= place)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static size_t
origin_of(const WnRefanged *self, size_t place)
{
    guint n = count_before(self, place);
    const Point *point;

    if (n == 0)
        return place;
    point = &g_array_index(self->points, Point, n - 1);
    return point->original + (place - point->text);
}

WnSpan
wn_refanged_origin(const WnRefanged *self, size_t start, size_t end,
    bool *out_changed)
{
    size_t from = origin_of(self, start), to = origin_of(self, end);

    *out_changed = end > start
                   && count_before(self, end - 1) > count_before(self, start);
    return wn_span_slice(self->original, from, to - from);
}
