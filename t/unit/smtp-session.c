/* SPDX-License-Identifier: MIT */
#include "core/base/clock.h"
#include "t/unit/smtp_dialogue.h"

#include <sys/socket.h>
#include <unistd.h>

typedef struct Case {
    const char *name;
    const char *transcript; /* after the greeting, which is HELO */
} Case;

#define MAIL                       \
    "C: MAIL FROM:<a@b.example>\n" \
    "S: 250 2.1.0 fine\n"
#define RCPT                     \
    "C: RCPT TO:<c@d.example>\n" \
    "S: 250 2.1.0 fine\n"
#define CLOSED "S: <closed>\n"
#define ALIVE   \
    "C: NOOP\n" \
    "S: 250 2.0.0 OK\n"
#define A256                                                                   \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* Named after the rows of the table of hostile input where there is one. */
static const Case cases[] = {
    { "a-message", MAIL RCPT "C: DATA\nS: 354 *\nC: hi\nC: .\n"
                             "S: 250 2.0.0 queued\n"
                             "C: QUIT\nS: 221 2.0.0 *\n" CLOSED },
    { "03-drip", "C--N\nT: 100000\nC--O\nT: 100000\nC--O\nT: 99000\n"
                 "S: <nothing>\nC--P\nT: 1000\nS: 421 4.4.2 timeout\n" CLOSED },
    { "04-http-get", "C: GET / HTTP/1.1\nS: 421 4.7.0 *\n" CLOSED },
    { "04-http-post", "C: POST /\nS: 421 4.7.0 *\n" CLOSED },
    { "04-http-connect", "C: CONNECT x\nS: 421 4.7.0 *\n" CLOSED },
    { "05-tls-hello", "C--\\026\\003\\001\\002\nS: 421 4.7.0 *\n" CLOSED },
    { "06-empty", "C: \nS: 500 5.5.2 *\n" ALIVE },
    { "07-unknown", "C: FOO\nS: 500 5.5.2 *\n" ALIVE },
    { "11-bare-lf", "C--NOOP\\n\nS: 500 5.5.2 bare LF\n" CLOSED },
    { "12-bare-cr", "C--NOOP\\rNOOP\\r\\n\nS: 500 5.5.2 *\n" ALIVE },
    { "13-eight-bit-verb", "C: \\377\\376\nS: 500 5.5.2 *\n" ALIVE },
    { "14-no-name", "C: HELO\nS: 501 5.5.4 *\nC: EHLO\nS: 501 5.5.4 *\n"
                    "C: EHLO \nS: 501 5.5.4 *\n" },
    { "15-bad-names", "C: EHLO a b\nS: 501 5.5.4 *\n"
                      "C: EHLO " A256 A256 "\nS: 501 5.5.4 *\n"
                      "C: EHLO <>;\nS: 501 5.5.4 *\n"
                      "C: EHLO a\\tb\nS: 501 5.5.4 *\n" },
    { "16-literals", "C: HELO [127.0.0.1]\nS: 250 mx.example\n"
                     "C: HELO [IPv6:::1]\nS: 250 mx.example\n"
                     "C: HELO 1.2.3.4\nS: 250 mx.example\n" },
    { "18-helo-resets", MAIL "C: HELO x\nS: 250 mx.example\n"
                             "C: RCPT TO:<c@d>\nS: 503 5.5.1 *\n" },
    { "19-rcpt-before-mail", "C: RCPT TO:<c@d>\nS: 503 5.5.1 *\n" },
    { "19-data-before-mail", "C: DATA\nS: 503 5.5.1 *\n" ALIVE },
    { "19-data-before-rcpt", MAIL "C: DATA\nS: 503 5.5.1 *\n" RCPT },
    { "20-mail-twice",
        MAIL "C: MAIL FROM:<a@b>\nS: 503 5.5.1 nested MAIL\n" RCPT },
    { "21-no-valid-rcpt",
        MAIL "C: RCPT TO:<no@d>\nS: 550 5.1.1 unwanted\n"
             "C: DATA\nS: 554 5.5.1 no valid recipients\n" RCPT },
    { "22-data-argument", "C: DATA foo\nS: 501 5.5.4 *\n" ALIVE },
    { "22-rset-argument", "C: RSET foo\nS: 501 5.5.4 *\n" ALIVE },
    { "22-quit-argument", "C: QUIT foo\nS: 501 5.5.4 *\n" ALIVE },
    { "22-white-space", "C: RSET  \nS: 250 *\nC: QUIT \nS: 221 *\n" CLOSED },
    { "23-vrfy", "C: VRFY\nS: 252 2.0.0 send some mail, I will try my best\n"
                 "C: VRFY x@y\n"
                 "S: 252 2.0.0 send some mail, I will try my best\n" },
    { "24-others", "C: EXPN x\nS: 502 5.5.1 *\nC: TURN\nS: 502 5.5.1 *\n"
                   "C: ETRN x\nS: 502 5.5.1 *\nC: ATRN\nS: 502 5.5.1 *\n"
                   "C: SEND x\nS: 502 5.5.1 *\nC: SOML x\nS: 502 5.5.1 *\n"
                   "C: SAML x\nS: 502 5.5.1 *\nC: HELP x\nS: 214 2.0.0 *\n" },
    { "25-auth", "C: AUTH PLAIN c2VjcmV0\nS: 503 5.5.1 *\n" ALIVE },
    { "26-starttls-none", "C: STARTTLS\nS: 502 5.5.1 *\n" ALIVE },
    { "31-bdat", "C: BDAT 5 LAST\nC: hello\nS: 502 5.5.1 *\n" CLOSED },
    { "32-bdat-size", "C: BDAT 99999999999999999999\nS: 502 5.5.1 *\n" CLOSED },
    { "33-bdat-data",
        MAIL RCPT "C: BDAT 1\nC: xDATA\nS: 502 5.5.1 *\n" CLOSED },
    { "34-vrfy-data", "C: VRFY \\303\\274@x\nS: 252 *\n"
                      "C: DATA\nS: 503 5.5.1 *\n" },
    { "36-body-before-354",
        "C: MAIL FROM:<a@b>\nC: RCPT TO:<c@d>\nC: DATA\nC: body\nC: .\n"
        "S: 250 *\nS: 250 *\nS: 554 5.5.0 *\n" CLOSED },
    { "38-quit-ends", "C: QUIT\nC: MAIL FROM:<a@b>\nC: NOOP\n"
                      "S: 221 2.0.0 *\n" CLOSED },
    { "42-xclient", "C: XCLIENT ADDR=1.2.3.4\nS: 500 5.5.2 *\n"
                    "C: PROXY TCP4 1.1.1.1 2.2.2.2 1 2\nS: 500 5.5.2 *\n"
                    "C: XFORWARD NAME=x\nS: 500 5.5.2 *\n" },
    { "pipelined-behind-helo", "C: HELO x\nC: MAIL FROM:<a@b>\nC: NOOP\n"
                               "S: 250 mx.example\nS: 250 *\nS: 250 *\n" },
    { "44-space", "C: MAIL FROM: <a@b.example>\nS: 250 *\n" },
    { "45-no-brackets", "C: MAIL FROM:a@b.example\nS: 501 5.1.7 *\n" MAIL },
    { "54-utf8", "C: MAIL FROM:<\\303\\274@x.example>\nS: 553 5.6.7 *\n" MAIL
                 "C: RCPT TO:<\\303\\274@x.example>\nS: 553 5.6.7 *\n" RCPT },
    { "55-unknown-parameter",
        "C: MAIL FROM:<a@b> FOO=1\nS: 555 5.5.4 *\n"
        "C: MAIL FROM:<a@b> SIZE=abc\nS: 501 5.5.4 *\n" MAIL },
    { "56-size", "C: MAIL FROM:<a@b> SIZE=1000001\nS: 552 5.3.4 *\n"
                 "C: MAIL FROM:<a@b> SIZE=1000000\nS: 250 *\n" },
    { "61-null-recipient", MAIL "C: RCPT TO:<>\nS: 501 5.1.3 *\n" RCPT },
    { "mail-refused", "C: MAIL FROM:<no@b>\nS: 550 5.1.1 *\n"
                      "C: RCPT TO:<c@d>\nS: 503 5.5.1 *\n" MAIL },
    { "mail-421", "C: MAIL FROM:<kill@b>\nS: 421 4.3.0 *\n" CLOSED },
    { "rcpt-421", MAIL "C: RCPT TO:<kill@b>\nS: 421 4.3.0 *\n" CLOSED },
    { "data-refused", "C: MAIL FROM:<nodata@b>\nS: 250 *\n" RCPT
                      "C: DATA\nS: 451 4.3.5 *\nC: DATA\nS: 503 5.5.1 *\n" },
    { "rset", MAIL RCPT "C: RSET\nS: 250 2.0.0 OK\n"
                        "C: DATA\nS: 503 5.5.1 *\n" },
    { "later", "C: MAIL FROM:<later@b>\nS: <nothing>\nH: 250 2.1.0 in order\n"
               "S: 250 2.1.0 in order\n"
               "C: RCPT TO:<later@d>\nC: RCPT TO:<no@d>\nS: <nothing>\n"
               "H: 450 4.7.1 grey\nS: 450 4.7.1 grey\nS: 550 5.1.1 *\n" },
    { "later-pipelined",
        "C: MAIL FROM:<later@b>\nC: RCPT TO:<later@d>\nC: RCPT TO:<c@d>\n"
        "C: DATA\nS: <nothing>\nH: 250 2.1.0 one\nS: <nothing>\n"
        "H: 250 2.1.5 two\nS: 250 2.1.0 one\nS: 250 2.1.5 two\n"
        "S: 250 2.1.0 fine\nS: 354 *\nC: x\nC: .\nS: 250 *\n" },
    { "idle-timeout",
        "T: 299999\nS: <nothing>\nT: 1\nS: 421 4.4.2 *\n" CLOSED },
    { "commands-renew-deadline", "T: 299000\n" ALIVE "T: 299000\n" ALIVE },
    { "no-answer-ever", "C: MAIL FROM:<later@b>\nT: 599999\nS: <nothing>\n"
                        "T: 1\nS: 421 4.3.0 *\n" CLOSED },
};

