/* SPDX-License-Identifier: MIT */
#include "core/smtp/framing.h"
#include "t/unit/smtp_dialogue.h"

#include <signal.h>
#include <sys/resource.h>

#define AFTER            \
    "C: RCPT TO:<c@d>\n" \
    "S: 503 5.5.1 *\n"   \
    "C: NOOP\n"          \
    "S: 250 2.0.0 OK\n"

static void
begin(Dialogue *d)
{
    dialogue_begin(d, false);
    dialogue_greet(d);
    dialogue_to_data(d);
}

static void
expect_message(const Dialogue *d, const char *expected)
{
    g_assert_cmpuint(d->message->len, ==, strlen(expected));
    if (d->message->len > 0)
        g_assert_cmpmem(d->message->data, d->message->len, expected,
            strlen(expected));
}

typedef struct Case {
    const char *name;
    const char *sent;
    const char *message;
} Case;

static const Case cases[] = {
    { "89-empty", ".\r\n", "" },
    { "90-dots", "..\r\n.x\r\n...\r\n.\r\n", ".\r\nx\r\n..\r\n" },
    { "91-last-line", "a\r\nlast\r\n.\r\n", "a\r\nlast\r\n" },
    { "only-empty-line", "\r\n.\r\n", "\r\n" },
    { "commands-as-text", "QUIT\r\nRSET\r\n.\r\n", "QUIT\r\nRSET\r\n" },
    { "eight-bit", "\xc3\xbc\r\n.\r\n", "\xc3\xbc\r\n" },
};

static void
test_taken(gconstpointer data)
{
    const Case *c = data;
    g_auto(Dialogue) d;

    dialogue_init(&d);
    begin(&d);
    dialogue_send(&d, wn_span_str(c->sent));
    dialogue_run(&d, "S: 250 2.0.0 queued\n" AFTER);
    dialogue_expect_log(&d, "message reset");
    expect_message(&d, c->message);
    g_assert_false(d.in_file);
}

static void
test_taken_bytewise(gconstpointer data)
{
    const Case *c = data;
    g_auto(Dialogue) d;

    dialogue_init(&d);
    begin(&d);
    for (size_t i = 0; i < strlen(c->sent); i++) {
        dialogue_send(&d, wn_span(c->sent + i, 1));
        dialogue_spin(&d);
    }
    dialogue_run(&d, "S: 250 2.0.0 queued\n" AFTER);
    expect_message(&d, c->message);
}

/* Row 98. */
static void
test_nul_in_body(void)
{
    g_auto(Dialogue) d;

    dialogue_init(&d);
    begin(&d);
    dialogue_send(&d, WN_SPAN("a\0b\r\n.\r\n"));
    dialogue_run(&d, "S: 250 2.0.0 queued\n");
    g_assert_cmpmem(d.message->data, d.message->len, "a\0b\r\n", 5);
}

/* Rows 77 to 88: what some server or other has taken for the end of data. */
#define SMUGGLED "MAIL FROM:<evil@x>\r\nRCPT TO:<evil@y>\r\nDATA\r\n"
#define WRONG_END(text, reply)                            \
    {                                                     \
        { "a" text SMUGGLED "b\r\n.\r\n",                 \
            sizeof("a" text SMUGGLED "b\r\n.\r\n") - 1 }, \
            reply                                         \
    }

static const struct {
    WnSpan sent;
    const char *reply;
} wrong_ends[] = {
    WRONG_END("\n.\n", "S: 550 5.6.11 bare CR or LF [*\n"),
    WRONG_END("\r.\r", "S: 550 5.6.11 *\n"),
    WRONG_END("\r.\n", "S: 550 5.6.11 *\n"),
    WRONG_END("\n.\r", "S: 550 5.6.11 *\n"),
    WRONG_END("\n.\r\n", "S: 550 5.6.11 *\n"),
    WRONG_END("\r\n.\n", "S: 550 5.6.11 *\n"),
    WRONG_END("\r.\r\n", "S: 550 5.6.11 *\n"),
    WRONG_END("\r\n.\r", "S: 550 5.6.11 *\n"),
    WRONG_END("\r\n.\r\r\n", "S: 550 5.6.11 *\n"),
    WRONG_END("\r\r\n.\r\r\n", "S: 550 5.6.11 *\n"),
    WRONG_END("\r\n\0.\r\n", "S: 550 5.6.0 *\n"),
    WRONG_END("\r\n.\0\r\n", "S: 550 5.6.0 *\n"),
};

