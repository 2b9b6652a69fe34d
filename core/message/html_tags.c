/* SPDX-License-Identifier: MIT */
#include "core/message/html_tags.h"

#include <glib.h>

enum { NAME_MAX_LEN = 16 };

/* Sorted from 1 on, as the enumeration is. */
static const WnTag tags[] = {
    [WN_HTML_A] = { "a", WN_TAG_STYLED },
    [WN_HTML_ADDRESS] = { "address", WN_TAG_LINE | WN_TAG_ENDS_P },
    [WN_HTML_AREA] = { "area", WN_TAG_VOID },
    [WN_HTML_ARTICLE] = { "article", WN_TAG_LINE | WN_TAG_ENDS_P },
    [WN_HTML_ASIDE] = { "aside", WN_TAG_LINE | WN_TAG_ENDS_P },
    [WN_HTML_B] = { "b", 0 },
    [WN_HTML_BASE] = { "base", WN_TAG_VOID },
    [WN_HTML_BASEFONT] = { "basefont", WN_TAG_VOID },
    [WN_HTML_BGSOUND] = { "bgsound", WN_TAG_VOID },
    [WN_HTML_BIG] = { "big", 0 },
    [WN_HTML_BLOCKQUOTE] = { "blockquote", WN_TAG_LINE | WN_TAG_ENDS_P },
    [WN_HTML_BODY] = { "body", WN_TAG_LINE | WN_TAG_STYLED },
    [WN_HTML_BR] = { "br", WN_TAG_LINE | WN_TAG_VOID },
    [WN_HTML_BUTTON] = { "button", 0 },
    [WN_HTML_CAPTION] = { "caption", WN_TAG_LINE | WN_TAG_SCOPE },
    [WN_HTML_CENTER] = { "center", WN_TAG_LINE | WN_TAG_ENDS_P },
    [WN_HTML_CODE] = { "code", 0 },
    [WN_HTML_COL] = { "col", WN_TAG_VOID },
    [WN_HTML_DATALIST] = { "datalist", WN_TAG_GONE },
    [WN_HTML_DD] = { "dd", WN_TAG_LINE | WN_TAG_ENDS_P },
    [WN_HTML_DETAILS] = { "details", WN_TAG_LINE | WN_TAG_ENDS_P },
    [WN_HTML_DIALOG] = { "dialog",
        WN_TAG_LINE | WN_TAG_ENDS_P | WN_TAG_STYLED },
    [WN_HTML_DIR] = { "dir", WN_TAG_LINE | WN_TAG_ENDS_P },
    [WN_HTML_DIV] = { "div", WN_TAG_LINE | WN_TAG_ENDS_P },
    [WN_HTML_DL] = { "dl", WN_TAG_LINE | WN_TAG_ENDS_P },
    [WN_HTML_DT] = { "dt", WN_TAG_LINE | WN_TAG_ENDS_P },
    [WN_HTML_EM] = { "em", 0 },
    [WN_HTML_EMBED] = { "embed", WN_TAG_VOID },
    [WN_HTML_FIELDSET] = { "fieldset", WN_TAG_LINE | WN_TAG_ENDS_P },
    [WN_HTML_FIGCAPTION] = { "figcaption", WN_TAG_LINE | WN_TAG_ENDS_P },
    [WN_HTML_FIGURE] = { "figure", WN_TAG_LINE | WN_TAG_ENDS_P },
    [WN_HTML_FONT] = { "font", WN_TAG_STYLED },
    [WN_HTML_FOOTER] = { "footer", WN_TAG_LINE | WN_TAG_ENDS_P },
    [WN_HTML_FORM] = { "form", WN_TAG_LINE | WN_TAG_ENDS_P },
    [WN_HTML_FRAME] = { "frame", WN_TAG_VOID },
    [WN_HTML_H1] = { "h1", WN_TAG_LINE | WN_TAG_ENDS_P },
    [WN_HTML_H2] = { "h2", WN_TAG_LINE | WN_TAG_ENDS_P },
    [WN_HTML_H3] = { "h3", WN_TAG_LINE | WN_TAG_ENDS_P },
    [WN_HTML_H4] = { "h4", WN_TAG_LINE | WN_TAG_ENDS_P },
    [WN_HTML_H5] = { "h5", WN_TAG_LINE | WN_TAG_ENDS_P },
    [WN_HTML_H6] = { "h6", WN_TAG_LINE | WN_TAG_ENDS_P },
    [WN_HTML_HEAD] = { "head", 0 },
    [WN_HTML_HEADER] = { "header", WN_TAG_LINE | WN_TAG_ENDS_P },
    [WN_HTML_HGROUP] = { "hgroup", WN_TAG_LINE | WN_TAG_ENDS_P },
    [WN_HTML_HR] = { "hr", WN_TAG_LINE | WN_TAG_VOID | WN_TAG_ENDS_P },
    [WN_HTML_HTML] = { "html", 0 },
    [WN_HTML_I] = { "i", 0 },
    [WN_HTML_IFRAME] = { "iframe", WN_TAG_RAW },
    [WN_HTML_IMAGE] = { "image", WN_TAG_SPACE | WN_TAG_VOID | WN_TAG_STYLED },
    [WN_HTML_IMG] = { "img", WN_TAG_SPACE | WN_TAG_VOID | WN_TAG_STYLED },
    [WN_HTML_INPUT] = { "input", WN_TAG_SPACE | WN_TAG_VOID | WN_TAG_STYLED },
    [WN_HTML_LABEL] = { "label", 0 },
    [WN_HTML_LI] = { "li", WN_TAG_LINE | WN_TAG_ENDS_P },
    [WN_HTML_LINK] = { "link", WN_TAG_VOID },
    [WN_HTML_MAIN] = { "main", WN_TAG_LINE | WN_TAG_ENDS_P },
    [WN_HTML_MARQUEE] = { "marquee", WN_TAG_SCOPE },
    [WN_HTML_MENU] = { "menu", WN_TAG_LINE | WN_TAG_ENDS_P },
    [WN_HTML_META] = { "meta", WN_TAG_VOID },
    [WN_HTML_NAV] = { "nav", WN_TAG_LINE | WN_TAG_ENDS_P },
    [WN_HTML_NOEMBED] = { "noembed", WN_TAG_RAW },
    [WN_HTML_NOFRAMES] = { "noframes", WN_TAG_RAW },
    [WN_HTML_NOSCRIPT] = { "noscript", 0 },
    [WN_HTML_OBJECT] = { "object", WN_TAG_SCOPE },
    [WN_HTML_OL] = { "ol", WN_TAG_LINE | WN_TAG_ENDS_P },
    [WN_HTML_OPTION] = { "option", WN_TAG_LINE },
    [WN_HTML_P] = { "p", WN_TAG_LINE | WN_TAG_ENDS_P },
    [WN_HTML_PARAM] = { "param", WN_TAG_VOID },
    [WN_HTML_PRE] = { "pre", WN_TAG_LINE | WN_TAG_ENDS_P },
    [WN_HTML_S] = { "s", 0 },
    [WN_HTML_SCRIPT] = { "script", WN_TAG_CODE },
    [WN_HTML_SECTION] = { "section", WN_TAG_LINE | WN_TAG_ENDS_P },
    [WN_HTML_SELECT] = { "select", 0 },
    [WN_HTML_SMALL] = { "small", 0 },
    [WN_HTML_SOURCE] = { "source", WN_TAG_VOID },
    [WN_HTML_SPAN] = { "span", 0 },
    [WN_HTML_STRONG] = { "strong", 0 },
    [WN_HTML_STYLE] = { "style", WN_TAG_CODE },
    [WN_HTML_SUB] = { "sub", 0 },
    [WN_HTML_SUMMARY] = { "summary", WN_TAG_LINE | WN_TAG_ENDS_P },
    [WN_HTML_SUP] = { "sup", 0 },
    [WN_HTML_TABLE] = { "table",
        WN_TAG_LINE | WN_TAG_ENDS_P | WN_TAG_SCOPE | WN_TAG_STYLED },
    [WN_HTML_TBODY] = { "tbody", WN_TAG_STYLED },
    [WN_HTML_TD] = { "td", WN_TAG_SPACE | WN_TAG_SCOPE | WN_TAG_STYLED },
    [WN_HTML_TEMPLATE] = { "template", WN_TAG_GONE | WN_TAG_SCOPE },
    [WN_HTML_TEXTAREA] = { "textarea", 0 },
    [WN_HTML_TFOOT] = { "tfoot", WN_TAG_STYLED },
    [WN_HTML_TH] = { "th", WN_TAG_SPACE | WN_TAG_SCOPE | WN_TAG_STYLED },
    [WN_HTML_THEAD] = { "thead", WN_TAG_STYLED },
    [WN_HTML_TITLE] = { "title", WN_TAG_RAW },
    [WN_HTML_TR] = { "tr", WN_TAG_LINE | WN_TAG_STYLED },
    [WN_HTML_TRACK] = { "track", WN_TAG_VOID },
    [WN_HTML_TT] = { "tt", 0 },
    [WN_HTML_U] = { "u", 0 },
    [WN_HTML_UL] = { "ul", WN_TAG_LINE | WN_TAG_ENDS_P },
    [WN_HTML_WBR] = { "wbr", WN_TAG_VOID },
};

static uint8_t
unknown(WnSpan name)
{
    uint32_t hash = 2166136261u;

    for (size_t i = 0; i < name.len; i++)
        hash = (hash ^ (unsigned char)g_ascii_tolower(name.ptr[i])) * 16777619u;
    return (uint8_t)(WN_HTML_UNKNOWN
                     + (hash ^ hash >> 16) % (256 - WN_HTML_UNKNOWN));
}

uint8_t
wn_tag_find(WnSpan name, uint32_t *out_flags)
{
    char lower[NAME_MAX_LEN] = "";
    size_t low = 1;
    size_t high = G_N_ELEMENTS(tags);

    *out_flags = 0;
    if (name.len >= sizeof lower)
        return unknown(name);
    for (size_t i = 0; i < name.len; i++)
        lower[i] = g_ascii_tolower(name.ptr[i]);
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(lower, tags[middle].name);

        if (order == 0) {
            *out_flags = tags[middle].flags;
            return (uint8_t)middle;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return unknown(name);
}