static void
test_case(gconstpointer data)
{
    const Case *c = data;
    g_auto(Dialogue) d;

    dialogue_init(&d);
    dialogue_begin(&d, false);
    dialogue_greet(&d);
    dialogue_run(&d, c->transcript);
}

static void
test_before_helo(void)
{
    g_auto(Dialogue) d;

    dialogue_init(&d);
    dialogue_begin(&d, false);
    dialogue_run(&d, "S: 220 mx.example ESMTP winnow\n"
                     "C: MAIL FROM:<a@b>\nS: 503 5.5.1 send HELO first\n"
                     "C: RCPT TO:<a@b>\nS: 503 5.5.1 *\n"
                     "C: DATA\nS: 503 5.5.1 *\n"
                     "C: NOOP\nS: 250 *\nC: RSET\nS: 250 *\n"
                     "C: VRFY x\nS: 252 *\nC: QUIT\nS: 221 *\nS: <closed>\n");
    dialogue_expect_log(&d, "connect closed");
}

static void
test_offers(void)
{
    g_auto(Dialogue) d;

    dialogue_init(&d);
    dialogue_begin(&d, false);
    dialogue_run(&d, "S: 220 mx.example ESMTP winnow\n"
                     "C: EHLO client\n"
                     "S: 250-mx.example\n"
                     "S: 250-PIPELINING\n"
                     "S: 250-SIZE 1000000\n"
                     "S: 250-8BITMIME\n"
                     "S: 250-SMTPUTF8\nS: 250-ENHANCEDSTATUSCODES\n"
                     "S: 250-DSN\n"
                     "S: 250-PRDR\n"
                     "S: 250 LIMITS RCPTMAX=100\n"
                     "S: <nothing>\n");
    dialogue_expect_log(&d, "connect ehlo:client");
    g_assert_true(wn_session_is_esmtp(d.session));
    g_assert_true(wn_session_is_idle(d.session));
    g_assert_null(wn_session_ssl(d.session));
    g_assert_cmpstr(wn_session_listener(d.session), ==, "127.0.0.1:25");
}

