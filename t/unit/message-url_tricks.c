/* SPDX-License-Identifier: MIT */

/* Whole messages with one trick each by which URLs are hidden from programs:
 * the view has the host that a reader ends at. */

#include "core/message/message.h"

typedef enum { PLAIN, HTML, HEADER, SOURCE } Kind;

typedef struct Case {
    const char *title;
    Kind kind;
    const char *text;
    const char *hosts; /* each must be there; with a path behind a slash that
                        * too; "!" before: must not be there */
} Case;

static const Case cases[] = {
    { "plain", PLAIN, "http://bad.example/a", "bad.example/a" },
    { "entities, decimal", HTML,
        "<a href=\"&#104;&#116;&#116;&#112;://b&#97;d.example/\">x</a>",
        "bad.example" },
    { "entities, hexadecimal", HTML,
        "<a href='http&#x3a;&#x2F;&#x2f;b&#x61;d.example/'>x</a>",
        "bad.example" },
    { "entities without semicolon", HTML,
        "<a href='http://b&#97d.example/'>x</a>", "bad.example" },
    { "entities, named", HTML,
        "<a href='http&colon;&sol;&sol;bad&period;example&sol;p'>x</a>",
        "bad.example/p" },
    { "entities, padded", HTML, "<a href='http://bad&#0000046;example/'>x</a>",
        "bad.example" },
    { "entities in text", HTML, "<p>http:&#47;&#47;bad&#46;example&#47;q</p>",
        "bad.example/q" },
    { "ampersands", HTML,
        "<a href='http://a.example/?x=1&amp;u=http://bad.example/'>x</a>",
        "bad.example" },
    { "percent in the host", PLAIN, "http://b%61d%2eexample/", "bad.example" },
    { "percent in the path", PLAIN, "http://bad.example/%61%62",
        "bad.example/ab" },
    { "percent for the slash", PLAIN, "http://bad.example%2fa", "bad.example" },
    { "hxxp", PLAIN, "hxxp://bad.example/", "bad.example" },
    { "hXXps", PLAIN, "hXXps://bad.example/", "bad.example" },
    { "h**p", PLAIN, "h**p://bad.example/", "bad.example" },
    { "square dot", PLAIN, "http://www[.]bad[.]com/", "www.bad.com" },
    { "round dot", PLAIN, "bad(.)com", "bad.com" },
    { "curly dot", PLAIN, "bad{.}com", "bad.com" },
    { "dot in words", PLAIN, "bad (dot) com", "bad.com" },
    { "DOT in square", PLAIN, "bad[DOT]com", "bad.com" },
    { "dot with blanks", PLAIN, "bad [ dot ] com", "bad.com" },
    { "colon and slashes", PLAIN, "hxxps[:]//bad[.]com/x", "bad.com/x" },
    { "full-width stop", PLAIN, "http://bad\uff0ecom/", "bad.com" },
    { "ideographic stop", PLAIN, "http://bad\u3002com/", "bad.com" },
    { "half-width ideographic stop", PLAIN, "http://bad\uff61com/", "bad.com" },
    { "ideographic stop, bare", PLAIN, "www\u3002bad\u3002com", "www.bad.com" },
    { "full-width slash", PLAIN, "http:\uff0f\uff0fbad.com", "bad.com" },
    { "full-width letters", PLAIN, "\uff42\uff41\uff44.com", "bad.com" },
    { "mathematical letters", PLAIN,
        "http://\U0001d41b\U0001d41a\U0001d41d.com", "bad.com" },
    { "circled letters", PLAIN, "http://\u24d1\u24d0\u24d3.com", "bad.com" },
    { "soft hyphen", PLAIN, "http://b\u00adad.com/", "bad.com" },
    { "zero width", PLAIN, "http://b\u200bad\u2060.com/", "bad.com" },
    { "zero width entities", HTML, "<a href='http://b&#8203;ad.com/'>x</a>",
        "bad.com" },
    { "soft hyphen entity", HTML, "<p>www.b&shy;ad.com</p>", "www.bad.com" },
    { "user", PLAIN, "http://www.good.com@bad.com/", "bad.com !www.good.com" },
    { "user and password", PLAIN, "http://good.com:80@bad.com/",
        "bad.com !good.com" },
    { "user with percent", PLAIN, "http://good.com%40bad.com/", "bad.com" },
    { "two users", PLAIN, "http://a@good.com@bad.com/", "bad.com" },
    { "IDN", PLAIN, "http://b\u00fccher.de/", "xn--bcher-kva.de" },
    { "IDN in A-labels", PLAIN, "http://XN--BCHER-KVA.de/",
        "xn--bcher-kva.de" },
    { "look-alikes", PLAIN, "http://\u0440\u0430ypal.com/",
        "xn--ypal-43d9g.com" },
    { "emoji", PLAIN, "http://\U0001f4a9.la/", "xn--ls8h.la" },
    { "Cyrillic suffix", PLAIN,
        "http://\u043f\u0440\u0438\u043c\u0435\u0440."
        "\u0440\u0444/",
        "xn--e1afmkfd.xn--p1ai" },
    { "IPv4", PLAIN, "http://192.0.2.1/a", "192.0.2.1/a" },
    { "IPv4, hexadecimal", PLAIN, "http://0xC0.0x00.0x02.0x01/", "192.0.2.1" },
    { "IPv4, one hexadecimal", PLAIN, "http://0xC0000201/", "192.0.2.1" },
    { "IPv4, octal", PLAIN, "http://0300.0000.0002.0001/", "192.0.2.1" },
    { "IPv4, decimal", PLAIN, "http://3221225985/", "192.0.2.1" },
    { "IPv4, short", PLAIN, "http://192.513/", "192.0.2.1" },
    { "IPv4, three parts", PLAIN, "http://192.0.513/", "192.0.2.1" },
    { "IPv4, mixed", PLAIN, "http://0xc0.0.01001/", "192.0.2.1" },
    { "IPv4, full width", PLAIN, "http://\uff11\uff19\uff12.0.2.1/",
        "192.0.2.1" },
    { "IPv4 and a port", PLAIN, "http://192.0.2.1:8080/x", "192.0.2.1/x" },
    { "IPv4, decimal in a link", HTML, "<a href=http://3221225985/x>x</a>",
        "192.0.2.1/x" },
    { "IPv6", PLAIN, "http://[2001:db8::1]/a", "2001:db8::1/a" },
    { "IPv6, IPv4 in it", PLAIN, "http://[::ffff:192.0.2.1]/", "192.0.2.1" },
    { "no scheme", PLAIN, "visit www.bad.com now", "www.bad.com" },
    { "no scheme, bare", PLAIN, "visit bad.com now", "bad.com" },
    { "no scheme, link", HTML, "<a href=//bad.example/x>x</a>",
        "bad.example/x" },
    { "no scheme, www link", HTML, "<a href='www.bad.com/x'>x</a>",
        "www.bad.com/x" },
    { "behind a slash", PLAIN, "Web/bad.com", "bad.com" },
    { "backslashes", HTML, "<a href='http:\\\\bad.example\\x'>x</a>",
        "bad.example/x" },
    { "one slash", HTML, "<a href='http:/bad.example/x'>x</a>",
        "bad.example/x" },
    { "four slashes", HTML, "<a href='http:////bad.example/x'>x</a>",
        "bad.example/x" },
    { "tabs in a link", HTML, "<a href='ht\ttp://b\tad.example/'>x</a>",
        "bad.example" },
    { "line end in a link", HTML, "<a href='http://bad.exa\r\nmple/'>x</a>",
        "bad.example" },
    { "blanks around a link", HTML, "<a href='  http://bad.example/ '>x</a>",
        "bad.example" },
    { "upper case", HTML, "<A HREF=HTTP://BAD.EXAMPLE/>x</A>", "bad.example" },
    { "attribute without quotes", HTML, "<a href=http://bad.example/a>x</a>",
        "bad.example/a" },
    { "attribute behind another", HTML,
        "<a title='x>y' href='http://bad.example/'>x</a>", "bad.example" },
    { "slash between attributes", HTML, "<a/href='http://bad.example/'>x",
        "bad.example" },
    { "trailing dot", PLAIN, "http://bad.example./a", "bad.example/a" },
    { "two dots", PLAIN, "http://bad..example/", "bad.example" },
    { "dot segments", PLAIN, "http://bad.example/x/../a/./b",
        "bad.example/a/b" },
    { "redirector", PLAIN, "http://a.example/r?url=http://bad.example/",
        "bad.example a.example/r" },
    { "redirector, encoded", PLAIN,
        "http://a.example/r?u=http%3A%2F%2Fbad.example%2Fx", "bad.example/x" },
    { "redirector, encoded twice", PLAIN,
        "http://a.example/r?u=http%253A%252F%252Fbad.example%252Fx",
        "bad.example/x" },
    { "redirector, three times", PLAIN,
        "http://a.example/r?u=http%25253A%25252F%25252Fbad.example",
        "bad.example" },
    { "redirector, no scheme", PLAIN, "http://a.example/r?q=bad.com/x",
        "bad.com/x" },
    { "redirector in the path", PLAIN,
        "http://a.example/r/https://bad.example/x", "bad.example/x" },
    { "redirector, encoded path", PLAIN,
        "http://a.example/r/https%3A%2F%2Fbad.example/x", "bad.example/x" },
    { "redirector in the fragment", PLAIN,
        "http://a.example/#u=http://bad.example/", "bad.example" },
    { "redirector, fragment alone", PLAIN,
        "http://a.example/#http://bad.example/", "bad.example" },
    { "redirector in two steps", PLAIN,
        "http://a.example/?u=http%3A%2F%2Fb.example%2F%3Fv%3D"
        "http%253A%252F%252Fbad.example",
        "b.example bad.example" },
    { "redirector in base64", PLAIN,
        "http://a.example/?u=aHR0cDovL2JhZC5leGFtcGxlL3g=", "bad.example/x" },
    { "redirector in base64, encoded", PLAIN,
        "http://a.example/?u=aHR0cDovL2JhZC5leGFtcGxlL3g%3D", "bad.example/x" },
    { "redirector in base64 of URLs", PLAIN,
        "http://a.example/?u=aHR0cHM6Ly9iYWQuZXhhbXBsZS8_YT0-", "bad.example" },
    { "redirector in base64 behind a1", PLAIN,
        "http://a.example/ck/a?u=a1aHR0cDovL2JhZC5leGFtcGxlL3g",
        "bad.example/x" },
    { "redirector in base64 in the path", PLAIN,
        "http://a.example/go/aHR0cDovL2JhZC5leGFtcGxlL3g", "bad.example/x" },
    { "tracking with a semicolon", PLAIN,
        "http://a.example/c;u=http://bad.example/", "bad.example" },
    { "javascript", HTML,
        "<a href=\"javascript:location='http://bad.example/'\">x</a>",
        "bad.example" },
    { "handler", HTML,
        "<a href='#' onclick=\"window.open('http://bad.example/')\">x</a>",
        "bad.example" },
    { "script", HTML, "<script>location.href='http://bad.example/'</script>",
        "bad.example" },
    { "data with HTML", HTML,
        "<a href='data:text/html,<a href=http://bad.example/>'>x</a>",
        "bad.example" },
    { "data, encoded", HTML,
        "<iframe src='data:text/html,%3Ca%20href%3Dhttp%3A//bad.example/%3E'>",
        "bad.example" },
    { "data in base64", HTML,
        "<iframe src='data:text/html;base64,"
        "PGEgaHJlZj0iaHR0cDovL2JhZC5leGFtcGxlLyI+eDwvYT4='>",
        "bad.example" },
    { "base", HTML, "<base href='http://bad.example/d/'><a href='x'>x</a>",
        "bad.example" },
    { "meta refresh", HTML,
        "<meta http-equiv=refresh content='0; url=http://bad.example/'>",
        "bad.example" },
    { "meta refresh in quotes", HTML,
        "<meta http-equiv=refresh content=\"0;URL='http://bad.example/'\">",
        "bad.example" },
    { "form", HTML, "<form action='http://bad.example/'>", "bad.example" },
    { "button", HTML, "<button formaction='http://bad.example/'>",
        "bad.example" },
    { "image", HTML, "<img src='http://bad.example/a.gif'>",
        "bad.example/a.gif" },
    { "image map", HTML, "<area href='http://bad.example/'>", "bad.example" },
    { "srcset", HTML,
        "<img srcset='http://a.example/1 1x, http://bad.example/2 2x'>",
        "a.example/1 bad.example/2" },
    { "CSS", HTML, "<div style='background:url(http://bad.example/a)'>",
        "bad.example/a" },
    { "CSS in quotes", HTML,
        "<div style=\"background:url( 'http://bad.example/a' )\">",
        "bad.example/a" },
    { "style sheet", HTML,
        "<style>p { background: url(\"http://bad.example/a\") }</style>",
        "bad.example/a" },
    { "import", HTML, "<style>@import 'http://bad.example/a';</style>",
        "bad.example/a" },
    { "background", HTML, "<body background='http://bad.example/a'>",
        "bad.example/a" },
    { "link element", HTML, "<link rel=x href='http://bad.example/'>",
        "bad.example" },
    { "frame", HTML, "<iframe src='http://bad.example/'>", "bad.example" },
    { "object", HTML, "<object data='http://bad.example/'>", "bad.example" },
    { "svg", HTML, "<svg><a xlink:href='http://bad.example/'>", "bad.example" },
    { "ping", HTML, "<a href='#' ping='http://bad.example/ http://b.example'>",
        "bad.example b.example" },
    { "conditional comment", HTML,
        "<!--[if mso]><a href='http://bad.example/'>x</a><![endif]-->",
        "bad.example" },
    { "comment", HTML, "<!-- <a href='http://good.example/'> -->",
        "!good.example" },
    { "title", HTML, "<title>see http://bad.example/</title>", "bad.example" },
    { "split by tags", HTML, "<p>http://b<b>a</b>d.exam<i>ple</i>/x</p>",
        "bad.example/x" },
    { "bare, split by tags", HTML, "<p>b<span>a</span>d.<b>com</b></p>",
        "bad.com" },
    { "mailto", HTML, "<a href='mailto:u@bad.example'>x</a>", "bad.example" },
    { "mailto with a body", HTML,
        "<a href='mailto:u@a.example?body=see%20http%3A%2F%2Fbad.example'>x",
        "a.example bad.example" },
    { "mailto with a bare body", HTML,
        "<a href='mailto:?subject=x&amp;body=see%20bad.com%20now'>x",
        "bad.com" },
    { "address in text", PLAIN, "write to u.v@bad.example.com today",
        "bad.example.com !u.v" },
    { "List-Unsubscribe", HEADER,
        "List-Unsubscribe: <http://bad.example/u>,"
        "\r\n <mailto:u@b.example>",
        "bad.example/u b.example" },
    { "subject", HEADER, "Subject: visit bad.com", "bad.com" },
    { "subject, encoded", HEADER,
        "Subject: =?utf-8?B?YmFkLmNvbQ==?=", "bad.com" },
    { "name of the sender", HEADER, "From: \"www.bad.com\" <a@good.example>",
        "www.bad.com" },
    { "header split", HEADER, "X-Link: http://bad.example/\r\n ?a=b",
        "bad.example" },
    { "soft line breaks", SOURCE,
        "Content-Type: text/plain\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
        "http://b=\r\nad.exa=6Dple/x=\r\ny\r\n",
        "bad.example/xy" },
    { "base64 body", SOURCE,
        "Content-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        "PGEgaHJlZj1odHRwOi8vYmFkLmV4YW1wbGUvPng8L2E+\r\n",
        "bad.example" },
    { "UTF-16 body", SOURCE,
        "Content-Type: text/plain; charset=utf-16be\r\n"
        "Content-Transfer-Encoding: base64\r\n\r\n"
        "AGgAdAB0AHAAOgAvAC8AYgBhAGQALgBlAHgAYQBtAHAAbABl\r\n",
        "bad.example" },
    { "attached page", SOURCE,
        "Content-Type: application/octet-stream; name=\"a.html\"\r\n\r\n"
        "<a href=http://bad.example/>x</a>\r\n",
        "bad.example" },
    { "attached SVG picture without a name", SOURCE,
        "Content-Type: image/svg+xml\r\n\r\n"
        "<svg><a href=\"http://bad.example/\"/></svg>\r\n",
        "bad.example" },
    { "page behind a second Content-Type", SOURCE,
        "Content-Type: image/png\r\nContent-Type: text/html\r\n\r\n"
        "<a href=http://bad.example/>x</a>\r\n",
        "bad.example" },
    { "picture behind a second Content-Type", SOURCE,
        "Content-Type: text/html\r\nContent-Type: image/png\r\n\r\n"
        "<a href=http://bad.example/>x</a>\r\n",
        "bad.example" },
    { "folded calendar", SOURCE,
        "Content-Type: text/calendar\r\n\r\n"
        "URL:http://bad.exa\r\n mple/x\r\n",
        "bad.example/x !bad.exa" },
    { "line end in angles", PLAIN, "<http://bad.example/a\r\nb/c>",
        "bad.example/ab/c" },
    { "full stop behind", PLAIN, "See http://bad.example/a.", "bad.example/a" },
    { "comma behind", PLAIN, "http://bad.example/a, and", "bad.example/a" },
    { "bracket behind", PLAIN, "(http://bad.example/a)", "bad.example/a" },
    { "brackets inside", PLAIN, "http://bad.example/a_(b)",
        "bad.example/a_(b)" },
    { "quotes", PLAIN, "\"http://bad.example/a\"", "bad.example/a" },
    { "typographic quotes", PLAIN, "\u201chttp://bad.example/a\u201d",
        "bad.example/a" },
    { "markdown", PLAIN, "[x](http://bad.example/a)", "bad.example/a" },
    { "Chinese around", PLAIN, "\u8bf7http://bad.example/a\u70b9",
        "bad.example/a" },
    { "glued to a word", PLAIN, "clickhttp://bad.example/", "bad.example" },
    { "a member of a program", PLAIN, "bank[id].gc.free = f(x).name",
        "!gc.free" },
    { "a host of one label", PLAIN, "https://groups\r\n", "!groups" },
};

