/* SPDX-License-Identifier: MIT */
#include "core/message/html_links.h"
#include "core/message/url_list.h"

#include <time.h>

#define LINK WN_MESSAGE_URL_FROM_LINK
#define TEXT WN_MESSAGE_URL_FROM_TEXT
#define HEADER WN_MESSAGE_URL_FROM_HEADER
#define NO WN_MESSAGE_URL_NO_SCHEME
#define HID WN_MESSAGE_URL_DISGUISED

/* hosts: with a blank between. */
static const struct {
    const char *title, *html, *hosts;
} html_cases[] = {
    { "href", "<a href=\"http://a.example/\">x</a>", "a.example" },
    { "single quotes", "<a href='http://a.example/'>", "a.example" },
    { "no quotes", "<a href=http://a.example/>", "a.example" },
    { "blanks", "<a  HREF = \n \"http://a.example/\" >", "a.example" },
    { "no blank", "<a title=\"x\"href=\"http://a.example/\">", "a.example" },
    { "slash", "<a/href=\"http://a.example/\">", "a.example" },
    { "bracket in a value", "<a title=\">\" href=http://a.example>",
        "a.example" },
    { "unclosed", "<a href=\"http://a.example/", "a.example" },
    { "src", "<img src=http://a.example/x.gif>", "a.example" },
    { "action", "<form action=http://a.example>", "a.example" },
    { "formaction", "<button formaction=http://a.example>", "a.example" },
    { "background", "<td background=http://a.example>", "a.example" },
    { "poster", "<video poster=http://a.example>", "a.example" },
    { "data", "<object data=http://a.example>", "a.example" },
    { "data-*", "<a data-href=http://a.example data-n=12>", "a.example" },
    { "area", "<area href=http://a.example>", "a.example" },
    { "base", "<base href=http://a.example/>", "a.example" },
    { "svg", "<use xlink:href=http://a.example/>", "a.example" },
    { "VML", "<v:fill src=\"http://a.example/x\">", "a.example" },
    { "srcset", "<img srcset=\"http://a.example/1 1x, //b.example/2 2x\">",
        "a.example b.example" },
    { "refresh",
        "<meta http-equiv=refresh content=\"0; URL='http://a.example/'\">",
        "a.example" },
    { "refresh without url", "<meta content=\"0;http://a.example/\">",
        "a.example" },
    { "style", "<p style=\"background: url('http://a.example/x')\">",
        "a.example" },
    { "style without quotes", "<p style='x:url( http://a.example/x )'>",
        "a.example" },
    { "style sheet", "<style>p{x:URL(http://a.example/)}</style>",
        "a.example" },
    { "import", "<style>@import \"http://a.example/\";</style>", "a.example" },
    { "import of url", "<style>@import url(http://a.example/);</style>",
        "a.example" },
    { "script", "<script>x='<a href=http://a.example>'</script>", "a.example" },
    { "src of a script", "<script src=//a.example/x></script>", "a.example" },
    { "comment", "<!-- <a href=http://a.example> -->", "" },
    { "conditional comment",
        "<!--[if mso]><a href=http://a.example><![endif]-->", "a.example" },
    { "entities", "<a href=\"http&#58;//a&#x2e;exam&#112;le/\">", "a.example" },
    { "entities of HTML 5",
        "<a href=\"http&colon;&sol;&sol;a&period;example\">", "a.example" },
    { "entities without end", "<a href=\"http:&#47&#47a.example\">",
        "a.example" },
    { "line end inside", "<a href=\"ht\ntp://a.exa\r\nmple/\">", "a.example" },
    { "blank before", "<a href=\" http://a.example \">", "a.example" },
    { "two slashes", "<a href=//a.example/x>", "a.example" },
    { "backslashes", "<a href=\"\\\\a.example/x\">", "a.example" },
    { "www", "<a href=www.example.com>", "www.example.com" },
    { "bare", "<a href=example.com/x>", "example.com" },
    { "relative", "<a href=index.html><a href=/x/y><a href=\"#top\">", "" },
    { "broken encoding", "<a href=3D\"http://a.example/\">", "a.example" },
    { "cid", "<img src=cid:x@y.example>", "" },
    { "script link", "<a href=\"javascript:location='http://a.example/'\">",
        "a.example" },
    { "mailto", "<a href=\"mailto:x@example.com\">", "example.com" },
    { "mailto with a body",
        "<a href=\"mailto:x@a.example?body=go%20to%20http%3A%2F%2Fb.example\">",
        "a.example b.example" },
    { "mailto without an address",
        "<a href=\"mailto:?subject=x&amp;body=example.com\">", "example.com" },
    { "no entity", "<a href=\"http://a.example/?a=1&copy=2&u=//example.com\">",
        "a.example example.com" },
    { "upper case", "<A HREF=HTTP://A.EXAMPLE>", "a.example" },
    { "other attributes", "<a title=\"http://a.example/\">", "" },
    { "no tag", "< a href=http://a.example> http://b.example", "" },
    { "twice", "<a href=http://a.example/><a href=http://A.example>",
        "a.example" },
    { "empty", "<a href><a href=><a href=\"\">", "" },
};