static void
test_no_prdr(void)
{
    g_auto(Dialogue) d;

    dialogue_init(&d);
    d.context.offer_prdr = false;
    dialogue_begin(&d, false);
    dialogue_greet(&d);
    dialogue_run(&d, "C: MAIL FROM:<a@b> PRDR\nS: 555 5.5.4 *\n");
}

static void
test_connect_refused(void)
{
    g_auto(Dialogue) d;

    dialogue_init(&d);
    d.connect_reply = (WnReply){ 421, "4.7.0", "too many connections" };
    dialogue_begin(&d, false);
    dialogue_run(&d, "S: 421 4.7.0 too many connections\nS: <closed>\n");
    dialogue_expect_log(&d, "connect closed");
}

static void
test_connect_later(void)
{
    g_auto(Dialogue) d;

    dialogue_init(&d);
    d.connect_reply.code = 0;
    dialogue_begin(&d, false);
    dialogue_run(&d, "S: <nothing>\nH: 220 2.0.0 go on\n"
                     "S: 220 mx.example ESMTP winnow\n"
                     "C: NOOP\nS: 250 *\n");
}

static void
test_input_before_banner(void)
{
    g_auto(Dialogue) d;

    dialogue_init(&d);
    d.connect_reply.code = 0;
    dialogue_begin(&d, false);
    dialogue_run(&d, "S: <nothing>\nC: EHLO x\nS: 554 5.5.0 *\nS: <closed>\n");
    dialogue_expect_log(&d, "connect closed");
}

