/* SPDX-License-Identifier: MIT */
#include "core/message/html_links.h"

#include "core/message/html_entities.h"

enum {
    ENTITY_MAX = 32,
    NAME_MAX_LEN = 24,
    TITLE_MAX = 1024,
    VALUE_MAX = 64 * 1024
};

typedef struct Linker {
    WnSpan html;
    size_t at;
    GString *value;
    WnHtmlLinkFunc on_link;
    void *user;
} Linker;

typedef enum {
    ATTRIBUTE_NONE,
    ATTRIBUTE_URL,
    ATTRIBUTE_DATA, /* may be anything */
    ATTRIBUTE_SET,
    ATTRIBUTE_STYLE,
    ATTRIBUTE_CONTENT
} AttributeKind;

static const struct {
    WnSpan name;
    AttributeKind kind;
} attributes[] = {
    { { "action", 6 }, ATTRIBUTE_URL },
    { { "archive", 7 }, ATTRIBUTE_URL },
    { { "background", 10 }, ATTRIBUTE_URL },
    { { "cite", 4 }, ATTRIBUTE_URL },
    { { "classid", 7 }, ATTRIBUTE_DATA },
    { { "codebase", 8 }, ATTRIBUTE_URL },
    { { "content", 7 }, ATTRIBUTE_CONTENT },
    { { "data", 4 }, ATTRIBUTE_URL },
    { { "dynsrc", 6 }, ATTRIBUTE_URL },
    { { "formaction", 10 }, ATTRIBUTE_URL },
    { { "href", 4 }, ATTRIBUTE_URL },
    { { "icon", 4 }, ATTRIBUTE_URL },
    { { "imagesrcset", 11 }, ATTRIBUTE_SET },
    { { "longdesc", 8 }, ATTRIBUTE_URL },
    { { "lowsrc", 6 }, ATTRIBUTE_URL },
    { { "manifest", 8 }, ATTRIBUTE_URL },
    { { "ping", 4 }, ATTRIBUTE_SET },
    { { "poster", 6 }, ATTRIBUTE_URL },
    { { "src", 3 }, ATTRIBUTE_URL },
    { { "srcset", 6 }, ATTRIBUTE_SET },
    { { "style", 5 }, ATTRIBUTE_STYLE },
    { { "usemap", 6 }, ATTRIBUTE_DATA },
    { { "value", 5 }, ATTRIBUTE_DATA },
    { { "xlink:href", 10 }, ATTRIBUTE_URL },
};

/* Names of HTML 5 by which the punctuation of URLs is hidden. */
static const struct {
    const char *name;
    char c;
} punctuation[] = {
    { "Tab", '\t' },
    { "NewLine", '\n' },
    { "period", '.' },
    { "colon", ':' },
    { "sol", '/' },
    { "bsol", '\\' },
    { "quest", '?' },
    { "equals", '=' },
    { "num", '#' },
    { "percnt", '%' },
    { "commat", '@' },
    { "lowbar", '_' },
    { "lpar", '(' },
    { "rpar", ')' },
    { "semi", ';' },
    { "comma", ',' },
    { "plus", '+' },
    { "excl", '!' },
    { "dollar", '$' },
    { "ast", '*' },
    { "lsqb", '[' },
    { "rsqb", ']' },
};

static bool
is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static WnSpan
rest_of(const Linker *self)
{
    return wn_span_slice(self->html, self->at, self->html.len);
}

/* Behind "&#"; 0 if it is no number. */
static uint32_t
numeric_reference(WnSpan text, size_t *out_len)
{
    bool hex = text.len > 0 && (text.ptr[0] == 'x' || text.ptr[0] == 'X');
    size_t first = hex ? 1 : 0, at = first;
    uint32_t code = 0;

    for (; at < text.len; at++) {
        int digit = hex ? g_ascii_xdigit_value(text.ptr[at])
                        : g_ascii_digit_value(text.ptr[at]);

        if (digit < 0)
            break;
        code = MIN(code * (hex ? 16u : 10u) + (uint32_t)digit, 0x110000u);
    }
    if (at == first)
        return 0;
    if (at < text.len && text.ptr[at] == ';')
        at++;
    *out_len = at;
    return code != 0 && g_unichar_validate(code) ? code : 0xfffd;
}

