/* SPDX-License-Identifier: MIT */
#include "core/message/html_text.h"

/* What styles, colours, sizes and attributes hide: the vectors of
 * doc/text-forms.md. */

#define HID(style) "a<span style=\"" style "\">x</span>b", "ab", "x"
#define SEEN(style) "a<span style=\"" style "\">x</span>b", "axb", ""
#define SHEET(css) "<style>" css "</style>a<b id=i class='k l'>x</b>b"

static const struct {
    const char *title, *html, *shown, *hidden;
} cases[] = {
    { "display", HID("display:none") },
    { "display, spaced", HID(" DISPLAY : None ! important ; x:y") },
    { "display with entities", HID("display&#58;none") },
    { "visibility", HID("visibility:hidden") },
    { "opacity", HID("opacity:0") },
    { "opacity in percent", HID("opacity:1%") },
    { "half opacity", SEEN("opacity:.5") },
    { "font size", HID("font-size:0") },
    { "font size, 1px", HID("font-size:1px") },
    { "font size, 1pt", HID("font-size:1pt") },
    { "font size, percent", HID("font-size:2%") },
    { "font size, em", HID("font-size:.05em") },
    { "font shorthand", HID("font: bold 1px/20px Arial") },
    { "readable", SEEN("font-size:7px") },
    { "font shorthand, readable", SEEN("font: 700 12px Arial") },
    { "max-height", HID("max-height:0;overflow:hidden") },
    { "height", HID("height:0px; overflow:hidden") },
    { "width", HID("width:0;overflow:hidden") },
    { "height without overflow", SEEN("height:0") },
    { "text-indent", HID("text-indent:-9999px") },
    { "position", HID("position:absolute;left:-5000px") },
    { "position above", HID("position:fixed;top:-99em") },
    { "left without position", SEEN("left:-5000px") },
    { "clip", HID("position:absolute;clip:rect(0,0,0,0)") },
    { "transform", HID("transform:scale(0)") },
    { "line-height", SEEN("line-height:0") },
    { "Outlook alone", SEEN("mso-hide:all") },
    { "white on white", HID("color:white") },
    { "nearly white", HID("color:#FEFEFE") },
    { "three digits", HID("color:#fff") },
    { "rgb", HID("color:rgb(255, 255,255)") },
    { "rgba", HID("color:rgba(0,0,0,0)") },
    { "rgba in new syntax", HID("color:rgb(0 0 0 / 2%)") },
    { "hsl", HID("color:hsl(0,0%,100%)") },
    { "transparent", HID("color:transparent") },
    { "own background", HID("background:#123456;color:#123457") },
    { "white on dark", SEEN("background-color:#000;color:#fff") },
    { "white on a picture", SEEN("background:url(x) #fff;color:#fff") },
    { "grey", SEEN("color:#ddd") },
    { "later wins", SEEN("display:none;display:inline") },
    { "important wins", HID("display:none!important;display:inline") },
    { "semicolon in quotes", SEEN("font-family:'a;display:none'") },
    { "semicolon in url", SEEN("background:url(a;display:none)") },

    { "background inherited",
        "<div style='background:#000'>a<p style='color:black'>x</div>b", "b",
        "a\nx\n" },
    { "bgcolor", "<td bgcolor=navy>a<font color=\"#000080\">x</font>b", "ab",
        "x" },
    { "body", "<body bgcolor=000000 text=ffffff>a<font color=black>x</font>b",
        "ab", "x" },
    { "legacy colour", "a<font color='ffffff'>x</font>b", "ab", "x" },
    { "links are blue", "<p style='color:#fff'>x<a href=y>a</a>", "a", "x" },
    { "links in white", "a<a href=y style='color:#fff'>x</a>b", "ab", "x" },
    { "visible again",
        "<p style='visibility:hidden'>x<b "
        "style='visibility:visible'>a</b>",
        "a", "x" },
    { "not displayed again",
        "<p style='display:none'>x<b style='display:block'>y</b>", "", "xy" },
    { "size inside", "<td style='font-size:0'>x<b style='font-size:14px'>a</b>",
        "a", "x" },
    { "hidden", "a<p hidden>x</p>b", "ab", "x\n" },
    { "aria-hidden", "a<b aria-hidden=true>x</b>b", "axb", "" },
    { "takes no room", "via<div style='display:none'>x</div>gra", "viagra",
        "x\n" },
    { "takes room", "via<div style='opacity:0'>x</div>gra", "via\ngra", "x\n" },
    { "second style", "<b style='color:red' style='display:none'>a</b>", "a",
        "" },
    { "paragraph ends", "<p style='display:none'>x<p>a", "a", "x" },
    { "item ends", "<ul><li hidden>x<li>a</ul>b", "a\nb", "x" },
    { "cell ends", "<table><tr><td hidden>x<td>a</table>b", "a\nb", "x" },
    { "end tag in a cell", "<div hidden><table><td>x</div>y</table></div>a",
        "a", "x\ny\n" },
    { "stray end tag", "<p hidden>x</span>y</p>a", "a", "xy\n" },
    { "void", "a<br style='display:none'>b", "ab", "" },
    { "preheader",
        "<div style=\"display:none;font-size:1px;color:#fff;line-height:1px;"
        "max-height:0;max-width:0;opacity:0;overflow:hidden\">Sale!</div>a",
        "a", "Sale!\n" },

    { "alternative text", "a<img alt='v &amp; w' src=x>b", "a v & w b", "" },
    { "pixel", "a<img alt=x width=1 height=1>b", "a b", "x " },
    { "hidden picture", "a<img alt=x style='display:none'>b", "ab", "x " },
    { "input", "a<input type=hidden value=x><input value=v>", "a v ", "x " },
    { "comment", "a<!-- x <b>y</b> z -->b", "ab", "x y z\n" },
    { "Outlook alone, by comment", "a<!--[if mso]><p>x</p><![endif]-->b", "ab",
        "[if mso]>\nx\n" },
    { "not Outlook", "a<!--[if !mso]><!-->v<!--<![endif]-->b", "avb",
        "[if !mso]>\n" },
    { "title", "<title>x</title>a", "a", "x\n" },
    { "template", "a<template>x</template>b", "ab", "x" },
    { "noscript", "a<noscript>v</noscript>b", "avb", "" },
    { "script and style", "<script>x</script><style>y</style>a", "a", "" },
    { "iframe", "a<iframe>x</iframe>b", "ab", "x\n" },
    { "details", "<details><summary>s</summary>v</details>", "s\nv\n", "" },

    { "sheet: class", SHEET(".k{display:none}"), "ab", "x" },
    { "sheet: second class", SHEET(".l{font-size:0}"), "ab", "x" },
    { "sheet: id", SHEET("#i{color:#fff}"), "ab", "x" },
    { "sheet: element", SHEET("b{display:none}"), "ab", "x" },
    { "sheet: both", SHEET("b.l.k{display:none}"), "ab", "x" },
    { "sheet: list", SHEET("u, .x , .k{display:none}"), "ab", "x" },
    { "sheet: any", SHEET("*{opacity:0}"), "ab", "x" },
    { "sheet: other", SHEET("i.k,.m,#k{display:none}"), "axb", "" },
    { "sheet: not understood", SHEET("b:hover,b[x],a+b{display:none}"), "axb",
        "" },
    { "sheet: comment", SHEET("/*}*/.k/**/{display:/*x*/none}"), "ab", "x" },
    { "sheet: markup", SHEET("<!-- .k{display:none} -->"), "ab", "x" },
    { "sheet: later", SHEET(".k{display:none}.l{display:block}"), "axb", "" },
    { "sheet: weight", SHEET("#i{display:none}.l{display:block}"), "ab", "x" },
    { "sheet: important", SHEET(".k{display:none!important}#i{display:inline}"),
        "ab", "x" },
    { "sheet: print", SHEET("@media print{.k{display:none}}"), "axb", "" },
    { "sheet: screen", SHEET("@media screen{.k{display:none}}"), "ab", "x" },
    { "sheet: narrow",
        SHEET("@media only screen and (max-width:480px){.k{display:none}}"),
        "axb", "" },
    { "sheet: wide", SHEET("@media (min-width:481px){.k{display:none}}"), "ab",
        "x" },
    { "sheet: dark",
        SHEET("@media (prefers-color-scheme:dark){.k{color:#fff}}"), "axb",
        "" },
    { "sheet: behind media", SHEET("@media print{a{b:c}}.k{display:none}"),
        "ab", "x" },
    { "sheet: import", SHEET("@import 'x';.k{display:none}"), "ab", "x" },
    { "sheet: font-face", SHEET("@font-face{a:b}.k{display:none}"), "ab", "x" },
    { "sheet: unclosed", SHEET(".k{display:none"), "ab", "x" },
    { "sheet: behind its elements", "<b class=k>x</b>a<style>.k{color:#fff}",
        "a", "x" },
    { "sheet: descent",
        "<style>div .k{display:none}</style>a<div><i class=k>x</i></div>",
        "a\n", "x" },
    { "sheet: no descent",
        "<style>div .k{display:none}</style>a<p><i class=k>v</i></p>", "a\nv\n",
        "" },
    { "sheet: child", "<style>p>i{display:none}</style><p>a<i>x</i><b><i>v",
        "av", "x" },
    { "sheet: inline wins",
        "<style>i{display:none}</style>a<i style='display:inline'>v</i>", "av",
        "" },
    { "sheet: in a comment", "<!--<style>i{display:none}</style>-->a<i>v</i>",
        "av", "" },
};

