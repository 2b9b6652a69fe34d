/* SPDX-License-Identifier: MIT */
#include "core/smtp/xtext.h"

#include <glib.h>

#define UTF8_TYPE WN_SPAN("utf-8")

/* The most digits of "\x{10FFFF}". */
#define HEXPOINT_MAX 6

/* RFC 3461 §4 allows upper case only. */
static int
hex_value(char c)
{
    return c >= 'a' && c <= 'f' ? -1 : g_ascii_xdigit_value(c);
}

/* The character that "+XX" at the beginning of text stands for, or -1. */
static int
decode_hexchar(WnSpan text)
{
    if (text.len < 3 || text.ptr[0] != '+' || hex_value(text.ptr[1]) < 0
        || hex_value(text.ptr[2]) < 0)
        return -1;
    return hex_value(text.ptr[1]) * 16 + hex_value(text.ptr[2]);
}

bool
wn_xtext_is_valid(WnSpan text, size_t max)
{
    size_t n = 0;

    for (size_t i = 0; i < text.len; n++) {
        WnSpan rest = wn_span_slice(text, i, text.len);
        bool encoded = rest.ptr[0] == '+';
        int c = encoded ? decode_hexchar(rest) : rest.ptr[0];

        if (c < ' ' || c > '~' || (!encoded && (c == ' ' || c == '=')))
            return false;
        i += encoded ? 3 : 1;
    }
    return n <= max;
}

char *
wn_xtext_decode(WnSpan text)
{
    GString *out = g_string_new(NULL);

    for (size_t i = 0; i < text.len;) {
        int c = decode_hexchar(wn_span_slice(text, i, text.len));

        g_string_append_c(out, c > 0 ? (char)c : text.ptr[i]);
        i += c > 0 ? 3 : 1;
    }
    return g_string_free(out, FALSE);
}

static bool
is_scalar(gunichar code)
{
    return code > 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
}

static bool
is_control(gunichar code)
{
    return code < ' ' || (code >= 0x7f && code < 0xa0);
}

/* What "\x{HEX}" at the beginning of text stands for and how long it is; 0: it
 * is none. */
static size_t
decode_hexpoint(WnSpan text, gunichar *out_code)
{
    size_t at = 3;

    *out_code = 0;
    if (text.len < 5 || memcmp(text.ptr, "\\x{", 3) != 0)
        return 0;
    while (
        at < text.len && at < 3 + HEXPOINT_MAX && hex_value(text.ptr[at]) >= 0)
        *out_code = *out_code * 16 + (gunichar)hex_value(text.ptr[at++]);
    if (at == 3 || at == text.len || text.ptr[at] != '}')
        return 0;
    return is_scalar(*out_code) ? at + 1 : 0;
}

/* The next character of an address of type utf-8 and its length; 0: it may not
 * stand there. */
static size_t
next_utf8_char(WnSpan text, gunichar *out_code)
{
    if (text.ptr[0] == '\\')
        return decode_hexpoint(text, out_code);
    *out_code = g_utf8_get_char_validated(text.ptr, (gssize)text.len);
    if (*out_code >= 0x80 && is_scalar(*out_code))
        return (size_t)g_utf8_skip[(guchar)text.ptr[0]];
    return *out_code > ' ' && *out_code <= '~' && *out_code != '+'
                   && *out_code != '='
               ? 1
               : 0;
}

static bool
utf8_address_is_valid(WnSpan text, bool utf8)
{
    while (text.len > 0) {
        gunichar code;
        size_t len = next_utf8_char(text, &code);

        if (len == 0 || is_control(code)
            || (!utf8 && (unsigned char)text.ptr[0] >= 0x80))
            return false;
        text = wn_span_slice(text, len, text.len);
    }
    return true;
}

/* Takes the type off; false if there is none. */
static bool
take_type(WnSpan *value, WnSpan *out_type)
{
    const char *semicolon = memchr(value->ptr, ';', value->len);
    size_t len = semicolon != NULL ? (size_t)(semicolon - value->ptr) : 0;

    if (len == 0 || len + 1 == value->len)
        return false;
    *out_type = wn_span_slice(*value, 0, len);
    for (size_t i = 0; i < len; i++)
        if (!g_ascii_isalnum(value->ptr[i]) && value->ptr[i] != '-')
            return false;
    *value = wn_span_slice(*value, len + 1, value->len);
    return true;
}

bool
wn_orcpt_is_valid(WnSpan value, bool utf8)
{
    WnSpan type;

    if (!take_type(&value, &type))
        return false;
    if (wn_span_case_eq(type, UTF8_TYPE))
        return utf8_address_is_valid(value, utf8);
    return wn_xtext_is_valid(value, value.len);
}

static char *
decode_utf8_address(WnSpan text)
{
    GString *out = g_string_new("utf-8;");

    while (text.len > 0) {
        gunichar code;
        size_t len = next_utf8_char(text, &code);

        if (len == 0) {
            code = '?';
            len = 1;
        }
        g_string_append_unichar(out, code);
        text = wn_span_slice(text, len, text.len);
    }
    return g_string_free(out, FALSE);
}

char *
wn_orcpt_decode(WnSpan value, bool utf8)
{
    g_autofree char *text = NULL;
    WnSpan type;

    if (!take_type(&value, &type))
        return g_strdup("");
    if (!wn_span_case_eq(type, UTF8_TYPE)) {
        text = wn_xtext_decode(value);
        return g_strdup_printf("%.*s;%s", (int)type.len, type.ptr, text);
    }
    if (utf8)
        return decode_utf8_address(value);
    return g_strdup_printf("utf-8;%.*s", (int)value.len, value.ptr);
}

char *
wn_orcpt_to_ascii(WnSpan value)
{
    GString *out = g_string_new(NULL);

    while (value.len > 0) {
        gunichar code = g_utf8_get_char_validated(value.ptr, (gssize)value.len);
        size_t len = is_scalar(code) ? (size_t)g_utf8_skip[(guchar)*value.ptr]
                                     : 1;

        if (!is_scalar(code))
            code = '?';
        if (code < 0x80)
            g_string_append_c(out, (char)code);
        else
            g_string_append_printf(out, "\\x{%X}", code);
        value = wn_span_slice(value, len, value.len);
    }
    return g_string_free(out, FALSE);
}
