/* SPDX-License-Identifier: MIT */
#include "core/message/content.h"

#include <gmime/gmime-encodings.h>

enum {
    DECODED_SLACK = 64
}; /* decoders never write more than they read, by
    * much; and the NUL */

static const struct {
    const char *name;
    WnEncoding encoding;
} encodings[] = {
    { "base64", WN_ENCODING_BASE64 },
    { "quoted-printable", WN_ENCODING_QUOTED },
    { "x-uuencode", WN_ENCODING_UU },
    { "x-uue", WN_ENCODING_UU },
    { "uuencode", WN_ENCODING_UU },
};

/* The first word; out_rest is what stands behind it and is no comment. */
static WnSpan
encoding_word(WnSpan value, WnSpan *out_rest)
{
    WnSpan text = wn_span_trim(value);
    WnSpan word = text;

    for (size_t i = 0; i < word.len; i++) {
        if (strchr(" \t\r\n;(,", word.ptr[i]) != NULL)
            word.len = i;
    }
    *out_rest = wn_span_trim(wn_span_slice(text, word.len, text.len));
    if (out_rest->len > 0 && out_rest->ptr[0] == '(')
        *out_rest = WN_SPAN_EMPTY;
    return word;
}

WnEncoding
wn_encoding_find(WnSpan value)
{
    WnSpan rest;
    WnSpan word = encoding_word(value, &rest);

    for (size_t i = 0; i < G_N_ELEMENTS(encodings); i++) {
        if (wn_span_case_eq(word, wn_span_str(encodings[i].name)))
            return encodings[i].encoding;
    }
    return WN_ENCODING_NONE;
}

bool
wn_encoding_is_known(WnSpan value)
{
    static const char *const plain[] = { "7bit", "8bit", "binary" };
    WnSpan rest;
    WnSpan word = encoding_word(value, &rest);

    if (rest.len > 0 && !wn_span_eq(rest, WN_SPAN(";")))
        return false;
    for (size_t i = 0; i < G_N_ELEMENTS(plain); i++) {
        if (wn_span_case_eq(word, wn_span_str(plain[i])))
            return true;
    }
    return wn_encoding_find(word) != WN_ENCODING_NONE;
}

static bool
base64_is_sound(WnSpan raw)
{
    size_t n_digits = 0;
    size_t n_padding = 0;

    for (size_t i = 0; i < raw.len; i++) {
        char c = raw.ptr[i];

        if (g_ascii_isalnum(c) || c == '+' || c == '/') {
            if (n_padding > 0)
                return false;
            n_digits++;
        } else if (c == '=') {
            n_padding++;
        } else if (!g_ascii_isspace(c)) {
            return false;
        }
    }
    return n_padding <= 2 && (n_digits + n_padding) % 4 == 0;
}

/* Behind the line end of a soft break (RFC 2045 §6.7 rule 5), at being that of
 * its equals sign; 0 if it is none.  White space may stand between the two:
 * GMime's decoder does not know that, so there is one here. */
static size_t
soft_break_end(WnSpan raw, size_t at)
{
    at++;
    while (at < raw.len && (raw.ptr[at] == ' ' || raw.ptr[at] == '\t'))
        at++;
    if (at < raw.len && raw.ptr[at] == '\r')
        at++;
    if (at < raw.len && raw.ptr[at] == '\n')
        return at + 1;
    return at == raw.len ? at : 0;
}

static bool
quoted_is_sound(WnSpan raw)
{
    size_t at = 0;
    const char *equals;

    while (at < raw.len
           && (equals = memchr(raw.ptr + at, '=', raw.len - at)) != NULL) {
        at = (size_t)(equals - raw.ptr);
        if (raw.len - at > 2 && g_ascii_isxdigit(equals[1])
            && g_ascii_isxdigit(equals[2]))
            at += 3;
        else if (soft_break_end(raw, at) > 0)
            at = soft_break_end(raw, at);
        else
            return false;
    }
    return true;
}

/* Behind the line "begin 644 name", or empty. */
static WnSpan
uu_body(WnSpan raw)
{
    const char *lf;

    while (raw.len > 0 && !wn_span_case_starts(raw, WN_SPAN("begin "))) {
        lf = memchr(raw.ptr, '\n', raw.len);
        if (lf == NULL)
            return WN_SPAN_EMPTY;
        raw = wn_span_slice(raw, (size_t)(lf + 1 - raw.ptr), raw.len);
    }
    lf = memchr(raw.ptr, '\n', raw.len);
    if (lf == NULL)
        return WN_SPAN_EMPTY;
    return wn_span_slice(raw, (size_t)(lf + 1 - raw.ptr), raw.len);
}

bool
wn_content_is_sound(WnSpan raw, WnEncoding encoding)
{
    switch (encoding) {
    case WN_ENCODING_NONE:
        return true;
    case WN_ENCODING_BASE64:
        return base64_is_sound(raw);
    case WN_ENCODING_QUOTED:
        return quoted_is_sound(raw);
    case WN_ENCODING_UU:
        return uu_body(raw).len > 0;
    }
    return true;
}

