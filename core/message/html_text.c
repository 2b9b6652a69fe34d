/* SPDX-License-Identifier: MIT */
#include "core/message/html_text.h"

#include "core/message/html_entities.h"
#include "core/message/html_style.h"
#include "core/message/html_tags.h"

/*
 * text ---- "<name" ----> start_tag() --- title, iframe --> enter_aside()
 *   ^  \--- "</name" ---> end_tag()                              |
 *   |   \-- "<!--" -----> enter_aside()                          |
 *   '------------- leave_aside(), at its end -------------------'
 *
 * Inside of an aside tags are only parted from the text: they open nothing.
 */

enum { WORK_BASE = 100000, WORK_PER_BYTE = 4 };

/* One of the two texts. */
typedef struct Stream {
    GString *out; /* NULL: it is not wanted */
    size_t start; /* of what is rendered here in out */
} Stream;

typedef struct Renderer {
    WnSpan html; /* up to the end of the aside, while in one */
    size_t at;
    size_t max;
    Stream shown, hidden;
    bool was_hidden;    /* the last text was */
    bool in_aside;      /* in what no reader shows, like a comment */
    size_t aside_after; /* where it goes on then */
    size_t full_len;    /* of html */
    WnHtmlStack *stack;
    WnSheet *sheet; /* NULL: there is none */
    GString *scratch;
} Renderer;

/* What is not copied as it stands. */
static bool
is_special(char c)
{
    return c == '&' || c == ' ' || (c >= '\t' && c <= '\r' && c != '\v');
}

static WnSpan
rest_of(const Renderer *self)
{
    return wn_span_slice(self->html, self->at, self->html.len);
}

/* Where the string stands, at or behind the offset; the end if it does not. */
static size_t
find(WnSpan html, size_t at, const char *text)
{
    size_t len = strlen(text);

    while (at + len <= html.len) {
        const char *found = memchr(html.ptr + at, text[0],
            html.len - len + 1 - at);

        if (found == NULL)
            break;
        if (memcmp(found, text, len) == 0)
            return (size_t)(found - html.ptr);
        at = (size_t)(found - html.ptr) + 1;
    }
    return html.len;
}

/* White space, at most one in a row; a line feed replaces a space. */
static void
put_blank(Stream *self, char blank)
{
    GString *out = self->out;
    char *last;

    if (out == NULL || out->len == self->start)
        return;
    last = &out->str[out->len - 1];
    if (*last == '\n' || (*last == ' ' && blank == ' '))
        return;
    if (*last == ' ')
        *last = blank;
    else
        g_string_append_c(out, blank);
}

/* Gives the length of what was put: a stretch, a blank, or a reference. */
static size_t
put_piece(Stream *self, WnSpan text)
{
    size_t len = 0;
    uint32_t code;

    while (len < text.len && !is_special(text.ptr[len]))
        len++;
    if (len > 0) {
        g_string_append_len(self->out, text.ptr, (gssize)len);
        return len;
    }
    if (text.ptr[0] != '&') {
        put_blank(self, ' ');
        return 1;
    }
    len = wn_html_entity_read(text, &code);
    if (len == 0)
        g_string_append_c(self->out, '&');
    else if (code < 0x80 && is_special((char)code) && code != '&')
        put_blank(self, ' ');
    else
        g_string_append_unichar(self->out, code);
    return MAX(len, 1);
}

static bool
is_shown(const Renderer *self)
{
    return !self->in_aside && wn_html_stack_box(self->stack)->shown;
}

/* text has no tags. */
static void
put_text(Renderer *self, WnSpan text)
{
    bool shown = is_shown(self);
    Stream *stream = shown ? &self->shown : &self->hidden;

    if (stream->out == NULL)
        return;
    if (!shown && !self->was_hidden)
        put_blank(stream, ' ');
    self->was_hidden = !shown;
    while (text.len > 0 && stream->out->len < self->max)
        text = wn_span_slice(text, put_piece(stream, text), text.len);
}

/* What an element does to the text around it; nothing if it takes no room. */
static void
put_break(Renderer *self, uint32_t flags)
{
    char blank = (flags & WN_TAG_LINE) != 0    ? '\n'
                 : (flags & WN_TAG_SPACE) != 0 ? ' '
                                               : '\0';

    if (blank == '\0')
        return;
    if (!self->in_aside && !wn_html_stack_box(self->stack)->gone)
        put_blank(&self->shown, blank);
    if (!is_shown(self))
        put_blank(&self->hidden, blank);
}

