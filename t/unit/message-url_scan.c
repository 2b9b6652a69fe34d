/* SPDX-License-Identifier: MIT */
#include "core/message/url_scan.h"

#include <glib.h>
#include <time.h>

/* found: the URLs with the tricks undone, one after another with a blank
 * between; "!" before those that were disguised. */
static const struct {
    const char *title, *text, *found;
} cases[] = {
    { "plain", "see http://example.com/a now", "http://example.com/a" },
    { "two", "http://a.example.com https://b.example.com",
        "http://a.example.com https://b.example.com" },
    { "full stop", "at http://example.com/a.", "http://example.com/a" },
    { "ellipsis", "at http://example.com...", "http://example.com" },
    { "question", "http://example.com/a?", "http://example.com/a" },
    { "comma", "http://example.com, or", "http://example.com" },
    { "quotes", "\"http://example.com/a\"", "http://example.com/a" },
    { "apostrophes", "'http://example.com/a'", "http://example.com/a" },
    { "angles", "<http://example.com/a>", "http://example.com/a" },
    { "brackets", "(http://example.com/a)", "http://example.com/a" },
    { "brackets inside", "http://example.com/a_(b)",
        "http://example.com/a_(b)" },
    { "both", "(http://example.com/a_(b))", "http://example.com/a_(b)" },
    { "square", "[http://example.com/a]", "http://example.com/a" },
    { "markdown", "[x](http://example.com/a)", "http://example.com/a" },
    { "bold", "*http://example.com/a*", "http://example.com/a" },
    { "line end", "http://example.com/a\nb", "http://example.com/a" },
    { "glued", "xhttp://example.com/", "http://example.com/" },
    { "upper case", "HTTP://EXAMPLE.COM", "HTTP://EXAMPLE.COM" },
    { "ftp", "ftp://example.com/", "ftp://example.com/" },
    { "no ftp", "xftp://x", "" },
    { "one slash", "http:/example.com/", "http:/example.com/" },
    { "backslashes", "http:\\\\example.com\\a", "http:\\\\example.com\\a" },
    { "port", "http://example.com:81/a", "http://example.com:81/a" },
    { "user", "http://a@example.com/", "http://a@example.com/" },
    { "IPv6", "http://[2001:db8::1]/a", "http://[2001:db8::1]/a" },
    { "IPv6 in brackets", "(http://[2001:db8::1])", "http://[2001:db8::1]" },
    { "hxxp", "hxxp://example.com", "hxxp://example.com" },
    { "h**p", "h**p://example.com", "h**p://example.com" },
    { "twice", "http://http://example.com/", "http://example.com/" },
    { "no host", "http:// x", "" },
    { "host of nothing", "http://.../", "" },
    { "next one", "http://%%%/http://example.com/", "http://example.com/" },
    { "mailto", "mailto:a@example.com.", "mailto:a@example.com" },
    { "mailto with text", "<mailto:a@example.com?body=x>",
        "mailto:a@example.com?body=x" },
    { "www", "www.example.com/a", "www.example.com/a" },
    { "www at the end", "go to www.example.com.", "www.example.com" },
    { "www of no suffix", "www.foo.invalidsuffix", "www.foo.invalidsuffix" },
    { "www alone", "www.x", "" },
    { "www after a slash", "a/www.example.com", "www.example.com" },
    { "bare", "buy at example.com now", "example.com" },
    { "bare with path", "example.com/a?b", "example.com/a?b" },
    { "bare with port", "example.com:81/a", "example.com:81/a" },
    { "bare, colon", "example.com: a", "example.com" },
    { "behind a colon", "Site:example.com", "example.com" },
    { "two levels", "example.co.uk", "example.co.uk" },
    { "a suffix alone", "co.uk", "" },
    { "a suffix that is somebody's", "github.io", "github.io" },
    { "no suffix", "example.invalidsuffix", "" },
    { "numbers", "1.2 3.14 1.2.3.4 10.000,00", "" },
    { "abbreviations", "e.g. i.e. U.S.A. a.m.", "" },
    { "sentences", "I am done.It is", "" },
    { "title case", "Example.Com", "Example.Com" },
    { "upper", "EXAMPLE.COM", "EXAMPLE.COM" },
    { "dots", "doing...it", "" },
    { "call", "obj.call(x)", "" },
    { "behind a slash", "web/example.com", "example.com" },
    { "file", "my_module.py", "" },
    { "hyphens", "--example.com--", "example.com" },
    { "underscore", "_example.com_", "example.com" },
    { "address", "a@example.com", "" },
    { "address with dots", "a.com@example.com", "" },
    { "address, then URL", "a@example.com example.org", "example.org" },
    { "address with a path", "a@example.com/x", "" },
    { "www address", "www.a@example.com", "" },
    { "two slashes", "//example.com/a", "example.com/a" },
    { "dot in square", "example[.]com", "!example.com" },
    { "dot in round", "example(.)com/a", "!example.com/a" },
    { "dot in curly", "example{.}com", "!example.com" },
    { "word", "example (dot) com", "!example.com" },
    { "word in square", "www[dot]example[DOT]com", "!www.example.com" },
    { "blanks inside", "example ( dot ) com", "!example.com" },
    { "other languages", "example [punkt] de", "!example.de" },
    { "scheme in brackets", "hxxp[:]//example[.]com", "!hxxp://example.com" },
    { "all in brackets", "hxxp[://]example[.]com", "!hxxp://example.com" },
    { "at", "a (at) example (dot) com", "" },
    { "no dot word", "the (dot) was", "" },
    { "dot of a list", "items [.] x", "" },
    { "soft hyphen", "exam\xc2\xadple.com", "!example.com" },
    { "zero width", "www.exa\xe2\x80\x8bmple.com", "!www.example.com" },
    { "zero width in the scheme", "ht\xe2\x80\x8dtp://example.com",
        "!http://example.com" },
    { "invisible around",
        "\xe2\x80\x8b"
        "example.com\xe2\x80\x8b",
        "example.com" },
    { "full width", "ｗｗｗ．ｅｘａｍｐｌｅ．ｃｏｍ", "!www.example.com" },
    { "mathematical", "𝐞𝐱𝐚𝐦𝐩𝐥𝐞.com", "!example.com" },
    { "ideographic stop", "example。com", "!example.com" },
    { "one dot leader", "example․com", "!example.com" },
    { "no-break space", "example.com\xc2\xa0x", "example.com" },
    { "Cyrillic", "сайт пример.рф тут", "пример.рф" },
    { "umlaut", "bücher.de", "bücher.de" },
    { "Chinese around", "请访问www.example.com了解", "www.example.com" },
    { "Chinese behind", "http://www.example.com了解",
        "http://www.example.com" },
    { "Chinese behind a path", "http://example.com/a点击",
        "http://example.com/a" },
    { "Chinese punctuation", "（http://example.com/a）。",
        "http://example.com/a" },
    { "Japanese host", "http://例え.jp/a", "http://例え.jp/a" },
    { "Thai behind", "example.comไทย", "example.com" },
    { "typographic quotes", "“http://example.com/a”", "http://example.com/a" },
    { "guillemets", "«example.com»", "example.com" },
    { "dash", "example.com—x", "example.com" },
    { "inside of a query", "http://a.example/?u=http://b.example/",
        "http://a.example/?u=http://b.example/" },
    { "percent", "http://ex%61mple.com/", "http://ex%61mple.com/" },
    { "decimal", "http://3221225985/", "http://3221225985/" },
    { "nothing", "", "" },
    { "colons", ":::::", "" },
    { "stops", ".....", "" },
};

