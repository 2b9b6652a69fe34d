/* SPDX-License-Identifier: MIT */
#include "core/plugin/reply.h"

#include "core/base/text.h"

/* What stands for one character of text in a reply. */
static char
clean_char(WnSpan *rest)
{
    uint32_t code = 0;
    size_t len = wn_text_utf8_next(*rest, &code);

    *rest = wn_span_slice(*rest, MAX(len, 1), rest->len);
    return len == 1 && code >= ' ' && code < 0x7F ? (char)code : '?';
}

typedef struct Lines {
    GString *out;
    size_t begin; /* of the line being written */
    unsigned n;   /* lines before it */
} Lines;

static bool
is_full(const Lines *self)
{
    return self->n >= WN_REPLY_LINES_MAX;
}

/* Ends the line; an empty one is as if it had not been. */
static void
end_line(Lines *self)
{
    while (self->out->len > self->begin
           && self->out->str[self->out->len - 1] == ' ')
        g_string_truncate(self->out, self->out->len - 1);
    if (self->out->len == self->begin)
        return;
    g_string_append_c(self->out, '\n');
    self->begin = self->out->len;
    self->n++;
}

static void
put_char(Lines *self, char c)
{
    size_t len = self->out->len - self->begin;

    if (len < WN_REPLY_LINE_MAX && !(len == 0 && c == ' '))
        g_string_append_c(self->out, c);
}

static void
put_fact(Lines *self, WnSpan fact)
{
    while (fact.len > 0)
        put_char(self, clean_char(&fact));
}

static const WnSpan *
find_fact(const WnReplyFacts *facts, char letter)
{
    static const WnSpan percent = { "%", 1 };

    switch (letter) {
    case 'c':
        return &facts->client;
    case 's':
        return &facts->sender;
    case 'r':
        return &facts->recipient;
    case 'd':
        return &facts->domain;
    case 'f':
        return &facts->filter;
    case 'e':
        return &facts->evidence;
    case 'i':
        return &facts->id;
    case 'h':
        return &facts->host;
    case '%':
        return &percent;
    default:
        return NULL;
    }
}

/* Writes what begins the text, and takes it off. */
static void
put_next(Lines *self, WnSpan *text, const WnReplyFacts *facts)
{
    const WnSpan *fact = text->len >= 2 && text->ptr[0] == '%'
                             ? find_fact(facts, text->ptr[1])
                             : NULL;

    if (fact != NULL) {
        put_fact(self, *fact);
        *text = wn_span_slice(*text, 2, text->len);
    } else if (text->ptr[0] == '\n' || text->ptr[0] == '\r') {
        end_line(self);
        *text = wn_span_slice(*text, 1, text->len);
    } else {
        put_char(self, clean_char(text));
    }
}

WnSpan
wn_reply_text(WnSpan text, const WnReplyFacts *facts, WnArena *arena)
{
    g_autoptr(GString) out = g_string_new(NULL);
    Lines lines = { .out = out };

    while (text.len > 0 && !is_full(&lines))
        put_next(&lines, &text, facts);
    if (!is_full(&lines))
        end_line(&lines);
    if (out->len > 0)
        g_string_truncate(out, out->len - 1);
    return wn_arena_copy(arena, wn_span(out->str, out->len));
}

/* One to three digits without a leading zero. */
static bool
take_number(WnSpan *text)
{
    size_t len = 0;

    while (len < text->len && g_ascii_isdigit(text->ptr[len]))
        len++;
    if (len == 0 || len > 3 || (len > 1 && text->ptr[0] == '0'))
        return false;
    *text = wn_span_slice(*text, len, text->len);
    return true;
}

static bool
take_dot(WnSpan *text)
{
    if (text->len == 0 || text->ptr[0] != '.')
        return false;
    *text = wn_span_slice(*text, 1, text->len);
    return true;
}

bool
wn_reply_enhanced_is_valid(WnSpan enhanced, uint16_t code)
{
    if (enhanced.len == 0 || enhanced.ptr[0] != (char)('0' + code / 100))
        return false;
    enhanced = wn_span_slice(enhanced, 1, enhanced.len);
    return take_dot(&enhanced) && take_number(&enhanced) && take_dot(&enhanced)
           && take_number(&enhanced) && enhanced.len == 0;
}
