/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Colours as HTML attributes and CSS write them.
 */

#include "core/base/span.h"

typedef struct WnColor {
    uint8_t red, green, blue;
    uint8_t alpha; /* 0: nothing of it is seen */
} WnColor;

/* A name, #rgb(a), #rrggbb(aa), rgb(), rgba(), hsl(), hsla(), "transparent".
 * False if it is none. */
bool wn_color_parse(WnSpan text, WnColor *out);

/* An attribute: as above, else whatever digits browsers make of it. */
bool wn_color_parse_attribute(WnSpan text, WnColor *out);

/* What is seen of a colour on an opaque one. */
WnColor wn_color_over(WnColor color, WnColor back);

/* Nobody could tell text in one from a background in the other. */
bool wn_color_is_near(WnColor a, WnColor b);
