/* SPDX-License-Identifier: MIT */
#include "core/message/url_host.h"

#include "core/base/netaddr.h"
#include "core/base/text.h"

#include <idn2.h>
#include <libpsl.h>

enum { LABEL_MAX = 63 };

/* The list is read once: that of the system if it is newer than the library's,
 * which also serves where no file may be opened. */
static const psl_ctx_t *
public_suffixes(void)
{
    static gsize list;

    if (g_once_init_enter(&list))
        g_once_init_leave(&list, (gsize)psl_latest(NULL));
    return (const psl_ctx_t *)list;
}

bool
wn_url_is_invisible(uint32_t code)
{
    return code == 0xad || code == 0x34f || code == 0x61c || code == 0x180e
           || (code >= 0x200b && code <= 0x200f)
           || (code >= 0x202a && code <= 0x202e)
           || (code >= 0x2060 && code <= 0x206f)
           || (code >= 0xfe00 && code <= 0xfe0f) || code == 0xfeff
           || (code >= 0xe0000 && code <= 0xe0fff);
}

static bool
has_ascii_form(uint32_t code)
{
    return (code >= 0xff01 && code <= 0xff5e)
           || (code >= 0x2460 && code <= 0x24ff)
           || (code >= 0x2100 && code <= 0x214f)
           || (code >= 0x1d400 && code <= 0x1d7ff)
           || (code >= 0x1f130 && code <= 0x1f149);
}

char
wn_url_ascii_of(uint32_t code)
{
    gunichar plain[G_UNICHAR_MAX_DECOMPOSITION_LENGTH];

    if (code == 0x3002 || code == 0xff61 || code == 0x2024)
        return '.';
    if (!has_ascii_form(code)
        || g_unichar_fully_decompose(code, TRUE, plain, G_N_ELEMENTS(plain))
               != 1
        || plain[0] <= ' ' || plain[0] >= 0x7f)
        return 0;
    return (char)plain[0];
}

/* Percent signs are decoded: a "@" that was hidden so ends the user, a slash
 * the host.  False if the result is not text. */
static bool
clean_host(WnSpan raw, GString *out, bool *out_disguised)
{
    for (size_t at = 0; at < raw.len; at++) {
        int high = at + 2 < raw.len ? g_ascii_xdigit_value(raw.ptr[at + 1])
                                    : -1;
        int low = at + 2 < raw.len ? g_ascii_xdigit_value(raw.ptr[at + 2]) : -1;
        char c = raw.ptr[at];

        if (c == '%' && high >= 0 && low >= 0) {
            c = (char)(high * 16 + low);
            *out_disguised = true;
            at += 2;
        }
        if (c == '/' || c == '\\' || c == '?' || c == '#')
            break;
        if (c == '@')
            g_string_truncate(out, 0);
        else
            g_string_append_c(out, c);
    }
    return memchr(out->str, '\0', out->len) == NULL
           && g_utf8_validate_len(out->str, out->len, NULL);
}

static void
map_characters(GString *text, bool *out_disguised, bool *out_ascii)
{
    g_autoptr(GString) out = g_string_sized_new(text->len);

    *out_ascii = true;
    for (const char *at = text->str; *at != '\0';
         at += g_utf8_skip[(guchar)*at]) {
        gunichar code = g_utf8_get_char(at);
        char plain = code < 0x80 ? (char)code : wn_url_ascii_of(code);

        if (code >= 0x80 && (plain != 0 || wn_url_is_invisible(code)))
            *out_disguised = true;
        if (plain != 0) {
            g_string_append_c(out, plain);
        } else if (!wn_url_is_invisible(code)) {
            g_string_append_unichar(out, code);
            *out_ascii = false;
        }
    }
    g_string_assign(text, out->str);
}

/* Cyrillic and Greek letters that look like Latin ones. */
static bool
looks_latin(gunichar code)
{
    static const gunichar letters[] = { 0x3b1, 0x3b9, 0x3bd, 0x3bf, 0x3c1,
        0x430, 0x435, 0x43e, 0x440, 0x441, 0x443, 0x445, 0x455, 0x456, 0x458,
        0x475, 0x4bb, 0x4cf, 0x501, 0x51b, 0x51d };

    for (size_t i = 0; i < G_N_ELEMENTS(letters); i++) {
        if (code == letters[i])
            return true;
    }
    return false;
}

