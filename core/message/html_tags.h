/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What HTML's elements do to the text around and inside of them.
 */

#include "core/base/span.h"

enum {
    WN_TAG_LINE = 1u << 0,  /* text before, in and behind it is on lines of its
                             * own */
    WN_TAG_SPACE = 1u << 1, /* a blank parts it from the text around it */
    WN_TAG_VOID = 1u << 2,  /* holds nothing and has no end tag */
    WN_TAG_CODE = 1u << 3,  /* holds no text; up to its end tag */
    WN_TAG_RAW = 1u << 4,   /* what it holds is not shown; up to its end tag */
    WN_TAG_GONE = 1u << 5,  /* what it holds is not shown */
    WN_TAG_ENDS_P = 1u << 6,
    WN_TAG_SCOPE = 1u << 7, /* an end tag inside ends nothing around it */
    WN_TAG_STYLED = 1u << 8 /* its name or attributes set colours or sizes */
};

typedef struct WnTag {
    const char *name;
    uint32_t flags;
} WnTag;

/* The tags that are known, in the order of their names; 0 is none. */
typedef enum {
    WN_HTML_NONE,
    WN_HTML_A,
    WN_HTML_ADDRESS,
    WN_HTML_AREA,
    WN_HTML_ARTICLE,
    WN_HTML_ASIDE,
    WN_HTML_B,
    WN_HTML_BASE,
    WN_HTML_BASEFONT,
    WN_HTML_BGSOUND,
    WN_HTML_BIG,
    WN_HTML_BLOCKQUOTE,
    WN_HTML_BODY,
    WN_HTML_BR,
    WN_HTML_BUTTON,
    WN_HTML_CAPTION,
    WN_HTML_CENTER,
    WN_HTML_CODE,
    WN_HTML_COL,
    WN_HTML_DATALIST,
    WN_HTML_DD,
    WN_HTML_DETAILS,
    WN_HTML_DIALOG,
    WN_HTML_DIR,
    WN_HTML_DIV,
    WN_HTML_DL,
    WN_HTML_DT,
    WN_HTML_EM,
    WN_HTML_EMBED,
    WN_HTML_FIELDSET,
    WN_HTML_FIGCAPTION,
    WN_HTML_FIGURE,
    WN_HTML_FONT,
    WN_HTML_FOOTER,
    WN_HTML_FORM,
    WN_HTML_FRAME,
    WN_HTML_H1,
    WN_HTML_H2,
    WN_HTML_H3,
    WN_HTML_H4,
    WN_HTML_H5,
    WN_HTML_H6,
    WN_HTML_HEAD,
    WN_HTML_HEADER,
    WN_HTML_HGROUP,
    WN_HTML_HR,
    WN_HTML_HTML,
    WN_HTML_I,
    WN_HTML_IFRAME,
    WN_HTML_IMAGE,
    WN_HTML_IMG,
    WN_HTML_INPUT,
    WN_HTML_LABEL,
    WN_HTML_LI,
    WN_HTML_LINK,
    WN_HTML_MAIN,
    WN_HTML_MARQUEE,
    WN_HTML_MENU,
    WN_HTML_META,
    WN_HTML_NAV,
    WN_HTML_NOEMBED,
    WN_HTML_NOFRAMES,
    WN_HTML_NOSCRIPT,
    WN_HTML_OBJECT,
    WN_HTML_OL,
    WN_HTML_OPTION,
    WN_HTML_P,
    WN_HTML_PARAM,
    WN_HTML_PRE,
    WN_HTML_S,
    WN_HTML_SCRIPT,
    WN_HTML_SECTION,
    WN_HTML_SELECT,
    WN_HTML_SMALL,
    WN_HTML_SOURCE,
    WN_HTML_SPAN,
    WN_HTML_STRONG,
    WN_HTML_STYLE,
    WN_HTML_SUB,
    WN_HTML_SUMMARY,
    WN_HTML_SUP,
    WN_HTML_TABLE,
    WN_HTML_TBODY,
    WN_HTML_TD,
    WN_HTML_TEMPLATE,
    WN_HTML_TEXTAREA,
    WN_HTML_TFOOT,
    WN_HTML_TH,
    WN_HTML_THEAD,
    WN_HTML_TITLE,
    WN_HTML_TR,
    WN_HTML_TRACK,
    WN_HTML_TT,
    WN_HTML_U,
    WN_HTML_UL,
    WN_HTML_WBR,
    WN_HTML_UNKNOWN /* and above */
} WnHtmlTag;

/* The number of a tag: at most 255, never 0; one of a tag that is not known is
 * shared with others. */
uint8_t wn_tag_find(WnSpan name, uint32_t *out_flags);
