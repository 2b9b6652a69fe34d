/* SPDX-License-Identifier: MIT */
#include "core/message/html_css.h"

#include <glib.h>

enum {
    NAME_MAX_LEN = 24,
    VALUE_MAX = 512, /* of a value that is looked at */
    ROOT_PX = 16,
    VIEW_PX = 800 /* the width of a window, for the units vw and vh */
};

/* Reads a value.  False if it says nothing, like "inherit". */
typedef bool (*ReadFn)(WnSpan text, WnCssValue *out);

static bool
is_css_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static WnSpan
css_trim(WnSpan text)
{
    while (text.len > 0 && is_css_space(text.ptr[text.len - 1]))
        text.len--;
    while (text.len > 0 && is_css_space(text.ptr[0]))
        text = wn_span_slice(text, 1, text.len);
    return text;
}

/* The next word; white space inside of brackets is part of one. */
static WnSpan
take_word(WnSpan *text)
{
    WnSpan word = *text = css_trim(*text);
    size_t depth = 0;
    size_t len = 0;

    while (len < text->len && (depth > 0 || !is_css_space(text->ptr[len]))) {
        if (text->ptr[len] == '(')
            depth++;
        else if (text->ptr[len] == ')' && depth > 0)
            depth--;
        len++;
    }
    word.len = len;
    *text = wn_span_slice(*text, len, text->len);
    return word;
}

static bool
is_one_of(WnSpan text, const char *const *words)
{
    for (; *words != NULL; words++) {
        if (wn_span_case_eq(text, wn_span_str(*words)))
            return true;
    }
    return false;
}

static bool
contains(WnSpan text, const char *word)
{
    WnSpan wanted = wn_span_str(word);

    for (size_t i = 0; i + wanted.len <= text.len; i++) {
        if (wn_span_case_starts(wn_span_slice(text, i, text.len), wanted))
            return true;
    }
    return false;
}

/* Gives what is behind the number; all of text if there is none. */
static WnSpan
read_number(WnSpan text, float *out)
{
    float value = 0;
    float place = 1;
    bool point = false;
    size_t sign = text.len > 0 && (text.ptr[0] == '-' || text.ptr[0] == '+');
    size_t at = sign;
    size_t n_digits = 0;

    for (; at < text.len; at++) {
        char c = text.ptr[at];

        if (c == '.' && !point) {
            point = true;
            continue;
        }
        if (!g_ascii_isdigit(c))
            break;
        n_digits++;
        place = point ? place / 10 : 1;
        value = point ? value + place * (float)g_ascii_digit_value(c)
                      : MIN(value * 10 + (float)g_ascii_digit_value(c), 1e6f);
    }
    if (n_digits == 0)
        return text;
    *out = sign > 0 && text.ptr[0] == '-' ? -value : value;
    return wn_span_slice(text, at, text.len);
}

static bool
read_length(WnSpan text, WnCssValue *out)
{
    static const struct {
        const char *unit;
        float pixels;
    } units[] = { { "", 1 }, { "px", 1 }, { "pt", 4.0f / 3 }, { "pc", 16 },
        { "in", 96 }, { "cm", 37.8f }, { "mm", 3.78f }, { "rem", ROOT_PX },
        { "vw", VIEW_PX / 100.0f }, { "vh", VIEW_PX / 100.0f } };
    static const char *const none[] = { "auto", "none", "initial", "unset",
        "normal", NULL };
    WnSpan word = take_word(&text);
    WnSpan unit = read_number(word, &out->number);

    if (unit.len == word.len) {
        out->unit = WN_CSS_INITIAL;
        return is_one_of(word, none);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(units); i++) {
        if (wn_span_case_eq(unit, wn_span_str(units[i].unit))) {
            out->number *= units[i].pixels;
            out->unit = WN_CSS_PIXELS;
            return true;
        }
    }
    out->unit = unit.ptr[0] == '%' ? WN_CSS_PERCENT : WN_CSS_EM;
    if (wn_span_case_eq(unit, WN_SPAN("ex"))
        || wn_span_case_eq(unit, WN_SPAN("ch")))
        out->number /= 2;
    return out->unit == WN_CSS_PERCENT || wn_span_case_eq(unit, WN_SPAN("em"))
           || wn_span_case_eq(unit, WN_SPAN("ex"))
           || wn_span_case_eq(unit, WN_SPAN("ch"));
}