static void
on_found(void *user, const WnUrlFound *found)
{
    GString *out = user;

    if (out->len > 0)
        g_string_append_c(out, ' ');
    if (found->disguised)
        g_string_append_c(out, '!');
    g_string_append_len(out, found->url.ptr, (gssize)found->url.len);
}

static void
test_case(gconstpointer data)
{
    size_t i = (size_t)GPOINTER_TO_UINT(data);
    g_autoptr(GString) out = g_string_new(NULL);

    wn_url_scan(wn_span_str(cases[i].text), WN_URL_SCAN_BARE, on_found, out);
    g_assert_cmpstr(out->str, ==, cases[i].found);
}

static void
on_text(void *user, const WnUrlFound *found)
{
    g_string_append_len(user, found->text.ptr, (gssize)found->text.len);
    g_string_append_c(user, '|');
}

/* What is shown as evidence is what stands in the message. */
static void
test_text(void)
{
    g_autoptr(GString) out = g_string_new(NULL);

    wn_url_scan(WN_SPAN("x exam\xc2\xadple [.] com/a, hxxp[:]//b[.]com."),
        WN_URL_SCAN_BARE, on_text, out);
    g_assert_cmpstr(out->str, ==,
        "exam\xc2\xadple [.] com/a|hxxp[:]//b[.]com|");
}

static void
test_schemes_only(void)
{
    g_autoptr(GString) out = g_string_new(NULL);

    wn_url_scan(WN_SPAN("example.com www.example.com http://example.com"),
        WN_URL_SCAN_SCHEMES, on_found, out);
    g_assert_cmpstr(out->str, ==, "www.example.com http://example.com");
}

static void
on_nothing(void *user, const WnUrlFound *found)
{
    (void)user;
    (void)found;
}

static double
cost(const char *piece, size_t size)
{
    g_autoptr(GString) text = g_string_new(NULL);
    double best = 1e9;

    while (text->len < size)
        g_string_append(text, piece);
    for (unsigned i = 0; i < 3; i++) {
        clock_t start = clock();

        wn_url_scan(wn_span(text->str, text->len), WN_URL_SCAN_BARE, on_nothing,
            NULL);
        best = MIN(best, (double)(clock() - start));
    }
    return best;
}

/* Twice the text, at most a little more than twice the time. */
static void
test_linear(void)
{
    static const char *const pieces[] = { "http://", "http://%/", "a.", "www.",
        "a@b.", "[.]", "(", "mailto:", "http://a.com/(", "]", "a.com ",
        "http://http:/", "é.", "\xc2\xad", "mailto:.", ":/", "(dot)", ")a.com",
        "http://中", "a.com/", "<http://a.com/\n", "[1].a.com " };

    for (size_t i = 0; i < G_N_ELEMENTS(pieces); i++) {
        double once = cost(pieces[i], 200 * 1024);
        double twice = cost(pieces[i], 400 * 1024);

        g_test_message("%s: %.0f us, %.0f us", pieces[i], once, twice);
        g_assert_cmpfloat(twice, <, 3 * once + 20000);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_set_nonfatal_assertions();
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *name = g_strdup_printf("/url_scan/%s", cases[i].title);

        g_test_add_data_func(name, GUINT_TO_POINTER(i), test_case);
    }
    g_test_add_func("/url_scan/text as found", test_text);
    g_test_add_func("/url_scan/schemes only", test_schemes_only);
    g_test_add_func("/url_scan/linear time", test_linear);
    return g_test_run();
}
