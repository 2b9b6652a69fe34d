/* SPDX-License-Identifier: MIT */
#include "core/message/html_attributes.h"

#include <glib.h>

/* In the order of WnAttribute. */
static const char *const names[WN_ATTRIBUTES] = { "alt", "background",
    "bgcolor", "class", "color", "height", "hidden", "href", "id", "open",
    "size", "style", "text", "type", "value", "width" };

static bool
is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static size_t
find(WnSpan name)
{
    char first;

    if (name.len < 2 || name.len > 10)
        return WN_ATTRIBUTES;
    first = g_ascii_tolower(name.ptr[0]);
    for (size_t i = 0; i < WN_ATTRIBUTES; i++) {
        if (names[i][0] == first
            && wn_span_case_eq(name, wn_span_str(names[i])))
            return i;
    }
    return WN_ATTRIBUTES;
}

static size_t
skip_spaces(WnSpan html, size_t at)
{
    while (at < html.len && is_space(html.ptr[at]))
        at++;
    return at;
}

/* at is that behind the equals sign and white space.  Gives that behind the
 * value. */
static size_t
read_value(WnSpan html, size_t at, WnSpan *out)
{
    size_t start = at;
    const char *quote;

    *out = WN_SPAN_EMPTY;
    if (at == html.len)
        return at;
    if (html.ptr[at] == '"' || html.ptr[at] == '\'') {
        quote = memchr(html.ptr + at + 1, html.ptr[at], html.len - at - 1);
        if (quote == NULL)
            return html.len;
        *out = wn_span(html.ptr + at + 1, (size_t)(quote - html.ptr) - at - 1);
        return (size_t)(quote + 1 - html.ptr);
    }
    while (at < html.len && html.ptr[at] != '>' && !is_space(html.ptr[at]))
        at++;
    *out = wn_span(html.ptr + start, at - start);
    return at;
}

size_t
wn_attributes_parse(WnAttributes *self, WnSpan html)
{
    size_t at = 0;

    self->set = 0;
    for (;;) {
        size_t start;
        size_t n;
        WnSpan value = WN_SPAN_EMPTY;

        while (at < html.len && (is_space(html.ptr[at]) || html.ptr[at] == '/'))
            at++;
        if (at == html.len || html.ptr[at] == '>')
            return MIN(at + 1, html.len);
        start = at++;
        while (at < html.len && !is_space(html.ptr[at]) && html.ptr[at] != '='
               && html.ptr[at] != '>' && html.ptr[at] != '/')
            at++;
        n = find(wn_span(html.ptr + start, at - start));
        start = skip_spaces(html, at);
        if (start < html.len && html.ptr[start] == '=')
            at = read_value(html, skip_spaces(html, start + 1), &value);
        if (n < WN_ATTRIBUTES && (self->set >> n & 1) == 0) {
            self->set |= 1u << n;
            self->values[n] = value;
        }
    }
}

WnSpan
wn_attributes_get(const WnAttributes *self, WnAttribute attribute)
{
    return wn_attributes_has(self, attribute) ? self->values[attribute]
                                              : WN_SPAN_EMPTY;
}