static void
test_smuggling(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(wrong_ends); i++) {
        WnSpan sent = wrong_ends[i].sent;
        g_auto(Dialogue) d;

        dialogue_init(&d);
        dialogue_begin(&d, false);
        dialogue_greet(&d);
        for (size_t cut = 0; cut < sent.len; cut++) {
            dialogue_to_data(&d);
            dialogue_send(&d, wn_span_slice(sent, 0, cut));
            dialogue_run(&d, "S: <nothing>\n");
            dialogue_send(&d, wn_span_slice(sent, cut, sent.len));
            dialogue_run(&d, wrong_ends[i].reply);
            dialogue_run(&d, "S: <nothing>\n");
            dialogue_expect_log(&d, "reset");
        }
        g_assert_cmpuint(d.n_messages, ==, 0);
    }
}

static void
test_normalise(void)
{
    g_auto(Dialogue) d;

    dialogue_init(&d);
    d.context.normalise_bare_newlines = true;
    begin(&d);
    dialogue_send(&d, WN_SPAN("a\n.\nMAIL FROM:<x@y>\r..b\r\r\n.c\r\n.\r\n"));
    dialogue_run(&d, "S: 250 2.0.0 queued\nS: <nothing>\n");
    expect_message(&d, "a\r\n.\r\nMAIL FROM:<x@y>\r\n..b\r\n\r\nc\r\n");
    dialogue_expect_log(&d, "message reset");
    dialogue_to_data(&d);
    dialogue_send(&d, WN_SPAN("a\r\n.\0\r\nb\r\n.\r\n"));
    dialogue_run(&d, "S: 550 5.6.0 *\n");
}

/* A message whose lines only become lines by that is not one long line. */
static void
test_normalise_large(void)
{
    g_auto(Dialogue) d;

    dialogue_init(&d);
    d.context.normalise_bare_newlines = true;
    d.context.max_message_size = 4000000;
    begin(&d);
    for (int i = 0; i < 20000; i++)
        dialogue_send(&d, WN_SPAN("0123456789012345678901234567890123456789"
                                  "0123456789012345678\n"));
    dialogue_send(&d, WN_SPAN("\r\n.\r\n"));
    dialogue_run(&d, "S: 250 2.0.0 queued\n");
    g_assert_cmpuint(d.message->len, ==, 20000 * 61 + 2);
    g_assert_true(d.in_file);
}

/* Row 97. */
static void
test_long_lines(void)
{
    static const struct {
        size_t len;
        const char *reply;
    } lines[] = {
        { 998, "S: 250 *\n" },
        { 999, "S: 250 *\n" },
        { 10000, "S: 250 *\n" },
        { WN_MESSAGE_LINE_MAX, "S: 250 *\n" },
        { WN_MESSAGE_LINE_MAX + 1, "S: 554 5.6.0 *\n" },
    };
    g_auto(Dialogue) d;

    dialogue_init(&d);
    d.context.max_message_size = 4000000;
    dialogue_begin(&d, false);
    dialogue_greet(&d);
    for (size_t i = 0; i < G_N_ELEMENTS(lines); i++) {
        g_autofree char *line = g_strnfill(lines[i].len, 'x');

        dialogue_to_data(&d);
        dialogue_send(&d, wn_span_str(line));
        dialogue_send(&d, WN_SPAN("\r\n.\r\n"));
        dialogue_run(&d, lines[i].reply);
    }
}

static void
send_lines(Dialogue *d, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        dialogue_send(d, WN_SPAN("0123456\r\n"));
}

/* Row 95, without and with end in sight; dots that were stuffed do not count.
 */
