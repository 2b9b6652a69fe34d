/* SPDX-License-Identifier: MIT */
#include "core/message/mime_param.h"

#include "core/message/charset.h"
#include "core/message/header_text.h"
#include "core/message/message.h"

static bool
is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static char
peek(WnSpan text)
{
    return text.len > 0 ? text.ptr[0] : '\0';
}

static void
skip(WnSpan *text, size_t n)
{
    *text = wn_span_slice(*text, n, text->len);
}

/* text begins with a parenthesis. */
static void
skip_comment(WnSpan *text)
{
    size_t depth = 0;
    size_t at = 0;

    while (at < text->len) {
        char c = text->ptr[at++];

        if (c == '\\')
            at++;
        else if (c == '(')
            depth++;
        else if (c == ')' && --depth == 0)
            break;
    }
    skip(text, at);
}

static void
skip_blanks(WnSpan *text)
{
    while (text->len > 0) {
        if (text->ptr[0] == '(')
            skip_comment(text);
        else if (is_space(text->ptr[0]))
            skip(text, 1);
        else
            return;
    }
}

/* Up to white space or one of the characters in stops. */
static WnSpan
take_token(WnSpan *text, const char *stops)
{
    WnSpan token = *text;
    size_t len = 0;

    while (len < text->len && !is_space(text->ptr[len])
           && (text->ptr[len] == '\0' || strchr(stops, text->ptr[len]) == NULL))
        len++;
    token.len = len;
    skip(text, len);
    return token;
}

/* text begins with a double quote. */
static WnSpan
take_quoted(WnSpan *text, WnArena *arena)
{
    const char *from = text->ptr;
    size_t at = 1;
    size_t n = 0;
    size_t len = 1;
    char *value;

    while (len < text->len && from[len] != '"')
        len += from[len] == '\\' ? 2 : 1;
    len = MIN(len, text->len);
    value = wn_arena_alloc(arena, len);
    while (at < len) {
        if (from[at] == '\\' && at + 1 < len)
            at++;
        if (from[at] != '\r' && from[at] != '\n')
            value[n++] = from[at];
        at++;
    }
    skip(text, len + 1);
    return wn_span(value, n);
}

static WnSpan
lower(WnSpan text, WnArena *arena)
{
    char *copy = wn_arena_alloc(arena, text.len + 1);

    for (size_t i = 0; i < text.len; i++)
        copy[i] = text.ptr[i] > ' ' && text.ptr[i] < 0x7f
                      ? g_ascii_tolower(text.ptr[i])
                      : '?';
    return wn_span(copy, text.len);
}

/* "name", "name*", "name*0" or "name*0*" (RFC 2231 §3, §4). */
static void
set_name(WnMimeParam *param, WnSpan name, WnArena *arena)
{
    const char *star = memchr(name.ptr, '*', name.len);
    WnSpan rest;
    uint64_t number;

    param->section = -1;
    param->extended = false;
    if (star == NULL) {
        param->name = lower(name, arena);
        return;
    }
    rest = wn_span_slice(name, (size_t)(star + 1 - name.ptr), name.len);
    name.len = (size_t)(star - name.ptr);
    param->name = lower(name, arena);
    if (rest.len == 0 || rest.ptr[rest.len - 1] == '*') {
        param->extended = true;
        rest.len -= rest.len > 0 ? 1 : 0;
    }
    if (rest.len > 0)
        param->section = wn_span_to_u64(rest, &number)
                                 && number < WN_MIME_PARAMS_MAX
                             ? (int)number
                             : WN_MIME_PARAMS_MAX; /* which nobody looks for */
}

/* False at the end. */
static bool
parse_param(WnSpan *text, WnMimeParam *param, WnArena *arena)
{
    WnSpan name;

    do {
        skip_blanks(text);
        if (text->len == 0)
            return false;
        name = take_token(text, ";=(");
        skip_blanks(text);
        if (name.len == 0 && text->len > 0)
            skip(text, 1);
    } while (name.len == 0 || peek(*text) != '=');
    skip(text, 1);
    skip_blanks(text);
    set_name(param, name, arena);
    if (peek(*text) == '"')
        param->value = take_quoted(text, arena);
    else
        param->value = take_token(text, ";");
    return true;
}

/* "type/subtype", with white space and comments around the slash. */
static WnSpan
parse_word(WnSpan *text, WnArena *arena)
{
    WnSpan type;
    WnSpan subtype;

    skip_blanks(text);
    type = take_token(text, ";/(=");
    skip_blanks(text);
    if (peek(*text) != '/')
        return lower(type, arena);
    skip(text, 1);
    skip_blanks(text);
    subtype = take_token(text, ";(");
    type = lower(type, arena);
    subtype = lower(subtype, arena);
    return wn_span_str(wn_arena_printf(arena, "%.*s/%.*s", (int)type.len,
        type.ptr, (int)subtype.len, subtype.ptr));
}

void
wn_mime_value_parse(WnMimeValue *self, WnSpan raw, WnArena *arena)
{
    WnSpan text = wn_span_slice(raw, 0, WN_HEADER_TEXT_MAX);

    self->word = parse_word(&text, arena);
    self->n_params = 0;
    while (self->n_params < WN_MIME_PARAMS_MAX
           && parse_param(&text, &self->params[self->n_params], arena))
        self->n_params++;
}

