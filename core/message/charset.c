/* SPDX-License-Identifier: MIT */
#include "core/message/charset.h"

#include <errno.h>
#include <iconv.h>

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

enum { CHUNK = 4096 };

/* Names that mail uses, by their beginnings.  iconv knows many more that no
 * mail reader decodes; its converters for those are code that only an attacker
 * would ever run. */
static const char *const prefixes[] = { "utf-", "iso-8859-", "iso-2022-jp",
    "iso-2022-kr", "windows-", "cp125", "cp437", "cp85", "cp86", "cp87", "cp93",
    "cp94", "cp95", "koi8-", "gb18030", "gbk", "big5", "euc-", "shift_jis",
    "tis-620", "macintosh", "ibm85", "ibm86", "viscii", "tcvn", "ucs-", "johab",
    "hz-gb-2312" };

static const struct {
    const char *name;
    const char *iconv_name;
} aliases[] = {
    { "gb2312", "gb18030" },
    { "gb_2312-80", "gb18030" },
    { "gbk", "gb18030" },
    { "x-gbk", "gb18030" },
    { "hz-gb-2312", "hz" },
    { "euc-kr", "cp949" },
    { "ks_c_5601-1987", "cp949" },
    { "ksc5601", "cp949" },
    { "windows-949", "cp949" },
    { "shift_jis", "cp932" },
    { "shift-jis", "cp932" },
    { "sjis", "cp932" },
    { "x-sjis", "cp932" },
    { "windows-31j", "cp932" },
    { "big5", "big5-hkscs" },
    { "x-big5", "big5-hkscs" },
    { "iso-8859-8-i", "iso-8859-8" },
    { "iso-8859-9", "cp1254" },
    { "iso-8859-11", "cp874" },
    { "tis-620", "cp874" },
    { "windows-874", "cp874" },
    { "unicode-1-1-utf-7", "utf-7" },
};

/* 0x80 to 0x9f; 0 where there is none. */
static const uint16_t windows_1252[32] = { 0x20ac, 0, 0x201a, 0x0192, 0x201e,
    0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0, 0x017d,
    0, 0, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x02dc,
    0x2122, 0x0161, 0x203a, 0x0153, 0, 0x017e, 0x0178 };

static bool
is_one_of(const char *name, const char *const *names)
{
    for (; *names != NULL; names++) {
        if (strcmp(name, *names) == 0)
            return true;
    }
    return false;
}

static bool
is_used_in_mail(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(prefixes); i++) {
        if (g_str_has_prefix(name, prefixes[i]))
            return true;
    }
    return false;
}

WnCharset
wn_charset_find(WnSpan name)
{
    static const char *const guessed[] = { "", "us-ascii", "ascii",
        "ansi_x3.4-1968", NULL };
    static const char *const utf8[] = { "utf-8", "utf8", NULL };
    static const char *const latin[] = { "iso-8859-1", "latin1", "iso8859-1",
        "iso_8859-1", "windows-1252", "cp1252", NULL };
    WnCharset charset = { .name = "" };
    char lower[sizeof charset.name] = "";

    if (name.len >= sizeof lower)
        return (WnCharset){ .guess = true };
    for (size_t i = 0; i < name.len; i++) {
        lower[i] = g_ascii_tolower(name.ptr[i]);
        if (!g_ascii_isalnum(lower[i]) && strchr("-_.:", lower[i]) == NULL)
            return (WnCharset){ .guess = true };
    }
    if (is_one_of(lower, utf8))
        return charset;
    if (is_one_of(lower, latin))
        return (WnCharset){ .latin = true };
    if (is_one_of(lower, guessed))
        return (WnCharset){ .guess = true };
    for (size_t i = 0; i < G_N_ELEMENTS(aliases); i++) {
        if (strcmp(lower, aliases[i].name) == 0) {
            g_strlcpy(charset.name, aliases[i].iconv_name, sizeof charset.name);
            return charset;
        }
    }
    if (!is_used_in_mail(lower))
        return (WnCharset){ .guess = true };
    memcpy(charset.name, lower, sizeof charset.name);
    return charset;
}

size_t
wn_ascii_prefix(WnSpan bytes)
{
    size_t n = 0;
    uint64_t word;

    /* Eight at a time while no byte is zero or has its top bit set. */
    for (; n + sizeof word <= bytes.len; n += sizeof word) {
        memcpy(&word, bytes.ptr + n, sizeof word);
        if (((word | (word - 0x0101010101010101u)) & 0x8080808080808080u) != 0)
            break;
    }
    while (n < bytes.len && bytes.ptr[n] > 0)
        n++;
    return n;
}

/* The valid UTF-8 without NUL that begins the span. */
static size_t
utf8_prefix(WnSpan bytes)
{
    size_t ascii = wn_ascii_prefix(bytes);
    const char *end = bytes.ptr + ascii;

    if (ascii < bytes.len)
        g_utf8_validate_len(end, bytes.len - ascii, &end);
    return (size_t)(end - bytes.ptr);
}

