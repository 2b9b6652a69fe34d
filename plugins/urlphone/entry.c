/* SPDX-License-Identifier: MIT */
#include "entry.h"

#include "host_name.h"

#include <stdlib.h>

typedef struct Place {
    const char *ptr;
    size_t len;
} Place;

static bool
fail(WnError *err, const char *reason)
{
    wn_error_set(err, "%s", reason);
    return false;
}

void
url_entry_init(UrlEntry *self)
{
    self->kind = URL_HOST;
    self->host = g_string_new(NULL);
    self->path = g_string_new(NULL);
}

void
url_entry_clear(UrlEntry *self)
{
    g_string_free(self->host, TRUE);
    g_string_free(self->path, TRUE);
}

/* Without white space around.  False for what is no line of text. */
static bool
trim(WnStr text, Place *out_place, WnError *err)
{
    while (text.len > 0 && g_ascii_isspace(text.ptr[0])) {
        text.ptr++;
        text.len--;
    }
    while (text.len > 0 && g_ascii_isspace(text.ptr[text.len - 1]))
        text.len--;
    if (text.len == 0)
        return fail(err, "empty");
    if (text.len > ENTRY_MAX)
        return fail(err, "longer than 4096 bytes");
    if (!g_utf8_validate_len(text.ptr, text.len, NULL))
        return fail(err, "not UTF-8");
    for (size_t i = 0; i < text.len; i++) {
        if ((guchar)text.ptr[i] < ' ' || text.ptr[i] == 0x7f)
            return fail(err, "has a control character");
    }
    *out_place = (Place){ text.ptr, text.len };
    return true;
}

static void
skip(Place *place, size_t len)
{
    place->ptr += len;
    place->len -= len;
}

static size_t
length_until(Place place, const char *ends)
{
    size_t len = 0;

    while (len < place.len && strchr(ends, place.ptr[len]) == NULL)
        len++;
    return len;
}

/*
 * Paths
 */

void
entry_decode(GString *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        int high = -1, low = -1;

        if (text[i] == '%' && i + 2 < len) {
            high = g_ascii_xdigit_value(text[i + 1]);
            low = g_ascii_xdigit_value(text[i + 2]);
        }
        if (low < 0 || high < 2 || (high == 7 && low == 15)) {
            g_string_append_c(out, text[i]);
        } else {
            g_string_append_c(out, (char)(high * 16 + low));
            i += 2;
        }
    }
}

/* Without "." and "..", as browsers ask for it. */
static void
put_segments(GString *out, Place path)
{
    while (path.len > 0) {
        Place segment = { path.ptr + 1, path.len - 1 };
        bool up, same;

        segment.len = length_until(segment, "/");
        up = segment.len == 2 && memcmp(segment.ptr, "..", 2) == 0;
        same = segment.len == 1 && segment.ptr[0] == '.';
        if (up && out->len > 0)
            g_string_truncate(out, (gsize)(strrchr(out->str, '/') - out->str));
        if (!up && !same)
            g_string_append_len(out, path.ptr, (gssize)segment.len + 1);
        else if (segment.len + 1 == path.len)
            g_string_append_c(out, '/');
        skip(&path, segment.len + 1);
    }
    if (out->len == 0)
        g_string_append_c(out, '/');
}

/* A slash at the end makes no difference, but for the root. */
static void
put_path(GString *out, Place path)
{
    g_autoptr(GString) decoded = g_string_sized_new(path.len + 1);
    g_autofree char *valid = NULL;

    entry_decode(decoded, path.ptr, path.len);
    for (size_t i = 0; i < decoded->len; i++) {
        if (decoded->str[i] == '\\')
            decoded->str[i] = '/';
    }
    put_segments(out, (Place){ decoded->str, decoded->len });
    if (!g_utf8_validate_len(out->str, out->len, NULL)) {
        valid = g_utf8_make_valid(out->str, (gssize)out->len);
        g_string_assign(out, valid);
    }
    while (out->len > 1 && out->str[out->len - 1] == '/')
        g_string_truncate(out, out->len - 1);
}

/*
 * URLs
 */

/* The length of "http://" in any writing; 0 if there is no scheme, and
 * *out_other tells that there is one of another kind. */
static size_t
scheme_length(Place text, bool *out_other)
{
    static const char *const names[] = { "http", "https", "hxxp", "hxxps",
        "ftp", "ftps" };
    size_t len = length_until(text, ":/?#@.[");

    *out_other = false;
    if (len + 1 >= text.len || text.ptr[len] != ':'
        || (text.ptr[len + 1] != '/' && text.ptr[len + 1] != '\\'))
        return 0;
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        if (len != strlen(names[i])
            || g_ascii_strncasecmp(text.ptr, names[i], len) != 0)
            continue;
        do {
            len++;
        } while (
            len < text.len && (text.ptr[len] == '/' || text.ptr[len] == '\\'));
        return len;
    }
    *out_other = true;
    return 0;
}

