/* SPDX-License-Identifier: MIT */

/* The cost of every view is linear in the message: for each hostile shape the
 * CPU time of four times the input is at most six times as much.  The machine
 * may be busy: the best of a few rounds counts, and a shape is tried anew
 * before it is found to be too slow. */

#include "core/message/message.h"
#include "core/message/text_fold.h"

#include <time.h>

#define HTML "MIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n"
#define TEXT \
    "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
#define MIXED \
    "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"

enum { SMALL = 128 * 1024, TIMES = 4, ALLOWED = 6, ROUNDS = 3, TRIES = 4 };

static const struct {
    const char *title, *head, *repeated;
} shapes[] = {
    { "nested tags", HTML, "<div>" },
    { "nested hidden tags", HTML, "<b style=display:none>x" },
    { "tables", HTML, "<table><tr><td>x" },
    { "end tags", HTML "<i><b><p><td><x>", "</b></p></q>" },
    { "open paragraphs", HTML "<table>", "<p><td><li>x" },
    { "open tag", HTML, "<a " },
    { "attributes", HTML "<a", " b=c" },
    { "styles", HTML "<a", " style=color:red" },
    { "one style", HTML "<a style='", "color:rgb((;" },
    { "important", HTML "<a style='", "color:red!important!;" },
    { "open comments", HTML, "<!--" },
    { "comments", HTML, "<!--x<b>-->" },
    { "comment ends", HTML "<!--", "--><!" },
    { "style sheets", HTML, "<style>.a{color:red}</style>" },
    { "open style sheets", HTML, "<style>a{" },
    { "rules", HTML "<style>", "p .a,#b{color:red}" },
    { "selectors", HTML "<style>", "a b c," },
    { "CSS comments", HTML "<style>", "/**/" },
    { "open CSS comments", HTML "<style>", "/*" },
    { "media", HTML "<style>", "@media (max-width:1px){" },
    { "at rules", HTML "<style>", "@x" },
    { "rules and elements",
        HTML "<style>i i i,i .a i{color:red}.a .b i{color:blue}</style>",
        "<i class='a b'>x" },
    { "scripts", HTML, "<script></scrip" },
    { "titles", HTML, "<title>x</titl" },
    { "entities", HTML, "&amp;&#x41;&foo;&" },
    { "entity digits", HTML "&#", "0000" },
    { "brackets", HTML, "<" },
    { "alternative texts", HTML, "<img alt=x>" },
    { "links", HTML, "<a href=http://a.example/>x</a>" },
    { "marks", TEXT, "\xcc\x81\xcc\xa3" },
    { "zero width", TEXT "\xc3\xa4", "\xe2\x80\x8b" },
    { "zero width between", TEXT, "\xc3\xa4\xe2\x80\x8b\xcc\x81" },
    { "jamo", TEXT, "\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab" },
    { "vowels", TEXT, "\xe1\x85\xa1" },
    { "long ligatures", TEXT, "\xef\xb7\xba\xcc\x81" },
    { "spaces", TEXT, " \t" },
    { "dots", TEXT, "a." },
    { "at signs", TEXT, "a@" },
    { "slashes", TEXT, "http://" },
    { "one long host", TEXT "http://", "a." },
    { "percent signs", TEXT "http://a.example/?", "%25" },
    { "targets in targets", TEXT "http://a.example/?u=", "http://a.b/?u=" },
    { "digits", TEXT, "1 " },
    { "one number", TEXT, "1" },
    { "number marks", TEXT, "(1-" },
    { "plus signs", TEXT, "+1" },
    { "quoted-printable",
        "Content-Type: text/html\r\nContent-Transfer-Encoding: "
        "quoted-printable\r\n\r\n",
        "=\r\n=0A=" },
    { "base64", "Content-Transfer-Encoding: base64\r\n\r\n", "=A = " },
    { "uuencode", "Content-Transfer-Encoding: x-uuencode\r\n\r\n",
        "begin 644 x\r\n" },
    { "charset states", "Content-Type: text/plain; charset=iso-2022-jp\r\n\r\n",
        "\x1b$B$\x1b(B\x1b$@" },
    { "UTF-7", "Content-Type: text/plain; charset=utf-7\r\n\r\n", "+AGE-+" },
    { "UTF-16", "Content-Type: text/plain; charset=utf-16\r\n\r\n", "\xd8x\n" },
    { "parts", MIXED, "--b\r\n\r\n" },
    { "nested parts", MIXED "--b\r\n",
        "Content-Type: multipart/x; boundary=c\r\n\r\n--c\r\n" },
    { "messages", "", "Content-Type: message/rfc822\r\n\r\n" },
    { "hyphens", MIXED, "--\r\n" },
    { "near boundaries", MIXED, "--bb\r\n--b-\r\n" },
    { "header fields", "", "To: a@b\r\n" },
    { "no colon", "To: a", "\r\n b" },
    { "encoded words", "Subject: ", "=?utf-8?q?=41?= " },
    { "open encoded words", "Subject: ", "=?utf-8?q?" },
    { "parameters", "Content-Type: a/b", "; a*1=b" },
    { "header comments", "Content-Type: a/b", "(" },
    { "quotes", "From: ", "\"\\\"(<" },
};

static double
now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void
use_all_views(WnSpan bytes)
{
    g_autoptr(WnMessage) message = wn_message_new(bytes);

    for (uint32_t i = 0; i < wn_message_n_headers(message); i++)
        wn_message_header(message, i);
    for (uint32_t i = 0; i < wn_message_n_parts(message); i++)
        wn_message_part_text(message, i);
    wn_message_text(message, WN_FORM_SHOWN);
    wn_message_text(message, WN_FORM_HIDDEN);
    wn_message_text(message, WN_FORM_FOLDED);
    wn_message_n_urls(message);
    wn_message_n_phones(message, "US");
    wn_message_problems(message);
}

static double
cost(size_t shape, size_t size)
{
    g_autoptr(GString) text = g_string_new(shapes[shape].head);
    double best = 1e12;

    while (text->len < size)
        g_string_append(text, shapes[shape].repeated);
    for (int i = 0; i < ROUNDS; i++) {
        double start = now_us();

        use_all_views(wn_span(text->str, text->len));
        best = MIN(best, now_us() - start);
    }
    return best;
}

static void
test_shape(gconstpointer data)
{
    size_t shape = (size_t)GPOINTER_TO_UINT(data);
    double small = 0;
    double large = 0;

    for (int i = 0; i < TRIES; i++) {
        small = cost(shape, SMALL);
        large = cost(shape, (size_t)SMALL * TIMES);
        if (large < 1000 + small * ALLOWED)
            break;
    }
    g_test_message("%.0f us, %.0f us for %d times as much", small, large,
        TIMES);
    g_assert_cmpfloat(large, <, 1000 + small * ALLOWED);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(shapes); i++) {
        g_autofree char *path = g_strdup_printf("/message/linear/%s",
            shapes[i].title);

        g_test_add_data_func(path, GUINT_TO_POINTER(i), test_shape);
    }
    return g_test_run();
}