static void
append_utf8(GString *out, WnSpan bytes)
{
    while (bytes.len > 0) {
        size_t valid = utf8_prefix(bytes);

        g_string_append_len(out, bytes.ptr, (gssize)valid);
        bytes = wn_span_slice(bytes, valid, bytes.len);
        if (bytes.len == 0)
            return;
        if (bytes.ptr[0] != '\0')
            g_string_append(out, REPLACEMENT);
        bytes = wn_span_slice(bytes, 1, bytes.len);
    }
}

static void
append_latin(GString *out, WnSpan bytes)
{
    while (bytes.len > 0) {
        size_t ascii = wn_ascii_prefix(bytes);
        unsigned char c;

        g_string_append_len(out, bytes.ptr, (gssize)ascii);
        bytes = wn_span_slice(bytes, ascii, bytes.len);
        if (bytes.len == 0)
            return;
        c = (unsigned char)bytes.ptr[0];
        if (c >= 0x80 && c < 0xa0 && windows_1252[c - 0x80] != 0)
            g_string_append_unichar(out, windows_1252[c - 0x80]);
        else if (c != 0)
            g_string_append_unichar(out, c);
        bytes = wn_span_slice(bytes, 1, bytes.len);
    }
}

static void
append_guess(GString *out, WnSpan bytes)
{
    if (utf8_prefix(bytes) == bytes.len)
        g_string_append_len(out, bytes.ptr, (gssize)bytes.len);
    else if (memchr(bytes.ptr, '\0', bytes.len) != NULL)
        append_utf8(out, bytes);
    else
        append_latin(out, bytes);
}

/* What is passed over where a converter is stuck: a wide charset would be out
 * of step for good after a single byte. */
static size_t
unit_size(const WnCharset *charset)
{
    if (g_str_has_prefix(charset->name, "utf-16")
        || g_str_has_prefix(charset->name, "ucs-2"))
        return 2;
    if (g_str_has_prefix(charset->name, "utf-32")
        || g_str_has_prefix(charset->name, "ucs-4"))
        return 4;
    return 1;
}

static void
append_by_iconv(GString *out, iconv_t converter, WnSpan bytes, size_t unit,
    size_t max)
{
    char *in = (char *)(uintptr_t)bytes.ptr; /* iconv only reads it */
    size_t in_left = bytes.len;
    bool flushed = false;

    while (!flushed && out->len < max) {
        char chunk[CHUNK];
        char *to = chunk;
        size_t to_left = sizeof chunk;
        bool stuck;

        flushed = in_left == 0;
        stuck = iconv(converter, flushed ? NULL : &in, &in_left, &to, &to_left)
                    == (size_t)-1
                && errno != E2BIG;
        append_utf8(out, wn_span(chunk, sizeof chunk - to_left));
        if (stuck && in_left > 0) {
            size_t skipped = MIN(unit, in_left);

            g_string_append(out, REPLACEMENT);
            in += skipped;
            in_left -= skipped;
        }
    }
}

static void
append_foreign(GString *out, const WnCharset *charset, WnSpan bytes, size_t max)
{
    iconv_t converter = iconv_open("UTF-8", charset->name);

    if (converter == (iconv_t)-1) {
        append_guess(out, bytes);
        return;
    }
    append_by_iconv(out, converter, bytes, unit_size(charset), max);
    iconv_close(converter);
}

/* At most max bytes, and if they are UTF-8, not less than whole characters. */
static WnSpan
take(WnSpan bytes, size_t max)
{
    WnSpan taken = wn_span_slice(bytes, 0, max);

    if (taken.len == bytes.len)
        return taken;
    for (int i = 0; i < 3 && taken.len > 0; i++) {
        if (((unsigned char)bytes.ptr[taken.len] & 0xc0) != 0x80)
            break;
        taken.len--;
    }
    return taken;
}

/* Cuts to max bytes at most, between characters. */
static bool
cut(GString *out, size_t max)
{
    if (out->len <= max)
        return true;
    while (max > 0 && ((unsigned char)out->str[max] & 0xc0) == 0x80)
        max--;
    g_string_truncate(out, max);
    return false;
}

bool
wn_charset_append(GString *out, const WnCharset *charset, WnSpan bytes,
    size_t max)
{
    size_t room = out->len < max ? max - out->len : 0;
    WnSpan taken = take(bytes, room);

    if (charset->name[0] != '\0')
        append_foreign(out, charset, taken, max);
    else if (charset->guess)
        append_guess(out, taken);
    else if (charset->latin)
        append_latin(out, taken);
    else
        append_utf8(out, taken);
    return cut(out, max) && taken.len == bytes.len;
}
