/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Whether a reader sees the text of an element, from its style and that of what
 * is around it.
 */

#include "core/message/html_css.h"

typedef struct WnHtmlBox {
    float font_px;
    WnColor color;
    WnColor back;    /* opaque */
    bool back_known; /* no image is in the background */
    bool gone;       /* display: none; it takes no room */
    bool unseen;     /* with all it holds, whatever that is set to */
    bool invisible;  /* visibility: hidden; what it holds may be visible */
    bool shown;      /* what follows from all this */
} WnHtmlBox;

/* Around everything: black on white. */
void wn_html_box_init(WnHtmlBox *self);

void wn_html_box_derive(WnHtmlBox *self, const WnHtmlBox *parent,
    const WnCssStyle *style);
