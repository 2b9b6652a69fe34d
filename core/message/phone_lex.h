/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Text as groups of digits and what stands between them.  Digits of all
 * scripts, circled and key-cap ones become ASCII, invisible characters are
 * passed over, and in words of digits the letters O, o, l, I and | are 0 and 1.
 * One pass; a group and a gap have bounded sizes whatever their text has.
 */

#include "core/base/span.h"

#include <glib.h>

#define WN_PHONE_GROUP_MAX                            \
    16 /* digits; a longer run is no part of a number \
        */

typedef enum {
    WN_PHONE_GAP_BREAK, /* the groups have nothing to do with each other */
    WN_PHONE_GAP_LINE,  /* one line end */
    WN_PHONE_GAP_SPACE,
    WN_PHONE_GAP_TIGHT /* a dash, dot, slash or bracket */
} WnPhoneGap;

typedef struct WnPhoneGroup {
    size_t start, end; /* of the digits in the text */
    size_t lead;       /* start with the plus and brackets before */
    WnPhoneGap gap;    /* to the group before */
    gunichar mark;     /* the last that is neither space nor bracket; '-' for
                        * all dashes; 0: none */
    uint8_t len;       /* over WN_PHONE_GROUP_MAX: too long */
    bool plus, open;   /* stand before; open is a bracket */
    bool closed;       /* a bracket stood between the group before and this */
    bool disguised;    /* not written in ASCII digits, or not in them alone */
    char digits[WN_PHONE_GROUP_MAX];
} WnPhoneGroup;

typedef struct WnPhoneLexer {
    WnSpan text; /* valid UTF-8 */
    size_t at;
} WnPhoneLexer;

/* False at the end of the text. */
bool wn_phone_next_group(WnPhoneLexer *self, WnPhoneGroup *out_group);

/* Not shown, or of no width. */
bool wn_phone_is_invisible(gunichar c);

bool wn_phone_is_dash(gunichar c);

/* The character before at, or behind it; 0 at the ends of the text. */
gunichar wn_phone_char_before(WnSpan text, size_t at);
gunichar wn_phone_char_at(WnSpan text, size_t at);