/* Behind "&"; in attributes a name without its semicolon is none before "=" or
 * a letter. */
static uint32_t
named_reference(WnSpan text, size_t *out_len)
{
    uint32_t code;
    size_t len = 0;
    char next;

    while (len < text.len && g_ascii_isalnum(text.ptr[len]))
        len++;
    next = len < text.len ? text.ptr[len] : ' ';
    if (len == 0 || next == '=')
        return 0;
    text.len = len;
    code = wn_html_entity(text);
    for (size_t i = 0; code == 0 && i < G_N_ELEMENTS(punctuation); i++) {
        if (next == ';' && wn_span_eq(text, wn_span_str(punctuation[i].name)))
            code = (guchar)punctuation[i].c;
    }
    *out_len = len + (next == ';' ? 1 : 0);
    return code;
}

bool
wn_html_decode_attribute(GString *out, WnSpan text)
{
    bool encoded = false;

    for (size_t at = 0; at < text.len;) {
        WnSpan rest = wn_span_slice(text, at + 1, ENTITY_MAX);
        uint32_t code = 0;
        size_t len = 0;

        if (text.ptr[at] != '&') {
            const char *next = memchr(text.ptr + at, '&', text.len - at);

            len = next != NULL ? (size_t)(next - text.ptr) - at : text.len - at;
            g_string_append_len(out, text.ptr + at, (gssize)len);
            at += len;
            continue;
        }
        if (rest.len > 0) {
            if (rest.ptr[0] == '#') {
                code = numeric_reference(wn_span_slice(rest, 1, rest.len),
                    &len);
                len++;
            } else {
                code = named_reference(rest, &len);
            }
        }
        if (code == 0) {
            g_string_append_c(out, text.ptr[at++]);
            continue;
        }
        g_string_append_unichar(out, code);
        if (code < 0x80
            && (g_ascii_isalnum((char)code) || strchr(".:/@%", (int)code)))
            encoded = true;
        at += len + 1;
    }
    return encoded;
}

static void
report(Linker *self, WnSpan value, bool encoded)
{
    value = wn_span_trim(value);
    if (value.len > 0)
        self->on_link(self->user, value, encoded);
}

/* "a.png 1x, b.png 2x", "a b": words, of which some are addresses. */
static void
report_set(Linker *self, WnSpan value, bool encoded)
{
    while (value.len > 0) {
        size_t len = 0;

        while (len < value.len && !is_space(value.ptr[len]))
            len++;
        if (len > 0 && value.ptr[len - 1] == ',')
            report(self, wn_span_slice(value, 0, len - 1), encoded);
        else
            report(self, wn_span_slice(value, 0, len), encoded);
        value = wn_span_slice(value, len + 1, value.len);
    }
}

/* The length up to the end of a quoted or bare address in a style. */
static size_t
style_address(WnSpan rest, WnSpan *out_address)
{
    size_t start = 0, len;
    char quote;

    while (start < rest.len && is_space(rest.ptr[start]))
        start++;
    quote = start < rest.len ? rest.ptr[start] : '\0';
    if (quote == '"' || quote == '\'')
        start++;
    else
        quote = ')';
    len = start;
    while (len < rest.len && rest.ptr[len] != quote && rest.ptr[len] != ';'
           && rest.ptr[len] != '\n')
        len++;
    *out_address = wn_span_slice(rest, start, len - start);
    return len;
}

/* The length of what begins neither "url(" nor "@import". */
static size_t
style_skip(WnSpan style)
{
    size_t len = 0;

    while (len < style.len && style.ptr[len] != 'u' && style.ptr[len] != 'U'
           && style.ptr[len] != '@')
        len++;
    return len;
}

