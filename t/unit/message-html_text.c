/* SPDX-License-Identifier: MIT */
#include "core/message/html_text.h"

#include <time.h>

static const struct {
    const char *title, *html, *text;
} cases[] = {
    { "plain", "hello", "hello" },
    { "inline tags join", "v<b>ia</b>gra", "viagra" },
    { "blocks break", "<p>a</p><div>b</div>c<br>d<BR/>e", "a\nb\nc\nd\ne" },
    { "cells", "<td>a</td><td>b</td>", "a b " },
    { "white space", " a \r\n\t b  ", "a b " },
    { "script", "a<script>if (1 < 2) x('</p>');</script>b", "ab" },
    { "script with attributes", "a<SCRIPT src=\"x>y\">z</Script >b", "ab" },
    { "style", "<style>p { x: y }</style>b", "b" },
    { "title", "<title>t</title>b", "b" },
    { "unclosed script", "a<script>b", "a" },
    { "near end of script", "a<script>b</scriptx>c</script>d", "ad" },
    { "comment", "a<!-- <p>b --> c", "a c" },
    { "short comments", "a<!-->b<!--->c<!---->d", "abcd" },
    { "unclosed comment", "a<!-- b", "a" },
    { "doctype", "<!DOCTYPE html><?xml x?>a", "a" },
    { "quoted bracket", "<a href=\"x>y\" b='>'>c</a>", "c" },
    { "quote in a name", "<a b\"c>d</a>", "d" },
    { "unclosed quote", "a<a b=\"c>d</a>", "a" },
    { "unclosed tag", "a<b", "a" },
    { "no tag", "a < b <3 <> c", "a < b <3 <> c" },
    { "bogus end", "a</ b>c</>d", "acd" },
    { "named", "&lt;&amp;&gt;&eacute;&nbsp;&euro;x", "<&>é\xc2\xa0€x" },
    { "case of names", "&Eacute;&eacute;&EACUTE;", "Éé&EACUTE;" },
    { "numbers", "&#65;&#x41;&#X61;&#0065;", "AAaA" },
    { "bad numbers", "&#;&#x;&#0;&#55296;&#99999999999;&#12a;",
        "&#;&#x;\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd&#12a;" },
    { "windows-1252 numbers", "&#128;&#153;", "€™" },
    { "no semicolon", "&lt b&amp", "< b&" },
    { "no entity", "a & b &foo; &", "a & b &foo; &" },
    { "encoded blank", "a&#32;&#10;b", "a b" },
    { "entity split by a tag", "&l<b>t;</b>", "&lt;" },
    { "apostrophe", "it&apos;s", "it's" },
    { "leading blocks", "<div><p>a", "a" },
    { "empty", "", "" },
};

static void
test_case(gconstpointer data)
{
    size_t i = (size_t)GPOINTER_TO_UINT(data);
    g_autoptr(GString) out = g_string_new(NULL);

    g_assert_true(wn_html_text_append(out, wn_span_str(cases[i].html), 10000));
    g_assert_cmpstr(out->str, ==, cases[i].text);
}

static void
test_max(void)
{
    g_autoptr(GString) out = g_string_new(NULL);

    g_assert_false(wn_html_text_append(out,
        WN_SPAN("<b>a</b><b>b</b><b>c</b><b>d</b>"), 2));
    g_assert_cmpstr(out->str, ==, "ab");
}

static void
test_is_linear(void)
{
    static const char *const repeated[] = { "<", "&", "&a", "<!--", "<script>",
        "</", "<a b=\"", "<a ", "<p>", "<!", "-->", "<style></", "&#", " ",
        "<script></script" };
    clock_t start = clock();

    for (size_t i = 0; i < G_N_ELEMENTS(repeated); i++) {
        g_autoptr(GString) html = g_string_new(NULL);
        g_autoptr(GString) out = g_string_new(NULL);

        while (html->len < 1000000)
            g_string_append(html, repeated[i]);
        wn_html_text_append(out, wn_span(html->str, html->len), 4000000);
        g_assert_cmpuint(out->len, <=, html->len);
    }
    g_assert_cmpint((clock() - start) / (CLOCKS_PER_SEC / 1000), <, 1500);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strdup_printf("/message/html_text/%s",
            cases[i].title);

        g_test_add_data_func(path, GUINT_TO_POINTER(i), test_case);
    }
    g_test_add_func("/message/html_text/max", test_max);
    g_test_add_func("/message/html_text/is-linear", test_is_linear);
    return g_test_run();
}
