/* SPDX-License-Identifier: MIT */
#include "core/message/url_scan.h"

#include "core/message/url_host.h"
#include "core/message/url_parse.h"
#include "core/message/url_refang.h"

enum { SCHEME_LEN_MAX = 6, LOCAL_PART_MAX = 64, ANGLED_LINES_MAX = 4 };

typedef struct Scanner {
    WnRefanged text;
    const char *str;
    size_t len;
    size_t done;     /* nothing before it is looked at again */
    size_t reported; /* the end of the last URL */
    unsigned what;
    WnUrlFoundFunc on_found;
    void *user;
} Scanner;

/* Scripts that are written without spaces: a letter of them next to a URL is
 * the next word. */
static bool
is_unspaced(gunichar code)
{
    if (code < 0xe00)
        return false;
    return code <= 0xeff || (code >= 0x1000 && code <= 0x109f)
           || (code >= 0x1780 && code <= 0x17ff)
           || (code >= 0x2e80 && code <= 0xa4cf)
           || (code >= 0xac00 && code <= 0xd7af)
           || (code >= 0xf900 && code <= 0xfaff)
           || (code >= 0x20000 && code <= 0x3ffff);
}

/* No URL goes on behind it. */
static bool
is_delimiter(gunichar code)
{
    if (g_ascii_isalnum(code < 0x80 ? (char)code : ' '))
        return false;
    return code <= ' ' || code == 0x7f || code == '<' || code == '>'
           || code == '"' || code == '`' || code == '|' || code == '^'
           || (code >= 0x80 && code <= 0x9f) || code == 0xab || code == 0xbb
           || (code >= 0x2010 && code <= 0x205f)
           || (code >= 0x3000 && code <= 0x303f) || code == 0xfffd;
}

/* The character at the place, 0 at the end. */
static gunichar
char_at(const Scanner *self, size_t at)
{
    if (at >= self->len)
        return 0;
    return (guchar)self->str[at] < 0x80 ? (guchar)self->str[at]
                                        : g_utf8_get_char(self->str + at);
}

static size_t
next_char(const Scanner *self, size_t at)
{
    return at + (size_t)g_utf8_skip[(guchar)self->str[at]];
}

static size_t
previous_char(const Scanner *self, size_t at)
{
    do
        at--;
    while (at > 0 && ((guchar)self->str[at] & 0xc0) == 0x80);
    return at;
}

/* Names hold letters of all scripts; digits, "-" and "_". */
static bool
is_name_char(gunichar code)
{
    if (code < 0x80)
        return g_ascii_isalnum((char)code) || code == '-' || code == '_'
               || code == '.';
    return !is_delimiter(code)
           && (g_unichar_isalnum(code) || g_unichar_ismark(code));
}

static bool
is_bare_char(gunichar code)
{
    return is_name_char(code) && !is_unspaced(code);
}

static bool
ends_with_suffix(const Scanner *self, size_t start, size_t end)
{
    WnUrlHost host;

    return end > start && end - start <= WN_URL_HOST_RAW_MAX
           && memchr(self->str + start, '.', end - start) != NULL
           && wn_url_host_parse(wn_span(self->str + start, end - start), &host)
           && (host.known || host.is_ip);
}

/* Where the authority that begins at start ends: in "http://a.example你好"
 * before the foreign word. */
static size_t
authority_end(const Scanner *self, size_t start)
{
    size_t at = start;
    bool ascii = true;

    while (at < self->len && at - start < WN_URL_HOST_RAW_MAX) {
        gunichar code = char_at(self, at);

        if (is_delimiter(code)
            || (code < 0x80 && strchr("/\\?#{}", (int)code) != NULL))
            break;
        if (ascii && is_unspaced(code) && ends_with_suffix(self, start, at))
            break;
        if (code >= 0x80)
            ascii = false;
        at = next_char(self, at);
    }
    return at;
}