static GString *
make_message(const Case *c)
{
    GString *out = g_string_new("MIME-Version: 1.0\r\n");

    if (c->kind == PLAIN || c->kind == HTML)
        g_string_append_printf(out,
            "Content-Type: text/%s; charset=utf-8\r\n\r\n%s\r\n",
            c->kind == HTML ? "html" : "plain", c->text);
    else
        g_string_append_printf(out, "%s%s", c->text,
            c->kind == HEADER ? "\r\n\r\nx\r\n" : "");
    return out;
}

static bool
has_url(WnMessage *message, const char *wanted)
{
    const char *slash = strchr(wanted, '/');
    g_autofree char *host = slash != NULL
                                ? g_strndup(wanted, (gsize)(slash - wanted))
                                : g_strdup(wanted);

    for (uint32_t i = 0; i < wn_message_n_urls(message); i++) {
        const WnMessageUrl *url = wn_message_url(message, i);

        if (strcmp(url->host.ptr, host) == 0
            && (slash == NULL || strcmp(url->path.ptr, slash) == 0))
            return true;
    }
    return false;
}

static void
test_case(gconstpointer data)
{
    const Case *c = data;
    GString *text = make_message(c);
    g_autoptr(WnMessage)
        message = wn_message_new(wn_span(text->str, text->len));
    g_auto(GStrv) hosts = g_strsplit(c->hosts, " ", -1);

    for (char **host = hosts; *host != NULL; host++) {
        bool wanted = **host != '!';

        if (has_url(message, *host + (wanted ? 0 : 1)) == wanted)
            continue;
        g_test_message("%s", *host);
        for (uint32_t i = 0; i < wn_message_n_urls(message); i++)
            g_test_message("has %s %s", wn_message_url(message, i)->host.ptr,
                wn_message_url(message, i)->path.ptr);
        g_test_fail();
    }
    g_string_free(text, TRUE);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_set_nonfatal_assertions();
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *name = g_strdup_printf("/url_tricks/%s",
            cases[i].title);

        g_test_add_data_func(name, &cases[i], test_case);
    }
    return g_test_run();
}
