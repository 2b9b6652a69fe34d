/* SPDX-License-Identifier: MIT */
#include "core/message/message.h"

#include "core/message/charset.h"
#include "core/message/header_text.h"
#include "core/message/html_text.h"
#include "core/message/mime_tree.h"
#include "core/message/text_fold.h"
#include "core/message/url_list.h"

#include <gmime/gmime.h>

enum { N_FORMS = WN_FORM_HIDDEN + 1 };

/* The numbers found for one country. */
typedef struct Phones {
    char country[3]; /* upper case; empty: none */
    GArray *found;
} Phones;

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
    WnUrlList *urls;                             /* as are the URLs */
    GString *forms[N_FORMS];                     /* NULL until asked for */
    Phones phones[WN_MESSAGE_COUNTRIES_MAX + 1]; /* as they are asked for */
    size_t n_phones;
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
    wn_url_list_free(self->urls);
    for (size_t i = 0; i < self->n_phones; i++)
        g_array_unref(self->phones[i].found);
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

/* A page in an attachment of any type: its name says what opens it. */
static bool
is_page_by_name(WnSpan name)
{
    static const char *const ends[] = { ".htm", ".html", ".shtml", ".xhtml",
        ".svg" };

    for (size_t i = 0; i < G_N_ELEMENTS(ends); i++) {
        size_t len = strlen(ends[i]);

        if (name.len > len
            && wn_span_case_eq(wn_span(name.ptr + name.len - len, len),
                wn_span_str(ends[i])))
            return true;
    }
    return false;
}

/* What is not rendered as text is looked at as source: pages, and a container
 * in which no boundary was found. */
static void
add_source_urls(WnMessage *self, uint32_t n, WnSpan data)
{
    const WnMimePart *part = find_part(self, n);
    g_autofree char *source = g_string_free(convert_part(self, part, data),
        FALSE);

    wn_url_list_add_html(self->urls, wn_span_str(source), (int32_t)n);
    if (part->kind != WN_MIME_HTML)
        wn_url_list_add_text(self->urls, wn_span_str(source), (int32_t)n);
}

static void
add_part_urls(WnMessage *self, uint32_t n)
{
    const WnMimePart *part = find_part(self, n);
    const WnMimePart *next = find_part(self, n + 1);

    if ((part->part.flags & WN_MESSAGE_PART_MULTIPART) != 0) {
        if (next == NULL || next->part.parent != (int32_t)n)
            add_source_urls(self, n, part->part.raw);
        return;
    }
    if (part->kind == WN_MIME_HTML || is_page_by_name(part->part.file_name))
        add_source_urls(self, n, wn_message_part_data(self, n));
    if (part->kind != WN_MIME_OTHER)
        wn_url_list_add_text(self->urls, wn_message_part_text(self, n),
            (int32_t)n);
}

static void
read_urls(WnMessage *self)
{
    if (self->urls != NULL)
        return;
    self->urls = wn_url_list_new(self->arena);
    for (uint32_t i = 0; i < wn_message_n_headers(self); i++) {
        const WnMessageHeader *header = wn_message_header(self, i);

        wn_url_list_add_header(self->urls, header->name, header->value);
    }
    for (uint32_t i = 0; i < wn_message_n_parts(self); i++)
        add_part_urls(self, i);
    if (wn_url_list_is_cut(self->urls))
        self->problems |= WN_MESSAGE_TOO_MANY;
}

uint32_t
wn_message_n_urls(WnMessage *self)
{
    read_urls(self);
    return wn_url_list_n(self->urls);
}

const WnMessageUrl *
wn_message_url(WnMessage *self, uint32_t n)
{
    read_urls(self);
    return wn_url_list_get(self->urls, n);
}

static void
scan_phones(WnMessage *self, Phones *phones)
{
    const WnMessageHeader *subject = wn_message_header_named(self, "Subject",
        0);
    WnPhoneList list = { .arena = self->arena,
        .phones = phones->found,
        .default_country = phones->country,
        .part = -1 };
    size_t left = WN_MESSAGE_TEXT_MAX;
    bool all = subject == NULL || wn_phone_scan_text(&list, subject->value);

    for (uint32_t i = 0; i < wn_message_n_parts(self) && left > 0; i++) {
        WnSpan text;

        if (!find_part(self, i)->shown)
            continue;
        text = wn_span_slice(wn_message_part_text(self, i), 0, left);
        while (text.len == left && text.len > 0
               && ((guchar)text.ptr[text.len] & 0xc0) == 0x80)
            text.len--, left--;
        left -= text.len;
        list.part = (int32_t)i;
        all = all && wn_phone_scan_text(&list, text);
    }
    if (!all)
        self->problems |= WN_MESSAGE_TOO_MANY;
}

/* The numbers for that country, found now if they were not. */
static const GArray *
phones_of(WnMessage *self, const char *default_country)
{
    char country[3] = "";
    Phones *phones;

    if (default_country != NULL && strlen(default_country) == 2) {
        country[0] = g_ascii_toupper(default_country[0]);
        country[1] = g_ascii_toupper(default_country[1]);
    }
    if (self->n_phones == WN_MESSAGE_COUNTRIES_MAX)
        country[0] = '\0';
    for (size_t i = 0; i < self->n_phones; i++) {
        if (strcmp(self->phones[i].country, country) == 0)
            return self->phones[i].found;
    }
    phones = &self->phones[self->n_phones++];
    memcpy(phones->country, country, sizeof country);
    phones->found = g_array_new(FALSE, FALSE, sizeof(WnMessagePhone));
    scan_phones(self, phones);
    return phones->found;
}

uint32_t
wn_message_n_phones(WnMessage *self, const char *default_country)
{
    return phones_of(self, default_country)->len;
}

const WnMessagePhone *
wn_message_phone(WnMessage *self, const char *default_country, uint32_t n)
{
    const GArray *found = phones_of(self, default_country);

    return n < found->len ? &g_array_index(found, WnMessagePhone, n) : NULL;
}
