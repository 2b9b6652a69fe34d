/* SPDX-License-Identifier: MIT */
#include "core/message/url_parse.h"

#include "core/message/url_host.h"

enum { SCHEME_MAX = 6 };

static const struct {
    WnSpan name;
    WnUrlScheme scheme;
    bool spoiled;
} schemes[] = {
    { { "http", 4 }, WN_URL_SCHEME_WEB, false },
    { { "https", 5 }, WN_URL_SCHEME_WEB, false },
    { { "ftp", 3 }, WN_URL_SCHEME_WEB, false },
    { { "mailto", 6 }, WN_URL_SCHEME_MAILTO, false },
    { { "hxxp", 4 }, WN_URL_SCHEME_WEB, true },
    { { "hxxps", 5 }, WN_URL_SCHEME_WEB, true },
    { { "h**p", 4 }, WN_URL_SCHEME_WEB, true },
    { { "h**ps", 5 }, WN_URL_SCHEME_WEB, true },
    { { "htxp", 4 }, WN_URL_SCHEME_WEB, true },
    { { "htxps", 5 }, WN_URL_SCHEME_WEB, true },
    { { "ftps", 4 }, WN_URL_SCHEME_WEB, false },
    { { "sftp", 4 }, WN_URL_SCHEME_WEB, false },
    { { "fxp", 3 }, WN_URL_SCHEME_WEB, true },
    { { "feed", 4 }, WN_URL_SCHEME_WEB, false },
    { { "git", 3 }, WN_URL_SCHEME_WEB, false },
    { { "gopher", 6 }, WN_URL_SCHEME_WEB, false },
    { { "mms", 3 }, WN_URL_SCHEME_WEB, false },
    { { "rtsp", 4 }, WN_URL_SCHEME_WEB, false },
    { { "svn", 3 }, WN_URL_SCHEME_WEB, false },
    { { "webcal", 6 }, WN_URL_SCHEME_WEB, false },
    { { "ws", 2 }, WN_URL_SCHEME_WEB, false },
    { { "wss", 3 }, WN_URL_SCHEME_WEB, false },
};

WnUrlScheme
wn_url_scheme(WnSpan text, size_t *out_len, bool *out_disguised)
{
    WnSpan name = wn_span_slice(text, 0, SCHEME_MAX + 1);
    const char *colon = memchr(name.ptr, ':', name.len);
    char first;

    *out_len = 0;
    *out_disguised = false;
    if (colon == NULL || colon == name.ptr)
        return WN_URL_SCHEME_NONE;
    name.len = (size_t)(colon - name.ptr);
    first = g_ascii_tolower(name.ptr[0]);
    for (size_t i = 0; i < G_N_ELEMENTS(schemes); i++) {
        if (first != schemes[i].name.ptr[0]
            || !wn_span_case_eq(name, schemes[i].name))
            continue;
        *out_len = name.len + 1;
        *out_disguised = schemes[i].spoiled;
        return schemes[i].scheme;
    }
    return WN_URL_SCHEME_NONE;
}

static bool
is_slash(char c)
{
    return c == '/' || c == '\\';
}

static size_t
skip_slashes(WnSpan text)
{
    size_t len = 0;

    while (len < text.len && is_slash(text.ptr[len]))
        len++;
    return len;
}

static size_t
length_until(WnSpan text, const char *ends)
{
    size_t len = text.len;

    for (; *ends != '\0'; ends++) {
        const char *end = memchr(text.ptr, *ends, len);

        if (end != NULL)
            len = (size_t)(end - text.ptr);
    }
    return len;
}

/* "user:password@host:port" */
static void
split_authority(WnSpan authority, WnUrlParts *parts)
{
    const char *at = memrchr(authority.ptr, '@', authority.len);
    const char *colon;
    size_t len;

    if (at != NULL) {
        len = (size_t)(at - authority.ptr);
        parts->user = wn_span_slice(authority, 0, len);
        authority = wn_span_slice(authority, len + 1, authority.len);
        parts->disguised = true;
    }
    parts->host = authority;
    colon = memrchr(authority.ptr, ':', authority.len);
    if (colon == NULL
        || memchr(colon, ']', authority.len - (size_t)(colon - authority.ptr))
               != NULL)
        return;
    len = (size_t)(colon - authority.ptr);
    parts->host = wn_span_slice(authority, 0, len);
    parts->port = wn_span_slice(authority, len + 1, authority.len);
}

