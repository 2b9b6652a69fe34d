/* SPDX-License-Identifier: MIT */
#include "core/message/html_color.h"

#include <glib.h>

enum { NEAR = 16, ATTRIBUTE_MAX = 128 };

/* Sorted. */
static const struct {
    const char *name;
    uint32_t value;
} named[] = {
    { "aliceblue", 0xf0f8ff },
    { "antiquewhite", 0xfaebd7 },
    { "aqua", 0x00ffff },
    { "aquamarine", 0x7fffd4 },
    { "azure", 0xf0ffff },
    { "beige", 0xf5f5dc },
    { "bisque", 0xffe4c4 },
    { "black", 0x000000 },
    { "blanchedalmond", 0xffebcd },
    { "blue", 0x0000ff },
    { "blueviolet", 0x8a2be2 },
    { "brown", 0xa52a2a },
    { "burlywood", 0xdeb887 },
    { "cadetblue", 0x5f9ea0 },
    { "chartreuse", 0x7fff00 },
    { "chocolate", 0xd2691e },
    { "coral", 0xff7f50 },
    { "cornflowerblue", 0x6495ed },
    { "cornsilk", 0xfff8dc },
    { "crimson", 0xdc143c },
    { "cyan", 0x00ffff },
    { "darkblue", 0x00008b },
    { "darkcyan", 0x008b8b },
    { "darkgoldenrod", 0xb8860b },
    { "darkgray", 0xa9a9a9 },
    { "darkgreen", 0x006400 },
    { "darkgrey", 0xa9a9a9 },
    { "darkkhaki", 0xbdb76b },
    { "darkmagenta", 0x8b008b },
    { "darkolivegreen", 0x556b2f },
    { "darkorange", 0xff8c00 },
    { "darkorchid", 0x9932cc },
    { "darkred", 0x8b0000 },
    { "darksalmon", 0xe9967a },
    { "darkseagreen", 0x8fbc8f },
    { "darkslateblue", 0x483d8b },
    { "darkslategray", 0x2f4f4f },
    { "darkslategrey", 0x2f4f4f },
    { "darkturquoise", 0x00ced1 },
    { "darkviolet", 0x9400d3 },
    { "deeppink", 0xff1493 },
    { "deepskyblue", 0x00bfff },
    { "dimgray", 0x696969 },
    { "dimgrey", 0x696969 },
    { "dodgerblue", 0x1e90ff },
    { "firebrick", 0xb22222 },
    { "floralwhite", 0xfffaf0 },
    { "forestgreen", 0x228b22 },
    { "fuchsia", 0xff00ff },
    { "gainsboro", 0xdcdcdc },
    { "ghostwhite", 0xf8f8ff },
    { "gold", 0xffd700 },
    { "goldenrod", 0xdaa520 },
    { "gray", 0x808080 },
    { "green", 0x008000 },
    { "greenyellow", 0xadff2f },
    { "grey", 0x808080 },
    { "honeydew", 0xf0fff0 },
    { "hotpink", 0xff69b4 },
    { "indianred", 0xcd5c5c },
    { "indigo", 0x4b0082 },
    { "ivory", 0xfffff0 },
    { "khaki", 0xf0e68c },
    { "lavender", 0xe6e6fa },
    { "lavenderblush", 0xfff0f5 },
    { "lawngreen", 0x7cfc00 },
    { "lemonchiffon", 0xfffacd },
    { "lightblue", 0xadd8e6 },
    { "lightcoral", 0xf08080 },
    { "lightcyan", 0xe0ffff },
    { "lightgoldenrodyellow", 0xfafad2 },
    { "lightgray", 0xd3d3d3 },
    { "lightgreen", 0x90ee90 },
    { "lightgrey", 0xd3d3d3 },
    { "lightpink", 0xffb6c1 },
    { "lightsalmon", 0xffa07a },
    { "lightseagreen", 0x20b2aa },
    { "lightskyblue", 0x87cefa },
    { "lightslategray", 0x778899 },
    { "lightslategrey", 0x778899 },
    { "lightsteelblue", 0xb0c4de },
    { "lightyellow", 0xffffe0 },
    { "lime", 0x00ff00 },
    { "limegreen", 0x32cd32 },
    { "linen", 0xfaf0e6 },
    { "magenta", 0xff00ff },
    { "maroon", 0x800000 },
    { "mediumaquamarine", 0x66cdaa },
    { "mediumblue", 0x0000cd },
    { "mediumorchid", 0xba55d3 },
    { "mediumpurple", 0x9370db },
    { "mediumseagreen", 0x3cb371 },
    { "mediumslateblue", 0x7b68ee },
    { "mediumspringgreen", 0x00fa9a },
    { "mediumturquoise", 0x48d1cc },
    { "mediumvioletred", 0xc71585 },
    { "midnightblue", 0x191970 },
    { "mintcream", 0xf5fffa },
    { "mistyrose", 0xffe4e1 },
    { "moccasin", 0xffe4b5 },
    { "navajowhite", 0xffdead },
    { "navy", 0x000080 },
    { "oldlace", 0xfdf5e6 },
    { "olive", 0x808000 },
    { "olivedrab", 0x6b8e23 },
    { "orange", 0xffa500 },
    { "orangered", 0xff4500 },
    { "orchid", 0xda70d6 },
    { "palegoldenrod", 0xeee8aa },
    { "palegreen", 0x98fb98 },
    { "paleturquoise", 0xafeeee },
    { "palevioletred", 0xdb7093 },
    { "papayawhip", 0xffefd5 },
    { "peachpuff", 0xffdab9 },
    { "peru", 0xcd853f },
    { "pink", 0xffc0cb },
    { "plum", 0xdda0dd },
    { "powderblue", 0xb0e0e6 },
    { "purple", 0x800080 },
    { "rebeccapurple", 0x663399 },
    { "red", 0xff0000 },
    { "rosybrown", 0xbc8f8f },
    { "royalblue", 0x4169e1 },
    { "saddlebrown", 0x8b4513 },
    { "salmon", 0xfa8072 },
    { "sandybrown", 0xf4a460 },
    { "seagreen", 0x2e8b57 },
    { "seashell", 0xfff5ee },
    { "sienna", 0xa0522d },
    { "silver", 0xc0c0c0 },
    { "skyblue", 0x87ceeb },
    { "slateblue", 0x6a5acd },
    { "slategray", 0x708090 },
    { "slategrey", 0x708090 },
    { "snow", 0xfffafa },
    { "springgreen", 0x00ff7f },
    { "steelblue", 0x4682b4 },
    { "tan", 0xd2b48c },
    { "teal", 0x008080 },
    { "thistle", 0xd8bfd8 },
    { "tomato", 0xff6347 },
    { "turquoise", 0x40e0d0 },
    { "violet", 0xee82ee },
    { "wheat", 0xf5deb3 },
    { "white", 0xffffff },
    { "whitesmoke", 0xf5f5f5 },
    { "yellow", 0xffff00 },
    { "yellowgreen", 0x9acd32 },
};

