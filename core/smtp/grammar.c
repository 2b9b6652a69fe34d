/* SPDX-License-Identifier: MIT */
#include "core/smtp/grammar.h"

#include "core/base/netaddr.h"

#include <glib.h>

#define LABEL_MAX 63

/* RFC 5321 §4.5.3.1.3 counts brackets and route; longer ones are not even
 * looked at to their end. */
#define PATH_SCAN_MAX 2048

/* RFC 5322 atext.  Parentheses are no atext, but senders use them, they have no
 * meaning in an envelope, and nothing here gives them one. */
static const char atext_marks[] = "!#$%&'*+-/=?^_`{|}~()";

static bool
is_atext(unsigned char c)
{
    return g_ascii_isalnum(c) || c >= 0x80
           || (c != '\0' && strchr(atext_marks, c) != NULL);
}

static bool
is_label_char(unsigned char c)
{
    return g_ascii_isalnum(c) || c == '-' || c == '_' || c >= 0x80;
}

/* UTF-8 without the control characters above ASCII. */
static bool
is_utf8(WnSpan text)
{
    const char *end = text.ptr + text.len;

    if (!g_utf8_validate_len(text.ptr, text.len, NULL))
        return false;
    for (const char *at = text.ptr; at < end; at += g_utf8_skip[(guchar)*at])
        if (g_utf8_get_char(at) >= 0x80 && g_utf8_get_char(at) < 0xa0)
            return false;
    return true;
}

static bool
char_at(WnSpan text, size_t at, char c)
{
    return at < text.len && text.ptr[at] == c;
}

/* Each of the scan functions returns how long the thing at the beginning of
 * text is, 0 if there is none.  Bytes from 0x80 on count as letters: whether
 * they are allowed is decided once, for the whole path. */

static size_t
scan_dot_string(WnSpan text)
{
    size_t len = 0;

    for (;;) {
        size_t begin = len;

        while (len < text.len && is_atext((unsigned char)text.ptr[len]))
            len++;
        if (len == begin)
            return 0;
        if (!char_at(text, len, '.'))
            return len;
        len++;
    }
}

static size_t
scan_quoted(WnSpan text)
{
    size_t at = 1;

    if (!char_at(text, 0, '"'))
        return 0;
    while (at < text.len && text.ptr[at] != '"') {
        if (text.ptr[at] == '\\')
            at++;
        if (at >= text.len || g_ascii_iscntrl(text.ptr[at]))
            return 0;
        at++;
    }
    /* "" is within the grammar, but names nobody. */
    return at < text.len && at > 1 ? at + 1 : 0;
}

static size_t
scan_local_part(WnSpan text)
{
    return char_at(text, 0, '"') ? scan_quoted(text) : scan_dot_string(text);
}

static size_t
scan_label(WnSpan text)
{
    size_t len = 0;

    while (len < text.len && is_label_char((unsigned char)text.ptr[len]))
        len++;
    if (len == 0 || text.ptr[0] == '-' || text.ptr[len - 1] == '-')
        return 0;
    return len;
}

/* Labels and the dots between them, and one dot behind. */
static size_t
scan_domain_name(WnSpan text)
{
    size_t len = scan_label(text);

    while (len > 0 && char_at(text, len, '.')) {
        size_t label = scan_label(wn_span_slice(text, len + 1, text.len));

        if (label == 0)
            return len + 1;
        len += 1 + label;
    }
    return len;
}

static bool
literal_is_valid(WnSpan inner)
{
    WnNetaddr address;
    bool tagged = wn_span_case_starts(inner, WN_SPAN("IPv6:"));

    if (tagged)
        inner = wn_span_slice(inner, 5, inner.len);
    if (tagged != (memchr(inner.ptr, ':', inner.len) != NULL))
        return false;
    return wn_netaddr_parse(inner, &address);
}

static size_t
scan_literal(WnSpan text)
{
    const char *end = memchr(text.ptr, ']', text.len);
    size_t len;

    if (!char_at(text, 0, '[') || end == NULL)
        return 0;
    len = (size_t)(end - text.ptr) + 1;
    return literal_is_valid(wn_span_slice(text, 1, len - 2)) ? len : 0;
}

