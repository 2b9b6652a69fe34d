/* SPDX-License-Identifier: MIT */
#include "core/smtp/command.h"

#include <glib.h>

#define BYTES(literal)               \
    {                                \
        literal, sizeof(literal) - 1 \
    }

typedef struct LineCase {
    const char *name;
    WnSpan input;
    WnLineStatus status;
    size_t line_len;
    size_t consumed;
} LineCase;

static const LineCase line_cases[] = {
    { "nothing", BYTES(""), WN_LINE_MORE, 0, 0 },
    { "partial", BYTES("NOOP"), WN_LINE_MORE, 0, 0 },
    { "partial-cr", BYTES("NOOP\r"), WN_LINE_MORE, 0, 0 },
    { "line", BYTES("NOOP\r\n"), WN_LINE_OK, 4, 6 },
    { "two-lines", BYTES("NOOP\r\nQUIT\r\n"), WN_LINE_OK, 4, 6 },
    { "empty", BYTES("\r\n"), WN_LINE_OK, 0, 2 },
    { "bare-lf", BYTES("NOOP\nQUIT\r\n"), WN_LINE_BARE_LF, 4, 5 },
    { "lf-first", BYTES("\n"), WN_LINE_BARE_LF, 0, 1 },
    { "cr-within", BYTES("NOOP\rQUIT\r\n"), WN_LINE_OK, 9, 11 },
    { "nul", BYTES("MAIL FROM:<a\0b@x>\r\n"), WN_LINE_NUL, 17, 19 },
    { "tls", BYTES("\x16\x03\x01\x02\0\x01"), WN_LINE_OK, 6, 6 },
    { "tls-one-byte", BYTES("\x16"), WN_LINE_MORE, 0, 0 },
};

static void
test_line(gconstpointer data)
{
    const LineCase *c = data;
    g_autofree char *copy = g_memdup2(c->input.ptr, c->input.len);
    WnSpan line = WN_SPAN_EMPTY;
    size_t consumed;

    g_assert_cmpint(wn_command_line(wn_span(copy, c->input.len), &line,
                        &consumed),
        ==, c->status);
    g_assert_cmpuint(consumed, ==, c->consumed);
    g_assert_cmpuint(line.len, ==, c->line_len);
}

typedef struct LengthCase {
    size_t len; /* without an end */
    bool ended;
    WnLineStatus status;
} LengthCase;

static const LengthCase length_cases[] = {
    { WN_COMMAND_LINE_MAX - 2, true, WN_LINE_OK },
    { WN_COMMAND_LINE_MAX - 1, true, WN_LINE_TOO_LONG },
    { WN_COMMAND_LINE_MAX, false, WN_LINE_MORE },
    { WN_COMMAND_UNTERMINATED_MAX - 2, true, WN_LINE_TOO_LONG },
    { WN_COMMAND_UNTERMINATED_MAX - 1, true, WN_LINE_ENDLESS },
    { WN_COMMAND_UNTERMINATED_MAX, false, WN_LINE_MORE },
    { WN_COMMAND_UNTERMINATED_MAX + 1, false, WN_LINE_ENDLESS },
    { 60000, true, WN_LINE_ENDLESS },
};

static void
test_lengths(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(length_cases); i++) {
        const LengthCase *c = &length_cases[i];
        g_autofree char *fill = g_strnfill(c->len, 'x');
        g_autofree char *text = g_strconcat(fill, c->ended ? "\r\n" : "", NULL);
        WnSpan line;
        size_t consumed;

        g_assert_cmpint(wn_command_line(wn_span_str(text), &line, &consumed),
            ==, c->status);
        if (c->status == WN_LINE_MORE)
            g_assert_cmpuint(consumed, ==, 0);
        else
            g_assert_cmpuint(consumed, ==, strlen(text));
    }
}

typedef struct VerbCase {
    const char *line;
    WnVerb verb;
    const char *argument;
} VerbCase;

static const VerbCase verb_cases[] = {
    { "EHLO a.example", WN_VERB_EHLO, "a.example" },
    { "ehlo a", WN_VERB_EHLO, "a" },
    { "Helo", WN_VERB_HELO, "" },
    { "MAIL FROM:<a@b> SIZE=1", WN_VERB_MAIL, "FROM:<a@b> SIZE=1" },
    { "MAIL  FROM:<>", WN_VERB_MAIL, " FROM:<>" },
    { "RCPT TO:<a@b>", WN_VERB_RCPT, "TO:<a@b>" },
    { "DATA", WN_VERB_DATA, "" },
    { "DATA ", WN_VERB_DATA, "" },
    { "DATA foo", WN_VERB_DATA, "foo" },
    { "DATAfoo", WN_VERB_UNKNOWN, "" },
    { "BDAT 5 LAST", WN_VERB_BDAT, "5 LAST" },
    { "STARTTLS", WN_VERB_STARTTLS, "" },
    { "AUTH PLAIN x", WN_VERB_AUTH, "PLAIN x" },
    { "VRFY \xc3\xbc@x", WN_VERB_VRFY, "\xc3\xbc@x" },
    { "EXPN x", WN_VERB_EXPN, "x" },
    { "TURN", WN_VERB_NOT_IMPLEMENTED, "" },
    { "ETRN x", WN_VERB_NOT_IMPLEMENTED, "x" },
    { "ATRN", WN_VERB_NOT_IMPLEMENTED, "" },
    { "SEND x", WN_VERB_NOT_IMPLEMENTED, "x" },
    { "SOML x", WN_VERB_NOT_IMPLEMENTED, "x" },
    { "SAML x", WN_VERB_NOT_IMPLEMENTED, "x" },
    { "GET / HTTP/1.1", WN_VERB_FOREIGN, "/ HTTP/1.1" },
    { "POST / HTTP/1.1", WN_VERB_FOREIGN, "/ HTTP/1.1" },
    { "CONNECT x", WN_VERB_FOREIGN, "x" },
    { "\x16\x03\x01", WN_VERB_FOREIGN, "" },
    { "", WN_VERB_UNKNOWN, "" },
    { " NOOP", WN_VERB_UNKNOWN, "NOOP" },
    { "\xff\xfe", WN_VERB_UNKNOWN, "" },
    { "NOOP\rQUIT", WN_VERB_UNKNOWN, "" },
    { "NOOP x\rQUIT", WN_VERB_UNKNOWN, "x\rQUIT" },
    { "XCLIENT a", WN_VERB_UNKNOWN, "a" },
    { "PROXY TCP4 1.1.1.1", WN_VERB_UNKNOWN, "TCP4 1.1.1.1" },
};

static void
test_verbs(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(verb_cases); i++) {
        const VerbCase *c = &verb_cases[i];
        WnCommand command = wn_command_parse(wn_span_str(c->line));

        g_assert_cmpint(command.verb, ==, c->verb);
        g_assert_true(wn_span_eq(command.argument, wn_span_str(c->argument)));
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(line_cases); i++) {
        g_autofree char *path = g_strconcat("/smtp/command/line/",
            line_cases[i].name, NULL);

        g_test_add_data_func(path, &line_cases[i], test_line);
    }
    g_test_add_func("/smtp/command/lengths", test_lengths);
    g_test_add_func("/smtp/command/verbs", test_verbs);
    return g_test_run();
}