static void
report_style(Linker *self, WnSpan style, bool encoded)
{
    for (;;) {
        WnSpan address;
        size_t len = 1;

        style = wn_span_slice(style, style_skip(style), style.len);
        if (style.len == 0)
            return;
        if (wn_span_case_starts(style, WN_SPAN("url(")))
            len = 4;
        else if (wn_span_case_starts(style, WN_SPAN("@import")))
            len = 7;
        if (len > 1) {
            style = wn_span_slice(style, len, style.len);
            if (len == 4
                || !wn_span_case_starts(wn_span_trim(
                                            wn_span_slice(style, 0, 16)),
                    WN_SPAN("url("))) {
                len = style_address(style, &address);
                report(self, address, encoded);
            } else {
                len = 0;
            }
        }
        style = wn_span_slice(style, len, style.len);
    }
}

/* "5; url=http://..." */
static void
report_content(Linker *self, WnSpan value, bool encoded)
{
    size_t at = 0;

    while (at < value.len
           && (g_ascii_isdigit(value.ptr[at])
               || strchr(" .;,\t\n", value.ptr[at]) != NULL))
        at++;
    value = wn_span_slice(value, at, value.len);
    if (wn_span_case_starts(value, WN_SPAN("url"))) {
        value = wn_span_trim(wn_span_slice(value, 3, value.len));
        if (value.len > 0 && value.ptr[0] == '=')
            value = wn_span_trim(wn_span_slice(value, 1, value.len));
        if (value.len > 1 && (value.ptr[0] == '"' || value.ptr[0] == '\'')) {
            const char *end = memchr(value.ptr + 1, value.ptr[0],
                value.len - 1);

            value = wn_span_slice(value, 1,
                end != NULL ? (size_t)(end - value.ptr) - 1 : value.len);
        }
    }
    if (memmem(value.ptr, value.len, "//", 2) != NULL)
        report(self, value, encoded);
}

static AttributeKind
find_attribute(WnSpan name)
{
    char first = g_ascii_tolower(name.ptr[0]);

    for (size_t i = 0; i < G_N_ELEMENTS(attributes); i++) {
        if (attributes[i].name.ptr[0] == first
            && wn_span_case_eq(name, attributes[i].name))
            return attributes[i].kind;
    }
    return wn_span_case_starts(name, WN_SPAN("data-"))
                   || wn_span_case_starts(name, WN_SPAN("on"))
               ? ATTRIBUTE_DATA
               : ATTRIBUTE_NONE;
}

static void
take_attribute(Linker *self, WnSpan name, WnSpan raw)
{
    AttributeKind kind = find_attribute(name);
    WnSpan value;
    bool encoded;

    if (kind == ATTRIBUTE_NONE || raw.len > VALUE_MAX)
        return;
    g_string_truncate(self->value, 0);
    encoded = wn_html_decode_attribute(self->value, raw);
    value = wn_span(self->value->str, self->value->len);
    switch (kind) {
    case ATTRIBUTE_DATA:
        if (memmem(value.ptr, value.len, "//", 2) != NULL)
            report(self, value, encoded);
        break;
    case ATTRIBUTE_SET:
        report_set(self, value, encoded);
        break;
    case ATTRIBUTE_STYLE:
        report_style(self, value, encoded);
        break;
    case ATTRIBUTE_CONTENT:
        report_content(self, value, encoded);
        break;
    case ATTRIBUTE_URL:
        report(self, value, encoded);
        break;
    case ATTRIBUTE_NONE:
        break;
    }
}

/* Quoted or bare; at is behind the "=". */
static WnSpan
read_value(Linker *self)
{
    size_t start;
    const char *end;
    char quote;

    while (self->at < self->html.len && is_space(self->html.ptr[self->at]))
        self->at++;
    start = self->at;
    if (start == self->html.len)
        return WN_SPAN_EMPTY;
    quote = self->html.ptr[start];
    if (quote == '"' || quote == '\'') {
        end = memchr(self->html.ptr + start + 1, quote,
            self->html.len - start - 1);
        self->at = end != NULL ? (size_t)(end + 1 - self->html.ptr)
                               : self->html.len;
        return wn_span_slice(self->html, start + 1,
            self->at - start - (end != NULL ? 2 : 1));
    }
    while (self->at < self->html.len && !is_space(self->html.ptr[self->at])
           && self->html.ptr[self->at] != '>')
        self->at++;
    return wn_span_slice(self->html, start, self->at - start);
}

static bool
ends_name(char c)
{
    return c == '=' || c == '>' || c == '/' || c == '\0';
}

