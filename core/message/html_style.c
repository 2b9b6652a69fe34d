/* SPDX-License-Identifier: MIT */
#include "core/message/html_style.h"

#include "core/message/html_entities.h"
#include "core/message/html_tags.h"

static void
set_number(WnCssStyle *style, WnCssProperty property, float number)
{
    wn_css_style_set(style, property,
        (WnCssValue){ .number = number, .unit = WN_CSS_PIXELS });
}

static void
set_color(WnCssStyle *style, WnCssProperty property,
    const WnAttributes *attributes, WnAttribute attribute)
{
    WnCssValue value = { .unit = WN_CSS_PIXELS };

    if (wn_attributes_has(attributes, attribute)
        && wn_color_parse_attribute(wn_attributes_get(attributes, attribute),
            &value.color))
        wn_css_style_set(style, property, value);
}

/* <font size>: 1 to 7, or so many more or less than 3. */
static void
set_font_size(WnCssStyle *style, const WnAttributes *attributes)
{
    static const float pixels[] = { 10, 13, 16, 18, 24, 32, 48 };
    WnSpan text = wn_attributes_get(attributes, WN_ATTRIBUTE_SIZE);
    char sign = text.len > 0 ? text.ptr[0] : '\0';
    bool relative = sign == '+' || sign == '-';
    size_t at = relative ? 1 : 0;
    int size;

    if (at >= text.len || !g_ascii_isdigit(text.ptr[at]))
        return;
    size = g_ascii_digit_value(text.ptr[at]);
    if (relative)
        size = sign == '+' ? 3 + size : 3 - size;
    set_number(style, WN_CSS_FONT_SIZE, pixels[CLAMP(size, 1, 7) - 1]);
}

/* A picture of a pixel is not seen, nor are its words. */
static void
set_picture_size(WnCssStyle *style, const WnAttributes *attributes,
    WnAttribute attribute, WnCssProperty property)
{
    WnSpan text = wn_span_trim(wn_attributes_get(attributes, attribute));

    if (text.len == 0 || (text.ptr[0] != '0' && text.ptr[0] != '1')
        || (text.len > 1 && g_ascii_isdigit(text.ptr[1])))
        return;
    if (memchr(text.ptr, '%', text.len) != NULL)
        return;
    set_number(style, property, 0);
    set_number(style, WN_CSS_OVERFLOW, 1);
}

static void
set_by_tag(WnHtmlElement *self, const WnAttributes *attributes)
{
    WnCssStyle *base = &self->base;

    switch ((int)self->tag) {
    case WN_HTML_A:
        if (wn_attributes_has(attributes, WN_ATTRIBUTE_HREF))
            wn_css_style_set(base, WN_CSS_COLOR,
                (WnCssValue){ .color = { 0, 0, 238, 255 } });
        break;
    case WN_HTML_FONT:
        set_color(base, WN_CSS_COLOR, attributes, WN_ATTRIBUTE_COLOR);
        set_font_size(base, attributes);
        break;
    case WN_HTML_IMG:
    case WN_HTML_IMAGE:
        set_picture_size(base, attributes, WN_ATTRIBUTE_WIDTH, WN_CSS_WIDTH);
        set_picture_size(base, attributes, WN_ATTRIBUTE_HEIGHT, WN_CSS_HEIGHT);
        break;
    case WN_HTML_INPUT:
        if (wn_span_case_eq(wn_attributes_get(attributes, WN_ATTRIBUTE_TYPE),
                WN_SPAN("hidden")))
            set_number(base, WN_CSS_DISPLAY, 1);
        break;
    case WN_HTML_DIALOG:
        if (!wn_attributes_has(attributes, WN_ATTRIBUTE_OPEN))
            set_number(base, WN_CSS_DISPLAY, 1);
        break;
    default:
        set_color(base, WN_CSS_BACK_COLOR, attributes, WN_ATTRIBUTE_BGCOLOR);
        if (wn_attributes_get(attributes, WN_ATTRIBUTE_BACKGROUND).len > 0)
            set_number(base, WN_CSS_BACK_IMAGE, 1);
        if (self->tag == WN_HTML_BODY)
            set_color(base, WN_CSS_COLOR, attributes, WN_ATTRIBUTE_TEXT);
        break;
    }
}

static WnSpan
without_entities(WnSpan text, GString *scratch)
{
    if (memchr(text.ptr, '&', text.len) == NULL)
        return text;
    g_string_truncate(scratch, 0);
    wn_html_entities_decode(scratch, text);
    return wn_span(scratch->str, scratch->len);
}

void
wn_html_style_read(WnHtmlElement *self, uint32_t flags,
    const WnAttributes *attributes, GString *scratch)
{
    self->names.id = wn_attributes_get(attributes, WN_ATTRIBUTE_ID);
    self->names.classes = wn_attributes_get(attributes, WN_ATTRIBUTE_CLASS);
    self->style = without_entities(wn_attributes_get(attributes,
                                       WN_ATTRIBUTE_STYLE),
        scratch);
    self->base.set = self->base.important = 0;
    if ((flags & WN_TAG_STYLED) != 0 && attributes->set != 0)
        set_by_tag(self, attributes);
    else if (self->tag == WN_HTML_DIALOG)
        set_by_tag(self, attributes);
    if ((flags & WN_TAG_GONE) != 0
        || wn_attributes_has(attributes, WN_ATTRIBUTE_HIDDEN))
        set_number(&self->base, WN_CSS_DISPLAY, 1);
}
