/* SPDX-License-Identifier: MIT */
#include "core/message/message.h"

#include "core/message/charset.h"
#include "core/message/header_text.h"
#include "core/message/html_text.h"
#include "core/message/mime_tree.h"
#include "core/message/text_fold.h"

#include <gmime/gmime.h>

enum { N_FORMS = WN_FORM_HIDDEN + 1 };

struct WnMessage {
    WnSpan raw;
    WnArena *arena;
    WnHeaderBlock block;
    uint32_t problems;
    WnMessageHeader *headers; /* value.ptr is NULL until it is asked for */
    bool structured;          /* the members below are there */
    WnMimeTree tree;
    WnSpan *data; /* of the parts, as is text: ptr is NULL until asked for */
    WnSpan *text;
    GString *forms[N_FORMS]; /* NULL until asked for */
};

static void
init_gmime_once(void)
{
    static gsize done;

    if (g_once_init_enter(&done)) {
        g_mime_init();
        g_once_init_leave(&done, 1);
    }
}

WnMessage *
wn_message_new(WnSpan bytes)
{
    WnMessage *self = g_new0(WnMessage, 1);
    const GArray *fields;

    init_gmime_once();
    self->raw = bytes;
    self->arena = wn_arena_new(0);
    wn_header_block_init(&self->block);
    if (wn_header_block_parse(&self->block, bytes) == WN_HEADER_TOO_LARGE)
        self->problems |= WN_MESSAGE_TRUNCATED;
    fields = self->block.fields;
    self->headers = wn_arena_alloc(self->arena,
        MAX(fields->len, 1) * sizeof(WnMessageHeader));
    for (guint i = 0; i < fields->len; i++) {
        const WnField *field = &g_array_index(fields, WnField, i);

        if (field->end - field->value_offset > WN_HEADER_TEXT_MAX)
            self->problems |= WN_MESSAGE_TRUNCATED;
    }
    return self;
}

void
wn_message_free(WnMessage *self)
{
    if (self == NULL)
        return;
    for (size_t i = 0; i < N_FORMS; i++) {
        if (self->forms[i] != NULL)
            g_string_free(self->forms[i], TRUE);
    }
    if (self->structured)
        wn_mime_tree_clear(&self->tree);
    wn_header_block_clear(&self->block);
    wn_arena_free(self->arena);
    g_free(self);
}

WnSpan
wn_message_raw(const WnMessage *self)
{
    return self->raw;
}

const WnHeaderBlock *
wn_message_header_block(WnMessage *self)
{
    return &self->block;
}

static bool
has_bare_line_end(WnSpan bytes)
{
    const char *end = bytes.ptr + bytes.len;
    const char *at = bytes.ptr;

    while (at < end) {
        const char *lf = memchr(at, '\n', (size_t)(end - at));
        const char *stop = lf != NULL ? lf : end;
        const char *cr = memchr(at, '\r', (size_t)(stop - at));

        if (lf == NULL)
            return cr != NULL;
        if (cr == NULL || cr + 1 != lf)
            return true;
        at = lf + 1;
    }
    return false;
}

/* The structure and what is allocated for each part. */
static void
read_structure(WnMessage *self)
{
    WnSpan header = wn_span_slice(self->raw, 0, self->block.end);
    size_t n_parts;

    if (self->structured)
        return;
    wn_mime_tree_init(&self->tree, self->raw, &self->block, self->arena);
    n_parts = self->tree.parts->len;
    self->data = wn_arena_alloc(self->arena, n_parts * sizeof(WnSpan));
    self->text = wn_arena_alloc(self->arena, n_parts * sizeof(WnSpan));
    self->structured = true;
    self->problems |= self->tree.problems;
    if (has_bare_line_end(self->raw))
        self->problems |= WN_MESSAGE_BARE_EOL;
    for (size_t i = 0; i < header.len; i++) {
        if ((unsigned char)header.ptr[i] >= 0x80)
            self->problems |= WN_MESSAGE_8BIT_HEADER;
    }
}

uint32_t
wn_message_problems(WnMessage *self)
{
    read_structure(self);
    return self->problems;
}

uint32_t
wn_message_n_headers(WnMessage *self)
{
    return self->block.fields->len;
}

/* A GString becomes a span in the arena. */
static WnSpan
keep(WnMessage *self, GString *text)
{
    WnSpan copy = wn_arena_copy(self->arena, wn_span(text->str, text->len));

    g_string_free(text, TRUE);
    return copy;
}

const WnMessageHeader *
wn_message_header(WnMessage *self, uint32_t n)
{
    WnMessageHeader *header;
    const WnField *field;
    GString *value;

    if (n >= self->block.fields->len)
        return NULL;
    header = &self->headers[n];
    if (header->value.ptr != NULL)
        return header;
    field = &g_array_index(self->block.fields, WnField, n);
    header->name = wn_arena_copy(self->arena, wn_field_name(self->raw, field));
    header->raw = wn_field_raw(self->raw, field);
    value = g_string_new(NULL);
    wn_header_text_decode(value, header->raw);
    header->value = keep(self, value);
    return header;
}