/* What is inside of URLs. */
static const struct {
    const char *title, *text, *hosts;
} inner_cases[] = {
    { "url", "http://a.example/?url=http://b.example/", "a.example b.example" },
    { "encoded", "http://a.example/?u=http%3A%2F%2Fb.example%2F",
        "a.example b.example" },
    { "encoded twice", "http://a.example/?q=http%253A%252F%252Fb.example",
        "a.example b.example" },
    { "encoded three times",
        "http://a.example/?q=http%25253A%25252F%25252Fb.example",
        "a.example b.example" },
    { "any name", "http://a.example/?zzz=https://b.example&x=y",
        "a.example b.example" },
    { "no name", "http://a.example/?http://b.example", "a.example b.example" },
    { "second", "http://a.example/?x=1&target=http%3a//b.example",
        "a.example b.example" },
    { "path", "http://a.example/*http://b.example/x", "a.example b.example" },
    { "encoded path", "http://a.example/r/http%3A%2F%2Fb.example%2F",
        "a.example b.example" },
    { "fragment", "http://a.example/x#http://b.example/y?z=1",
        "a.example b.example" },
    { "no scheme", "http://a.example/?url=example.com",
        "a.example example.com" },
    { "no scheme, no target", "http://a.example/?x=example.com", "a.example" },
    { "www", "http://a.example/?x=www.example.com",
        "a.example www.example.com" },
    { "two slashes", "http://a.example/?redirect=//example.com/",
        "a.example example.com" },
    { "base 64", "http://a.example/?x=aHR0cDovL2IuZXhhbXBsZS8",
        "a.example b.example" },
    { "nested",
        "http://a.example/?u=http%3A%2F%2Fb.example%2F%3Fu%3Dhttp"
        "%253A%252F%252Fc.example",
        "a.example b.example c.example" },
    { "address", "http://a.example/?u=x@example.com", "a.example" },
    { "hxxp", "http://a.example/?u=hxxp://b.example", "a.example b.example" },
};

typedef struct Fixture {
    WnArena *arena;
    WnUrlList *list;
} Fixture;

static void
fixture_init(Fixture *self)
{
    self->arena = wn_arena_new(0);
    self->list = wn_url_list_new(self->arena);
}

static void
fixture_clear(Fixture *self)
{
    wn_url_list_free(self->list);
    wn_arena_free(self->arena);
}

static void
assert_hosts(const Fixture *self, const char *hosts)
{
    g_autoptr(GString) out = g_string_new(NULL);

    for (uint32_t i = 0; i < wn_url_list_n(self->list); i++) {
        if (out->len > 0)
            g_string_append_c(out, ' ');
        g_string_append(out, wn_url_list_get(self->list, i)->host.ptr);
    }
    g_assert_cmpstr(out->str, ==, hosts);
}

static void
test_html(gconstpointer data)
{
    size_t i = (size_t)GPOINTER_TO_UINT(data);
    Fixture self;

    fixture_init(&self);
    wn_url_list_add_html(self.list, wn_span_str(html_cases[i].html), 0);
    assert_hosts(&self, html_cases[i].hosts);
    fixture_clear(&self);
}

static void
test_inner(gconstpointer data)
{
    size_t i = (size_t)GPOINTER_TO_UINT(data);
    Fixture self;

    fixture_init(&self);
    wn_url_list_add_text(self.list, wn_span_str(inner_cases[i].text), 0);
    assert_hosts(&self, inner_cases[i].hosts);
    fixture_clear(&self);
}

static void
test_headers(void)
{
    Fixture self;

    fixture_init(&self);
    wn_url_list_add_header(self.list, WN_SPAN("List-Unsubscribe"),
        WN_SPAN("<http://a.example/?x>, <mailto:u@b.example?subject=x>"));
    wn_url_list_add_header(self.list, WN_SPAN("subject"),
        WN_SPAN("visit example.com"));
    wn_url_list_add_header(self.list, WN_SPAN("X-Note"),
        WN_SPAN("example.org"));
    wn_url_list_add_header(self.list, WN_SPAN("received"),
        WN_SPAN("by http://c.example/"));
    assert_hosts(&self, "a.example b.example example.com");
    g_assert_cmpint(wn_url_list_get(self.list, 0)->part, ==, -1);
    g_assert_cmpuint(wn_url_list_get(self.list, 2)->flags, ==, HEADER | NO);
    fixture_clear(&self);
}

