/* SPDX-License-Identifier: MIT */
#include "core/smtp/reply.h"

#include <glib.h>

typedef struct WriteCase {
    const char *name;
    WnReply reply;
    const char *id;
    const char *expected;
} WriteCase;

static const WriteCase write_cases[] = {
    { "plain", { 250, "2.0.0", "OK" }, NULL, "250 2.0.0 OK\r\n" },
    { "no-enhanced", { 354, NULL, "go on" }, NULL, "354 go on\r\n" },
    { "no-text", { 250, "2.0.0", NULL }, NULL, "250 2.0.0 \r\n" },
    { "nothing", { 220, NULL, NULL }, NULL, "220 \r\n" },
    { "id", { 550, "5.7.1", "no" }, "01ABC", "550 5.7.1 no [01ABC]\r\n" },
    { "two-lines", { 550, "5.7.1", "one\ntwo" }, NULL,
        "550-5.7.1 one\r\n550 5.7.1 two\r\n" },
    { "id-behind-last", { 550, "5.7.1", "one\ntwo" }, "X",
        "550-5.7.1 one\r\n550 5.7.1 two [X]\r\n" },
    { "line-end-at-end", { 550, "5.7.1", "one\r\n\r\n" }, NULL,
        "550 5.7.1 one\r\n" },
    { "empty-line-within", { 550, "5.7.1", "one\n\ntwo" }, NULL,
        "550-5.7.1 one\r\n550-5.7.1 \r\n550 5.7.1 two\r\n" },
    { "too-many-lines", { 550, "5.7.1", "1\n2\n3\n4\n5" }, NULL,
        "550-5.7.1 1\r\n550-5.7.1 2\r\n550-5.7.1 3\r\n550 5.7.1 4\r\n" },
    { "forged-reply", { 550, "5.7.1", "no\r\n250 OK" }, NULL,
        "550-5.7.1 no\r\n550 5.7.1 250 OK\r\n" },
    { "lone-cr", { 550, "5.7.1", "no\r250 OK" }, NULL,
        "550 5.7.1 no 250 OK\r\n" },
    { "controls", { 550, "5.7.1", "a\x1b[31mb\x7f\t" }, NULL,
        "550 5.7.1 a [31mb  \r\n" },
    { "not-ascii", { 550, "5.7.1", "\xc3\xbc%s%n" }, NULL,
        "550 5.7.1 ?\?%s%n\r\n" },
    { "code-0", { 0, NULL, NULL }, NULL, "451 4.3.0 internal error\r\n" },
    { "code-560", { 560, "5.0.0", "x" }, NULL, "451 4.3.0 internal error\r\n" },
    { "enhanced-of-other-class", { 450, "5.7.1", "x" }, NULL, "450 x\r\n" },
    { "enhanced-forged", { 550, "5.7.1\r\n250", "x" }, NULL, "550 x\r\n" },
    { "enhanced-long", { 550, "5.712.1000", "x" }, NULL, "550 x\r\n" },
};

static void
test_write(gconstpointer data)
{
    const WriteCase *c = data;
    g_auto(WnBuffer) out = { 0 };
    g_autofree char *text = NULL;

    if (c->id != NULL)
        wn_reply_write_with_id(&c->reply, c->id, &out);
    else
        wn_reply_write(&c->reply, &out);
    text = wn_span_dup(wn_buffer_peek(&out));
    g_assert_cmpstr(text, ==, c->expected);
}

static void
test_write_long_lines(void)
{
    g_auto(WnBuffer) out = { 0 };
    g_autofree char *text = g_strnfill(100000, 'x');
    WnReply reply = { 550, "5.7.1", text };

    wn_reply_write_with_id(&reply, "01234567890123456789012345", &out);
    g_assert_cmpuint(wn_buffer_len(&out), <=, 512);
    g_assert_cmpuint(wn_buffer_len(&out), >, WN_REPLY_LINE_TEXT_MAX);
}

typedef struct ParseCase {
    const char *name;
    const char *input;
    WnReplyStatus status;
    unsigned code;
    const char *enhanced;
    const char *text;
    const char *rest;
} ParseCase;

