/* SPDX-License-Identifier: MIT */

#include "byte_set.h"

#include <glib.h>
#include <string.h>

void
byte_set_invert(ByteSet *self)
{
    for (size_t i = 0; i < G_N_ELEMENTS(self->bits); i++)
        self->bits[i] = ~self->bits[i];
}

/* PCRE2's own tables: letters are those of ASCII. */
static bool
is_of_kind(unsigned int byte, char kind)
{
    switch (kind) {
    case 'd':
        return g_ascii_isdigit((char)byte);
    case 'w':
        return g_ascii_isalnum((char)byte) || byte == '_';
    case 's':
        return byte == ' ' || (byte >= '\t' && byte <= '\r');
    case 'h':
        return byte == ' ' || byte == '\t' || byte == 0xA0;
    case 'v':
        return (byte >= '\n' && byte <= '\r') || byte == 0x85;
    default:
        return byte == '\n'; /* \N is its opposite */
    }
}

void
byte_set_add_kind(ByteSet *self, char letter)
{
    bool inverted = g_ascii_isupper(letter);
    char kind = g_ascii_tolower(letter);

    for (unsigned int byte = 0; byte < 256; byte++)
        if (is_of_kind(byte, kind) != inverted)
            byte_set_add(self, byte);
}

/* The types of GLib's table that the names stand for; 0 if unknown. */
static unsigned int
types_of_class(const char *name, size_t len)
{
    static const struct {
        const char *name;
        unsigned int types;
    } classes[] = {
        { "alnum", G_ASCII_ALNUM },
        { "alpha", G_ASCII_ALPHA },
        { "cntrl", G_ASCII_CNTRL },
        { "digit", G_ASCII_DIGIT },
        { "graph", G_ASCII_GRAPH },
        { "lower", G_ASCII_LOWER },
        { "print", G_ASCII_PRINT },
        { "punct", G_ASCII_PUNCT },
        { "upper", G_ASCII_UPPER },
        { "xdigit", G_ASCII_XDIGIT },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(classes); i++)
        if (len == strlen(classes[i].name)
            && memcmp(name, classes[i].name, len) == 0)
            return classes[i].types;
    return 0;
}

bool
byte_set_add_class(ByteSet *self, const char *name, size_t len)
{
    unsigned int types = types_of_class(name, len);

    if (len == 5 && memcmp(name, "space", 5) == 0) {
        byte_set_add_kind(self, 's');
        return true;
    }
    for (unsigned int byte = 0; byte < 256; byte++)
        if ((g_ascii_table[byte] & types) != 0)
            byte_set_add(self, byte);
    return types != 0;
}