static void
test_too_large(void)
{
    g_auto(Dialogue) d;

    dialogue_init(&d);
    d.context.max_message_size = 900;
    begin(&d);
    send_lines(&d, 100);
    dialogue_run(&d, "C: .\nS: 250 *\n");
    dialogue_to_data(&d);
    send_lines(&d, 99);
    dialogue_run(&d, "C: ..234567\nC: .\nS: 250 *\n");
    dialogue_to_data(&d);
    send_lines(&d, 101);
    dialogue_run(&d, "C: .\nS: 552 5.3.4 message too large [*\n" AFTER);
    dialogue_expect_log(&d, "reset");
    dialogue_to_data(&d);
    send_lines(&d, 200);
    dialogue_run(&d, "S: <nothing>\nC: .\nS: 552 5.3.4 *\n");
    dialogue_to_data(&d);
    send_lines(&d, 201);
    dialogue_run(&d, "S: 552 5.3.4 message too large [*\nS: <closed>\n");
    dialogue_expect_log(&d, "reset closed");
}

/* Messages of all sizes around the limit of memory, one after the other. */
static void
test_sizes(void)
{
    g_auto(Dialogue) d;

    dialogue_init(&d);
    d.context.memory_max = 450;
    dialogue_begin(&d, false);
    dialogue_greet(&d);
    for (unsigned n = 0; n < 100; n += 7) {
        dialogue_to_data(&d);
        send_lines(&d, n);
        dialogue_run(&d, "C: .\nS: 250 2.0.0 queued\n");
        g_assert_cmpuint(d.message->len, ==, n * 9);
        g_assert_cmpint(d.in_file, ==, n * 9 > 450);
    }
}

static void
test_large(void)
{
    g_autofree char *block = g_strnfill(60000, 'x');
    g_auto(Dialogue) d;

    dialogue_init(&d);
    d.context.max_message_size = 20000000;
    d.message_reply = NULL;
    begin(&d);
    for (int i = 0; i < 200; i++) {
        dialogue_send(&d, wn_span_str(block));
        dialogue_send(&d, WN_SPAN("\r\n"));
    }
    dialogue_run(&d, "C: .\nS: <nothing>\nH: 250 2.0.0 at last\n"
                     "S: 250 2.0.0 at last\n");
    g_assert_true(d.in_file);
    g_assert_cmpuint(d.message->len, ==, 200 * 60002);
}

/* Row 100: a file that may not grow stands for a full disk. */
static void
test_no_space(void)
{
    struct rlimit before;
    struct rlimit limit;
    g_auto(Dialogue) d;

    dialogue_init(&d);
    d.context.memory_max = 100;
    begin(&d);
    signal(SIGXFSZ, SIG_IGN);
    g_assert_cmpint(getrlimit(RLIMIT_FSIZE, &before), ==, 0);
    limit = before;
    limit.rlim_cur = 1000;
    g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &limit), ==, 0);
    send_lines(&d, 1000);
    g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &before), ==, 0);
    dialogue_run(&d, "S: <nothing>\nC: .\nS: 452 4.3.1 *\n" AFTER);
    dialogue_expect_log(&d, "reset");
    dialogue_to_data(&d);
    send_lines(&d, 1000);
    dialogue_run(&d, "C: .\nS: 250 2.0.0 queued\n");
}

static void
test_no_spool(void)
{
    g_auto(Dialogue) d;

    dialogue_init(&d);
    d.context.memory_max = 100;
    d.context.spool = "/nonexistent";
    begin(&d);
    send_lines(&d, 1000);
    dialogue_run(&d, "C: .\nS: 451 4.3.0 *\n" AFTER);
}

/* Row 96: a trickle. */
static void
test_too_slow(void)
{
    g_auto(Dialogue) d;
    int seconds = 0;

    dialogue_init(&d);
    begin(&d);
    while (d.session != NULL && seconds < 1000) {
        dialogue_send(&d, WN_SPAN("0123456789012345678901234567890123456789"
                                  "01234567890123456789012345678901234567"
                                  "012345678901234567\r\n"));
        dialogue_run(&d, "T: 1000\n");
        seconds++;
    }
    /* 100 octets a second against 500 after the first minute. */
    g_assert_cmpint(seconds, >=, 74);
    g_assert_cmpint(seconds, <=, 77);
    dialogue_run(&d, "S: 421 4.4.2 *\nS: <closed>\n");
    dialogue_expect_log(&d, "reset closed");
}