/* The input is there before the session has looked at its socket at all. */
static void
test_input_at_once(void)
{
    g_auto(Dialogue) d;

    dialogue_init(&d);
    dialogue_begin(&d, false);
    g_assert_cmpint(send(d.fd, "EHLO x\r\n", 8, 0), ==, 8);
    dialogue_run(&d, "S: 554 5.5.0 *\nS: <closed>\n");
}

static void
test_proxy(void)
{
    char text[WN_NETADDR_TEXT_MAX];
    g_auto(Dialogue) d;

    dialogue_init(&d);
    dialogue_begin(&d, true);
    dialogue_run(&d, "S: <nothing>\n"
                     "C--PROXY TCP4 198.51.100.7 192.0.2.9 \nS: <nothing>\n"
                     "C: 1234 25\nS: 220 *\nC: HELO x\nS: 250 *\n");
    wn_netaddr_format_port(wn_session_client(d.session), text);
    g_assert_cmpstr(text, ==, "198.51.100.7:1234");
}

static void
test_proxy_local(void)
{
    char text[WN_NETADDR_TEXT_MAX];
    g_auto(Dialogue) d;

    dialogue_init(&d);
    dialogue_begin(&d, true);
    dialogue_run(&d, "C: PROXY UNKNOWN\nS: 220 *\n");
    wn_netaddr_format_port(wn_session_client(d.session), text);
    g_assert_cmpstr(text, ==, "192.0.2.1:4711");
}

static void
test_proxy_missing(void)
{
    static const char *const transcripts[] = {
        "C: EHLO x\nS: <closed>\n",
        "C: PROXY TCP4 a b c d\nS: <closed>\n",
        "C--PROXY\nT: 9999\nS: <nothing>\nT: 1\nS: <closed>\n",
        "C: PROXY UNKNOWN\nC: EHLO x\nS: 554 5.5.0 *\nS: <closed>\n",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(transcripts); i++) {
        g_auto(Dialogue) d;

        dialogue_init(&d);
        dialogue_begin(&d, true);
        dialogue_run(&d, transcripts[i]);
        dialogue_expect_log(&d, i == 3 ? "connect closed" : "closed");
    }
}

