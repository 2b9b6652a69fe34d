/* SPDX-License-Identifier: MIT */
#include "core/message/message.h"

#include "core/message/header_text.h"

#include <time.h>

static void
assert_span(WnSpan span, const char *expected)
{
    g_autofree char *text = wn_span_dup(span);

    g_assert_cmpstr(text, ==, expected);
    g_assert_cmpuint(span.len, ==, strlen(expected));
}

static void
assert_view(WnSpan span, const char *expected)
{
    assert_span(span, expected);
    g_assert_true(span.ptr[span.len] == '\0');
}

static void
test_headers(void)
{
    g_autoptr(WnMessage) message = wn_message_new(
        WN_SPAN("To: a\r\n"
                "SUBJECT: =?utf-8?Q?h=C3=A4?=\r\n llo\r\n"
                "to : b\r\nX:\r\n\r\nTo: c\r\n"));
    const WnMessageHeader *header;

    g_assert_cmpuint(wn_message_n_headers(message), ==, 4);
    header = wn_message_header(message, 1);
    assert_view(header->name, "SUBJECT");
    assert_span(header->raw, " =?utf-8?Q?h=C3=A4?=\r\n llo\r\n");
    assert_view(header->value, "hä llo");
    g_assert_true(wn_message_header_named(message, "subject", 0) == header);
    assert_view(wn_message_header_named(message, "TO", 0)->value, "a");
    assert_view(wn_message_header_named(message, "TO", 1)->value, "b");
    assert_view(wn_message_header(message, 3)->value, "");
    g_assert_null(wn_message_header_named(message, "TO", 2));
    g_assert_null(wn_message_header_named(message, "T", 0));
    g_assert_null(wn_message_header(message, 4));
    g_assert_cmpuint(wn_message_problems(message), ==, WN_MESSAGE_TWICE_HEADER);
}

static const struct {
    const char *title, *message, *shown, *folded;
} texts[] = {
    { "empty", "", "\n", " " },
    { "no header", "hello\r\n", "\nhello\n", " hello " },
    { "plain", "Subject: Hi\r\n\r\nA B\r\n c\r\n", "Hi\nA B\n c\n",
        "hi a b c " },
    { "no line end", "Subject: Hi\r\n\r\nx", "Hi\nx\n", "hi x " },
    { "encoded newline in the subject",
        "Subject: =?utf-8?Q?a=0D=0ABcc:_x?=\r\n\r\n", "a Bcc: x\n",
        "a bcc: x " },
    { "the first subject", "Subject: a\r\nSubject: b\r\n\r\n", "a\n", "a " },
    { "base64",
        "Content-Transfer-Encoding: base64\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n\r\nw4Q=\r\n",
        "\nÄ\n", " ä " },
    { "quoted-printable",
        "Content-Transfer-Encoding: quoted-printable\r\n"
        "Content-Type: text/plain; charset=iso-8859-1\r\n\r\nvi=\r\nagra=C4",
        "\nviagraÄ\n", " viagraä " },
    { "html", "Content-Type: text/html\r\n\r\n<p>V<b>ia</b>g&#82;a<p>now\r\nor",
        "\nViagRa\nnow or\n", " viagra now or " },
    { "charset koi8-r", "Content-Type: text/plain; charset=koi8-r\r\n\r\n\xf0",
        "\nП\n", " п " },
    { "unknown charset", "Content-Type: text/plain; charset=foo\r\n\r\n\xe4",
        "\nä\n", " ä " },
    { "two parts",
        "Content-Type: multipart/alternative; boundary=b\r\n\r\nno\r\n--b\r\n"
        "\r\none\r\n--b\r\nContent-Type: text/html\r\n\r\n<i>two</i>\r\n"
        "--b\r\nContent-Type: image/png\r\n\r\nno\r\n--b--\r\nno",
        "\none\ntwo\n", " one two " },
    { "attachment",
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
        "Content-Disposition: attachment\r\n\r\nno\r\n--b\r\n"
        "Content-Type: text/plain; name=f\r\n\r\nyes\r\n--b--",
        "\nyes\n", " yes " },
    { "top attachment", "Content-Disposition: attachment\r\n\r\nyes", "\nyes\n",
        " yes " },
    { "message in a message",
        "Subject: o\r\nContent-Type: message/rfc822\r\n\r\nSubject: i\r\n\r\n"
        "hi",
        "o\nhi\n", "o hi " },
    { "multipart without boundary",
        "Content-Type: multipart/mixed\r\n\r\nhi\r\n", "\nhi\n", " hi " },
    { "image", "Content-Type: image/png\r\n\r\nno", "\n", " " },
    { "invisible", "\r\nvi\u200bag\u00adra", "\nvi\u200bag\u00adra\n",
        " viagra " },
};