static size_t
scan_domain(WnSpan text)
{
    return char_at(text, 0, '[') ? scan_literal(text) : scan_domain_name(text);
}

static WnSpan
without_dot(WnSpan domain)
{
    if (domain.len > 0 && domain.ptr[domain.len - 1] == '.')
        domain.len--;
    return domain;
}

static bool
domain_is_too_long(WnSpan domain)
{
    size_t label = 0;

    if (domain.len > WN_DOMAIN_MAX)
        return true;
    for (size_t i = 0; i < domain.len; i++) {
        label = domain.ptr[i] == '.' ? 0 : label + 1;
        if (label > LABEL_MAX)
            return true;
    }
    return false;
}

/* "@ONE,@TWO:" of RFC 5321 §4.1.2, appendix F.2; 0: no route, or a bad one. */
static size_t
scan_route(WnSpan text)
{
    size_t len = 0;

    for (;;) {
        size_t domain;

        if (!char_at(text, len, '@'))
            return 0;
        domain = scan_domain(wn_span_slice(text, len + 1, text.len));
        len += 1 + domain;
        if (domain == 0)
            return 0;
        if (char_at(text, len, ':'))
            return len + 1;
        if (!char_at(text, len, ','))
            return 0;
        len++;
    }
}

/* local, or local@domain; 0 if neither. */
static size_t
scan_mailbox(WnSpan text, WnPath *path)
{
    size_t local = scan_local_part(text);
    size_t domain = 0;

    if (local == 0)
        return 0;
    path->local = wn_span_slice(text, 0, local);
    path->domain = WN_SPAN_EMPTY;
    path->text = path->local;
    path->bare = !char_at(text, local, '@');
    if (path->bare)
        return local;
    domain = scan_domain(wn_span_slice(text, local + 1, text.len));
    if (domain == 0)
        return 0;
    path->domain = without_dot(wn_span_slice(text, local + 1, domain));
    path->text = wn_span_slice(text, 0, local + 1 + path->domain.len);
    return local + 1 + domain;
}

static WnPathStatus
check_lengths(const WnPath *path, size_t path_len)
{
    if (path->local.len > WN_LOCAL_PART_MAX || path_len > WN_PATH_MAX
        || domain_is_too_long(path->domain))
        return WN_PATH_TOO_LONG;
    if (wn_span_is_ascii(path->text))
        return WN_PATH_OK;
    return is_utf8(path->text) ? WN_PATH_UTF8 : WN_PATH_SYNTAX;
}

WnPathStatus
wn_path_parse(WnSpan text, WnPath *out_path, WnSpan *out_rest)
{
    WnPath path = { .text = WN_SPAN_EMPTY,
        .local = WN_SPAN_EMPTY,
        .domain = WN_SPAN_EMPTY };
    WnPathStatus status = WN_PATH_OK;
    WnSpan scanned = wn_span_slice(text, 0, PATH_SCAN_MAX);
    size_t at = 1;

    if (!char_at(scanned, 0, '<'))
        return WN_PATH_SYNTAX;
    path.null = char_at(scanned, 1, '>');
    if (!path.null) {
        size_t mailbox;

        at += scan_route(wn_span_slice(scanned, at, scanned.len));
        path.routed = at > 1;
        mailbox = scan_mailbox(wn_span_slice(scanned, at, scanned.len), &path);
        at += mailbox;
        if (mailbox == 0 || !char_at(scanned, at, '>'))
            return WN_PATH_SYNTAX;
        status = check_lengths(&path, at + 1);
    }
    if (status == WN_PATH_OK && path.routed
        && !wn_span_is_ascii(wn_span_slice(scanned, 0, at)))
        status = is_utf8(wn_span_slice(scanned, 0, at)) ? WN_PATH_UTF8
                                                        : WN_PATH_SYNTAX;
    if (status != WN_PATH_OK && status != WN_PATH_UTF8)
        return status;
    path.utf8 = status == WN_PATH_UTF8;
    *out_path = path;
    *out_rest = wn_span_slice(text, at + 1, text.len);
    return status;
}