static void
test_merge(void)
{
    const WnMessageUrl *url;
    Fixture self;

    fixture_init(&self);
    wn_url_list_add_text(self.list, WN_SPAN("example.com"), 1);
    url = wn_url_list_get(self.list, 0);
    g_assert_cmpuint(url->flags, ==, TEXT | NO);
    wn_url_list_add_html(self.list, WN_SPAN("<a href=http://EXAMPLE.com/>"), 2);
    g_assert_cmpuint(wn_url_list_n(self.list), ==, 1);
    g_assert_cmpuint(url->flags, ==, TEXT | LINK);
    g_assert_cmpint(url->part, ==, 1);
    wn_url_list_add_html(self.list,
        WN_SPAN("<a href='http://exam&#112;le.com/'>"), 2);
    g_assert_cmpuint(url->flags, ==, TEXT | LINK | HID);
    wn_url_list_add_text(self.list, WN_SPAN("example.com:81 example.com/A"), 1);
    g_assert_cmpuint(wn_url_list_n(self.list), ==, 3);
    fixture_clear(&self);
}

static void
test_cap(void)
{
    g_autoptr(GString) text = g_string_new(NULL);
    Fixture self;

    fixture_init(&self);
    for (int i = 0; i < WN_MESSAGE_URLS_MAX; i++)
        g_string_append_printf(text, "http://example.com/%d ", i);
    wn_url_list_add_text(self.list, wn_span(text->str, text->len), 0);
    wn_url_list_add_text(self.list, wn_span(text->str, text->len), 0);
    g_assert_false(wn_url_list_is_cut(self.list));
    wn_url_list_add_text(self.list, WN_SPAN("http://example.org/"), 0);
    g_assert_true(wn_url_list_is_cut(self.list));
    g_assert_cmpuint(wn_url_list_n(self.list), ==, WN_MESSAGE_URLS_MAX);
    g_assert_null(wn_url_list_get(self.list, WN_MESSAGE_URLS_MAX));
    fixture_clear(&self);
}

static void
test_message(void)
{
    static const char text[] =
        "Subject: =?utf-8?q?see_www=2Eexample=2Ecom?=\r\n"
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        "--b\r\nContent-Type: text/html\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
        "<a href=3D\"http://a.exam=\r\nple/\">x</a> exam<b>ple</b>.org\r\n"
        "--b\r\nContent-Type: application/octet-stream; name=\"x.HTML\"\r\n"
        "Content-Transfer-Encoding: base64\r\n\r\n"
        "PGEgaHJlZj1odHRwOi8vYi5leGFtcGxlPg==\r\n--b--\r\n";
    g_autoptr(WnMessage) message = wn_message_new(WN_SPAN(text));
    static const char *const hosts[] = { "www.example.com", "a.example",
        "example.org", "b.example" };

    g_assert_cmpuint(wn_message_n_urls(message), ==, 4);
    for (uint32_t i = 0; i < 4; i++) {
        const WnMessageUrl *url = wn_message_url(message, i);

        g_assert_cmpstr(url->host.ptr, ==, hosts[i]);
        g_assert_cmpint(url->part, ==, i == 0 ? -1 : i == 3 ? 2 : 1);
    }
    g_assert_null(wn_message_url(message, 4));
    g_assert_cmpuint(wn_message_problems(message) & WN_MESSAGE_TOO_MANY, ==, 0);
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
        Fixture self;

        fixture_init(&self);
        wn_url_list_add_html(self.list, wn_span(text->str, text->len), 0);
        wn_url_list_add_text(self.list, wn_span(text->str, text->len), 0);
        fixture_clear(&self);
        best = MIN(best, (double)(clock() - start));
    }
    return best;
}

static void
test_linear(void)
{
    static const char *const pieces[] = { "<a href=http://a.example>",
        "<a href=\"", "<", "<!--", "<style>", "<style>url(", "</", "&#", "&",
        "<a b=", "http://a.example/?u=", "http://a.example/?u=http%3a%2f%2f",
        "http://a.example/%25%32%35 ", "@import ", "<style>@import url(",
        "<img srcset=\"a, ", "example.com/a&u=", "mailto:?body=", "u@a.com ",
        "@", "a@", "<a href=data:text/html,<a%20href=", "<script>//",
        "http://a.example/?u=aHR0cDov" };

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
    for (guint i = 0; i < G_N_ELEMENTS(html_cases); i++) {
        g_autofree char *name = g_strdup_printf("/url_list/html/%s",
            html_cases[i].title);

        g_test_add_data_func(name, GUINT_TO_POINTER(i), test_html);
    }
    for (guint i = 0; i < G_N_ELEMENTS(inner_cases); i++) {
        g_autofree char *name = g_strdup_printf("/url_list/inside/%s",
            inner_cases[i].title);

        g_test_add_data_func(name, GUINT_TO_POINTER(i), test_inner);
    }
    g_test_add_func("/url_list/headers", test_headers);
    g_test_add_func("/url_list/merge", test_merge);
    g_test_add_func("/url_list/cap", test_cap);
    g_test_add_func("/url_list/message", test_message);
    g_test_add_func("/url_list/linear time", test_linear);
    return g_test_run();
}