/* "a@b.example,c@d.example?subject=x": the first address is the one meant. */
static void
split_mailto(WnSpan rest, WnUrlParts *parts)
{
    WnSpan address;
    const char *at;
    size_t len;

    rest = wn_span_slice(rest, skip_slashes(rest), rest.len);
    len = length_until(rest, "?");
    parts->query = wn_span_slice(rest, len + 1, rest.len);
    address = wn_span_trim(wn_span_slice(rest, 0, len));
    address = wn_span_slice(address, 0, length_until(address, ",; "));
    while (address.len > 0 && address.ptr[address.len - 1] == '>')
        address.len--;
    at = memrchr(address.ptr, '@', address.len);
    len = at != NULL ? (size_t)(at - address.ptr) + 1 : 0;
    parts->host = wn_span_slice(address, len, address.len);
}

/* "example.com:8080" and "//example.com" have none. */
static bool
may_lack_scheme(WnSpan url)
{
    WnSpan head = wn_span_slice(url, 0, length_until(url, "/\\?#"));
    const char *colon = memchr(head.ptr, ':', head.len);

    if (head.len == 0)
        return url.len > 1 && is_slash(url.ptr[1]);
    return colon == NULL || head.ptr[0] == '['
           || memchr(head.ptr, '.', (size_t)(colon - head.ptr)) != NULL;
}

bool
wn_url_split(WnSpan url, WnUrlParts *out_parts)
{
    WnUrlParts parts = { .user = WN_SPAN_EMPTY,
        .host = WN_SPAN_EMPTY,
        .port = WN_SPAN_EMPTY,
        .path = WN_SPAN_EMPTY,
        .query = WN_SPAN_EMPTY,
        .fragment = WN_SPAN_EMPTY };
    WnSpan authority;
    size_t len;

    parts.scheme = wn_url_scheme(url, &len, &parts.disguised);
    if (parts.scheme == WN_URL_SCHEME_NONE && !may_lack_scheme(url))
        return false;
    url = wn_span_slice(url, len, url.len);
    if (parts.scheme == WN_URL_SCHEME_MAILTO) {
        split_mailto(url, &parts);
        *out_parts = parts;
        return true;
    }
    len = skip_slashes(url);
    if (memchr(url.ptr, '\\', len) != NULL)
        parts.disguised = true;
    url = wn_span_slice(url, len, url.len);
    len = length_until(url, "/\\?#");
    authority = wn_span_slice(url, 0, len);
    split_authority(authority, &parts);
    url = wn_span_slice(url, len, url.len);
    len = length_until(url, "#");
    parts.fragment = wn_span_slice(url, len + 1, url.len);
    url = wn_span_slice(url, 0, len);
    len = length_until(url, "?");
    parts.path = wn_span_slice(url, 0, len);
    parts.query = wn_span_slice(url, len + 1, url.len);
    *out_parts = parts;
    return true;
}

void
wn_url_decode(GString *out, WnSpan text)
{
    for (size_t i = 0; i < text.len; i++) {
        int high = -1, low = -1;

        if (text.ptr[i] == '%' && i + 2 < text.len) {
            high = g_ascii_xdigit_value(text.ptr[i + 1]);
            low = g_ascii_xdigit_value(text.ptr[i + 2]);
        }
        if (low < 0 || high < 2 || (high == 7 && low == 15)) {
            g_string_append_c(out, text.ptr[i]);
        } else {
            g_string_append_c(out, (char)(high * 16 + low));
            i += 2;
        }
    }
}

/* Without "." and "..", as browsers ask for it. */
static void
put_segments(GString *out, WnSpan path)
{
    while (path.len > 0) {
        size_t len = 1 + length_until(wn_span_slice(path, 1, path.len), "/");
        WnSpan segment = wn_span_slice(path, 1, len - 1);
        bool up = wn_span_eq(segment, WN_SPAN(".."));

        if (up && out->len > 0)
            g_string_truncate(out,
                (gsize)((char *)memrchr(out->str, '/', out->len) - out->str));
        if (!up && !wn_span_eq(segment, WN_SPAN(".")))
            g_string_append_len(out, path.ptr, (gssize)len);
        else if (len == path.len)
            g_string_append_c(out, '/');
        path = wn_span_slice(path, len, path.len);
    }
    if (out->len == 0)
        g_string_append_c(out, '/');
}

static WnSpan
keep_valid(WnArena *arena, const GString *text)
{
    g_autofree char *valid = NULL;

    if (g_utf8_validate_len(text->str, text->len, NULL))
        return wn_arena_copy(arena, wn_span(text->str, text->len));
    valid = g_utf8_make_valid(text->str, (gssize)text->len);
    return wn_arena_copy(arena, wn_span_str(valid));
}

