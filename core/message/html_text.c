/* SPDX-License-Identifier: MIT */
#include "core/message/html_text.h"

#include "core/message/html_entities.h"

enum {
    ENTITY_MAX = 64, /* numbers may have many zeros in front */
    NAME_MAX_LEN = 16
};

typedef enum {
    TAG_INLINE, /* letters before and behind it touch */
    TAG_SPACE,  /* cells of a table */
    TAG_LINE,
    TAG_DROP /* with all it holds, up to its end tag */
} TagKind;

static const struct {
    const char *name;
    TagKind kind;
} tags[] = {
    { "address", TAG_LINE },
    { "article", TAG_LINE },
    { "blockquote", TAG_LINE },
    { "body", TAG_LINE },
    { "br", TAG_LINE },
    { "caption", TAG_LINE },
    { "center", TAG_LINE },
    { "dd", TAG_LINE },
    { "div", TAG_LINE },
    { "dl", TAG_LINE },
    { "dt", TAG_LINE },
    { "fieldset", TAG_LINE },
    { "footer", TAG_LINE },
    { "form", TAG_LINE },
    { "h1", TAG_LINE },
    { "h2", TAG_LINE },
    { "h3", TAG_LINE },
    { "h4", TAG_LINE },
    { "h5", TAG_LINE },
    { "h6", TAG_LINE },
    { "header", TAG_LINE },
    { "hr", TAG_LINE },
    { "img", TAG_SPACE },
    { "input", TAG_SPACE },
    { "li", TAG_LINE },
    { "main", TAG_LINE },
    { "ol", TAG_LINE },
    { "option", TAG_LINE },
    { "p", TAG_LINE },
    { "pre", TAG_LINE },
    { "script", TAG_DROP },
    { "section", TAG_LINE },
    { "style", TAG_DROP },
    { "table", TAG_LINE },
    { "td", TAG_SPACE },
    { "th", TAG_SPACE },
    { "title", TAG_DROP },
    { "tr", TAG_LINE },
    { "ul", TAG_LINE },
};

typedef struct Renderer {
    WnSpan html;
    size_t at;
    GString *out;
    size_t start; /* of what is rendered here in out */
} Renderer;

static WnSpan
rest_of(const Renderer *self)
{
    return wn_span_slice(self->html, self->at, self->html.len);
}

/* To behind the string; to the end if it does not come. */
static void
skip_past(Renderer *self, const char *text)
{
    WnSpan rest = rest_of(self);
    const char *found = memmem(rest.ptr, rest.len, text, strlen(text));

    self->at = found != NULL ? (size_t)(found - self->html.ptr) + strlen(text)
                             : self->html.len;
}

/* White space, at most one in a row; a line feed replaces a space. */
static void
put_blank(Renderer *self, char blank)
{
    GString *out = self->out;
    char *last;

    if (out->len == self->start)
        return;
    last = &out->str[out->len - 1];
    if (*last == '\n' || (*last == ' ' && blank == ' '))
        return;
    if (*last == ' ')
        *last = blank;
    else
        g_string_append_c(out, blank);
}

static bool
is_html_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static void
put_text(Renderer *self, WnSpan text)
{
    while (text.len > 0) {
        size_t len = 0;

        while (len < text.len && !is_html_space(text.ptr[len]))
            len++;
        g_string_append_len(self->out, text.ptr, (gssize)len);
        if (len < text.len)
            put_blank(self, ' ');
        text = wn_span_slice(text, len + 1, text.len);
    }
}

/* "#65", "#x41": the character, 0 if it is no number. */
static uint32_t
numeric_entity(WnSpan name)
{
    static const uint16_t windows_1252[32] = { 0x20ac, 0x81, 0x201a, 0x0192,
        0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160, 0x2039, 0x0152,
        0x8d, 0x017d, 0x8f, 0x90, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
        0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0x9d, 0x017e,
        0x0178 };
    bool hex = name.len > 1 && (name.ptr[1] == 'x' || name.ptr[1] == 'X');
    size_t at = hex ? 2 : 1;
    uint32_t code = 0;

    if (at >= name.len)
        return 0;
    for (; at < name.len; at++) {
        int digit = hex ? g_ascii_xdigit_value(name.ptr[at])
                        : g_ascii_digit_value(name.ptr[at]);

        if (digit < 0)
            return 0;
        code = MIN(code * (hex ? 16 : 10) + (uint32_t)digit, 0x110000);
    }
    if (code >= 0x80 && code < 0xa0)
        return windows_1252[code - 0x80];
    return code == 0 || !g_unichar_validate(code) ? 0xfffd : code;
}