static const ParseCase parse_cases[] = {
    { "plain", "250 2.1.5 fine\r\n", WN_REPLY_OK, 250, "2.1.5", "fine", "" },
    { "no-enhanced", "250 fine\r\n", WN_REPLY_OK, 250, "", "fine", "" },
    { "only-code", "250\r\n", WN_REPLY_OK, 250, "", "", "" },
    { "code-and-space", "354 \r\n", WN_REPLY_OK, 354, "", "", "" },
    { "enhanced-without-text", "550 5.7.2\r\n", WN_REPLY_OK, 550, "5.7.2", "",
        "" },
    { "enhanced-of-other-class", "450 5.1.1 x\r\n", WN_REPLY_OK, 450, "",
        "5.1.1 x", "" },
    { "enhanced-too-long", "550 5.1.1111 x\r\n", WN_REPLY_OK, 550, "",
        "5.1.1111 x", "" },
    { "enhanced-cut", "550 5.1. x\r\n", WN_REPLY_OK, 550, "", "5.1. x", "" },
    { "multi", "250-a\r\n250-\r\n250-b\r\n250 c\r\n", WN_REPLY_OK, 250, "",
        "a\n\nb\nc", "" },
    { "multi-enhanced", "550-5.1.1 a\r\n550 5.1.1 b\r\n", WN_REPLY_OK, 550,
        "5.1.1", "a\nb", "" },
    { "two-replies", "250 a\r\n550 b\r\n", WN_REPLY_OK, 250, "", "a",
        "550 b\r\n" },
    { "unprintable", "550 a\x1b\xc3\xbc\r\n", WN_REPLY_OK, 550, "", "a ??",
        "" },
    { "cr-within", "550 a\rb\r\n", WN_REPLY_OK, 550, "", "a b", "" },
    { "partial", "250-a\r\n25", WN_REPLY_MORE, 250, "", "a", "25" },
    { "nothing", "", WN_REPLY_MORE, 0, "", "", "" },
    { "letter-o", "25O ok\r\n", WN_REPLY_BROKEN, 0, "", "", "" },
    { "no-code", "hello\r\n", WN_REPLY_BROKEN, 0, "", "", "" },
    { "empty-line", "\r\n", WN_REPLY_BROKEN, 0, "", "", "" },
    { "code-199", "199 x\r\n", WN_REPLY_BROKEN, 0, "", "", "" },
    { "code-599", "599 x\r\n", WN_REPLY_OK, 599, "", "x", "" },
    { "code-600", "600 x\r\n", WN_REPLY_BROKEN, 0, "", "", "" },
    { "four-digits", "2500 x\r\n", WN_REPLY_BROKEN, 0, "", "", "" },
    { "bare-lf", "250 x\n", WN_REPLY_BROKEN, 0, "", "", "" },
    { "only-lf", "\n", WN_REPLY_BROKEN, 0, "", "", "" },
    { "mixed", "250-a\r\n550 b\r\n", WN_REPLY_BROKEN, 250, "", "a", "" },
};

static void
check_parsed(const ParseCase *c, const WnReplyParser *parser)
{
    g_assert_cmpuint(parser->code, ==, c->code);
    g_assert_cmpstr(parser->enhanced, ==, c->enhanced);
    g_assert_cmpstr(parser->text->str, ==, c->text);
}

static void
test_parse(gconstpointer data)
{
    const ParseCase *c = data;
    WnReplyParser parser;
    WnSpan input = wn_span_str(c->input);
    size_t consumed;

    wn_reply_parser_init(&parser);
    g_assert_cmpint(wn_reply_parse(&parser, input, &consumed, NULL, NULL), ==,
        c->status);
    check_parsed(c, &parser);
    if (c->status != WN_REPLY_BROKEN)
        g_assert_cmpstr(c->input + consumed, ==, c->rest);
    wn_reply_parser_clear(&parser);
}

/* The result does not depend on how the input is cut. */
static void
test_parse_bytewise(gconstpointer data)
{
    const ParseCase *c = data;
    WnReplyParser parser;
    WnReplyStatus status = WN_REPLY_MORE;
    size_t used = 0;

    wn_reply_parser_init(&parser);
    for (size_t end = 0; end <= strlen(c->input); end++) {
        size_t consumed;

        if (status != WN_REPLY_MORE)
            break;
        status = wn_reply_parse(&parser, wn_span(c->input + used, end - used),
            &consumed, NULL, NULL);
        used += consumed;
    }
    g_assert_cmpint(status, ==, c->status);
    check_parsed(c, &parser);
    wn_reply_parser_clear(&parser);
}

static void
test_parse_nul(void)
{
    WnReplyParser parser;
    size_t consumed;

    wn_reply_parser_init(&parser);
    g_assert_cmpint(wn_reply_parse(&parser, WN_SPAN("250 a\0b\r\n"), &consumed,
                        NULL, NULL),
        ==, WN_REPLY_BROKEN);
    wn_reply_parser_clear(&parser);
}

