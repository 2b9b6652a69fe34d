/* SPDX-License-Identifier: MIT */
#include "core/message/message.h"

#include "core/message/ambiguity.h"
#include "core/message/charset.h"
#include "core/message/header_text.h"
#include "core/message/html_links.h"
#include "core/message/html_text.h"
#include "core/message/mime_tree.h"
#include "core/message/text_fold.h"
#include "core/message/url_list.h"

#include <gmime/gmime.h>

enum { N_FORMS = WN_FORM_HIDDEN + 1 };

/* What an attribute of a page loads or leads to. */
typedef struct Link {
    WnSpan value;
    bool encoded;
} Link;

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
    WnSpan *hidden;          /* of pages; as is text */
    WnSpan *source;          /* of pages, behind their charset */
    GArray **links;          /* of Link; of pages */
    WnUrlList *urls;         /* as are the URLs */
    GString *forms[N_FORMS]; /* NULL until asked for */
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
    for (guint i = 0; self->structured && i < self->tree.parts->len; i++)
        g_clear_pointer(&self->links[i], g_array_unref);
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
    self->hidden = wn_arena_alloc(self->arena, n_parts * sizeof(WnSpan));
    self->source = wn_arena_alloc(self->arena, n_parts * sizeof(WnSpan));
    self->links = wn_arena_alloc(self->arena, n_parts * sizeof(GArray *));
    self->structured = true;
    self->problems |= self->tree.problems;
    self->problems |= wn_header_problems(self->raw, &self->block);
    if (memchr(self->raw.ptr, '\0', self->raw.len) != NULL)
        self->problems |= WN_MESSAGE_NUL;
    if (wn_content_has_bare_line_end(self->raw))
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

/* The text of a part as its program wrote it, with LF line ends. */
static WnSpan
part_source(WnMessage *self, uint32_t n)
{
    GString *source;

    if (self->source[n].ptr != NULL)
        return self->source[n];
    source = convert_part(self, find_part(self, n),
        wn_message_part_data(self, n));
    wn_content_unify_lines(source);
    self->source[n] = keep(self, source);
    return self->source[n];
}

/* Both texts of a page. */
static void
render_html(WnMessage *self, uint32_t n)
{
    WnSpan html = part_source(self, n);
    GString *shown = g_string_sized_new(html.len / 2 + 1);
    GString *hidden = g_string_new(NULL);
    uint32_t problems = wn_html_text_append(shown, hidden, html,
        WN_MESSAGE_TEXT_MAX);

    if ((problems & WN_HTML_TEXT_TRUNCATED) != 0)
        self->problems |= WN_MESSAGE_TRUNCATED;
    if ((problems & WN_HTML_TEXT_TOO_DEEP) != 0)
        self->problems |= WN_MESSAGE_TOO_DEEP;
    if ((problems & WN_HTML_TEXT_TOO_MANY) != 0)
        self->problems |= WN_MESSAGE_TOO_MANY;
    self->text[n] = keep(self, shown);
    self->hidden[n] = keep(self, hidden);
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
    if (part->kind == WN_MIME_HTML) {
        render_html(self, n);
        return self->text[n];
    }
    text = convert_part(self, part, wn_message_part_data(self, n));
    wn_content_unify_lines(text);
    if (wn_content_is_folded_type(part->part.type))
        wn_content_unfold_lines(text);
    self->text[n] = keep(self, text);
    return self->text[n];
}

/* Adds text on lines of its own. */
static void
append_text(WnMessage *self, GString *form, WnSpan text)
{
    if (text.len == 0)
        return;
    if (form->len + text.len > WN_MESSAGE_TEXT_MAX) {
        self->problems |= WN_MESSAGE_TRUNCATED;
        text.len = WN_MESSAGE_TEXT_MAX - MIN(form->len, WN_MESSAGE_TEXT_MAX);
        while (text.len > 0 && ((guchar)text.ptr[text.len] & 0xc0) == 0x80)
            text.len--;
    }
    g_string_append_len(form, text.ptr, (gssize)text.len);
    if (form->len > 0 && form->str[form->len - 1] != '\n')
        g_string_append_c(form, '\n');
}

static GString *
make_shown(WnMessage *self)
{
    GString *shown = g_string_new(NULL);
    const WnMessageHeader *subject = wn_message_header_named(self, "Subject",
        0);

    if (subject != NULL)
        append_text(self, shown, subject->value);
    if (shown->len == 0)
        g_string_append_c(shown, '\n');
    for (uint32_t i = 0; i < wn_message_n_parts(self); i++) {
        if (find_part(self, i)->shown)
            append_text(self, shown, wn_message_part_text(self, i));
    }
    return shown;
}