static int
bracket_change(char c)
{
    return c == '(' || c == '[' || c == '{'   ? 1
           : c == ')' || c == ']' || c == '}' ? -1
                                              : 0;
}

/* Without punctuation of the sentence around it, and without closing brackets
 * that were not opened inside. */
static size_t
trim_end(const Scanner *self, size_t start, size_t end)
{
    int balance = 0;

    for (size_t i = start; i < end; i++)
        balance += bracket_change(self->str[i]);
    while (end > start) {
        char c = self->str[end - 1];
        int change = bracket_change(c);

        if (change > 0 || (change < 0 && balance < 0))
            balance -= change;
        else if (change < 0 || strchr(".,;:!?'*_~", c) == NULL || c == '\0')
            break;
        end--;
    }
    return end;
}

/* Path, query and fragment from at on. */
static size_t
rest_end(const Scanner *self, size_t at)
{
    while (at < self->len) {
        gunichar code = char_at(self, at);

        if (is_delimiter(code) || is_unspaced(code))
            break;
        at = next_char(self, at);
    }
    return at;
}

static void
report(Scanner *self, size_t start, size_t end)
{
    WnUrlFound found = { .url = wn_span(self->str + start, end - start) };

    found.text = wn_refanged_origin(&self->text, start, end, &found.disguised);
    if (found.url.len > WN_URL_TEXT_MAX) {
        found.url.len = WN_URL_TEXT_MAX;
        while (((guchar)found.url.ptr[found.url.len] & 0xc0) == 0x80)
            found.url.len--;
    }
    self->on_found(self->user, &found);
    self->reported = end;
}

/* "<http://a.example/b" and, on the next line, "c>": line ends inside of angle
 * brackets do not count (RFC 3986 appendix C).  The end of it, or that of the
 * first line. */
static size_t
angled_end(const Scanner *self, size_t start, size_t end)
{
    size_t at = end;

    if (start == 0 || self->str[start - 1] != '<')
        return end;
    for (unsigned i = 0; i < ANGLED_LINES_MAX && char_at(self, at) == '\n';
         i++) {
        size_t next = rest_end(self, at + 1);

        if (next - at > WN_URL_TEXT_MAX)
            return end;
        if (next > at + 1 && char_at(self, next) == '>')
            return next;
        at = next;
    }
    return end;
}

/* True if the character before place is none that would make what begins there
 * part of a longer word. */
static bool
begins_word(const Scanner *self, size_t place)
{
    gunichar before;

    if (place == 0)
        return true;
    before = char_at(self, previous_char(self, place));
    return !is_bare_char(before);
}

/* The scheme that ends with the colon at the place; its start. */
static WnUrlScheme
scheme_before(const Scanner *self, size_t colon, size_t *out_start)
{
    size_t low = colon > SCHEME_LEN_MAX ? colon - SCHEME_LEN_MAX : 0;
    bool slash = colon + 1 < self->len
                 && (self->str[colon + 1] == '/'
                     || self->str[colon + 1] == '\\');

    if (!slash
        && !wn_span_case_eq(wn_span(self->str + low, colon - low),
            WN_SPAN("mailto")))
        return WN_URL_SCHEME_NONE;
    for (size_t start = MAX(low, self->done); start + 1 < colon; start++) {
        WnSpan name = wn_span(self->str + start, colon + 1 - start);
        bool disguised;
        size_t len;
        WnUrlScheme scheme = wn_url_scheme(name, &len, &disguised);

        if (len != name.len)
            continue;
        if (len < 5 && !begins_word(self, start))
            continue;
        *out_start = start;
        return scheme;
    }
    return WN_URL_SCHEME_NONE;
}