/* The name behind "&", as far as it may reach. */
static WnSpan
entity_name(WnSpan rest)
{
    size_t len = rest.len > 0 && rest.ptr[0] == '#' ? 1 : 0;

    while (len < rest.len && len < ENTITY_MAX && g_ascii_isalnum(rest.ptr[len]))
        len++;
    return wn_span_slice(rest, 0, len);
}

static void
put_entity(Renderer *self)
{
    WnSpan name = entity_name(wn_span_slice(rest_of(self), 1, SIZE_MAX));
    uint32_t code = name.len > 0 && name.ptr[0] == '#' ? numeric_entity(name)
                                                       : wn_html_entity(name);

    self->at++;
    if (code == 0) {
        g_string_append_c(self->out, '&');
        return;
    }
    self->at += name.len;
    if (self->at < self->html.len && self->html.ptr[self->at] == ';')
        self->at++;
    if (code < 0x80 && is_html_space((char)code))
        put_blank(self, ' ');
    else
        g_string_append_unichar(self->out, code);
}

/* Behind the ">" of the tag; one inside a quoted value does not end it. */
static void
skip_attributes(Renderer *self)
{
    WnSpan html = self->html;
    char before = ' '; /* the last that was not white space */

    while (self->at < html.len) {
        char c = html.ptr[self->at++];
        const char *quote;

        if (c == '>')
            return;
        if ((c == '"' || c == '\'') && before == '=') {
            quote = memchr(html.ptr + self->at, c, html.len - self->at);
            self->at = quote != NULL ? (size_t)(quote + 1 - html.ptr)
                                     : html.len;
        }
        if (!is_html_space(c))
            before = c;
    }
}

static TagKind
find_tag(WnSpan name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(tags); i++) {
        if (wn_span_case_eq(name, wn_span_str(tags[i].name)))
            return tags[i].kind;
    }
    return TAG_INLINE;
}

/* To the end tag of the name, or to the end. */
static void
skip_content(Renderer *self, WnSpan name)
{
    while (self->at < self->html.len) {
        WnSpan rest;

        skip_past(self, "</");
        rest = rest_of(self);
        if (wn_span_case_starts(rest, name)
            && (rest.len == name.len || !g_ascii_isalnum(rest.ptr[name.len]))) {
            skip_past(self, ">");
            return;
        }
    }
}

/* at is that of a "<" and a letter, or of "</" and a letter. */
static void
put_tag(Renderer *self)
{
    bool end_tag = self->html.ptr[self->at + 1] == '/';
    WnSpan name;
    size_t len = 0;
    TagKind kind;

    self->at += end_tag ? 2 : 1;
    name = rest_of(self);
    while (
        len < name.len && len < NAME_MAX_LEN && g_ascii_isalnum(name.ptr[len]))
        len++;
    name.len = len;
    kind = find_tag(name);
    self->at += len;
    skip_attributes(self);
    if (kind == TAG_DROP && !end_tag)
        skip_content(self, name);
    else if (kind == TAG_SPACE)
        put_blank(self, ' ');
    else if (kind == TAG_LINE)
        put_blank(self, '\n');
}

static void
skip_comment(Renderer *self)
{
    self->at += 4;
    if (wn_span_case_starts(rest_of(self), WN_SPAN(">")))
        self->at++;
    else if (wn_span_case_starts(rest_of(self), WN_SPAN("->")))
        self->at += 2;
    else
        skip_past(self, "-->");
}

/* at is that of a "<". */
static void
put_markup(Renderer *self)
{
    WnSpan rest = rest_of(self);
    char next = rest.len > 1 ? rest.ptr[1] : ' ';
    char third = rest.len > 2 ? rest.ptr[2] : ' ';

    if (g_ascii_isalpha(next) || (next == '/' && g_ascii_isalpha(third))) {
        put_tag(self);
    } else if (wn_span_case_starts(rest, WN_SPAN("<!--"))) {
        skip_comment(self);
    } else if (next == '!' || next == '?' || next == '/') {
        skip_past(self, ">");
    } else {
        g_string_append_c(self->out, '<');
        self->at++;
    }
}

static size_t
text_len(WnSpan rest)
{
    size_t len = 0;

    while (len < rest.len && rest.ptr[len] != '<' && rest.ptr[len] != '&')
        len++;
    return len;
}

bool
wn_html_text_append(GString *out, WnSpan html, size_t max)
{
    Renderer self = { .html = html, .out = out, .start = out->len };

    while (self.at < html.len && out->len < max) {
        WnSpan rest = rest_of(&self);

        if (rest.ptr[0] == '<') {
            put_markup(&self);
        } else if (rest.ptr[0] == '&') {
            put_entity(&self);
        } else {
            rest.len = text_len(rest);
            put_text(&self, rest);
            self.at += rest.len;
        }
    }
    return self.at == html.len;
}