static bool
read_font_size(WnSpan text, WnCssValue *out)
{
    static const struct {
        const char *name;
        float number;
        WnCssUnit unit;
    } sizes[] = { { "xx-small", 9, WN_CSS_PIXELS },
        { "x-small", 10, WN_CSS_PIXELS }, { "small", 13, WN_CSS_PIXELS },
        { "medium", 16, WN_CSS_PIXELS }, { "initial", 16, WN_CSS_PIXELS },
        { "large", 18, WN_CSS_PIXELS }, { "x-large", 24, WN_CSS_PIXELS },
        { "xx-large", 32, WN_CSS_PIXELS }, { "smaller", 0.83f, WN_CSS_EM },
        { "larger", 1.2f, WN_CSS_EM } };

    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        if (wn_span_case_eq(text, wn_span_str(sizes[i].name))) {
            out->number = sizes[i].number;
            out->unit = sizes[i].unit;
            return true;
        }
    }
    if (!read_length(text, out) || out->unit == WN_CSS_INITIAL)
        return false;
    if (out->unit == WN_CSS_PERCENT) {
        out->number /= 100;
        out->unit = WN_CSS_EM;
    }
    return out->number >= 0;
}

/* "italic bold 12px/30px Georgia": the first word that is a size. */
static bool
read_font(WnSpan text, WnCssValue *out)
{
    while (css_trim(text).len > 0) {
        WnSpan word = take_word(&text);
        const char *slash = memchr(word.ptr, '/', word.len);

        if (slash != NULL)
            word.len = (size_t)(slash - word.ptr);
        if (word.len > 0 && !g_ascii_isalpha(word.ptr[word.len - 1])
            && word.ptr[word.len - 1] != '%' && !wn_span_eq(word, WN_SPAN("0")))
            continue; /* a weight */
        if (read_font_size(word, out))
            return true;
    }
    return false;
}

static bool
read_color(WnSpan text, WnCssValue *out)
{
    out->unit = WN_CSS_PIXELS;
    return wn_color_parse(take_word(&text), &out->color);
}

static bool
read_back_color(WnSpan text, WnCssValue *out)
{
    while (css_trim(text).len > 0) {
        if (wn_color_parse(take_word(&text), &out->color))
            return true;
    }
    out->color = (WnColor){ 0, 0, 0, 0 };
    return true;
}

static bool
read_image(WnSpan text, WnCssValue *out)
{
    out->number = contains(text, "url(") || contains(text, "gradient(")
                  || contains(text, "image(");
    return true;
}

static bool
read_display(WnSpan text, WnCssValue *out)
{
    WnSpan word = take_word(&text);

    out->number = wn_span_case_eq(word, WN_SPAN("none"));
    return !wn_span_case_eq(word, WN_SPAN("inherit"));
}

static bool
read_visibility(WnSpan text, WnCssValue *out)
{
    static const char *const hidden[] = { "hidden", "collapse", NULL };
    WnSpan word = take_word(&text);

    out->number = is_one_of(word, hidden);
    return out->number > 0 || wn_span_case_eq(word, WN_SPAN("visible"));
}

static bool
read_opacity(WnSpan text, WnCssValue *out)
{
    WnSpan word = take_word(&text);
    WnSpan rest = read_number(word, &out->number);

    if (rest.len > 0 && rest.ptr[0] == '%')
        out->number /= 100;
    return rest.len < word.len;
}

static bool
read_overflow(WnSpan text, WnCssValue *out)
{
    static const char *const cut[] = { "hidden", "clip", NULL };

    out->number = is_one_of(take_word(&text), cut);
    return true;
}

static bool
read_position(WnSpan text, WnCssValue *out)
{
    static const char *const moved[] = { "absolute", "fixed", "relative",
        NULL };

    out->number = is_one_of(take_word(&text), moved);
    return true;
}

/* "rect(0,0,0,0)", "inset(50%)", "scale(0)": all sizes are nothing. */
static bool
read_clip(WnSpan text, WnCssValue *out)
{
    bool rect = wn_span_case_starts(text, WN_SPAN("rect("));

    out->number = 0;
    if (!rect && !wn_span_case_starts(text, WN_SPAN("scale("))) {
        out->number = wn_span_case_starts(text, WN_SPAN("inset(50%"))
                      || wn_span_case_starts(text, WN_SPAN("inset(100%"));
        return true;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (g_ascii_isdigit(text.ptr[i]) && text.ptr[i] != '0'
            && (!rect || text.ptr[i] != '1'))
            return true;
    }
    out->number = 1;
    return true;
}