static const WnMimeParam *
find(const WnMimeValue *self, WnSpan name, int section)
{
    for (size_t i = 0; i < self->n_params; i++) {
        const WnMimeParam *param = &self->params[i];

        if (param->section == section && wn_span_eq(param->name, name))
            return param;
    }
    return NULL;
}

static const WnMimeParam *
find_extended(const WnMimeValue *self, WnSpan name)
{
    for (size_t i = 0; i < self->n_params; i++) {
        const WnMimeParam *param = &self->params[i];

        if (param->extended && param->section < 0
            && wn_span_eq(param->name, name))
            return param;
    }
    return NULL;
}

static void
append_percent(GString *out, WnSpan value)
{
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];

        if (c == '%' && value.len - i > 2 && g_ascii_isxdigit(value.ptr[i + 1])
            && g_ascii_isxdigit(value.ptr[i + 2])) {
            c = (char)(g_ascii_xdigit_value(value.ptr[i + 1]) * 16
                       + g_ascii_xdigit_value(value.ptr[i + 2]));
            i += 2;
        }
        g_string_append_c(out, c);
    }
}

/* "charset'language'text": cuts to the text and gives the charset. */
static WnSpan
take_charset(WnSpan *value)
{
    const char *first = memchr(value->ptr, '\'', value->len);
    const char *second;
    WnSpan charset;

    if (first == NULL)
        return WN_SPAN_EMPTY;
    charset = wn_span(value->ptr, (size_t)(first - value->ptr));
    second = memchr(first + 1, '\'',
        (size_t)(value->ptr + value->len - first - 1));
    if (second == NULL)
        return WN_SPAN_EMPTY;
    skip(value, (size_t)(second + 1 - value->ptr));
    return charset;
}

/* first: the only section, or section 0. */
static WnSpan
decode_extended(const WnMimeValue *self, const WnMimeParam *first,
    WnArena *arena)
{
    g_autoptr(GString) bytes = g_string_new(NULL);
    g_autoptr(GString) text = g_string_new(NULL);
    const WnMimeParam *param = first;
    WnCharset charset = wn_charset_find(WN_SPAN_EMPTY);
    int section = first->section;

    while (param != NULL) {
        WnSpan value = param->value;

        if (param == first && param->extended)
            charset = wn_charset_find(take_charset(&value));
        if (param->extended)
            append_percent(bytes, value);
        else
            g_string_append_len(bytes, value.ptr, (gssize)value.len);
        param = section < 0 ? NULL : find(self, first->name, ++section);
    }
    wn_charset_append(text, &charset, wn_span(bytes->str, bytes->len),
        WN_HEADER_TEXT_MAX);
    return wn_arena_copy(arena, wn_span(text->str, text->len));
}

WnSpan
wn_mime_value_plain(const WnMimeValue *self, const char *name, WnArena *arena)
{
    WnSpan wanted = wn_span_str(name);
    g_autoptr(GString) text = NULL;

    for (size_t i = 0; i < self->n_params; i++) {
        const WnMimeParam *param = &self->params[i];

        if (param->section >= 0 || param->extended
            || !wn_span_eq(param->name, wanted))
            continue;
        text = g_string_new(NULL);
        wn_header_text_decode(text, param->value);
        return wn_arena_copy(arena, wn_span(text->str, text->len));
    }
    return WN_SPAN_EMPTY;
}

WnSpan
wn_mime_value_param(const WnMimeValue *self, const char *name, WnArena *arena)
{
    WnSpan wanted = wn_span_str(name);
    const WnMimeParam *param = find_extended(self, wanted);

    if (param == NULL)
        param = find(self, wanted, 0);
    if (param != NULL)
        return decode_extended(self, param, arena);
    return wn_mime_value_plain(self, name, arena);
}

static uint32_t
problem_of_twice(const WnMimeParam *a, const WnMimeParam *b)
{
    if (wn_span_eq(a->name, WN_SPAN("boundary")))
        return WN_MESSAGE_TWO_BOUNDARIES;
    if (!wn_span_eq(a->name, WN_SPAN("name"))
        && !wn_span_eq(a->name, WN_SPAN("filename")))
        return WN_MESSAGE_PARAM_TWICE;
    return wn_span_eq(a->value, b->value) ? WN_MESSAGE_PARAM_TWICE
                                          : WN_MESSAGE_NAME_CONFLICT;
}

uint32_t
wn_mime_value_problems(const WnMimeValue *self)
{
    uint32_t problems = 0;

    for (size_t i = 0; i < self->n_params; i++) {
        const WnMimeParam *a = &self->params[i];

        for (size_t j = 0; j < i; j++) {
            const WnMimeParam *b = &self->params[j];

            if (a->section == b->section && a->extended == b->extended
                && wn_span_eq(a->name, b->name))
                problems |= problem_of_twice(a, b);
        }
    }
    return problems;
}

WnSpan
wn_mime_value_charset(const WnMimeValue *self, WnArena *arena)
{
    return lower(wn_mime_value_param(self, "charset", arena), arena);
}

WnSpan
wn_mime_value_boundary(const WnMimeValue *self, WnArena *arena)
{
    const WnMimeParam *param = find(self, WN_SPAN("boundary"), -1);
    WnSpan value;

    if (param == NULL || param->extended)
        return wn_mime_value_param(self, "boundary", arena);
    value = param->value;
    while (value.len > 0 && is_space(value.ptr[value.len - 1]))
        value.len--;
    return value;
}