static void
test_case(gconstpointer data)
{
    size_t i = (size_t)GPOINTER_TO_UINT(data);
    g_autoptr(GString) shown = g_string_new(NULL);
    g_autoptr(GString) hidden = g_string_new(NULL);

    g_assert_cmpuint(wn_html_text_append(shown, hidden,
                         wn_span_str(cases[i].html), 10000),
        ==, 0);
    g_assert_cmpstr(shown->str, ==, cases[i].shown);
    g_assert_cmpstr(hidden->str, ==, cases[i].hidden);
}

static void
test_depth(void)
{
    g_autoptr(GString) html = g_string_new(NULL);
    g_autoptr(GString) shown = g_string_new(NULL);
    g_autoptr(GString) hidden = g_string_new(NULL);

    for (int i = 0; i < 100000; i++)
        g_string_append(html, "<b>");
    g_string_append(html, "<i hidden>a");
    g_assert_cmpuint(wn_html_text_append(shown, hidden,
                         wn_span(html->str, html->len), 10000),
        ==, WN_HTML_TEXT_TOO_DEEP);
    g_assert_cmpstr(shown->str, ==, "a");
}

static void
test_rules(void)
{
    g_autoptr(GString) html = g_string_new("<style>");
    g_autoptr(GString) shown = g_string_new(NULL);

    for (int i = 0; i < 3000; i++)
        g_string_append(html, ".k i{color:red}");
    g_string_append(html, "</style>");
    for (int i = 0; i < 20000; i++)
        g_string_append(html, "<i>a");
    g_assert_cmpuint(wn_html_text_append(shown, NULL,
                         wn_span(html->str, html->len), 100000),
        ==, WN_HTML_TEXT_TOO_DEEP | WN_HTML_TEXT_TOO_MANY);
    g_assert_cmpuint(shown->len, ==, 20000);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strdup_printf("/message/html_hidden/%s",
            cases[i].title);

        g_test_add_data_func(path, GUINT_TO_POINTER(i), test_case);
    }
    g_test_add_func("/message/html_hidden/depth", test_depth);
    g_test_add_func("/message/html_hidden/rules", test_rules);
    return g_test_run();
}