/* Row 8, 9, 10: lines no buffer should hold. */
static void
test_lines(void)
{
    g_autofree char *line = g_strnfill(2047, 'x');
    g_autofree char *endless = g_strnfill(9 * 1024, 'x');
    g_auto(Dialogue) d;

    dialogue_init(&d);
    dialogue_begin(&d, false);
    dialogue_greet(&d);
    dialogue_send(&d, wn_span_str(line));
    dialogue_run(&d, "C: \nS: 500 5.5.2 line too long\nC: NOOP\nS: 250 *\n");
    dialogue_send(&d, wn_span_str(endless));
    dialogue_run(&d, "S: 500 5.5.2 line too long\nS: <closed>\n");
}

static void
test_nul(void)
{
    g_auto(Dialogue) d;

    dialogue_init(&d);
    dialogue_begin(&d, false);
    dialogue_greet(&d);
    dialogue_send(&d, WN_SPAN("MAIL FROM:<a\0b@x>\r\n"));
    dialogue_run(&d, "S: 501 5.5.2 *\nS: <closed>\n");
    dialogue_expect_log(&d, "closed");
}

/* Row 7: the tenth nonsense is answered slowly, the twentieth not at all. */
static void
test_nonsense(void)
{
    g_auto(Dialogue) d;

    dialogue_init(&d);
    dialogue_begin(&d, false);
    dialogue_greet(&d);
    for (int i = 1; i < 10; i++)
        dialogue_run(&d, "C: FOO\nS: 500 5.5.2 *\n");
    dialogue_run(&d, "C: FOO\nC: NOOP\nS: <nothing>\nT: 999\nS: <nothing>\n"
                     "T: 1\nS: 500 5.5.2 *\nS: <nothing>\n"
                     "T: 1000\nS: 250 2.0.0 OK\n");
    for (int i = 11; i < 20; i++)
        dialogue_run(&d, "C: FOO\nS: <nothing>\nT: 1000\nS: 500 5.5.2 *\n");
    dialogue_run(&d, "C: FOO\nS: 421 4.7.0 *\nS: <closed>\n");
}

/* Row 39; RCPT does not count, and an accepted message begins anew. */
static void
test_many_commands(void)
{
    g_auto(Dialogue) d;

    dialogue_init(&d);
    dialogue_begin(&d, false);
    dialogue_greet(&d);
    for (int i = 0; i < 400; i++)
        dialogue_run(&d, "C: NOOP\nC: NOOP\nS: 250 *\nS: 250 *\n");
    dialogue_to_data(&d);
    dialogue_run(&d, "C: .\nS: 250 *\n");
    for (int i = 0; i < 1000; i++)
        dialogue_run(&d, "C: RSET\nS: 250 *\n");
    dialogue_run(&d, "C: NOOP\nS: 421 4.7.0 *\nS: <closed>\n");
}

/* Row 74. */
static void
test_many_recipients(void)
{
    g_auto(Dialogue) d;

    dialogue_init(&d);
    d.context.max_recipients = 3;
    dialogue_begin(&d, false);
    dialogue_greet(&d);
    dialogue_run(&d,
        MAIL "C: RCPT TO:<1@d>\nS: 250 *\nC: RCPT TO:<no@d>\nS: 550 *\n"
             "C: RCPT TO:<2@d>\nS: 250 *\nC: RCPT TO:<3@d>\nS: 250 *\n"
             "C: RCPT TO:<4@d>\nS: 452 4.5.3 *\n"
             "C: RCPT TO:<5@d>\nS: 421 4.5.3 *\nS: <closed>\n");
    dialogue_expect_log(&d, "mail:a@b.example rcpt:1@d rcpt:no@d rcpt:2@d "
                            "rcpt:3@d reset closed");
}