/* To the end tag of the name, or to the end; gives where that begins. */
static size_t
skip_content(Renderer *self, WnSpan name)
{
    for (;;) {
        size_t start = find(self->html, self->at, "</");
        WnSpan rest = wn_span_slice(self->html, start + 2, SIZE_MAX);

        self->at = MIN(start + 2, self->html.len);
        if (self->at == self->html.len)
            return start;
        if (wn_span_case_starts(rest, name)
            && (rest.len == name.len || !g_ascii_isalnum(rest.ptr[name.len]))) {
            self->at = MIN(find(self->html, self->at, ">") + 1, self->html.len);
            return start;
        }
    }
}

/* What lies from start to end is not shown; it goes on at after. */
static void
enter_aside(Renderer *self, size_t start, size_t end, size_t after)
{
    self->at = after;
    if (self->in_aside || self->hidden.out == NULL)
        return;
    self->at = start;
    self->aside_after = after;
    self->in_aside = true;
    self->html.len = end;
}

static void
leave_aside(Renderer *self)
{
    put_blank(&self->hidden, '\n');
    self->in_aside = false;
    self->html.len = self->full_len;
    self->at = self->aside_after;
}

/* A picture's words, or what stands on a button. */
static void
put_replaced(Renderer *self, uint8_t tag, const WnAttributes *attributes)
{
    bool input = tag == WN_HTML_INPUT;
    WnSpan text = wn_attributes_get(attributes,
        input ? WN_ATTRIBUTE_VALUE : WN_ATTRIBUTE_ALT);

    if (input || tag == WN_HTML_IMG || tag == WN_HTML_IMAGE)
        put_text(self, text);
}

static void
open_element(Renderer *self, WnSpan name, uint8_t tag, uint32_t flags,
    const WnAttributes *attributes)
{
    WnHtmlElement element;

    element.tag = tag;
    element.names.tag = name;
    wn_html_style_read(&element, flags, attributes, self->scratch);
    wn_html_stack_make_room(self->stack, tag, flags);
    wn_html_stack_push(self->stack, &element, self->sheet);
    put_break(self, flags);
    if ((flags & WN_TAG_VOID) == 0)
        return;
    put_replaced(self, tag, attributes);
    put_break(self, flags & WN_TAG_SPACE);
    wn_html_stack_pop(self->stack);
}

static void
start_tag(Renderer *self, WnSpan name)
{
    WnAttributes attributes;
    uint32_t flags;
    uint8_t tag = wn_tag_find(name, &flags);

    self->at += wn_attributes_parse(&attributes, rest_of(self));
    if ((flags & WN_TAG_CODE) != 0) {
        skip_content(self, name);
    } else if ((flags & WN_TAG_RAW) != 0) {
        size_t start = self->at;
        size_t end = skip_content(self, name);

        enter_aside(self, start, end, self->at);
    } else if (self->in_aside) {
        put_break(self, flags);
    } else {
        open_element(self, name, tag, flags, &attributes);
    }
}

static void
end_tag(Renderer *self, WnSpan name)
{
    WnAttributes attributes;
    uint32_t flags;
    uint8_t tag = wn_tag_find(name, &flags);

    self->at += wn_attributes_parse(&attributes, rest_of(self));
    put_break(self, flags);
    if (!self->in_aside)
        wn_html_stack_close(self->stack, tag);
}

/* at is that of a "<" and a letter, or of "</" and a letter. */
static void
put_tag(Renderer *self, bool ends)
{
    WnSpan name;
    size_t len = 0;

    self->at += ends ? 2 : 1;
    name = rest_of(self);
    while (len < name.len && g_ascii_isalnum(name.ptr[len]))
        len++;
    name.len = len;
    self->at += len;
    if (ends)
        end_tag(self, name);
    else
        start_tag(self, name);
}