static WnColor
opaque(uint32_t value)
{
    return (WnColor){ (uint8_t)(value >> 16), (uint8_t)(value >> 8),
        (uint8_t)value, 255 };
}

static bool
find_named(WnSpan text, WnColor *out)
{
    size_t low = 0;
    size_t high = G_N_ELEMENTS(named);
    char name[24] = "";

    if (text.len >= sizeof name)
        return false;
    for (size_t i = 0; i < text.len; i++)
        name[i] = g_ascii_tolower(text.ptr[i]);
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(name, named[middle].name);

        if (order == 0) {
            *out = opaque(named[middle].value);
            return true;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

/* Three, four, six or eight digits. */
static bool
parse_hex(WnSpan digits, WnColor *out)
{
    size_t width = digits.len >= 6 ? 2 : 1;
    size_t n = digits.len / width;
    uint8_t value[4] = { 0, 0, 0, 255 };

    if (n < 3 || n > 4 || n * width != digits.len)
        return false;
    for (size_t i = 0; i < n; i++) {
        int high = g_ascii_xdigit_value(digits.ptr[i * width]);
        int low = g_ascii_xdigit_value(digits.ptr[i * width + width - 1]);

        if (high < 0 || low < 0)
            return false;
        value[i] = (uint8_t)(high * 16 + low);
    }
    *out = (WnColor){ value[0], value[1], value[2], value[3] };
    return true;
}

typedef struct Number {
    double value;
    bool percent;
} Number;

/* The next number of a list that anything else parts. */
static bool
take_number(WnSpan *text, Number *out)
{
    double value = 0;
    double unit = 1;
    size_t at = 0;
    bool point = false;
    bool minus;

    while (at < text->len && !g_ascii_isdigit(text->ptr[at])
           && text->ptr[at] != '.')
        at++;
    if (at == text->len)
        return false;
    minus = at > 0 && text->ptr[at - 1] == '-';
    for (; at < text->len; at++) {
        char c = text->ptr[at];

        if (c == '.' && !point) {
            point = true;
        } else if (g_ascii_isdigit(c)) {
            unit = point ? unit / 10 : 1;
            value = point ? value + unit * g_ascii_digit_value(c)
                          : MIN(value * 10 + g_ascii_digit_value(c), 1e6);
        } else {
            break;
        }
    }
    out->percent = at < text->len && text->ptr[at] == '%';
    out->value = minus ? -value : value;
    *text = wn_span_slice(*text, at, text->len);
    return true;
}

static uint8_t
channel(double value)
{
    return (uint8_t)(CLAMP(value, 0, 255) + 0.5);
}

/* https://www.w3.org/TR/css-color-4/#hsl-to-rgb */
static uint8_t
hsl_channel(double hue, double saturation, double light, int n)
{
    double k = n + hue / 30;
    double low;

    while (k >= 12)
        k -= 12;
    while (k < 0)
        k += 12;
    low = MAX(-1, MIN(MIN(k - 3, 9 - k), 1));
    return channel(255 * (light - saturation * MIN(light, 1 - light) * low));
}

/* What stands behind "rgb(" or "hsl(". */
static bool
parse_function(WnSpan text, bool hsl, WnColor *out)
{
    Number n[4] = { { 0, false }, { 0, false }, { 0, false }, { 1, false } };
    double alpha;

    for (size_t i = 0; i < 4; i++) {
        if (!take_number(&text, &n[i]) && i < 3)
            return false;
    }
    alpha = n[3].value * (n[3].percent ? 2.55 : 255);
    if (hsl) {
        double hue = CLAMP(n[0].value, -720, 720);
        double saturation = CLAMP(n[1].value / 100, 0, 1);
        double light = CLAMP(n[2].value / 100, 0, 1);

        *out = (WnColor){ hsl_channel(hue, saturation, light, 0),
            hsl_channel(hue, saturation, light, 8),
            hsl_channel(hue, saturation, light, 4), channel(alpha) };
        return true;
    }
    for (size_t i = 0; i < 3; i++)
        n[i].value *= n[i].percent ? 2.55 : 1;
    *out = (WnColor){ channel(n[0].value), channel(n[1].value),
        channel(n[2].value), channel(alpha) };
    return true;
}

bool
wn_color_parse(WnSpan text, WnColor *out)
{
    const char *open = memchr(text.ptr, '(', text.len);

    if (text.len == 0)
        return false;
    if (text.ptr[0] == '#')
        return parse_hex(wn_span_slice(text, 1, text.len), out);
    if (open != NULL) {
        WnSpan inner = wn_span_slice(text, (size_t)(open + 1 - text.ptr),
            text.len);
        bool hsl = wn_span_case_starts(text, WN_SPAN("hsl"));

        return (hsl || wn_span_case_starts(text, WN_SPAN("rgb")))
               && parse_function(inner, hsl, out);
    }
    if (wn_span_case_eq(text, WN_SPAN("transparent"))) {
        *out = (WnColor){ 0, 0, 0, 0 };
        return true;
    }
    return find_named(text, out);
}

/* HTML's rules for parsing a legacy colour value: what is no digit is a zero,
 * three pieces, of each its first two digits behind common zeros. */
static void
parse_legacy(WnSpan text, WnColor *out)
{
    char digits[ATTRIBUTE_MAX + 3];
    size_t n = 0;
    size_t width;
    size_t skip = 0;
    uint8_t value[3];

    for (size_t i = 0; i < text.len && n < ATTRIBUTE_MAX; i++)
        digits[n++] = (char)(g_ascii_isxdigit(text.ptr[i]) ? text.ptr[i] : '0');
    while (n == 0 || n % 3 != 0)
        digits[n++] = '0';
    width = n / 3;
    if (width > 8)
        skip = width - 8;
    while (width - skip > 2 && digits[skip] == '0'
           && digits[width + skip] == '0' && digits[2 * width + skip] == '0')
        skip++;
    for (size_t i = 0; i < 3; i++) {
        const char *piece = digits + i * width + skip;

        value[i] = (uint8_t)g_ascii_xdigit_value(piece[0]);
        if (width - skip > 1)
            value[i] = (uint8_t)(value[i] * 16
                                 + g_ascii_xdigit_value(piece[1]));
    }
    *out = (WnColor){ value[0], value[1], value[2], 255 };
}

bool
wn_color_parse_attribute(WnSpan text, WnColor *out)
{
    text = wn_span_trim(text);
    if (text.len == 0 || wn_span_case_eq(text, WN_SPAN("transparent")))
        return false;
    if (wn_color_parse(text, out))
        return true;
    if (text.ptr[0] == '#')
        text = wn_span_slice(text, 1, text.len);
    parse_legacy(text, out);
    return true;
}

static uint8_t
mix(uint8_t front, uint8_t back, uint8_t alpha)
{
    return (uint8_t)((front * alpha + back * (255 - alpha)) / 255);
}

WnColor
wn_color_over(WnColor color, WnColor back)
{
    return (WnColor){ mix(color.red, back.red, color.alpha),
        mix(color.green, back.green, color.alpha),
        mix(color.blue, back.blue, color.alpha), 255 };
}

bool
wn_color_is_near(WnColor a, WnColor b)
{
    return ABS(a.red - b.red) <= NEAR && ABS(a.green - b.green) <= NEAR
           && ABS(a.blue - b.blue) <= NEAR;
}