/* "[.]" and "(.)" are dots. */
static void
put_refanged(GString *out, Place host)
{
    for (size_t i = 0; i < host.len; i++) {
        if (i + 2 < host.len && host.ptr[i + 1] == '.'
            && ((host.ptr[i] == '[' && host.ptr[i + 2] == ']')
                || (host.ptr[i] == '(' && host.ptr[i + 2] == ')')))
            i++;
        else if (i >= 2 && host.ptr[i - 1] == '.'
                 && (host.ptr[i] == ']' || host.ptr[i] == ')')
                 && (host.ptr[i - 2] == '[' || host.ptr[i - 2] == '('))
            continue;
        g_string_append_c(out, host.ptr[i]);
    }
}

/* Takes ":8080" off; those that the schemes have anyway do not count. */
static bool
take_port(Place *authority, unsigned *out_port, WnError *err)
{
    const char *colon = memrchr(authority->ptr, ':', authority->len);
    unsigned port = 0;

    *out_port = 0;
    if (colon == NULL
        || memchr(colon, ']', authority->len - (size_t)(colon - authority->ptr))
               != NULL)
        return true;
    for (const char *at = colon + 1; at < authority->ptr + authority->len;
         at++) {
        if (!g_ascii_isdigit(*at) || port > 6553)
            return fail(err, "behind the colon stands no port");
        port = port * 10 + (unsigned)(*at - '0');
    }
    if (port > UINT16_MAX)
        return fail(err, "behind the colon stands no port");
    authority->len = (size_t)(colon - authority->ptr);
    *out_port = port == 80 || port == 443 ? 0 : port;
    return true;
}

static void
take_user(Place *authority)
{
    const char *at = memrchr(authority->ptr, '@', authority->len);

    if (at != NULL)
        skip(authority, (size_t)(at - authority->ptr) + 1);
}

/* A page has one form on www.example.com and on example.com. */
static void
drop_www(GString *host)
{
    if (g_str_has_prefix(host->str, "www.")
        && strchr(host->str + 4, '.') != NULL)
        g_string_erase(host, 0, 4);
}

/* written: the host as it stands in the list. */
static bool
check_host(const UrlEntry *self, const char *written, WnError *err)
{
    if (self->is_ip && self->kind == URL_BELOW)
        return fail(err, "nothing is below an address");
    if (self->is_ip && self->kind == URL_PAGE)
        return true;
    if (strpbrk(self->is_ip ? written : self->host->str, ".[") == NULL)
        return fail(err, "a host has a dot");
    if (self->kind != URL_PAGE && !self->is_ip
        && host_name_is_registry(self->host->str)) {
        wn_error_set(err,
            "all of %.100s: a public suffix, which is nobody's own",
            self->host->str);
        return false;
    }
    return true;
}

static bool
parse_host(UrlEntry *self, Place authority, bool has_scheme, WnError *err)
{
    g_autoptr(GString) plain = g_string_sized_new(authority.len + 1);
    unsigned port;

    if (has_scheme)
        take_user(&authority);
    else if (memchr(authority.ptr, '@', authority.len) != NULL)
        return fail(err, "a mail address is neither a host nor a URL");
    if (!take_port(&authority, &port, err))
        return false;
    if (has_scheme)
        entry_decode(plain, authority.ptr, authority.len);
    else
        g_string_append_len(plain, authority.ptr, (gssize)authority.len);
    if (!host_name_fold(self->host, plain->str, plain->len, &self->is_ip, err)
        || !check_host(self, plain->str, err))
        return false;
    if (self->kind == URL_PAGE)
        drop_www(self->host);
    if (port != 0)
        g_string_append_printf(self->host, ":%u", port);
    return true;
}

/* "192.0.2.0/24" would be taken for a path. */
static bool
is_network(const UrlEntry *self, Place path)
{
    size_t len = 1;

    while (len < path.len && g_ascii_isdigit(path.ptr[len]))
        len++;
    return self->is_ip && len == path.len && len >= 2 && len <= 4;
}

/* Path and query, with the fragment gone. */
static void
parse_rest(UrlEntry *self, Place rest, bool has_scheme, Place *out_path)
{
    Place query = { "", 0 };

    rest.len = length_until(rest, "#");
    *out_path = (Place){ rest.ptr, length_until(rest, "?") };
    if (out_path->len < rest.len)
        query = (Place){ rest.ptr + out_path->len + 1,
            rest.len - out_path->len - 1 };
    while (query.len > 0 && query.ptr[query.len - 1] == '&')
        query.len--;
    put_path(self->path, *out_path);
    if (has_scheme || query.len > 0)
        self->kind = URL_PAGE;
    else if (self->path->len > 1)
        self->kind = URL_PREFIX;
    if (query.len > 0) {
        g_string_append_c(self->path, '?');
        entry_decode(self->path, query.ptr, query.len);
    }
}

