/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The attributes of one tag that matter for its text.
 */

#include "core/base/span.h"

typedef enum {
    WN_ATTRIBUTE_ALT,
    WN_ATTRIBUTE_BACKGROUND,
    WN_ATTRIBUTE_BGCOLOR,
    WN_ATTRIBUTE_CLASS,
    WN_ATTRIBUTE_COLOR,
    WN_ATTRIBUTE_HEIGHT,
    WN_ATTRIBUTE_HIDDEN,
    WN_ATTRIBUTE_HREF,
    WN_ATTRIBUTE_ID,
    WN_ATTRIBUTE_OPEN,
    WN_ATTRIBUTE_SIZE,
    WN_ATTRIBUTE_STYLE,
    WN_ATTRIBUTE_TEXT,
    WN_ATTRIBUTE_TYPE,
    WN_ATTRIBUTE_VALUE,
    WN_ATTRIBUTE_WIDTH
} WnAttribute;

enum { WN_ATTRIBUTES = WN_ATTRIBUTE_WIDTH + 1 };

typedef struct WnAttributes {
    uint32_t set; /* a bit for each; the values of others are not defined */
    WnSpan values[WN_ATTRIBUTES]; /* as in the source, without quotes */
} WnAttributes;

/* html begins behind a tag's name.  Gives the length up to behind the ">" that
 * ends the tag; one inside a quoted value does not end it.  Of two attributes
 * with the same name the first counts. */
size_t wn_attributes_parse(WnAttributes *self, WnSpan html);

/* Empty without the attribute. */
WnSpan wn_attributes_get(const WnAttributes *self, WnAttribute attribute);

static inline bool
wn_attributes_has(const WnAttributes *self, WnAttribute attribute)
{
    return (self->set >> attribute & 1) != 0;
}