/* One label that has Latin letters and look-alikes of them, or look-alikes
 * alone (at least three). */
static bool
has_look_alikes(const char *text)
{
    unsigned n_latin = 0, n_alike = 0, n_other = 0;

    for (const char *at = text;; at += g_utf8_skip[(guchar)*at]) {
        gunichar code = g_unichar_tolower(g_utf8_get_char(at));

        if (code == '.' || code == 0) {
            if (n_alike > 0 && (n_latin > 0 || (n_other == 0 && n_alike > 2)))
                return true;
            n_latin = n_alike = n_other = 0;
        } else if (looks_latin(code)) {
            n_alike++;
        } else if (g_unichar_isalpha(code)) {
            if (code < 0x250)
                n_latin++;
            else
                n_other++;
        }
        if (code == 0)
            return false;
    }
}

/* What IDNA 2008 refuses (symbols, as in emoji hosts) browsers still look up by
 * the rules of 2003. */
static bool
to_ascii(GString *text)
{
    g_autofree char *old = NULL;
    char *name = NULL;

    if (idn2_to_ascii_8z(text->str, &name, IDN2_NONTRANSITIONAL) == IDN2_OK) {
        g_string_assign(text, name);
        idn2_free(name);
        return true;
    }
    old = g_hostname_to_ascii(text->str);
    if (old == NULL)
        return false;
    g_string_assign(text, old);
    return true;
}

static bool
is_host_char(char c)
{
    return c > ' ' && c < 0x7f && strchr("\"#%/:<>?@[\\]^`{|}", c) == NULL;
}

/* Lower case, without empty labels. */
static bool
put_labels(WnSpan text, WnUrlHost *host)
{
    size_t label = 0;

    for (size_t i = 0; i < text.len; i++) {
        char c = g_ascii_tolower(text.ptr[i]);

        if (c == '.' && label == 0)
            continue;
        if (!is_host_char(c) || host->len == WN_URL_HOST_MAX)
            return false;
        label = c == '.' ? 0 : label + 1;
        if (label > LABEL_MAX)
            return false;
        host->name[host->len++] = c;
    }
    if (host->len > 0 && host->name[host->len - 1] == '.')
        host->len--;
    host->name[host->len] = '\0';
    return host->len > 0;
}

/* One number of an IPv4 address as the C library reads it: 0x hexadecimal, 0
 * octal, else decimal. */
static bool
parse_number(WnSpan text, uint64_t *out_value)
{
    int base = 10;
    uint64_t value = 0;

    if (text.len > 1 && text.ptr[0] == '0') {
        bool hex = text.ptr[1] == 'x';

        base = hex ? 16 : 8;
        text = wn_span_slice(text, hex ? 2 : 1, text.len);
    }
    if (text.len == 0 && base != 16)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        int digit = g_ascii_xdigit_value(text.ptr[i]);

        if (digit < 0 || digit >= base)
            return false;
        value = value * (uint64_t)base + (uint64_t)digit;
        if (value > UINT32_MAX)
            return false;
    }
    *out_value = value;
    return true;
}

static WnSpan
last_label(const WnUrlHost *host)
{
    const char *dot = memrchr(host->name, '.', host->len);
    size_t at = dot != NULL ? (size_t)(dot - host->name) + 1 : 0;

    return wn_span(host->name + at, host->len - at);
}

/* A host that ends in a number is an address or nothing. */
static bool
ends_in_number(const WnUrlHost *host)
{
    WnSpan label = last_label(host);
    size_t at = label.len > 1 && label.ptr[0] == '0' && label.ptr[1] == 'x' ? 2
                                                                            : 0;
    bool hex = at > 0;

    for (; at < label.len; at++) {
        if (hex ? !g_ascii_isxdigit(label.ptr[at])
                : !g_ascii_isdigit(label.ptr[at]))
            return false;
    }
    return true;
}