const WnMessageHeader *
wn_message_header_named(WnMessage *self, const char *name, uint32_t n)
{
    WnSpan wanted = wn_span_str(name);

    for (uint32_t i = 0; i < self->block.fields->len; i++) {
        const WnField *field = &g_array_index(self->block.fields, WnField, i);

        if (field->name_len == wanted.len
            && wn_span_case_eq(wn_field_name(self->raw, field), wanted)
            && n-- == 0)
            return wn_message_header(self, i);
    }
    return NULL;
}

static WnMimePart *
find_part(WnMessage *self, uint32_t n)
{
    read_structure(self);
    return n < self->tree.parts->len
               ? &g_array_index(self->tree.parts, WnMimePart, n)
               : NULL;
}

uint32_t
wn_message_n_parts(WnMessage *self)
{
    read_structure(self);
    return self->tree.parts->len;
}

const WnMessagePart *
wn_message_part(WnMessage *self, uint32_t n)
{
    const WnMimePart *part = find_part(self, n);

    return part != NULL ? &part->part : NULL;
}

WnSpan
wn_message_part_data(WnMessage *self, uint32_t n)
{
    const WnMimePart *part = find_part(self, n);

    if (part == NULL || (part->part.flags & WN_MESSAGE_PART_MULTIPART) != 0)
        return WN_SPAN_EMPTY;
    if (self->data[n].ptr == NULL)
        self->data[n] = wn_content_decode(part->part.raw, part->encoding,
            self->arena);
    return self->data[n];
}

/* The text of a part behind its charset. */
static GString *
convert_part(WnMessage *self, const WnMimePart *part, WnSpan data)
{
    GString *text = g_string_sized_new(MIN(data.len, WN_MESSAGE_TEXT_MAX) + 1);
    WnCharset charset = wn_charset_find(part->part.charset);

    if (!wn_charset_append(text, &charset, data, WN_MESSAGE_TEXT_MAX))
        self->problems |= WN_MESSAGE_TRUNCATED;
    return text;
}

static GString *
render_html(WnMessage *self, GString *html)
{
    GString *text = g_string_sized_new(html->len / 2 + 1);

    if (!wn_html_text_append(text, wn_span(html->str, html->len),
            WN_MESSAGE_TEXT_MAX))
        self->problems |= WN_MESSAGE_TRUNCATED;
    g_string_free(html, TRUE);
    return text;
}

WnSpan
wn_message_part_text(WnMessage *self, uint32_t n)
{
    const WnMimePart *part = find_part(self, n);
    GString *text;

    if (part == NULL || part->kind == WN_MIME_OTHER
        || (part->part.flags & WN_MESSAGE_PART_MULTIPART) != 0)
        return WN_SPAN_EMPTY;
    if (self->text[n].ptr != NULL)
        return self->text[n];
    text = convert_part(self, part, wn_message_part_data(self, n));
    wn_content_unify_lines(text);
    if (part->kind == WN_MIME_HTML)
        text = render_html(self, text);
    self->text[n] = keep(self, text);
    return self->text[n];
}

static void
append_shown_part(WnMessage *self, GString *shown, uint32_t n)
{
    WnSpan text = wn_message_part_text(self, n);

    if (text.len == 0)
        return;
    if (shown->len + text.len > WN_MESSAGE_TEXT_MAX) {
        self->problems |= WN_MESSAGE_TRUNCATED;
        text.len = WN_MESSAGE_TEXT_MAX - shown->len;
        while (text.len > 0 && ((guchar)text.ptr[text.len] & 0xc0) == 0x80)
            text.len--;
    }
    g_string_append_len(shown, text.ptr, (gssize)text.len);
    if (shown->str[shown->len - 1] != '\n')
        g_string_append_c(shown, '\n');
}

static GString *
make_shown(WnMessage *self)
{
    GString *shown = g_string_new(NULL);
    const WnMessageHeader *subject = wn_message_header_named(self, "Subject",
        0);

    if (subject != NULL)
        g_string_append_len(shown, subject->value.ptr,
            (gssize)subject->value.len);
    g_string_append_c(shown, '\n');
    for (uint32_t i = 0; i < wn_message_n_parts(self); i++) {
        if (shown->len >= WN_MESSAGE_TEXT_MAX) {
            self->problems |= WN_MESSAGE_TRUNCATED;
            break;
        }
        if (find_part(self, i)->shown)
            append_shown_part(self, shown, i);
    }
    return shown;
}

static GString *
make_folded(WnMessage *self)
{
    WnSpan shown = wn_message_text(self, WN_FORM_SHOWN);
    GString *folded = g_string_sized_new(shown.len + 1);

    if (!wn_text_fold_append(folded, shown, WN_MESSAGE_TEXT_MAX))
        self->problems |= WN_MESSAGE_TRUNCATED;
    return folded;
}

static GString *
make_form(WnMessage *self, WnTextForms form)
{
    switch (form) {
    case WN_FORM_SHOWN:
        return make_shown(self);
    case WN_FORM_FOLDED:
        return make_folded(self);
    case WN_FORM_HIDDEN:
        break;
    }
    return g_string_new(NULL);
}

WnSpan
wn_message_text(WnMessage *self, WnTextForms form)
{
    g_return_val_if_fail((size_t)form < N_FORMS, WN_SPAN_EMPTY);

    if (self->forms[form] == NULL)
        self->forms[form] = make_form(self, form);
    return wn_span(self->forms[form]->str, self->forms[form]->len);
}