WnPathStatus
wn_mailbox_parse(WnSpan text, WnPath *out_path)
{
    WnPath path = { .text = WN_SPAN_EMPTY };
    size_t len = scan_mailbox(wn_span_slice(text, 0, PATH_SCAN_MAX), &path);
    WnPathStatus status;

    if (len == 0 || len != text.len || path.bare)
        return WN_PATH_SYNTAX;
    status = check_lengths(&path, len + 2);
    path.utf8 = status == WN_PATH_UTF8;
    if (status == WN_PATH_OK || status == WN_PATH_UTF8)
        *out_path = path;
    return status;
}

size_t
wn_local_part_unquote(WnSpan local, char *out, size_t size)
{
    bool quoted = char_at(local, 0, '"');
    size_t len = 0;

    g_assert(size > WN_LOCAL_PART_MAX);
    if (quoted && local.len >= 2)
        local = wn_span_slice(local, 1, local.len - 2);
    for (size_t i = 0; i < local.len && len + 1 < size; i++) {
        if (quoted && local.ptr[i] == '\\' && i + 1 < local.len)
            i++;
        out[len++] = local.ptr[i];
    }
    out[len] = '\0';
    return len;
}

bool
wn_domain_is_valid(WnSpan domain)
{
    return domain.len > 0 && scan_domain(domain) == domain.len
           && wn_span_is_ascii(domain)
           && !domain_is_too_long(without_dot(domain));
}

bool
wn_helo_is_valid(WnSpan name)
{
    WnNetaddr address;

    if (wn_domain_is_valid(name))
        return true;
    /* Clients without a name give their address in many forms. */
    if (name.len > 2 && name.ptr[0] == '[' && name.ptr[name.len - 1] == ']')
        name = wn_span_slice(name, 1, name.len - 2);
    return wn_netaddr_parse(name, &address);
}

static bool
is_keyword(WnSpan key)
{
    if (key.len == 0 || !g_ascii_isalnum(key.ptr[0]))
        return false;
    for (size_t i = 1; i < key.len; i++) {
        if (!g_ascii_isalnum(key.ptr[i]) && key.ptr[i] != '-')
            return false;
    }
    return true;
}

/* RFC 5321 §4.1.2 esmtp-value, and RFC 6531 §3.3: what is no ASCII is for those
 * to judge who know the parameter.  A quoted string is no special form of it,
 * but one that is opened must be closed. */
static bool
is_value(WnSpan value)
{
    if (value.len == 0)
        return false;
    for (size_t i = 0; i < value.len; i++) {
        if ((unsigned char)value.ptr[i] < 0x80
            && (!g_ascii_isgraph(value.ptr[i]) || value.ptr[i] == '='))
            return false;
    }
    return value.ptr[0] != '"' || scan_quoted(value) == value.len;
}

bool
wn_parameter_next(WnSpan *rest, WnParameter *out_parameter, bool *out_bad)
{
    size_t begin = 0;
    const char *end;
    const char *equals;
    WnSpan word;

    *out_bad = false;
    while (char_at(*rest, begin, ' '))
        begin++;
    if (begin == rest->len)
        return false;
    *out_bad = begin == 0;
    word = wn_span_slice(*rest, begin, rest->len);
    end = memchr(word.ptr, ' ', word.len);
    word.len = end != NULL ? (size_t)(end - word.ptr) : word.len;
    *rest = wn_span_slice(*rest, begin + word.len, rest->len);
    equals = memchr(word.ptr, '=', word.len);
    *out_parameter = (WnParameter){ .key = word,
        .value = WN_SPAN_EMPTY,
        .has_value = equals != NULL };
    if (equals != NULL) {
        out_parameter->key.len = (size_t)(equals - word.ptr);
        out_parameter->value = wn_span_slice(word, out_parameter->key.len + 1,
            word.len);
        *out_bad = *out_bad || !is_value(out_parameter->value);
    }
    *out_bad = *out_bad || !is_keyword(out_parameter->key);
    return !*out_bad;
}