static size_t
decode_quoted(WnSpan raw, char *out)
{
    size_t at = 0;
    size_t n = 0;

    while (at < raw.len) {
        const char *equals = memchr(raw.ptr + at, '=', raw.len - at);
        size_t len = (equals != NULL ? (size_t)(equals - raw.ptr) : raw.len)
                     - at;
        int high;
        int low;

        memcpy(out + n, raw.ptr + at, len);
        n += len;
        at += len;
        if (equals == NULL)
            break;
        high = raw.len - at > 2 ? g_ascii_xdigit_value(equals[1]) : -1;
        low = raw.len - at > 2 ? g_ascii_xdigit_value(equals[2]) : -1;
        if (high >= 0 && low >= 0) {
            out[n++] = (char)(high * 16 + low);
            at += 3;
        } else if (soft_break_end(raw, at) > 0) {
            at = soft_break_end(raw, at);
        } else {
            out[n++] = '=';
            at++;
        }
    }
    return n;
}

static size_t
decode_base64(WnSpan raw, char *out)
{
    GMimeEncoding decoder;
    size_t n;

    g_mime_encoding_init_decode(&decoder, GMIME_CONTENT_ENCODING_BASE64);
    n = g_mime_encoding_step(&decoder, raw.ptr, raw.len, out);
    /* Padding that was left off. */
    return n + g_mime_encoding_flush(&decoder, "==", 2, out + n);
}

static size_t
decode_uu(WnSpan raw, char *out)
{
    GMimeEncoding decoder;

    g_mime_encoding_init_decode(&decoder, GMIME_CONTENT_ENCODING_UUENCODE);
    decoder.state |= GMIME_UUDECODE_STATE_BEGIN;
    return g_mime_encoding_flush(&decoder, raw.ptr, raw.len, out);
}

WnSpan
wn_content_decode(WnSpan raw, WnEncoding encoding, WnArena *arena)
{
    size_t len = 0;
    char *out;

    if (encoding == WN_ENCODING_NONE)
        return raw;
    if (encoding == WN_ENCODING_UU)
        raw = uu_body(raw);
    out = wn_arena_alloc(arena, raw.len + DECODED_SLACK);
    if (encoding == WN_ENCODING_BASE64)
        len = decode_base64(raw, out);
    else if (encoding == WN_ENCODING_QUOTED)
        len = decode_quoted(raw, out);
    else
        len = decode_uu(raw, out);
    out[len] = '\0';
    return wn_span(out, len);
}

void
wn_content_unify_lines(GString *text)
{
    char *to = memchr(text->str, '\r', text->len);
    const char *from = to;
    const char *end = text->str + text->len;

    if (to == NULL)
        return;
    while (from < end) {
        const char *cr = memchr(from, '\r', (size_t)(end - from));
        size_t len = (size_t)((cr != NULL ? cr : end) - from);

        memmove(to, from, len);
        to += len;
        from += len;
        if (cr == NULL)
            break;
        *to++ = '\n';
        from += from + 1 < end && from[1] == '\n' ? 2 : 1;
    }
    g_string_truncate(text, (gsize)(to - text->str));
}

void
wn_content_unfold_lines(GString *text)
{
    size_t len = 0;

    for (size_t i = 0; i < text->len; i++) {
        if (text->str[i] == '\n'
            && (text->str[i + 1] == ' ' || text->str[i + 1] == '\t'))
            i++;
        else
            text->str[len++] = text->str[i];
    }
    g_string_truncate(text, len);
}

bool
wn_content_has_bare_line_end(WnSpan bytes)
{
    const char *end = bytes.ptr + bytes.len;
    const char *at = bytes.ptr;

    while (at < end) {
        const char *lf = memchr(at, '\n', (size_t)(end - at));
        const char *stop = lf != NULL ? lf : end;
        const char *cr = memchr(at, '\r', (size_t)(stop - at));

        if (lf == NULL)
            return cr != NULL;
        if (cr == NULL || cr + 1 != lf)
            return true;
        at = lf + 1;
    }
    return false;
}

bool
wn_content_is_folded_type(WnSpan type)
{
    return wn_span_case_eq(type, WN_SPAN("text/calendar"))
           || wn_span_case_eq(type, WN_SPAN("text/vcard"))
           || wn_span_case_eq(type, WN_SPAN("text/x-vcard"));
}

bool
wn_content_is_page(WnSpan type, WnSpan name)
{
    static const char *const ends[] = { ".htm", ".html", ".shtml", ".xhtml",
        ".xht", ".svg" };

    if (wn_span_eq(type, WN_SPAN("image/svg+xml")))
        return true;
    for (size_t i = 0; i < G_N_ELEMENTS(ends); i++) {
        size_t len = strlen(ends[i]);

        if (name.len > len
            && wn_span_case_eq(wn_span(name.ptr + name.len - len, len),
                wn_span_str(ends[i])))
            return true;
    }
    return false;
}