/* "220-" for ever, by lines and as one line. */
static void
test_parse_endless(void)
{
    g_autofree char *line = g_strnfill(WN_REPLY_BYTES_MAX + 10, 'x');
    WnReplyParser parser;
    size_t consumed;
    size_t n = 0;

    wn_reply_parser_init(&parser);
    while (wn_reply_parse(&parser, WN_SPAN("220-aaaaaaaa\r\n"), &consumed, NULL,
               NULL)
           == WN_REPLY_MORE)
        n++;
    g_assert_cmpuint(n, ==, WN_REPLY_BYTES_MAX / 14);
    g_assert_cmpuint(parser.text->len, ==, WN_REPLY_KEPT_MAX);

    wn_reply_parser_reset(&parser);
    g_assert_cmpint(wn_reply_parse(&parser,
                        wn_span(line, WN_REPLY_BYTES_MAX - 1), &consumed, NULL,
                        NULL),
        ==, WN_REPLY_MORE);
    g_assert_cmpint(wn_reply_parse(&parser, wn_span(line, WN_REPLY_BYTES_MAX),
                        &consumed, NULL, NULL),
        ==, WN_REPLY_BROKEN);
    wn_reply_parser_clear(&parser);
}

static void
append_line(void *user, WnSpan text)
{
    g_string_append_len(user, text.ptr, (gssize)text.len);
    g_string_append_c(user, '|');
}

static void
test_parse_tells_lines(void)
{
    g_autoptr(GString) seen = g_string_new(NULL);
    WnReplyParser parser;
    size_t consumed;

    wn_reply_parser_init(&parser);
    wn_reply_parse(&parser, WN_SPAN("250-host\r\n250-SIZE 10\r\n250 DSN\r\n"),
        &consumed, append_line, seen);
    g_assert_cmpstr(seen->str, ==, "host|SIZE 10|DSN|");
    g_assert_cmpuint(parser.n_lines, ==, 3);
    wn_reply_parser_clear(&parser);
}

static void
test_parse_after_reset(void)
{
    WnReplyParser parser;
    size_t consumed;

    wn_reply_parser_init(&parser);
    wn_reply_parse(&parser, WN_SPAN("550-5.1.1 a\r\n550 b\r\n"), &consumed,
        NULL, NULL);
    wn_reply_parser_reset(&parser);
    g_assert_cmpint(wn_reply_parse(&parser, WN_SPAN("250 c\r\n"), &consumed,
                        NULL, NULL),
        ==, WN_REPLY_OK);
    g_assert_cmpuint(parser.code, ==, 250);
    g_assert_cmpstr(parser.enhanced, ==, "");
    g_assert_cmpstr(parser.text->str, ==, "c");
    wn_reply_parser_clear(&parser);
}

/* What is written is read back the same. */
static void
test_round_trip(void)
{
    g_auto(WnBuffer) out = { 0 };
    WnReply reply = { 452, "4.5.3", "needs\nits own\ntransaction" };
    WnReplyParser parser;
    size_t consumed;

    wn_reply_write(&reply, &out);
    wn_reply_parser_init(&parser);
    g_assert_cmpint(wn_reply_parse(&parser, wn_buffer_peek(&out), &consumed,
                        NULL, NULL),
        ==, WN_REPLY_OK);
    g_assert_cmpuint(consumed, ==, wn_buffer_len(&out));
    g_assert_cmpuint(parser.code, ==, reply.code);
    g_assert_cmpstr(parser.enhanced, ==, reply.enhanced);
    g_assert_cmpstr(parser.text->str, ==, reply.text);
    wn_reply_parser_clear(&parser);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(write_cases); i++) {
        g_autofree char *path = g_strconcat("/smtp/reply/write/",
            write_cases[i].name, NULL);

        g_test_add_data_func(path, &write_cases[i], test_write);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(parse_cases); i++) {
        g_autofree char *path = g_strconcat("/smtp/reply/parse/",
            parse_cases[i].name, NULL);
        g_autofree char *bytewise = g_strconcat("/smtp/reply/bytewise/",
            parse_cases[i].name, NULL);

        g_test_add_data_func(path, &parse_cases[i], test_parse);
        g_test_add_data_func(bytewise, &parse_cases[i], test_parse_bytewise);
    }
    g_test_add_func("/smtp/reply/write-long-lines", test_write_long_lines);
    g_test_add_func("/smtp/reply/parse-nul", test_parse_nul);
    g_test_add_func("/smtp/reply/parse-endless", test_parse_endless);
    g_test_add_func("/smtp/reply/parse-tells-lines", test_parse_tells_lines);
    g_test_add_func("/smtp/reply/parse-after-reset", test_parse_after_reset);
    g_test_add_func("/smtp/reply/round-trip", test_round_trip);
    return g_test_run();
}