/* Nothing in it is decoded or left out, and it is valid. */
static bool
is_plain_path(WnSpan path)
{
    return path.ptr[0] == '/' && memchr(path.ptr, '%', path.len) == NULL
           && memchr(path.ptr, '\\', path.len) == NULL
           && memmem(path.ptr, path.len, "/.", 2) == NULL
           && g_utf8_validate_len(path.ptr, path.len, NULL);
}

static WnSpan
make_path(WnArena *arena, WnSpan path)
{
    g_autoptr(GString) decoded = NULL, out = NULL;

    if (path.len == 0)
        return WN_SPAN("/");
    if (is_plain_path(path))
        return wn_arena_copy(arena, path);
    decoded = g_string_sized_new(path.len + 1);
    out = g_string_sized_new(path.len + 1);
    wn_url_decode(decoded, path);
    for (size_t i = 0; i < decoded->len; i++) {
        if (decoded->str[i] == '\\')
            decoded->str[i] = '/';
    }
    put_segments(out, wn_span(decoded->str, decoded->len));
    return keep_valid(arena, out);
}

/* Trimmed, without what browsers and readers pass over. */
static void
clean_url(GString *out, WnSpan url, bool *out_disguised)
{
    const char *end;

    while (url.len > 0 && (guchar)url.ptr[0] <= ' ')
        url = wn_span_slice(url, 1, url.len);
    while (url.len > 0 && (guchar)url.ptr[url.len - 1] <= ' ')
        url.len--;
    if (url.len > WN_URL_TEXT_MAX) {
        url.len = WN_URL_TEXT_MAX;
        while (url.len > 0 && ((guchar)url.ptr[url.len] & 0xc0) == 0x80)
            url.len--;
    }
    end = url.ptr + url.len;
    for (const char *at = url.ptr; at < end; at += g_utf8_skip[(guchar)*at]) {
        gunichar code = g_utf8_get_char(at);

        if (code == '\t' || code == '\n' || code == '\r' || code == 0)
            continue;
        if (code >= 0x80 && wn_url_is_invisible(code))
            *out_disguised = true;
        else
            g_string_append_len(out, at, g_utf8_skip[(guchar)*at]);
    }
}

/* There is nothing to be cleaned in it. */
static bool
is_clean(WnSpan url)
{
    for (size_t i = 0; i < url.len; i++) {
        if ((guchar)url.ptr[i] <= ' ' || (guchar)url.ptr[i] >= 0x80)
            return false;
    }
    return url.len <= WN_URL_TEXT_MAX;
}

bool
wn_url_parse(WnSpan url, WnArena *arena, WnMessageUrl *out_url)
{
    g_autoptr(GString) clean = NULL;
    WnSpan plain = url;
    WnUrlParts parts;
    WnUrlHost host;
    uint64_t port = 0;
    bool disguised = false;

    if (!is_clean(url)) {
        clean = g_string_sized_new(MIN(url.len, WN_URL_TEXT_MAX) + 1);
        clean_url(clean, url, &disguised);
        plain = wn_span(clean->str, clean->len);
    }
    if (!wn_url_split(plain, &parts) || !wn_url_host_parse(parts.host, &host))
        return false;
    if (!wn_span_to_u64(parts.port, &port) || port > UINT16_MAX)
        port = 0;
    *out_url = (WnMessageUrl){ .part = -1, .port = (uint16_t)port };
    if (parts.scheme == WN_URL_SCHEME_NONE)
        out_url->flags |= WN_MESSAGE_URL_NO_SCHEME;
    if (parts.scheme == WN_URL_SCHEME_MAILTO)
        out_url->flags |= WN_MESSAGE_URL_ADDRESS;
    if (host.is_ip)
        out_url->flags |= WN_MESSAGE_URL_IP_HOST;
    if (disguised || parts.disguised || host.disguised)
        out_url->flags |= WN_MESSAGE_URL_DISGUISED;
    out_url->text = wn_arena_copy(arena,
        wn_span_slice(url, 0, WN_URL_TEXT_MAX));
    if (url.len > WN_URL_TEXT_MAX)
        out_url->text = wn_arena_copy(arena, plain);
    out_url->host = wn_arena_copy(arena, wn_span(host.name, host.len));
    out_url->registered = wn_span(out_url->host.ptr + host.registered,
        host.len - host.registered);
    out_url->path = parts.scheme == WN_URL_SCHEME_MAILTO
                        ? WN_SPAN_EMPTY
                        : make_path(arena, parts.path);
    out_url->query = wn_arena_copy(arena, parts.query);
    return true;
}
