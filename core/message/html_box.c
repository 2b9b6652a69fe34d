/* SPDX-License-Identifier: MIT */
#include "core/message/html_box.h"

static const float font_min = 2.0f; /* pixels; smaller ones cannot be read */
static const float size_min = 1.5f; /* of a box that cuts what it holds */
static const float opacity_min = 0.06f;
static const float far_away = -500.0f; /* pixels outside of the page */

void
wn_html_box_init(WnHtmlBox *self)
{
    *self = (WnHtmlBox){ .font_px = 16,
        .color = { 0, 0, 0, 255 },
        .back = { 255, 255, 255, 255 },
        .back_known = true,
        .shown = true };
}

static float
number(const WnCssStyle *style, WnCssProperty property, float otherwise)
{
    return wn_css_style_has(style, property) ? style->values[property].number
                                             : otherwise;
}

/* A length in pixels; otherwise if it is not set, or of what is not known. */
static float
length(const WnCssStyle *style, WnCssProperty property, float font_px,
    float otherwise)
{
    const WnCssValue *value = &style->values[property];

    if (!wn_css_style_has(style, property))
        return otherwise;
    switch (value->unit) {
    case WN_CSS_PIXELS:
        return value->number;
    case WN_CSS_EM:
        return value->number * font_px;
    case WN_CSS_PERCENT:
        return value->number == 0 ? 0 : value->number * 8;
    case WN_CSS_INITIAL:
        break;
    }
    return otherwise;
}

static bool
is_cut_away(const WnCssStyle *style, float font_px)
{
    static const WnCssProperty sizes[] = { WN_CSS_HEIGHT, WN_CSS_MAX_HEIGHT,
        WN_CSS_WIDTH, WN_CSS_MAX_WIDTH };

    if (number(style, WN_CSS_CLIP, 0) > 0)
        return true;
    if (number(style, WN_CSS_OVERFLOW, 0) == 0)
        return false;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        if (length(style, sizes[i], font_px, 100) < size_min)
            return true;
    }
    return false;
}

static bool
is_far_away(const WnCssStyle *style, float font_px)
{
    if (length(style, WN_CSS_TEXT_INDENT, font_px, 0) <= far_away
        || length(style, WN_CSS_MARGIN_LEFT, font_px, 0) <= far_away
        || length(style, WN_CSS_MARGIN_TOP, font_px, 0) <= far_away)
        return true;
    return number(style, WN_CSS_POSITION, 0) > 0
           && (length(style, WN_CSS_LEFT, font_px, 0) <= far_away
               || length(style, WN_CSS_TOP, font_px, 0) <= far_away);
}

static void
derive_colors(WnHtmlBox *self, const WnCssStyle *style)
{
    if (wn_css_style_has(style, WN_CSS_BACK_COLOR)) {
        WnColor back = style->values[WN_CSS_BACK_COLOR].color;

        self->back_known |= back.alpha == 255;
        self->back = wn_color_over(back, self->back);
    }
    if (number(style, WN_CSS_BACK_IMAGE, 0) > 0)
        self->back_known = false;
    if (wn_css_style_has(style, WN_CSS_COLOR))
        self->color = style->values[WN_CSS_COLOR].color;
}

static bool
has_seen_color(const WnHtmlBox *self)
{
    return self->color.alpha > 15
           && (!self->back_known
               || !wn_color_is_near(wn_color_over(self->color, self->back),
                   self->back));
}

void
wn_html_box_derive(WnHtmlBox *self, const WnHtmlBox *parent,
    const WnCssStyle *style)
{
    *self = *parent;
    if (style->set == 0)
        return;
    self->font_px = length(style, WN_CSS_FONT_SIZE, parent->font_px,
        parent->font_px);
    self->gone |= number(style, WN_CSS_DISPLAY, 0) > 0;
    self->unseen |= number(style, WN_CSS_OPACITY, 1) < opacity_min
                    || is_cut_away(style, self->font_px)
                    || is_far_away(style, self->font_px);
    self->invisible = number(style, WN_CSS_VISIBILITY, parent->invisible) > 0;
    derive_colors(self, style);
    self->shown = !self->gone && !self->unseen && !self->invisible
                  && self->font_px > font_min && has_seen_color(self);
}
