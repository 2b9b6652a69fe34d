/* SPDX-License-Identifier: MIT */
#include "core/message/mime_param.h"

#include <time.h>

static const struct {
    const char *title, *raw, *word, *name, *value;
} cases[] = {
    { "token", " text/html; charset=UTF-8\r\n", "text/html", "charset",
        "UTF-8" },
    { "upper case", "TEXT/Html; CHARSET=x", "text/html", "charset", "x" },
    { "quoted", "a/b; name=\"x; y\"", "a/b", "name", "x; y" },
    { "escaped", "a/b; name=\"x\\\"y\\\\\"", "a/b", "name", "x\"y\\" },
    { "unterminated quote", "a/b; name=\"x; y", "a/b", "name", "x; y" },
    { "backslash at the end", "a/b; name=\"x\\", "a/b", "name", "x\\" },
    { "quote at the end", "a/b; name=\"", "a/b", "name", "" },
    { "folded", "a/b;\r\n\tname=\"x\r\n y\"\r\n", "a/b", "name", "x y" },
    { "comments", "(c) a (x) / (y) b (z(\\)z)) ; (q) name (w) = (e) v", "a/b",
        "name", "v" },
    { "blanks", " a / b ; name = v ; x = y", "a/b", "name", "v" },
    { "no semicolon", "a/b name=v", "a/b", "name", "v" },
    { "many semicolons", "a/b;;; ;name=v;;", "a/b", "name", "v" },
    { "junk", "a/b; =; foo; ===; name=v", "a/b", "name", "v" },
    { "the first counts", "a/b; name=v; name=w", "a/b", "name", "v" },
    { "disposition", "Attachment; filename=x", "attachment", "filename", "x" },
    { "no type", "; name=v", "", "name", "v" },
    { "control in type", "te\x01xt/pl\xe4in", "te?xt/pl?in", "name", "" },
    { "extended", "a/b; name*=utf-8'en'%C3%A4%20x", "a/b", "name", "ä x" },
    { "extended latin1", "a/b; name*=iso-8859-1''%E4", "a/b", "name", "ä" },
    { "extended without charset", "a/b; name*=%41", "a/b", "name", "A" },
    { "half an escape", "a/b; name*=''%4", "a/b", "name", "%4" },
    { "continued", "a/b; name*0=x; name*1=\"y z\"; name*2=w", "a/b", "name",
        "xy zw" },
    { "continued in disorder", "a/b; name*1=y; name*0=x", "a/b", "name", "xy" },
    { "continued and extended",
        "a/b; name*0*=utf-8''%C3; name*1*=%A4; name*2=%41", "a/b", "name",
        "ä%41" },
    { "a section is missing", "a/b; name*0=x; name*2=z", "a/b", "name", "x" },
    { "huge section", "a/b; name*99999999999999999999=x; name=y", "a/b", "name",
        "y" },
    { "extended goes first", "a/b; name=v; name*=utf-8''w", "a/b", "name",
        "w" },
    { "encoded word", "a/b; name=\"=?utf-8?Q?=C3=A4?=.exe\"", "a/b", "name",
        "ä.exe" },
    { "raw latin1", "a/b; name=\"\xe4\"", "a/b", "name", "ä" },
    { "empty", "", "", "name", "" },
    { "open comment", "a/b; (name=v", "a/b", "name", "" },
};

static void
test_case(gconstpointer data)
{
    size_t i = (size_t)GPOINTER_TO_UINT(data);
    g_autoptr(WnArena) arena = wn_arena_new(0);
    WnMimeValue value;
    g_autofree char *word = NULL;
    g_autofree char *param = NULL;

    wn_mime_value_parse(&value, wn_span_str(cases[i].raw), arena);
    word = wn_span_dup(value.word);
    param = wn_span_dup(wn_mime_value_param(&value, cases[i].name, arena));
    g_assert_cmpstr(word, ==, cases[i].word);
    g_assert_cmpstr(param, ==, cases[i].value);
}

static void
test_boundary_is_not_decoded(void)
{
    g_autoptr(WnArena) arena = wn_arena_new(0);
    WnMimeValue value;

    wn_mime_value_parse(&value,
        WN_SPAN("a/b; boundary=\"=?utf-8?Q?x?=\xe4  \""), arena);
    g_assert_true(wn_span_eq(wn_mime_value_boundary(&value, arena),
        WN_SPAN("=?utf-8?Q?x?=\xe4")));
    wn_mime_value_parse(&value, WN_SPAN("a/b; boundary*0=x; boundary*1=y"),
        arena);
    g_assert_true(
        wn_span_eq(wn_mime_value_boundary(&value, arena), WN_SPAN("xy")));
}

static void
test_is_linear(void)
{
    static const char *const repeated[] = { ";a*0=b", ";a=b", ";", "(", "()",
        "\"", "=", "a ", "a=\"\\", "/" };
    clock_t start = clock();

    for (size_t i = 0; i < G_N_ELEMENTS(repeated); i++) {
        g_autoptr(WnArena) arena = wn_arena_new(0);
        g_autoptr(GString) raw = g_string_new("a/b");
        WnMimeValue value;

        while (raw->len < 1000000)
            g_string_append(raw, repeated[i]);
        wn_mime_value_parse(&value, wn_span(raw->str, raw->len), arena);
        g_assert_cmpuint(value.n_params, <=, WN_MIME_PARAMS_MAX);
    }
    g_assert_cmpint((clock() - start) / (CLOCKS_PER_SEC / 1000), <, 500);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strdup_printf("/message/mime_param/%s",
            cases[i].title);

        g_test_add_data_func(path, GUINT_TO_POINTER(i), test_case);
    }
    g_test_add_func("/message/mime_param/boundary-is-not-decoded",
        test_boundary_is_not_decoded);
    g_test_add_func("/message/mime_param/is-linear", test_is_linear);
    return g_test_run();
}