static void
test_fast_enough(void)
{
    g_autofree char *line = g_strnfill(598, 'x');
    g_auto(Dialogue) d;

    dialogue_init(&d);
    begin(&d);
    for (int seconds = 0; seconds < 500; seconds++) {
        dialogue_send(&d, wn_span_str(line));
        dialogue_run(&d, "C: \nT: 1000\n");
    }
    dialogue_run(&d, "C: .\nS: 250 *\n");
}

static void
test_stalled(void)
{
    g_auto(Dialogue) d;

    dialogue_init(&d);
    d.context.min_data_rate = 0;
    begin(&d);
    dialogue_run(&d, "T: 179999\nC: x\nT: 179999\nS: <nothing>\n"
                     "T: 1\nS: 421 4.4.2 *\nS: <closed>\n");
}

#define PRDR_ENVELOPE           \
    "C: MAIL FROM:<a@b> PRDR\n" \
    "C: RCPT TO:<1@d>\n"        \
    "C: RCPT TO:<no@d>\n"       \
    "C: RCPT TO:<2@d>\n"        \
    "C: DATA\n"                 \
    "S: 250 *\n"                \
    "S: 250 *\n"                \
    "S: 550 *\n"                \
    "S: 250 *\n"                \
    "S: 354 *\n"                \
    "C: x\n"                    \
    "C: .\n"                    \
    "S: <nothing>\n"

static const char *const prdr_transcripts[] = {
    PRDR_ENVELOPE "H: 250 2.0.0 one | 550 5.7.1 two\n"
                  "S: 353 PRDR content analysis has started\n"
                  "S: 250 2.0.0 one\nS: 550 5.7.1 two\n"
                  "S: 250 2.0.0 accepted for the recipients told above [*\n"
                  "S: <nothing>\n" AFTER,
    PRDR_ENVELOPE "H: 550 5.7.1 one | 550 5.7.1 two\n"
                  "S: 353 *\nS: 550 5.7.1 one\nS: 550 5.7.1 two\n"
                  "S: 550 5.0.0 refused for all recipients [*\n" AFTER,
    PRDR_ENVELOPE "H: 550 5.7.1 one | 451 4.7.1 two\n"
                  "S: 353 *\nS: 550 5.7.1 one\nS: 451 4.7.1 two\n"
                  "S: 450 4.0.0 *\n" AFTER,
    PRDR_ENVELOPE "H: 250 2.0.0 all\nS: 250 2.0.0 all\nS: <nothing>\n" AFTER,
};

static void
test_prdr(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(prdr_transcripts); i++) {
        g_auto(Dialogue) d;

        dialogue_init(&d);
        d.message_reply = NULL;
        dialogue_begin(&d, false);
        dialogue_greet(&d);
        dialogue_run(&d, prdr_transcripts[i]);
        g_assert_true(d.prdr);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *taken = g_strconcat("/smtp/session-data/taken/",
            cases[i].name, NULL);
        g_autofree char *bytewise = g_strconcat("/smtp/session-data/bytewise/",
            cases[i].name, NULL);

        g_test_add_data_func(taken, &cases[i], test_taken);
        g_test_add_data_func(bytewise, &cases[i], test_taken_bytewise);
    }
#define ADD(name, fn) g_test_add_func("/smtp/session-data/" name, fn)
    ADD("nul-in-body", test_nul_in_body);
    ADD("smuggling", test_smuggling);
    ADD("normalise", test_normalise);
    ADD("normalise-large", test_normalise_large);
    ADD("long-lines", test_long_lines);
    ADD("too-large", test_too_large);
    ADD("sizes", test_sizes);
    ADD("large", test_large);
    ADD("no-space", test_no_space);
    ADD("no-spool", test_no_spool);
    ADD("too-slow", test_too_slow);
    ADD("fast-enough", test_fast_enough);
    ADD("stalled", test_stalled);
    ADD("prdr", test_prdr);
    return g_test_run();
}