/* Row 37. */
static void
test_pipelining(void)
{
    g_autoptr(GString) transcript = g_string_new("C: MAIL FROM:<a@b>\n");
    g_auto(Dialogue) d;

    dialogue_init(&d);
    dialogue_begin(&d, false);
    dialogue_greet(&d);
    for (int i = 0; i < 50; i++)
        g_string_append_printf(transcript, "C: RCPT TO:<%s@d>\n",
            i % 3 == 0 ? "tmp" : "ok");
    g_string_append(transcript, "C: DATA\nS: 250 *\n");
    for (int i = 0; i < 50; i++)
        g_string_append(transcript, i % 3 == 0 ? "S: 450 *\n" : "S: 250 *\n");
    /* The next transaction may follow the dot at once. */
    g_string_append(transcript,
        "S: 354 *\nC: text\nC: .\nC: MAIL FROM:<e@f>\nC: RCPT TO:<g@h>\n"
        "C: RSET\nC: QUIT\nS: 250 2.0.0 queued\nS: 250 *\nS: 250 *\n"
        "S: 250 2.0.0 OK\nS: 221 *\nS: <closed>\n");
    dialogue_run(&d, transcript->str);
    g_assert_cmpuint(d.n_messages, ==, 1);
}

static bool
send_unread(Dialogue *d, WnSpan bytes)
{
    bool sent = send(d->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL)
                == (ssize_t)bytes.len;

    dialogue_spin(d);
    return sent;
}

/* A client that sends one message after the other and reads no reply is not
 * read any more, and not waited for without end. */
static void
test_client_does_not_read(void)
{
    g_auto(Dialogue) d;
    unsigned n = 0;

    dialogue_init(&d);
    dialogue_begin(&d, false);
    dialogue_greet(&d);
    d.ended = true; /* collects nothing */
    while (n < 20000
           && send_unread(&d, WN_SPAN("MAIL FROM:<a@b>\r\n"
                                      "RCPT TO:<c@d>\r\nDATA\r\n"))
           && send_unread(&d, WN_SPAN(".\r\n"))) {
        n++;
        g_string_truncate(d.log, 0);
    }
    g_assert_cmpuint(n, <, 20000);
    g_assert_cmpuint(d.n_messages, <=, n);
    g_assert_nonnull(d.session);
    wn_clock_fake_step(d.context.command_timeout_ms);
    dialogue_spin(&d);
    g_assert_null(d.session);
}

/* Row 35: nothing of a refused message is left. */
static void
test_state_after_refusal(void)
{
    static const WnReply refused = { 550, "5.7.1", "spam" };
    g_auto(Dialogue) d;

    dialogue_init(&d);
    d.message_reply = &refused;
    dialogue_begin(&d, false);
    dialogue_greet(&d);
    dialogue_to_data(&d);
    dialogue_run(&d, "C: x\nC: .\nS: 550 5.7.1 spam\n"
                     "C: RCPT TO:<c@d>\nS: 503 5.5.1 *\n"
                     "C: DATA\nS: 503 5.5.1 *\n");
    dialogue_expect_log(&d, "message reset");
    g_assert_true(wn_session_is_idle(d.session));
}

static void
test_serials_differ(void)
{
    g_auto(Dialogue) one;
    g_auto(Dialogue) two;

    dialogue_init(&one);
    dialogue_begin(&one, false);
    dialogue_init(&two);
    dialogue_begin(&two, false);
    g_assert_cmpuint(wn_session_serial(one.session), !=,
        wn_session_serial(two.session));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strconcat("/smtp/session/case/",
            cases[i].name, NULL);

        g_test_add_data_func(path, &cases[i], test_case);
    }
#define ADD(name, fn) g_test_add_func("/smtp/session/" name, fn)
    ADD("before-helo", test_before_helo);
    ADD("offers", test_offers);
    ADD("no-prdr", test_no_prdr);
    ADD("connect-refused", test_connect_refused);
    ADD("connect-later", test_connect_later);
    ADD("input-before-banner", test_input_before_banner);
    ADD("input-at-once", test_input_at_once);
    ADD("proxy", test_proxy);
    ADD("proxy-local", test_proxy_local);
    ADD("proxy-missing", test_proxy_missing);
    ADD("lines", test_lines);
    ADD("nul", test_nul);
    ADD("nonsense", test_nonsense);
    ADD("many-commands", test_many_commands);
    ADD("many-recipients", test_many_recipients);
    ADD("pipelining", test_pipelining);
    ADD("client-does-not-read", test_client_does_not_read);
    ADD("state-after-refusal", test_state_after_refusal);
    ADD("serials-differ", test_serials_differ);
    return g_test_run();
}
