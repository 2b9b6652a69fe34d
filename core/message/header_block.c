/* SPDX-License-Identifier: MIT */
#include "core/message/header_block.h"

void
wn_header_block_init(WnHeaderBlock *self)
{
    *self = (WnHeaderBlock){ .fields = g_array_new(FALSE, FALSE,
                                 sizeof(WnField)) };
}

void
wn_header_block_clear(WnHeaderBlock *self)
{
    g_clear_pointer(&self->fields, g_array_unref);
}

static bool
is_space(char c)
{
    return c == ' ' || c == '\t';
}

static bool
is_name_char(char c)
{
    return c > ' ' && c < 0x7f && c != ':';
}

static size_t
skip_spaces(WnSpan text, size_t at)
{
    while (at < text.len && is_space(text.ptr[at]))
        at++;
    return at;
}

static bool
has_crlf_at(WnSpan text, size_t at)
{
    return at + 1 < text.len && text.ptr[at] == '\r'
           && text.ptr[at + 1] == '\n';
}

/* Behind the CRLF that ends the line, or the end of text. */
static size_t
line_end(WnSpan text, size_t at)
{
    size_t from = at;

    while (from < text.len) {
        const char *lf = memchr(text.ptr + from, '\n', text.len - from);

        if (lf == NULL)
            break;
        from = (size_t)(lf - text.ptr) + 1;
        if (from - at >= 2 && lf[-1] == '\r')
            return from;
    }
    return text.len;
}

/* The line and the continuation lines behind it. */
static size_t
field_end(WnSpan text, size_t at)
{
    do
        at = line_end(text, at);
    while (at < text.len && is_space(text.ptr[at]));
    return at;
}

/* Fills in all but the end of the field that begins at the offset. */
static bool
parse_name(WnHeaderBlock *self, WnSpan text, size_t at, WnField *out_field)
{
    size_t name_end = at;
    size_t colon;

    while (name_end < text.len && is_name_char(text.ptr[name_end]))
        name_end++;
    colon = skip_spaces(text, name_end);
    if (has_crlf_at(text, colon)) {
        size_t next = skip_spaces(text, colon + 2);

        if (next == colon + 2 || next == text.len || text.ptr[next] != ':')
            return false;
        colon = next;
        self->malformed |= name_end > at;
    }
    if (name_end == at || colon == text.len || text.ptr[colon] != ':')
        return false;
    out_field->offset = (uint32_t)at;
    out_field->name_len = (uint32_t)(name_end - at);
    out_field->value_offset = (uint32_t)(colon + 1);
    return true;
}

/* Where the first field begins. */
static size_t
skip_top(WnHeaderBlock *self, WnSpan text)
{
    WnField field;
    bool skip = text.len > 0 && is_space(text.ptr[0]);

    if (wn_span_case_starts(text, WN_SPAN("From "))
        || wn_span_case_starts(text, WN_SPAN(">From ")))
        skip = !parse_name(self, text, 0, &field);
    if (!skip)
        return 0;
    self->malformed = true;
    return field_end(text, 0);
}

static WnHeaderStatus
parse_fields(WnHeaderBlock *self, WnSpan message, size_t at)
{
    /* The bytes past the limit serve to tell that it was passed, and to see
     * the empty line right behind it. */
    WnSpan text = wn_span_slice(message, 0, WN_HEADER_BYTES_MAX + 2);
    WnField field;

    self->end = at;
    while (at < text.len && !has_crlf_at(text, at)) {
        if (!parse_name(self, message, at, &field)) {
            self->malformed = true;
            return WN_HEADER_OK;
        }
        at = field_end(text, at);
        if (at > WN_HEADER_BYTES_MAX
            || self->fields->len == WN_HEADER_FIELDS_MAX)
            return WN_HEADER_TOO_LARGE;
        field.end = (uint32_t)at;
        g_array_append_val(self->fields, field);
        self->end = at;
    }
    self->separator = at < text.len;
    return WN_HEADER_OK;
}

WnHeaderStatus
wn_header_block_parse(WnHeaderBlock *self, WnSpan message)
{
    WnHeaderStatus status;

    g_array_set_size(self->fields, 0);
    self->separator = false;
    self->malformed = false;
    self->top = skip_top(self,
        wn_span_slice(message, 0, WN_HEADER_BYTES_MAX + 1));
    if (self->top > WN_HEADER_BYTES_MAX) {
        self->top = self->end = self->body = 0;
        return WN_HEADER_TOO_LARGE;
    }
    status = parse_fields(self, message, self->top);
    self->body = self->end + (self->separator ? 2 : 0);
    if (status == WN_HEADER_OK && memchr(message.ptr, '\0', self->end) != NULL)
        status = WN_HEADER_NUL;
    return status;
}

WnSpan
wn_field_name(WnSpan message, const WnField *field)
{
    return wn_span_slice(message, field->offset, field->name_len);
}

WnSpan
wn_field_raw(WnSpan message, const WnField *field)
{
    return wn_span_slice(message, field->value_offset,
        field->end - field->value_offset);
}

bool
wn_header_block_needs_separator(const WnHeaderBlock *self, size_t message_len)
{
    return self->fields->len == 0 && !self->separator
           && self->end < message_len;
}