static GString *
make_hidden(WnMessage *self)
{
    GString *hidden = g_string_new(NULL);

    for (uint32_t i = 0; i < wn_message_n_parts(self); i++) {
        const WnMimePart *part = find_part(self, i);

        if (!part->shown || part->kind != WN_MIME_HTML)
            continue;
        wn_message_part_text(self, i);
        append_text(self, hidden, self->hidden[i]);
    }
    return hidden;
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
    return make_hidden(self);
}

WnSpan
wn_message_text(WnMessage *self, WnTextForms form)
{
    g_return_val_if_fail((size_t)form < N_FORMS, WN_SPAN_EMPTY);

    if (self->forms[form] == NULL)
        self->forms[form] = make_form(self, form);
    return wn_span(self->forms[form]->str, self->forms[form]->len);
}

typedef struct Linker {
    WnArena *arena;
    GArray *links;
} Linker;

static void
on_link(void *user, WnSpan value, bool encoded)
{
    Linker *linker = user;
    Link link = { wn_arena_copy(linker->arena, value), encoded };

    g_array_append_val(linker->links, link);
}

/* The links of a page, read once for URLs and telephone numbers. */
static const GArray *
part_links(WnMessage *self, uint32_t n)
{
    Linker linker = { .arena = self->arena };

    if (self->links[n] != NULL)
        return self->links[n];
    linker.links = g_array_new(FALSE, FALSE, sizeof(Link));
    wn_html_links(part_source(self, n), on_link, &linker);
    self->links[n] = linker.links;
    return self->links[n];
}

static void
add_link_urls(WnMessage *self, uint32_t n)
{
    const GArray *links = part_links(self, n);

    for (guint i = 0; i < links->len; i++) {
        const Link *link = &g_array_index(links, Link, i);

        wn_url_list_add_link(self->urls, link->value, link->encoded,
            (int32_t)n);
    }
}

/* A container in which no boundary was found is looked at as it is. */
static void
add_source_urls(WnMessage *self, uint32_t n)
{
    const WnMimePart *part = find_part(self, n);
    GString *source = convert_part(self, part, part->part.raw);
    WnSpan text = wn_span(source->str, source->len);

    wn_url_list_add_html(self->urls, text, (int32_t)n);
    wn_url_list_add_text(self->urls, text, (int32_t)n);
    g_string_free(source, TRUE);
}

static void
add_part_urls(WnMessage *self, uint32_t n)
{
    const WnMimePart *part = find_part(self, n);
    const WnMimePart *next = find_part(self, n + 1);

    if ((part->part.flags & WN_MESSAGE_PART_MULTIPART) != 0) {
        if (next == NULL || next->part.parent != (int32_t)n)
            add_source_urls(self, n);
        return;
    }
    if ((part->part.flags & WN_MESSAGE_PART_MESSAGE) != 0)
        wn_url_list_add_inner_header(self->urls, part->part.raw, (int32_t)n);
    if (part->kind == WN_MIME_HTML
        || wn_content_is_page(part->part.type, part->part.file_name))
        add_link_urls(self, n);
    if (part->kind == WN_MIME_OTHER
        && wn_content_is_page(part->part.type, part->part.file_name))
        wn_url_list_add_text(self->urls, part_source(self, n), (int32_t)n);
    if (part->kind != WN_MIME_OTHER)
        wn_url_list_add_text(self->urls, wn_message_part_text(self, n),
            (int32_t)n);
    if (part->kind == WN_MIME_HTML)
        wn_url_list_add_hidden(self->urls, self->hidden[n], (int32_t)n);
}

static void
read_urls(WnMessage *self)
{
    if (self->urls != NULL)
        return;
    self->urls = wn_url_list_new(self->arena);
    for (uint32_t i = 0; i < wn_message_n_headers(self); i++) {
        const WnField *field = &g_array_index(self->block.fields, WnField, i);
        const WnMessageHeader *header;

        if (wn_url_list_skips_header(wn_field_name(self->raw, field),
                wn_field_raw(self->raw, field)))
            continue;
        header = wn_message_header(self, i);
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

/* False if the list is full. */
static bool
scan_phone_links(WnMessage *self, WnPhoneList *list, uint32_t n)
{
    const GArray *links = part_links(self, n);
    bool all = true;

    for (guint i = 0; i < links->len && all; i++)
        all = wn_phone_scan_link(list, g_array_index(links, Link, i).value);
    return all;
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
        if (find_part(self, i)->kind == WN_MIME_HTML)
            all = all && scan_phone_links(self, &list, i);
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