/* "*.example.com", and ".example.com", which other lists have for a host and
 * what is below it. */
static bool
take_wildcard(UrlEntry *self, GString *text)
{
    if (g_str_has_prefix(text->str, "*.")) {
        self->kind = URL_BELOW;
        g_string_erase(text, 0, 2);
        return true;
    }
    if (text->str[0] == '.')
        g_string_erase(text, 0, 1);
    return false;
}

static bool
parse_parts(UrlEntry *self, Place text, bool has_scheme, WnError *err)
{
    Place authority = { text.ptr, length_until(text, "/\\?#") }, rest, path;
    bool below;
    g_autoptr(GString) plain = g_string_sized_new(authority.len + 1);

    rest = (Place){ text.ptr + authority.len, text.len - authority.len };
    put_refanged(plain, authority);
    below = !has_scheme && take_wildcard(self, plain);
    parse_rest(self, rest, has_scheme, &path);
    if (below && self->kind != URL_BELOW)
        return fail(err, "a wildcard has no path");
    if (!parse_host(self, (Place){ plain->str, plain->len }, has_scheme, err))
        return false;
    if (!has_scheme && is_network(self, path))
        return fail(err, "networks cannot be listed, only addresses");
    return true;
}

bool
url_entry_parse(UrlEntry *self, WnStr text, WnError *err)
{
    size_t scheme_len;
    Place place;
    bool other;

    self->kind = URL_HOST;
    self->is_ip = false;
    g_string_truncate(self->host, 0);
    g_string_truncate(self->path, 0);
    if (!trim(text, &place, err))
        return false;
    if (place.ptr[0] == '#')
        return fail(err, "a comment");
    scheme_len = scheme_length(place, &other);
    if (other)
        return fail(err, "only web addresses can be listed");
    if (scheme_len == 0 && memchr(place.ptr, ' ', place.len) != NULL)
        return fail(err, "has a space");
    skip(&place, scheme_len);
    return parse_parts(self, place, scheme_len > 0, err);
}

/*
 * Phones
 */

typedef struct Digits {
    char *text;
    size_t n;
    bool has_plus;
} Digits;

static bool
is_mark(gunichar c)
{
    return g_unichar_isspace(c)
           || g_unichar_type(c) == G_UNICODE_DASH_PUNCTUATION
           || g_unichar_type(c) == G_UNICODE_FORMAT || c == '(' || c == ')'
           || c == '.' || c == '/' || c == 0x2212;
}

static bool
take_digit(Digits *digits, gunichar c, WnError *err)
{
    int value = g_unichar_digit_value(c);

    if (value >= 0) {
        /* Room for the longest prefix, which goes. */
        if (digits->n == ENTRY_PHONE_MAX + 3)
            return fail(err, "more than 15 digits");
        digits->text[digits->n++] = (char)('0' + value);
        return true;
    }
    if ((c == '+' || c == 0xff0b) && digits->n == 0 && !digits->has_plus) {
        digits->has_plus = true;
        return true;
    }
    return is_mark(c)
           || fail(err, "a telephone number has digits, + - . / ( ) and"
                        " spaces only");
}

/* What people dial to get abroad. */
static size_t
prefix_length(const Digits *digits)
{
    if (digits->has_plus)
        return 0;
    if (digits->n > 3 && memcmp(digits->text, "011", 3) == 0)
        return 3;
    return digits->n > 2 && memcmp(digits->text, "00", 2) == 0 ? 2 : 0;
}

static bool
fold_digits(const Digits *digits, char *out, WnError *err)
{
    size_t prefix = prefix_length(digits), n = digits->n - prefix;

    if (n < ENTRY_PHONE_MIN)
        return fail(err, "fewer than 7 digits");
    if (n > ENTRY_PHONE_MAX)
        return fail(err, "more than 15 digits");
    if (digits->text[prefix] == '0')
        return fail(err, "a 0 is no country code: write +CODE NUMBER");
    memcpy(out, digits->text + prefix, n);
    out[n] = '\0';
    return true;
}

bool
phone_entry_parse(WnStr text, char *out, WnError *err)
{
    char room[ENTRY_PHONE_MAX + 3];
    Digits digits = { room, 0, false };
    Place place;

    if (!trim(text, &place, err))
        return false;
    if (place.len > 4 && g_ascii_strncasecmp(place.ptr, "tel:", 4) == 0)
        skip(&place, 4);
    while (place.len > 0) {
        /* "+44 (0)20": the zero is dialled inside of the country only. */
        if (digits.n > 0 && place.len > 3 && memcmp(place.ptr, "(0)", 3) == 0) {
            skip(&place, 3);
            continue;
        }
        if (!take_digit(&digits, g_utf8_get_char(place.ptr), err))
            return false;
        skip(&place, (size_t)g_utf8_skip[(guchar)place.ptr[0]]);
    }
    return fold_digits(&digits, out, err);
}
