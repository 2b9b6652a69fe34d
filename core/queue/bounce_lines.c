/* SPDX-License-Identifier: MIT */
#include "core/queue/bounce_lines.h"

#define FOLD_LEN 76
#define TEXT_MAX 2048
#define WORD_MAX_LEN 900 /* of a line of 998; a field's name is before it */

void
wn_bounce_add(GByteArray *out, const char *text)
{
    g_byte_array_append(out, (const guint8 *)text, (guint)strlen(text));
}

void
wn_bounce_add_line(GByteArray *out, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list arguments;

    va_start(arguments, format);
    text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    wn_bounce_add(out, text);
    wn_bounce_add(out, "\r\n");
}

/* How long the character at the beginning is; 0: it may not be shown. */
static size_t
printable_len(WnSpan text, bool utf8)
{
    gunichar code;

    if ((unsigned char)text.ptr[0] < 0x80)
        return g_ascii_isprint(text.ptr[0]) ? 1 : 0;
    if (!utf8)
        return 0;
    code = g_utf8_get_char_validated(text.ptr, (gssize)text.len);
    if (code < 0xa0 || code > 0x10ffff)
        return 0;
    return (size_t)g_utf8_skip[(guchar)text.ptr[0]];
}

char *
wn_bounce_clean(WnSpan text, size_t max, bool utf8)
{
    GString *out = g_string_new(NULL);

    while (text.len > 0 && out->len < max) {
        size_t len = printable_len(text, utf8);

        if (len > 0)
            g_string_append_len(out, text.ptr, (gssize)len);
        else
            g_string_append_c(out,
                (unsigned char)text.ptr[0] >= 0x7f ? '?' : ' ');
        text = wn_span_slice(text, MAX(len, 1), text.len);
    }
    return g_string_free(out, FALSE);
}

/* How much of text, longer than room, goes on a line: to a space, even if that
 * comes late; only what would be longer than a line may be is broken between
 * two characters. */
static size_t
break_at(const char *text, size_t room)
{
    size_t len = room;

    while (len > 0 && text[len] != ' ')
        len--;
    if (len > 0)
        return len;
    len = strcspn(text, " ");
    if (len <= WORD_MAX_LEN)
        return len;
    len = WORD_MAX_LEN;
    while (len > 1 && ((unsigned char)text[len] & 0xc0) == 0x80)
        len--;
    return len;
}

static void
add_broken(GByteArray *out, const char *rest, size_t room, const char *indent)
{
    while (strlen(rest) > room) {
        size_t len = break_at(rest, room);

        g_byte_array_append(out, (const guint8 *)rest, (guint)len);
        rest += len;
        rest += strspn(rest, " ");
        if (*rest == '\0')
            break;
        wn_bounce_add(out, "\r\n");
        wn_bounce_add(out, indent);
        room = FOLD_LEN - strlen(indent);
    }
    wn_bounce_add(out, rest);
    wn_bounce_add(out, "\r\n");
}

void
wn_bounce_add_word(GByteArray *out, const char *name, WnSpan value, bool utf8)
{
    g_autofree char *text = wn_bounce_clean(value, WORD_MAX_LEN, utf8);

    g_strchomp(text);
    wn_bounce_add_line(out, "%s: %s", name, text);
}

void
wn_bounce_add_field(GByteArray *out, const char *name, const char *prefix,
    WnSpan value, bool utf8)
{
    g_autofree char *text = wn_bounce_clean(value, TEXT_MAX, utf8);
    size_t used = strlen(name) + strlen(prefix) + 2;

    g_strchomp(text);
    wn_bounce_add(out, name);
    wn_bounce_add(out, ": ");
    wn_bounce_add(out, prefix);
    add_broken(out, text, FOLD_LEN - MIN(used, FOLD_LEN / 2), " ");
}

void
wn_bounce_add_wrapped(GByteArray *out, const char *indent, WnSpan text,
    bool utf8)
{
    g_autofree char *line = wn_bounce_clean(text, TEXT_MAX, utf8);

    wn_bounce_add(out, indent);
    add_broken(out, g_strchomp(line), FOLD_LEN - strlen(indent), indent);
}
