/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The declarations of CSS that can hide text, read from a style attribute or
 * the block of a rule; all others are passed over.
 */

#include "core/message/html_color.h"

typedef enum {
    WN_CSS_BACK_COLOR,
    WN_CSS_BACK_IMAGE, /* number: 1 if there is one */
    WN_CSS_CLIP,       /* 1: everything is clipped or scaled away */
    WN_CSS_COLOR,
    WN_CSS_DISPLAY, /* 1: none */
    WN_CSS_FONT_SIZE,
    WN_CSS_HEIGHT,
    WN_CSS_LEFT,
    WN_CSS_MARGIN_LEFT,
    WN_CSS_MARGIN_TOP,
    WN_CSS_MAX_HEIGHT,
    WN_CSS_MAX_WIDTH,
    WN_CSS_OPACITY,
    WN_CSS_OVERFLOW, /* 1: what does not fit is not seen */
    WN_CSS_POSITION, /* 1: not static */
    WN_CSS_TEXT_INDENT,
    WN_CSS_TOP,
    WN_CSS_VISIBILITY, /* 1: hidden */
    WN_CSS_WIDTH
} WnCssProperty;

enum { WN_CSS_PROPERTIES = WN_CSS_WIDTH + 1 };

typedef enum {
    WN_CSS_PIXELS,  /* also a plain number */
    WN_CSS_EM,      /* and percent of a font size, by 100 */
    WN_CSS_PERCENT, /* of what is not known here */
    WN_CSS_INITIAL  /* as if it was not set: "auto", "none" */
} WnCssUnit;

typedef struct WnCssValue {
    float number;
    WnColor color;
    WnCssUnit unit;
} WnCssValue;

typedef struct WnCssStyle {
    uint32_t set; /* a bit for each property */
    uint32_t important;
    WnCssValue values[WN_CSS_PROPERTIES];
} WnCssStyle;

/* Adds the declarations; later ones win over those before, unless those are
 * important. */
void wn_css_style_parse(WnCssStyle *self, WnSpan text);

/* Puts over self what other has set. */
void wn_css_style_merge(WnCssStyle *self, const WnCssStyle *other);

void wn_css_style_set(WnCssStyle *self, WnCssProperty property,
    WnCssValue value);

static inline bool
wn_css_style_has(const WnCssStyle *self, WnCssProperty property)
{
    return (self->set >> property & 1) != 0;
}
