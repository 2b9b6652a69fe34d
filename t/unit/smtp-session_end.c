/* SPDX-License-Identifier: MIT */
#include "t/unit/smtp_dialogue.h"

#include <sys/socket.h>
#include <unistd.h>

/* How sessions end that do not end by QUIT. */

#define MAIL                       \
    "C: MAIL FROM:<a@b.example>\n" \
    "S: 250 2.1.0 fine\n"
#define RCPT                     \
    "C: RCPT TO:<c@d.example>\n" \
    "S: 250 2.1.0 fine\n"

static void
test_lost_while_waiting(void)
{
    static const char *const transcripts[] = {
        "C: MAIL FROM:<later@b>\n",
        MAIL "C: RCPT TO:<later@b>\n",
        MAIL RCPT "C: DATA\nS: 354 *\nC: x\n",
        MAIL RCPT,
    };

    for (size_t i = 0; i < G_N_ELEMENTS(transcripts); i++) {
        g_auto(Dialogue) d;

        dialogue_init(&d);
        dialogue_begin(&d, false);
        dialogue_greet(&d);
        dialogue_run(&d, transcripts[i]);
        g_string_truncate(d.log, 0);
        close(d.fd);
        d.fd = -1;
        dialogue_spin(&d);
        /* What is being answered is answered to its end; then it is known. */
        if (i < 2) {
            g_assert_nonnull(d.session);
            dialogue_run(&d, "H: 250 2.0.0 ok\n");
        }
        dialogue_expect_log(&d, "reset closed");
    }
}

/* Row 94: the client has closed its side only; it hears the reply. */
static void
test_half_closed(void)
{
    static const char *const transcripts[] = {
        "S: 250 2.0.0 queued\nS: <closed>\n",
        "S: <nothing>\nH: 250 2.0.0 ok\nS: 250 2.0.0 ok\nS: <closed>\n",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(transcripts); i++) {
        g_auto(Dialogue) d;

        dialogue_init(&d);
        d.message_reply = i == 0 ? &dialogue_queued : NULL;
        dialogue_begin(&d, false);
        dialogue_greet(&d);
        dialogue_to_data(&d);
        dialogue_send(&d, WN_SPAN("x\r\n.\r\n"));
        g_assert_cmpint(shutdown(d.fd, SHUT_WR), ==, 0);
        dialogue_run(&d, transcripts[i]);
        dialogue_expect_log(&d, "message reset closed");
    }
}

static void
test_drain(void)
{
    g_auto(Dialogue) idle;
    g_auto(Dialogue) busy;
    g_auto(Dialogue) early;

    dialogue_init(&idle);
    dialogue_begin(&idle, false);
    dialogue_greet(&idle);
    wn_session_drain(idle.session);
    dialogue_run(&idle, "S: 421 4.3.2 *\nS: <closed>\n");

    dialogue_init(&busy);
    dialogue_begin(&busy, false);
    dialogue_greet(&busy);
    dialogue_run(&busy, MAIL);
    wn_session_drain(busy.session);
    dialogue_run(&busy, RCPT "C: DATA\nS: 354 *\nC: x\nC: .\n"
                             "C: MAIL FROM:<a@b>\n"
                             "S: 250 2.0.0 queued\nS: 421 4.3.2 *\n"
                             "S: <closed>\n");
    g_assert_cmpuint(busy.n_messages, ==, 1);

    dialogue_init(&early);
    early.connect_reply.code = 0;
    dialogue_begin(&early, false);
    dialogue_spin(&early);
    wn_session_drain(early.session);
    dialogue_run(&early, "H: 220 2.0.0 x\nS: 421 4.3.2 *\nS: <closed>\n");
}

static void
test_kick(void)
{
    g_auto(Dialogue) d;

    dialogue_init(&d);
    dialogue_begin(&d, false);
    dialogue_greet(&d);
    dialogue_to_data(&d);
    wn_session_kick(d.session, &(WnReply){ 421, "4.3.2", "stopping" });
    dialogue_run(&d, "S: 421 4.3.2 stopping\nS: <closed>\n");
    dialogue_expect_log(&d, "reset closed");
}

static void
test_kick_at_once(void)
{
    g_auto(Dialogue) d;

    dialogue_init(&d);
    dialogue_begin(&d, false);
    wn_session_kick(d.session, &(WnReply){ 421, "4.3.2", "stopping" });
    dialogue_run(&d, "S: 421 4.3.2 stopping\nS: <closed>\n");
    dialogue_expect_log(&d, "closed");
}

static WnAnswerWhen
kick_in_mail(void *user, WnSession *session, WnReply *out_reply)
{
    (void)user;
    *out_reply = (WnReply){ 250, "2.0.0", "never said" };
    wn_session_kick(session, &(WnReply){ 421, "4.3.2", "stopping" });
    return WN_ANSWER_NOW;
}

static void
test_kick_within_handler(void)
{
    g_auto(Dialogue) d;

    dialogue_init(&d);
    d.handler.mail = kick_in_mail;
    dialogue_begin(&d, false);
    dialogue_greet(&d);
    dialogue_run(&d, "C: MAIL FROM:<a@b>\nC: RCPT TO:<c@d>\n"
                     "S: 421 4.3.2 stopping\nS: <closed>\n");
    dialogue_expect_log(&d, "reset closed");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name, fn) g_test_add_func("/smtp/session-end/" name, fn)
    ADD("lost-while-waiting", test_lost_while_waiting);
    ADD("half-closed", test_half_closed);
    ADD("drain", test_drain);
    ADD("kick", test_kick);
    ADD("kick-at-once", test_kick_at_once);
    ADD("kick-within-handler", test_kick_within_handler);
    return g_test_run();
}
