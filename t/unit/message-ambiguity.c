/* SPDX-License-Identifier: MIT */
#include "core/message/ambiguity.h"

#include "core/message/message.h"

#define V "MIME-Version: 1.0\r\n"
#define MIXED V "Content-Type: multipart/mixed; boundary=b\r\n\r\n"

static const struct {
    const char *title, *message, *problems;
} cases[] = {
    { "sound", "From: A <a@b>\r\nTo: c@d\r\nSubject: x\r\n\r\nx", "" },
    { "sound multipart", MIXED "--b\r\n\r\nx\r\n--b--\r\n", "" },
    { "comma in a name", "From: \"B, A\" <a@b>\r\n\r\nx", "" },
    { "comment behind", "From: a@b (B, A <c@d>)\r\n\r\nx", "" },
    { "encoded name", "From: =?utf-8?q?a?= <a@b>\r\n\r\nx", "" },
    { "two From", "From: a@b\r\nFROM: c@d\r\n\r\nx", "twice-from" },
    { "two subjects", "Subject: a\r\nSubject: b\r\n\r\nx", "twice-header" },
    { "two Received", "Received: a\r\nReceived: b\r\n\r\nx", "" },
    { "space before the colon", "From : a@b\r\n\r\nx", "odd-from" },
    { "colon on the next line", "From\r\n : a@b\r\n\r\nx",
        "odd-from bad-header" },
    { "two addresses", "From: a@b, c@d\r\n\r\nx", "odd-from" },
    { "two angles", "From: <a@b> <c@d>\r\n\r\nx", "odd-from" },
    { "route", "From: <@a,@b:c@d>\r\n\r\nx", "odd-from" },
    { "quoted pair", "From: <\"a\\\"b\"@c>\r\n\r\nx", "odd-from" },
    { "encoded word as address", "From: <=?utf-8?q?a=40b?=>\r\n\r\nx",
        "odd-from" },
    { "open quote", "From: \"a <b@c>, d@e\r\n\r\nx", "" },
    { "leading space", " From: a@b\r\nTo: c@d\r\n\r\nx", "bad-header" },
    { "mbox line", "From a@b Mon\r\nTo: c@d\r\n\r\nx", "bad-header" },
    { "line without colon", "To: a@b\r\nhello\r\n\r\nx",
        "bad-header no-separator" },
    { "no header", "hello\r\n", "bad-header no-separator" },
    { "header only", "To: a@b\r\n", "" },
    { "two Content-Type",
        V "Content-Type: text/plain\r\nContent-Type: text/html\r\n\r\nx",
        "twice-mime" },
    { "two encodings",
        V "Content-Transfer-Encoding: 7bit\r\n"
          "Content-Transfer-Encoding: base64\r\n\r\nx",
        "twice-mime" },
    { "two dispositions in a part",
        MIXED "--b\r\nContent-Disposition: inline\r\n"
              "Content-Disposition: attachment\r\n\r\nx\r\n--b--",
        "twice-mime" },
    { "two boundaries",
        V "Content-Type: multipart/mixed; boundary=a; boundary=b\r\n\r\n"
          "--a\r\n\r\nx\r\n--a--",
        "two-boundaries" },
    { "boundary missing", V "Content-Type: multipart/mixed\r\n\r\nx",
        "no-boundary" },
    { "empty boundary",
        V "Content-Type: multipart/mixed; boundary=\"\"\r\n\r\n--\r\n\r\nx",
        "no-boundary" },
    { "boundary not found", MIXED "--c\r\n\r\nx\r\n--c--", "no-boundary" },
    { "not closed", MIXED "--b\r\n\r\nx\r\n", "open-boundary" },
    { "inner one not closed",
        MIXED "--b\r\nContent-Type: multipart/x; boundary=c\r\n\r\n"
              "--c\r\n\r\nx\r\n--b--",
        "open-boundary" },
    { "file names",
        V "Content-Type: a/b; name=x.txt\r\n"
          "Content-Disposition: attachment; filename=x.exe\r\n\r\nx",
        "name-conflict" },
    { "equal file names",
        V "Content-Type: a/b; name=\"x.txt\"\r\n"
          "Content-Disposition: attachment; filename=x.txt\r\n\r\nx",
        "" },
    { "file name twice",
        V "Content-Disposition: attachment; filename=a; filename=b\r\n\r\nx",
        "name-conflict" },
    { "RFC 2231 against plain",
        V "Content-Type: a/b; name=x.txt; name*=utf-8''x.exe\r\n\r\nx",
        "name-conflict" },
    { "RFC 2231 in pieces against plain",
        V "Content-Type: a/b; name=x; name*0=x.; name*1=exe\r\n\r\nx",
        "name-conflict" },
    { "RFC 2231 as plain",
        V "Content-Type: a/b; name=x.txt; name*=utf-8''x%2Etxt\r\n\r\nx", "" },
    { "charset twice",
        V "Content-Type: text/plain; charset=utf-8; charset=utf-7\r\n\r\nx",
        "param-twice" },
    { "unknown encoding", V "Content-Transfer-Encoding: x-foo\r\n\r\nx",
        "bad-encoding" },
    { "two encodings in one",
        V "Content-Transfer-Encoding: base64, 7bit\r\n\r\n", "bad-encoding" },
    { "encoding with a comment",
        V "Content-Transfer-Encoding: 8bit (x)\r\n\r\nx", "" },
    { "encoded multipart",
        V "Content-Type: multipart/mixed; boundary=b\r\n"
          "Content-Transfer-Encoding: base64\r\n\r\n--b\r\n\r\nx\r\n--b--",
        "encoded-multi" },
    { "no MIME-Version", "Content-Type: text/plain\r\n\r\nx", "no-version" },
    { "broken base64", V "Content-Transfer-Encoding: base64\r\n\r\nab*d",
        "bad-content" },
    { "unknown charset", V "Content-Type: text/plain; charset=x-y\r\n\r\nx",
        "bad-charset" },
    { "bare line feed and 8 bit", "To: \xe4\r\n\r\nx\n",
        "bare-eol 8bit-header" },
};

static char *
names_of(uint32_t problems)
{
    GString *names = g_string_new(NULL);

    for (uint32_t bit = 0; bit < 32; bit++) {
        if ((problems >> bit & 1) == 0)
            continue;
        g_assert_nonnull(wn_message_problem_name(bit));
        g_string_append_printf(names, "%s%s", names->len > 0 ? " " : "",
            wn_message_problem_name(bit));
    }
    return g_string_free(names, FALSE);
}

static void
test_case(gconstpointer data)
{
    size_t i = (size_t)GPOINTER_TO_UINT(data);
    g_autoptr(WnMessage)
        message = wn_message_new(wn_span_str(cases[i].message));
    g_autofree char *names = names_of(wn_message_problems(message));

    g_assert_cmpstr(names, ==, cases[i].problems);
}

static void
test_nul(void)
{
    g_autoptr(WnMessage)
        message = wn_message_new(WN_SPAN("To: a@b\r\n\r\nx\0y"));
    g_autofree char *names = names_of(wn_message_problems(message));

    g_assert_cmpstr(names, ==, "nul");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strdup_printf("/message/ambiguity/%s",
            cases[i].title);

        g_test_add_data_func(path, GUINT_TO_POINTER(i), test_case);
    }
    g_test_add_func("/message/ambiguity/NUL", test_nul);
    return g_test_run();
}