/* Where what stands in the comment ends, and the comment itself. */
static size_t
comment_end(WnSpan html, size_t start, size_t *out_after)
{
    WnSpan rest = wn_span_slice(html, start, html.len);
    size_t end;

    if (wn_span_case_starts(rest, WN_SPAN(">"))
        || wn_span_case_starts(rest, WN_SPAN("->"))) {
        *out_after = start + (rest.ptr[0] == '>' ? 1 : 2);
        return start;
    }
    end = find(html, start, "-->");
    *out_after = MIN(end + 3, html.len);
    return end;
}

/* at is that of a "<". */
static void
put_markup(Renderer *self)
{
    WnSpan rest = rest_of(self);
    char next = rest.len > 1 ? rest.ptr[1] : ' ';
    char third = rest.len > 2 ? rest.ptr[2] : ' ';
    bool ends = next == '/' && g_ascii_isalpha(third);

    if (g_ascii_isalpha(next) || ends) {
        put_tag(self, ends);
    } else if (wn_span_case_starts(rest, WN_SPAN("<!--"))) {
        size_t start = self->at + 4;
        size_t after;
        size_t end = comment_end(self->html, start, &after);

        enter_aside(self, start, end, after);
    } else if (next == '!' || next == '?' || next == '/') {
        self->at = MIN(find(self->html, self->at, ">") + 1, self->html.len);
    } else {
        put_text(self, WN_SPAN("<"));
        self->at++;
    }
}

/* The style sheets come first: they hold for what is before them too. */
static void
read_sheets(Renderer *self)
{
    size_t at = find(self->html, 0, "<");

    while (at < self->html.len) {
        WnSpan rest = wn_span_slice(self->html, at, self->html.len);

        if (wn_span_case_starts(rest, WN_SPAN("<!--"))) {
            comment_end(self->html, at + 4, &at);
        } else if (wn_span_case_starts(rest, WN_SPAN("<style"))
                   && (rest.len == 6 || !g_ascii_isalnum(rest.ptr[6]))) {
            size_t start = MIN(find(self->html, at, ">") + 1, self->html.len);
            size_t end;

            self->at = start;
            end = skip_content(self, WN_SPAN("style"));
            if (self->sheet == NULL)
                self->sheet = wn_sheet_new(
                    WORK_BASE + self->html.len * WORK_PER_BYTE);
            wn_sheet_add(self->sheet,
                wn_span_slice(self->html, start, end - start));
            at = self->at;
        } else {
            at++;
        }
        at = find(self->html, at, "<");
    }
    self->at = 0;
}

static void
render(Renderer *self)
{
    for (;;) {
        WnSpan rest = rest_of(self);
        const char *tag;

        if (rest.len == 0 && self->in_aside) {
            leave_aside(self);
            continue;
        }
        if (rest.len == 0 || self->shown.out->len >= self->max)
            return;
        if (rest.ptr[0] == '<') {
            put_markup(self);
            continue;
        }
        tag = memchr(rest.ptr, '<', rest.len);
        if (tag != NULL)
            rest.len = (size_t)(tag - rest.ptr);
        put_text(self, rest);
        self->at += rest.len;
    }
}

/* Appending ends with whole characters, so at most one is too many. */
static bool
cut(GString *out, size_t max)
{
    if (out == NULL || out->len < max)
        return false;
    while (max > 0 && max < out->len
           && ((unsigned char)out->str[max] & 0xc0) == 0x80)
        max--;
    g_string_truncate(out, MIN(max, out->len));
    return true;
}

uint32_t
wn_html_text_append(GString *shown, GString *hidden, WnSpan html, size_t max)
{
    Renderer self = { .html = html,
        .max = max,
        .shown = { shown, shown->len },
        .hidden = { hidden, hidden != NULL ? hidden->len : 0 },
        .full_len = html.len,
        .stack = wn_html_stack_new(),
        .scratch = g_string_new(NULL) };
    uint32_t problems = 0;

    read_sheets(&self);
    render(&self);
    if (cut(shown, max) | cut(hidden, max))
        problems |= WN_HTML_TEXT_TRUNCATED;
    if (wn_html_stack_is_cut(self.stack))
        problems |= WN_HTML_TEXT_TOO_DEEP;
    if (self.sheet != NULL && wn_sheet_is_cut(self.sheet))
        problems |= WN_HTML_TEXT_TOO_MANY;
    wn_html_stack_free(self.stack);
    wn_sheet_free(self.sheet);
    g_string_free(self.scratch, TRUE);
    return problems;
}