/* Sorted by name. */
static const struct {
    const char *name;
    ReadFn read;
    WnCssProperty property;
} properties[] = {
    { "background", read_back_color, WN_CSS_BACK_COLOR },
    { "background-color", read_back_color, WN_CSS_BACK_COLOR },
    { "background-image", read_image, WN_CSS_BACK_IMAGE },
    { "clip", read_clip, WN_CSS_CLIP },
    { "clip-path", read_clip, WN_CSS_CLIP },
    { "color", read_color, WN_CSS_COLOR },
    { "display", read_display, WN_CSS_DISPLAY },
    { "font", read_font, WN_CSS_FONT_SIZE },
    { "font-size", read_font_size, WN_CSS_FONT_SIZE },
    { "height", read_length, WN_CSS_HEIGHT },
    { "left", read_length, WN_CSS_LEFT },
    { "margin-left", read_length, WN_CSS_MARGIN_LEFT },
    { "margin-top", read_length, WN_CSS_MARGIN_TOP },
    { "max-height", read_length, WN_CSS_MAX_HEIGHT },
    { "max-width", read_length, WN_CSS_MAX_WIDTH },
    { "opacity", read_opacity, WN_CSS_OPACITY },
    { "overflow", read_overflow, WN_CSS_OVERFLOW },
    { "overflow-x", read_overflow, WN_CSS_OVERFLOW },
    { "overflow-y", read_overflow, WN_CSS_OVERFLOW },
    { "position", read_position, WN_CSS_POSITION },
    { "text-indent", read_length, WN_CSS_TEXT_INDENT },
    { "top", read_length, WN_CSS_TOP },
    { "transform", read_clip, WN_CSS_CLIP },
    { "visibility", read_visibility, WN_CSS_VISIBILITY },
    { "width", read_length, WN_CSS_WIDTH },
};

static size_t
find_property(WnSpan name)
{
    size_t low = 0;
    size_t high = G_N_ELEMENTS(properties);
    char lower[NAME_MAX_LEN] = "";

    if (name.len >= sizeof lower)
        return G_N_ELEMENTS(properties);
    for (size_t i = 0; i < name.len; i++)
        lower[i] = g_ascii_tolower(name.ptr[i]);
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(lower, properties[middle].name);

        if (order == 0)
            return middle;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return G_N_ELEMENTS(properties);
}

static void
put(WnCssStyle *self, WnCssProperty property, const WnCssValue *value,
    uint32_t important)
{
    uint32_t bit = 1u << property;

    if ((self->important & bit) != 0 && important == 0)
        return;
    self->set |= bit;
    self->important |= important != 0 ? bit : 0;
    self->values[property] = *value;
}

void
wn_css_style_set(WnCssStyle *self, WnCssProperty property, WnCssValue value)
{
    put(self, property, &value, 0);
}

void
wn_css_style_merge(WnCssStyle *self, const WnCssStyle *other)
{
    for (uint32_t left = other->set; left != 0; left &= left - 1) {
        WnCssProperty property = (WnCssProperty)__builtin_ctz(left);

        put(self, property, &other->values[property],
            other->important >> property & 1);
    }
}

/* True if the value ends in "!important", which is cut off. */
static bool
take_important(WnSpan *value)
{
    const char *mark = memrchr(value->ptr, '!', value->len);
    WnSpan word;

    if (mark == NULL)
        return false;
    word = css_trim(
        wn_span_slice(*value, (size_t)(mark + 1 - value->ptr), value->len));
    value->len = (size_t)(mark - value->ptr);
    *value = css_trim(*value);
    return wn_span_case_eq(word, WN_SPAN("important"));
}

static void
read_declaration(WnCssStyle *self, WnSpan name, WnSpan text)
{
    size_t n = find_property(css_trim(name));
    WnCssValue value = { .unit = WN_CSS_PIXELS };
    bool important;

    if (n == G_N_ELEMENTS(properties))
        return;
    text = css_trim(text);
    important = take_important(&text);
    text = wn_span_slice(text, 0, VALUE_MAX);
    if (properties[n].read(text, &value))
        put(self, properties[n].property, &value, important);
    if (n == 0 && read_image(text, &value)) /* "background" */
        put(self, WN_CSS_BACK_IMAGE, &value, important);
}

/* Where the declaration ends: at a semicolon outside of brackets and quotes. */
static size_t
declaration_len(WnSpan text, size_t *out_colon)
{
    size_t depth = 0;
    char quote = '\0';

    *out_colon = text.len;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (quote != '\0')
            quote = c == quote ? '\0' : quote;
        else if (c == '"' || c == '\'')
            quote = c;
        else if (c == '(')
            depth++;
        else if (c == ')' && depth > 0)
            depth--;
        else if (c == ':' && *out_colon == text.len)
            *out_colon = i;
        else if (c == ';' && depth == 0)
            return i;
    }
    return text.len;
}

void
wn_css_style_parse(WnCssStyle *self, WnSpan text)
{
    while (text.len > 0) {
        size_t colon;
        size_t len = declaration_len(text, &colon);

        if (colon < len)
            read_declaration(self, wn_span_slice(text, 0, colon),
                wn_span_slice(text, colon + 1, len - colon - 1));
        text = wn_span_slice(text, len + 1, text.len);
    }
}