static void
test_text(gconstpointer data)
{
    size_t i = (size_t)GPOINTER_TO_UINT(data);
    g_autoptr(WnMessage)
        message = wn_message_new(wn_span_str(texts[i].message));

    assert_view(wn_message_text(message, WN_FORM_SHOWN), texts[i].shown);
    assert_view(wn_message_text(message, WN_FORM_FOLDED), texts[i].folded);
    assert_view(wn_message_text(message, WN_FORM_HIDDEN), "");
    g_assert_true(wn_message_text(message, WN_FORM_SHOWN).ptr
                  == wn_message_text(message, WN_FORM_SHOWN).ptr);
}

static void
test_parts(void)
{
    g_autoptr(WnMessage) message = wn_message_new(
        WN_SPAN("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
                "Content-Type: Application/X; name*=utf-8''%C3%A4.exe\r\n"
                "Content-Transfer-Encoding: base64\r\n\r\naGVsbG8=\r\n--b\r\n"
                "Content-Type: message/rfc822\r\n\r\n"
                "Content-Type: text/plain; charset=UTF-8\r\n\r\na\r\nb\r\n"
                "--b--\r\n"));
    const WnMessagePart *part;

    g_assert_cmpuint(wn_message_n_parts(message), ==, 4);
    part = wn_message_part(message, 1);
    assert_view(part->type, "application/x");
    assert_view(part->file_name, "ä.exe");
    assert_span(part->raw, "aGVsbG8=");
    g_assert_cmpuint(part->flags, ==, WN_MESSAGE_PART_ATTACHMENT);
    g_assert_cmpint(part->parent, ==, 0);
    g_assert_cmpuint(part->depth, ==, 1);
    assert_view(wn_message_part_data(message, 1), "hello");
    assert_view(wn_message_part_text(message, 1), "");
    assert_span(wn_message_part_data(message, 0), "");
    g_assert_cmpuint(wn_message_part(message, 2)->flags, ==,
        WN_MESSAGE_PART_MESSAGE);
    part = wn_message_part(message, 3);
    assert_view(part->charset, "utf-8");
    g_assert_cmpint(part->parent, ==, 2);
    assert_span(wn_message_part_data(message, 3), "a\r\nb");
    assert_view(wn_message_part_text(message, 3), "a\nb");
    g_assert_null(wn_message_part(message, 4));
    assert_span(wn_message_part_data(message, 4), "");
    assert_span(wn_message_part_text(message, 4), "");
}

static void
test_problems(void)
{
    static const struct {
        const char *message;
        uint32_t problems;
    } all[] = {
        { "A: b\r\n\r\nc\r\n", 0 },
        { "A: b\r\n\r\nc\n", WN_MESSAGE_BARE_EOL },
        { "A: b\r\n\r\nc\r", WN_MESSAGE_BARE_EOL },
        { "A: b\r\n\r\nc\r\r\n", WN_MESSAGE_BARE_EOL },
        { "A: b\r\n\r\n\rc\r\n", WN_MESSAGE_BARE_EOL },
        { "A: \xc3\xa4\r\n\r\nc", WN_MESSAGE_8BIT_HEADER },
        { "A: b\r\n\r\n\xc3\xa4", 0 },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(all); i++) {
        g_autoptr(WnMessage)
            message = wn_message_new(wn_span_str(all[i].message));

        g_assert_cmpuint(wn_message_problems(message), ==, all[i].problems);
    }
}

static void
append_many(GString *out, const char *text, size_t len)
{
    size_t end = out->len + len;

    while (out->len < end)
        g_string_append(out, text);
}

static void
test_long_header_is_cut(void)
{
    g_autoptr(GString) text = g_string_new("Subject: ");
    g_autoptr(WnMessage) message = NULL;
    WnSpan value;

    append_many(text, "x\r\n ", 200 * 1024);
    g_string_append(text, "end\r\nA: b\r\n\r\nc");
    message = wn_message_new(wn_span(text->str, text->len));
    value = wn_message_header_named(message, "Subject", 0)->value;
    g_assert_cmpuint(value.len, <=, WN_HEADER_TEXT_MAX);
    g_assert_cmpuint(value.len, >, 1000);
    assert_view(wn_message_header_named(message, "A", 0)->value, "b");
    g_assert_cmpuint(wn_message_problems(message), ==, WN_MESSAGE_TRUNCATED);
}

static void
test_header_too_large(void)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(WnMessage) message = NULL;

    append_many(text, "To: a@b\r\n", 900000);
    message = wn_message_new(wn_span(text->str, text->len));
    g_assert_cmpuint(wn_message_n_headers(message), ==, WN_HEADER_FIELDS_MAX);
    g_assert_true((wn_message_problems(message) & WN_MESSAGE_TRUNCATED) != 0);
}

