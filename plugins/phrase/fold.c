/* SPDX-License-Identifier: MIT */
#include "fold.h"

#include <string.h>

static gboolean
is_blank(gunichar c)
{
    return c == ' ' || (c >= '\t' && c <= '\r') || c == 0x85 || c == 0x2800
           || (c >= 0x80 && g_unichar_isspace(c));
}

/* Characters that no reader shows. */
static gboolean
is_invisible(gunichar c)
{
    if (c < 0x80)
        return c < ' ' || c == 0x7F;
    if (g_unichar_type(c) == G_UNICODE_CONTROL
        || g_unichar_type(c) == G_UNICODE_FORMAT)
        return TRUE;
    return c == 0x034F || c == 0x115F || c == 0x1160
           || (c >= 0x17B4 && c <= 0x17B5) || (c >= 0x180B && c <= 0x180F)
           || c == 0x3164 || (c >= 0xFE00 && c <= 0xFE0F) || c == 0xFFA0
           || (c >= 0xFFF0 && c <= 0xFFF8) || (c >= 0xE0000 && c <= 0xE0FFF);
}

static const char *
next_char(const char *at)
{
    return at + g_utf8_skip[(guchar)*at];
}

static void
append_char(GString *out, gunichar c)
{
    if (is_blank(c)) {
        if (out->len > 0 && out->str[out->len - 1] != ' ')
            g_string_append_c(out, ' ');
    } else if (!is_invisible(c)) {
        g_string_append_unichar(out, c);
    }
}

static void
fold_bytes(const char *line, gsize len, GString *out)
{
    for (gsize i = 0; i < len; i++) {
        unsigned char c = (unsigned char)line[i];

        if (c >= 0x80)
            g_string_append_c(out, line[i]);
        else
            append_char(out, (gunichar)g_ascii_tolower(line[i]));
    }
}

static gboolean
is_ascii(const char *line, gsize len)
{
    for (gsize i = 0; i < len; i++)
        if ((unsigned char)line[i] >= 0x80)
            return FALSE;
    return TRUE;
}

/* Invisible characters go first: one between a letter and its mark would keep
 * them apart. */
static char *
normalise(const char *line, gsize len)
{
    g_autoptr(GString) visible = g_string_new(NULL);
    g_autofree char *composed = NULL;
    g_autofree char *folded = NULL;

    for (const char *at = line; at < line + len; at = next_char(at))
        if (!is_invisible(g_utf8_get_char(at)) || is_blank(g_utf8_get_char(at)))
            g_string_append_unichar(visible, g_utf8_get_char(at));
    composed = g_utf8_normalize(visible->str, -1, G_NORMALIZE_ALL_COMPOSE);
    folded = g_utf8_casefold(composed, -1);
    return g_utf8_normalize(folded, -1, G_NORMALIZE_ALL_COMPOSE);
}

void
phrase_fold(const char *line, gsize len, GString *out)
{
    g_string_truncate(out, 0);
    if (is_ascii(line, len) || !g_utf8_validate(line, (gssize)len, NULL)) {
        fold_bytes(line, len, out);
    } else {
        g_autofree char *normal = normalise(line, len);

        for (const char *at = normal; *at != '\0'; at = next_char(at))
            append_char(out, g_utf8_get_char(at));
    }
    if (out->len > 0 && out->str[out->len - 1] == ' ')
        g_string_truncate(out, out->len - 1);
}