/* At a colon: true if a URL begins before it; then done is behind it. */
static bool
take_schemed(Scanner *self, size_t colon)
{
    size_t start = colon, at = colon + 1, end, authority;
    WnUrlScheme scheme = scheme_before(self, colon, &start);
    WnUrlParts parts;
    WnUrlHost host;

    if (scheme == WN_URL_SCHEME_NONE)
        return false;
    while (at < self->len && (self->str[at] == '/' || self->str[at] == '\\'))
        at++;
    if (scheme == WN_URL_SCHEME_WEB && at == colon + 1)
        return false;
    if (scheme == WN_URL_SCHEME_MAILTO) {
        end = trim_end(self, at, rest_end(self, at));
        if (end == at)
            return false;
    } else {
        authority = authority_end(self, at);
        end = authority;
        if (authority >= self->len
            || strchr("/\\?#", self->str[authority]) == NULL)
            end = trim_end(self, at, authority);
        if (!wn_url_split(wn_span(self->str + start, end - start), &parts)
            || !wn_url_host_read(parts.host, &host)) {
            self->done = at;
            return false;
        }
        if (!host.is_ip && strchr(host.name, '.') == NULL) {
            self->done = at;
            return false;
        }
        if (parts.port.len == 0 && parts.host.len + 1 >= end - at
            && wn_span_case_starts(wn_span(self->str + at, 4), WN_SPAN("http"))
            && end - at <= 6) {
            self->done = at;
            return false;
        }
        if (end == authority)
            end = trim_end(self, at, rest_end(self, end));
        end = angled_end(self, start, end);
    }
    report(self, start, end);
    self->done = end;
    return true;
}

/* A name that nobody meant as one: "done.It", with the capital of a new
 * sentence, unless the end is one that begins none. */
static bool
joins_sentences(WnSpan name)
{
    static const char *const ends[] = { "com", "net", "org", "info", "biz",
        "edu", "gov", "ru", "de", "uk", "fr", "cn", "jp", "io", "tv", "eu",
        "fi" };
    const char *dot = memrchr(name.ptr, '.', name.len);
    WnSpan end = wn_span_slice(name, (size_t)(dot - name.ptr) + 1, name.len);

    if (end.len < 2 || !g_ascii_isupper(end.ptr[0])
        || !g_ascii_islower(end.ptr[1]))
        return false;
    for (size_t i = 0; i < G_N_ELEMENTS(ends); i++) {
        if (wn_span_case_eq(end, wn_span_str(ends[i])))
            return false;
    }
    return true;
}

static bool
is_bare_name(const Scanner *self, WnSpan name, bool www)
{
    WnUrlHost host;

    if (name.len == 0 || name.len > WN_URL_HOST_MAX
        || memchr(name.ptr, '.', name.len) == NULL
        || memmem(name.ptr, name.len, "..", 2) != NULL
        || (!www
            && ((self->what & WN_URL_SCAN_BARE) == 0 || joins_sentences(name)))
        || !wn_url_host_parse(name, &host) || host.is_ip)
        return false;
    if (www && !host.known)
        return strchr(strchr(host.name, '.') + 1, '.') != NULL;
    return host.known && !host.is_suffix
           && strchr(host.name + host.registered, '_') == NULL;
}

/* "a[1].free", "f(x).name": not a name but a piece of a program. */
static bool
is_member(const Scanner *self, size_t start)
{
    return start > 1 && self->str[start - 1] == '.'
           && (self->str[start - 2] == ']' || self->str[start - 2] == ')');
}

/* What may stand before a bare name: nothing that makes it part of an address
 * or a parameter.  A slash may: "Web/example.com", at the price of some names
 * of files. */
static bool
may_begin(const Scanner *self, size_t start, bool www)
{
    gunichar before;

    if (start == 0)
        return true;
    before = char_at(self, previous_char(self, start));
    if (before == '@' || is_member(self, start))
        return false;
    return www || before >= 0x80 || strchr("\\%&$#+~", (int)before) == NULL;
}

static bool
may_end(const Scanner *self, size_t end, bool www)
{
    gunichar after = char_at(self, end);

    return after != '@' && (www || after != '(');
}