/* One attribute, or a character that is none. */
static void
read_attribute(Linker *self)
{
    size_t start = self->at, next;
    WnSpan name;

    while (self->at < self->html.len && !is_space(self->html.ptr[self->at])
           && !ends_name(self->html.ptr[self->at]))
        self->at++;
    name = wn_span_slice(self->html, start, self->at - start);
    next = self->at;
    while (next < self->html.len && is_space(self->html.ptr[next]))
        next++;
    if (name.len == 0) {
        self->at++;
    } else if (next < self->html.len && self->html.ptr[next] == '=') {
        self->at = next + 1;
        take_attribute(self, name, read_value(self));
    }
}

static void
skip_past(Linker *self, const char *text)
{
    WnSpan rest = rest_of(self);
    const char *found = memmem(rest.ptr, rest.len, text, strlen(text));

    self->at = found != NULL ? (size_t)(found - self->html.ptr) + strlen(text)
                             : self->html.len;
}

/* To the end tag of script or style; what stands before it. */
static WnSpan
read_content(Linker *self, WnSpan name)
{
    size_t start = self->at;

    while (self->at < self->html.len) {
        size_t end;

        skip_past(self, "</");
        end = self->at;
        if (wn_span_case_starts(rest_of(self), name))
            return wn_span_slice(self->html, start, end - 2 - start);
    }
    return wn_span_slice(self->html, start, self->html.len);
}

/* Mail programs do not show a title, but it says where the page is from. */
static void
report_title(Linker *self, WnSpan title)
{
    if (memmem(title.ptr, title.len, "://", 3) != NULL)
        report(self, wn_span_slice(title, 0, TITLE_MAX), false);
}

/* Pages that are attached run their scripts when they are opened. */
static void
report_script(Linker *self, WnSpan script)
{
    if (memmem(script.ptr, script.len, "//", 2) == NULL)
        return;
    g_string_assign(self->value, "javascript:");
    g_string_append_len(self->value, script.ptr, (gssize)script.len);
    report(self, wn_span(self->value->str, self->value->len), false);
}

/* at is that of a "<" and a letter. */
static void
read_tag(Linker *self)
{
    WnSpan name;
    size_t len = 0;

    self->at++;
    name = wn_span_slice(self->html, self->at, NAME_MAX_LEN);
    while (len < name.len && g_ascii_isalnum(name.ptr[len]))
        len++;
    name.len = len;
    self->at += len;
    while (self->at < self->html.len && self->html.ptr[self->at] != '>')
        read_attribute(self);
    if (self->at < self->html.len)
        self->at++;
    if (wn_span_case_eq(name, WN_SPAN("script")))
        report_script(self, read_content(self, name));
    else if (wn_span_case_eq(name, WN_SPAN("style")))
        report_style(self, read_content(self, name), false);
    else if (wn_span_case_eq(name, WN_SPAN("title")))
        report_title(self, read_content(self, name));
}

static void
read_markup(Linker *self)
{
    WnSpan rest = rest_of(self);

    if (rest.len > 1 && g_ascii_isalpha(rest.ptr[1])) {
        read_tag(self);
    } else if (wn_span_case_starts(rest, WN_SPAN("<!--[if"))) {
        self->at += strlen("<!--[if");
    } else if (wn_span_case_starts(rest, WN_SPAN("<!-->"))
               || wn_span_case_starts(rest, WN_SPAN("<!--->"))) {
        skip_past(self, ">");
    } else if (wn_span_case_starts(rest, WN_SPAN("<!--"))) {
        self->at += 4;
        skip_past(self, "-->");
    } else {
        self->at++;
    }
}

void
wn_html_links(WnSpan html, WnHtmlLinkFunc on_link, void *user)
{
    Linker self = { .html = html, .on_link = on_link, .user = user };

    self.value = g_string_new(NULL);
    while (self.at < html.len) {
        const char *found = memchr(html.ptr + self.at, '<', html.len - self.at);

        if (found == NULL)
            break;
        self.at = (size_t)(found - html.ptr);
        read_markup(&self);
    }
    g_string_free(self.value, TRUE);
}