static bool
parse_ipv4(WnUrlHost *host)
{
    WnSpan rest = wn_span(host->name, host->len);
    uint64_t parts[4], address = 0;
    size_t n = 0;
    g_autofree char *text = NULL;

    for (;;) {
        const char *dot = memchr(rest.ptr, '.', rest.len);
        size_t len = dot != NULL ? (size_t)(dot - rest.ptr) : rest.len;

        if (n == 4 || !parse_number(wn_span_slice(rest, 0, len), &parts[n++]))
            return false;
        if (dot == NULL)
            break;
        rest = wn_span_slice(rest, len + 1, rest.len);
    }
    for (size_t i = 0; i + 1 < n; i++) {
        if (parts[i] > 255)
            return false;
        address |= parts[i] << (24 - 8 * i);
    }
    if (parts[n - 1] > UINT32_MAX >> (8 * (n - 1)))
        return false;
    address |= parts[n - 1];
    text = g_strdup_printf("%u.%u.%u.%u", (unsigned)(address >> 24),
        (unsigned)(address >> 16 & 255), (unsigned)(address >> 8 & 255),
        (unsigned)(address & 255));
    if (strcmp(text, host->name) != 0)
        host->disguised = true;
    host->len = strlen(text);
    memcpy(host->name, text, host->len + 1);
    host->is_ip = true;
    return true;
}

static bool
parse_ipv6(WnSpan raw, WnUrlHost *host)
{
    char text[WN_NETADDR_TEXT_MAX];
    WnNetaddr address;

    if (raw.len < 4 || raw.ptr[raw.len - 1] != ']'
        || !wn_netaddr_parse(wn_span_slice(raw, 1, raw.len - 2), &address)
        || memchr(raw.ptr, ':', raw.len) == NULL)
        return false;
    wn_netaddr_format(&address, text);
    host->len = strlen(text);
    memcpy(host->name, text, host->len + 1);
    host->is_ip = true;
    host->disguised = address.len == 4;
    return true;
}

static void
find_registered(WnUrlHost *host)
{
    const psl_ctx_t *list = public_suffixes();
    const char *name;

    host->known = psl_is_public_suffix2(list, last_label(host).ptr,
        PSL_TYPE_ANY | PSL_TYPE_NO_STAR_RULE);
    name = psl_registrable_domain(list, host->name);
    if (name != NULL && strchr(host->name, '.') != NULL)
        host->registered = (size_t)(name - host->name);
    host->is_suffix = name == NULL
                      && psl_is_public_suffix2(list, host->name,
                          PSL_TYPE_ICANN | PSL_TYPE_NO_STAR_RULE);
}

/* What is not written in plain letters. */
static bool
parse_odd(WnSpan raw, WnUrlHost *host)
{
    g_autoptr(GString) text = g_string_sized_new(raw.len);
    bool ascii;

    if (!clean_host(raw, text, &host->disguised))
        return false;
    map_characters(text, &host->disguised, &ascii);
    if (!ascii && has_look_alikes(text->str))
        host->disguised = true;
    return (ascii || to_ascii(text))
           && put_labels(wn_span(text->str, text->len), host);
}

static bool
is_plain(WnSpan raw)
{
    for (size_t i = 0; i < raw.len; i++) {
        if (!g_ascii_isalnum(raw.ptr[i]) && raw.ptr[i] != '.'
            && raw.ptr[i] != '-')
            return false;
    }
    return true;
}

bool
wn_url_host_read(WnSpan raw, WnUrlHost *out_host)
{
    WnUrlHost *host = out_host;

    host->len = host->registered = 0;
    host->is_ip = host->known = host->is_suffix = host->disguised = false;
    if (raw.len == 0 || raw.len > WN_URL_HOST_RAW_MAX)
        return false;
    if (raw.ptr[0] == '[')
        return parse_ipv6(raw, host);
    if (is_plain(raw) ? !put_labels(raw, host) : !parse_odd(raw, host))
        return false;
    return !ends_in_number(host) || parse_ipv4(host);
}

bool
wn_url_host_parse(WnSpan raw, WnUrlHost *out_host)
{
    if (!wn_url_host_read(raw, out_host))
        return false;
    out_host->registered = out_host->len;
    if (!out_host->is_ip)
        find_registered(out_host);
    return true;
}
