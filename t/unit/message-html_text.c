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

    g_assert_cmpuint(wn_html_text_append(out, NULL, wn_span_str(cases[i].html),
                         10000),
        ==, 0);
    g_assert_cmpstr(out->str, ==, cases[i].text);
}

static void
test_max(void)
{
    g_autoptr(GString) out = g_string_new(NULL);

    g_assert_true(wn_html_text_append(out, NULL,
                      WN_SPAN("<b>a</b><b>b</b><b>c</b><b>d</b>"), 2)
                  != 0);
    g_assert_cmpstr(out->str, ==, "ab");
}

static const char *const repeated[] = { "<", "&", "&a", "<!--", "<script>",
    "</", "<a b=\"", "<a ", "<p>", "<!", "-->", "<style></", "&#", " ",
    "<script></script" };

/* SLACK, in microseconds, is for shapes that cost next to nothing. */
enum { SMALL = 250000, ROUNDS_MIN = 3, ROUNDS_MAX = 12, SLACK = 1000 };

static double
cost_us(const char *text, size_t size)
{
    g_autoptr(GString) html = g_string_new(NULL);
    g_autoptr(GString) out = g_string_new(NULL);
    struct timespec start, end;

    while (html->len < size)
        g_string_append(html, text);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
    wn_html_text_append(out, NULL, wn_span(html->str, html->len), 4 * size);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    g_assert_cmpuint(out->len, <=, html->len);
    return (double)(end.tv_sec - start.tv_sec) * 1e6
           + (double)(end.tv_nsec - start.tv_nsec) / 1e3;
}

/* Twice as much costs about twice as much.  The machine may be busy: the best
 * of some rounds counts, and more are tried before it is found too slow. */
static void
test_is_linear(gconstpointer data)
{
    const char *text = data;
    double one = 1e12, two = 1e12;

    for (int i = 0; i < ROUNDS_MIN || (two > SLACK + one * 3 && i < ROUNDS_MAX);
         i++) {
        one = MIN(one, cost_us(text, SMALL));
        two = MIN(two, cost_us(text, (size_t)SMALL * 2));
    }
    g_test_message("%.0f us, twice as much %.0f us", one, two);
    g_assert_cmpfloat(two, <=, SLACK + one * 3);
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
    for (guint i = 0; i < G_N_ELEMENTS(repeated); i++) {
        g_autofree char
            *path = g_strdup_printf("/message/html_text/is-linear/%u", i);

        g_test_add_data_func(path, repeated[i], test_is_linear);
    }
    return g_test_run();
}