static void
test_long_text_is_cut(void)
{
    static const char *const types[] = { "text/plain", "text/html",
        "text/plain; charset=koi8-r", "text/plain; charset=iso-8859-1" };

    for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
        g_autoptr(GString) text = g_string_new("Content-Type: ");
        g_autoptr(WnMessage) message = NULL;
        WnSpan shown;

        g_string_append_printf(text, "%s\r\n\r\n", types[i]);
        append_many(text, "\xc3\xa4", WN_MESSAGE_TEXT_MAX + 100000);
        message = wn_message_new(wn_span(text->str, text->len));
        g_assert_cmpuint(wn_message_problems(message) & WN_MESSAGE_TRUNCATED,
            ==, 0);
        shown = wn_message_text(message, WN_FORM_SHOWN);
        g_assert_cmpuint(shown.len, <=, WN_MESSAGE_TEXT_MAX + 1);
        g_assert_true(g_utf8_validate(shown.ptr, (gssize)shown.len, NULL));
        g_assert_cmpuint(wn_message_problems(message) & WN_MESSAGE_TRUNCATED,
            !=, 0);
        shown = wn_message_text(message, WN_FORM_FOLDED);
        g_assert_true(g_utf8_validate(shown.ptr, (gssize)shown.len, NULL));
    }
}

static void
test_many_texts_are_cut(void)
{
    g_autoptr(GString) text = g_string_new(
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n");
    g_autoptr(WnMessage) message = NULL;

    for (int i = 0; i < 6; i++) {
        g_string_append(text, "--b\r\n\r\n");
        append_many(text, "\xc3\xa4 x ", 1000001);
        g_string_append(text, "\r\n");
    }
    message = wn_message_new(wn_span(text->str, text->len));
    g_assert_cmpuint(wn_message_text(message, WN_FORM_SHOWN).len, <=,
        WN_MESSAGE_TEXT_MAX + 1);
    g_assert_cmpuint(wn_message_problems(message) & WN_MESSAGE_TRUNCATED, !=,
        0);
    g_assert_cmpuint(wn_message_part_text(message, 6).len, >, 1000000);
}

static void
test_nul_bytes(void)
{
    static const char bytes[] = "Sub\0ject: a\r\nSubject: a\0b\r\n\r\nc\0d";
    g_autoptr(WnMessage)
        message = wn_message_new(wn_span(bytes + 13, sizeof bytes - 14));

    assert_view(wn_message_header(message, 0)->value, "ab");
    assert_view(wn_message_text(message, WN_FORM_SHOWN), "ab\ncd\n");
    g_assert_cmpuint(wn_message_part_data(message, 0).len, ==, 3);
}

static GString *
plain_message(void)
{
    GString *text = g_string_new(NULL);

    for (int i = 0; i < 15; i++)
        g_string_append_printf(text,
            "Received: from mx%d.example.net (mx%d.example.net "
            "[192.0.2.%d])\r\n"
            "\tby relay.example.com with ESMTP id 1234567890\r\n",
            i, i, i);
    g_string_append(text,
        "From: Some One <some.one@example.net>\r\nTo: x@example.com\r\n"
        "Subject: The quarterly report\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        "Content-Transfer-Encoding: 7bit\r\n\r\n");
    while (text->len < 10000)
        g_string_append(text,
            "The quick brown Fox jumps over the lazy Dog, and so it goes "
            "on.\r\n");
    return text;
}

/* A plain message of 10 KB, from nothing to its folded text. */
static void
test_speed(void)
{
    enum { ROUNDS = 500 };
    g_autoptr(GString) text = plain_message();
    clock_t start = clock();
    double us;

    for (int i = 0; i < ROUNDS; i++) {
        g_autoptr(WnMessage)
            message = wn_message_new(wn_span(text->str, text->len));

        g_assert_cmpuint(wn_message_text(message, WN_FORM_FOLDED).len, >, 5000);
    }
    us = (double)(clock() - start) * 1e6 / CLOCKS_PER_SEC / ROUNDS;
    g_test_message("%.1f microseconds", us);
    g_assert_cmpfloat(us, <, 2000); /* with sanitizers on a busy machine */
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/message/message/headers", test_headers);
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autofree char *path = g_strdup_printf("/message/message/text/%s",
            texts[i].title);

        g_test_add_data_func(path, GUINT_TO_POINTER(i), test_text);
    }
    g_test_add_func("/message/message/parts", test_parts);
    g_test_add_func("/message/message/problems", test_problems);
    g_test_add_func("/message/message/long-header-is-cut",
        test_long_header_is_cut);
    g_test_add_func("/message/message/header-too-large", test_header_too_large);
    g_test_add_func("/message/message/long-text-is-cut", test_long_text_is_cut);
    g_test_add_func("/message/message/many-texts-are-cut",
        test_many_texts_are_cut);
    g_test_add_func("/message/message/nul-bytes", test_nul_bytes);
    g_test_add_func("/message/message/speed", test_speed);
    return g_test_run();
}