/* ":8080", "/path", "?query" behind a name. */
static size_t
tail_end(const Scanner *self, size_t end)
{
    size_t at = end;

    if (char_at(self, at) == ':') {
        at++;
        while (at < self->len && g_ascii_isdigit(self->str[at]))
            at++;
        if (at == end + 1)
            return end;
        end = at;
    }
    if (end < self->len && strchr("/\\?#", self->str[end]) != NULL
        && self->str[end] != '\0')
        return trim_end(self, end, rest_end(self, end));
    return end;
}

/* At a dot: the name around it, if it is one.  done is behind it in any
 * case. */
static void
take_bare(Scanner *self, size_t dot)
{
    size_t start = dot, end = dot, run;
    WnSpan name;
    bool www;

    while (start > self->done
           && is_bare_char(char_at(self, previous_char(self, start))))
        start = previous_char(self, start);
    while (end < self->len && is_bare_char(char_at(self, end)))
        end = next_char(self, end);
    run = end;
    while (start < end && strchr(".-_", self->str[start]) != NULL)
        start++;
    while (end > start && strchr(".-_", self->str[end - 1]) != NULL)
        end--;
    name = wn_span(self->str + start, end - start);
    www = wn_span_case_starts(name, WN_SPAN("www."));
    self->done = MAX(run, dot + 1);
    if (!may_begin(self, start, www) || !may_end(self, run, www)
        || !is_bare_name(self, name, www))
        return;
    if (end == run)
        end = tail_end(self, end);
    report(self, start, end);
    self->done = MAX(end, run);
}

static bool
is_local_char(char c)
{
    return g_ascii_isalnum(c)
           || (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~.", c) != NULL);
}

static void
report_address(Scanner *self, size_t start, size_t end)
{
    g_autoptr(GString) url = g_string_new("mailto:");
    WnUrlFound found = { .disguised = false };

    g_string_append_len(url, self->str + start, (gssize)(end - start));
    found.url = wn_span(url->str, url->len);
    found.text = wn_refanged_origin(&self->text, start, end, &found.disguised);
    self->on_found(self->user, &found);
    self->reported = end;
}

/* At an "@": the address around it, if it is one.  done is behind it in any
 * case. */
static void
take_address(Scanner *self, size_t place)
{
    size_t start = place, end = place + 1;
    WnUrlHost host;

    self->done = MAX(self->done, place + 1);
    while (start > self->reported && place - start < LOCAL_PART_MAX
           && is_local_char(self->str[start - 1]))
        start--;
    while (start < place && !g_ascii_isalnum(self->str[start]))
        start++;
    while (end < self->len && end - place <= WN_URL_HOST_MAX
           && is_bare_char(char_at(self, end)))
        end = next_char(self, end);
    while (end > place + 1 && strchr(".-_", self->str[end - 1]) != NULL)
        end--;
    if (start == place || end - place > WN_URL_HOST_MAX
        || memchr(self->str + place, '.', end - place) == NULL
        || !wn_url_host_parse(wn_span(self->str + place + 1, end - place - 1),
            &host)
        || !host.known || host.is_suffix)
        return;
    report_address(self, start, end);
    self->done = MAX(self->done, end);
}

void
wn_url_scan(WnSpan text, unsigned what, WnUrlFoundFunc on_found, void *user)
{
    g_auto(WnRefanged) refanged = { .text = NULL };
    Scanner self = { .what = what, .on_found = on_found, .user = user };
    size_t at = 0;

    wn_refanged_init(&refanged, text);
    self.text = refanged;
    self.str = refanged.text->str;
    self.len = refanged.text->len;
    while (at < self.len) {
        if (self.str[at] == ':')
            take_schemed(&self, at);
        else if (self.str[at] == '.')
            take_bare(&self, at);
        else if (self.str[at] == '@' && (what & WN_URL_SCAN_ADDRESSES) != 0)
            take_address(&self, at);
        at = MAX(at + 1, self.done);
    }
}
