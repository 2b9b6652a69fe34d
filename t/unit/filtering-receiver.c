/* SPDX-License-Identifier: MIT */
#include "t/unit/filtering-reception.h"

#include "core/base/clock.h"
#include "core/base/metrics.h"

#define MESSAGE \
    "From: a@client.example\r\nSubject: hello\r\n\r\nbody\r\n..stuffed\r\n"

/*
 * One recipient
 */

static void
check_envelope(const Reception *reception)
{
    g_auto(StoredList) list = reception_stored(reception);
    const Stored *stored = list.records->pdata[0];
    const WnEnvelope *envelope = &stored->envelope;
    const WnEnvelopeRecipient *to = &g_array_index(envelope->recipients,
        WnEnvelopeRecipient, 0);
    const WnEnvelopeScope *scope = &g_array_index(envelope->scopes,
        WnEnvelopeScope, 0);

    g_assert_cmpuint(list.records->len, ==, 1);
    g_assert_cmpint(envelope->arrived_ms, ==, wn_clock_unix_ms());
    g_assert_cmpuint(envelope->generation, ==, 42);
    g_assert_true(
        wn_span_eq(envelope->sender, WN_SPAN("sender@client.example")));
    g_assert_true(wn_span_eq(envelope->client, WN_SPAN("192.0.2.7")));
    g_assert_true(wn_span_eq(envelope->helo, WN_SPAN("client.example")));
    g_assert_true(wn_span_eq(envelope->ret, WN_SPAN("HDRS")));
    g_assert_true(wn_span_eq(envelope->envid, WN_SPAN("e1")));
    g_assert_cmpuint(envelope->recipients->len, ==, 1);
    g_assert_true(wn_span_eq(to->address, WN_SPAN("John@Plain.Example")));
    g_assert_cmpuint(envelope->scopes->len, ==, 1);
    g_assert_true(wn_span_eq(scope->domain, WN_SPAN("plain.example")));
    g_assert_null(scope->splices);
}

/* Nobody is asked; the body is what came. */
static void
test_unfiltered(void)
{
    g_auto(Reception) reception;
    g_autofree char *copy = NULL;

    reception_init(&reception);
    reception_rule(&reception, "name", "verified:mx.client.example");
    reception_open(&reception);
    reception_greet(&reception);
    reception_send_message(&reception, " RET=HDRS ENVID=e1",
        "John@Plain.Example", MESSAGE);
    reception_run(&reception, 0,
        "S: 250 2.0.0 queued as ??????????????????????????\n");
    g_assert_cmpstr(reception.asked->str, ==, "name");
    check_envelope(&reception);
    copy = reception_copy(&reception, 0, "John@Plain.Example");
    g_assert_true(
        g_str_has_suffix(copy, "\r\nX-Winnow-Client: 192.0.2.7\r\n" MESSAGE));
    g_assert_true(g_str_has_prefix(copy,
        "Received: from client.example (mx.client.example [192.0.2.7])\r\n"
        "\tby relay.example (winnow) with ESMTP id 0"));
    g_assert_nonnull(
        strstr(copy, "\r\n\tfor <John@Plain.Example>;\r\n"
                     "\tMon, 23 Nov 2026 12:00:00 +0000\r\nX-Winnow-Id: 0"));
    g_assert_cmpuint(reception_log_count(&reception, "\"event\":\"accepted\""),
        ==, 1);
    g_assert_cmpuint(reception_log_count(&reception, "\"event\":\"verdict\""),
        ==, 0);
}

typedef struct OneCase {
    const char *name;
    const char *domain;
    const char *rule;
    const char *reply;
    const char *event;
    const char *in_copy; /* NULL: nothing is stored */
} OneCase;

static const OneCase one_cases[] = {
    { "deliver", "rej1.example", "deliver", "250 2.0.0 queued as *", "accepted",
        "Subject: hello\r\n" },
    { "reject", "rej1.example", "reject", "550 5.7.1 not wanted [0*]",
        "rejected", NULL },
    { "tempfail", "tag1.example", "tempfail", "451 4.7.1 not now [0*]",
        "tempfailed", NULL },
    { "delete", "tag1.example", "discard", "250 2.0.0 queued as *", "deleted",
        NULL },
    { "tag", "tag1.example", "tag:[one]", "250 2.0.0 queued as *", "accepted",
        "X-Winnow-Match: filter=probe; rule=r1; evidence=\"e1\"; "
        "action=modify_subject\r\nFrom: a@client.example\r\n"
        "Subject: [one] hello\r\n" },
    { "add", "tag1.example", "add:X-Note=one", "250 2.0.0 *", "accepted",
        "action=modify_subject\r\nX-Note: one\r\nFrom: a@client" },
    { "forward", "tag1.example", "to:spam@plain.example", "250 2.0.0 *",
        "accepted", "Subject: hello\r\n" },
    { "fail", "rej1.example", "fail", "250 2.0.0 queued as *", "accepted",
        "X-Winnow-Skipped: probe; no time\r\nFrom: a" },
    { "misfit", "rej1.example", "misfit", "250 2.0.0 queued as *", "accepted",
        "X-Winnow-Skipped: all; the filter's answer does not fit\r\n" },
    { "misfit-wait", "wait.example", "misfit",
        "451 4.7.1 Filters are not available, try again [0*]", "tempfailed",
        NULL },
    { "forward-outside", "tag1.example", "to:x@elsewhere.example",
        "451 4.3.0 Internal fault, try again [0*]", "tempfailed", NULL },
    { "forward-nonsense", "tag1.example", "to:nobody", "451 4.3.0 *",
        "tempfailed", NULL },
    /* A code never says anything else than the decision. */
    { "code", "rej1.example", "reply:554:5.7.0:go", "554 5.7.0 go [0*]",
        "rejected", NULL },
    { "code-accepts", "rej1.example", "reply:250:2.0.0:fine",
        "550 5.7.1 fine [0*]", "rejected", NULL },
    { "code-continues", "rej1.example", "reply:354:3.0.0:go",
        "550 5.7.1 go [0*]", "rejected", NULL },
    { "code-high", "rej1.example", "reply:571:5.7.9:go", "550 5.7.1 go [0*]",
        "rejected", NULL },
    { "code-temporary", "rej1.example", "reply:450:4.7.0:go",
        "550 5.7.1 go [0*]", "rejected", NULL },
    { "class-of-enhanced", "rej1.example", "reply:552:4.7.0:go",
        "552 5.7.1 go [0*]", "rejected", NULL },
    { "later-permanent", "rej1.example", "later:550:5.7.1:go",
        "451 4.7.1 go [0*]", "tempfailed", NULL },
    { "no-text", "rej1.example", "reply:550:5.7.1:",
        "550 5.7.1 Message refused [0*]", "rejected", NULL },
};

static void
test_one(const void *data)
{
    const OneCase *one = data;
    g_autofree char *recipient = g_strconcat("u@", one->domain, NULL);
    g_autofree char *reply = g_strconcat("S: ", one->reply, "\n", NULL);
    g_autofree char *event = g_strdup_printf("\"event\":\"%s\"", one->event);
    g_autofree char *copy = NULL;
    g_auto(Reception) reception;

    reception_init(&reception);
    reception_rule(&reception, one->domain, one->rule);
    reception_open(&reception);
    reception_greet(&reception);
    reception_forget_log(&reception);
    reception_send_message(&reception, "", recipient, MESSAGE);
    reception_run(&reception, 0, reply);
    g_assert_cmpuint(reception_log_count(&reception, event), ==, 1);
    g_assert_cmpuint(reception_log_count(&reception, "\"reason\":\"reason"), ==,
        0);
    if (one->in_copy == NULL) {
        g_assert_cmpuint(reception_n_stored(&reception), ==, 0);
    } else {
        copy = reception_copy(&reception, 0, recipient);
        g_assert_nonnull(strstr(copy, one->in_copy));
        g_assert_true(g_str_has_suffix(copy, "\r\n\r\nbody\r\n..stuffed\r\n"));
    }
    /* the session goes on */
    reception_run(&reception, 0, "C: RSET\nS: 250 *\nC: QUIT\nS: 221 *\n");
    g_assert_cmpstr(reception.asked->str, ==, "name message:1 reset close");
}

/* The id stands at the end of the last line, whatever is in front of it. */
static void
test_long_refusal(void)
{
    g_auto(Reception) reception;
    g_autofree char *line = g_strnfill(600, 'x');
    g_autofree char *rule =
        g_strdup_printf("reply:550:5.7.1:one\\n\\ntwo\\n%s\\nfive\\nsix\\n",
            line);

    reception_init(&reception);
    reception_rule(&reception, "rej1.example", rule);
    reception_open(&reception);
    reception_greet(&reception);
    reception_send_message(&reception, "", "u@rej1.example", MESSAGE);
    reception_run(&reception, 0,
        "S: 550-5.7.1 one\n"
        "S: 550-5.7.1 \n"
        "S: 550-5.7.1 two\n"
        "S: 550 5.7.1 xxx*xxx [0?????????????????????????]\n"
        "S: <nothing>\n");
}

static void
test_null_sender(void)
{
    g_auto(Reception) reception;

    reception_init(&reception);
    reception_rule(&reception, "rej1.example", "reject");
    reception_open(&reception);
    reception_greet(&reception);
    reception_run(&reception, 0,
        "C: MAIL FROM:<>\nS: 250 *\n"
        "C: RCPT TO:<u@rej1.example>\nS: 250 *\n"
        "C: DATA\nS: 354 *\nC: A: b\nC: .\nS: 550 5.7.1 *\n"
        "C: MAIL FROM:<>\nS: 250 *\n"
        "C: RCPT TO:<u@plain.example>\nS: 250 *\n"
        "C: DATA\nS: 354 *\nC: A: b\nC: .\nS: 250 *\n");
    {
        g_auto(StoredList) list = reception_stored(&reception);
        const Stored *stored = list.records->pdata[0];

        g_assert_cmpuint(list.records->len, ==, 1);
        g_assert_cmpuint(stored->envelope.sender.len, ==, 0);
    }
}

/*
 * PRDR
 */

static void
test_prdr(void)
{
    g_auto(Reception) reception;
    g_autofree char *kept = NULL;

    reception_init(&reception);
    reception_rule(&reception, "rej1.example", "reject");
    reception_rule(&reception, "rej3.example", "tempfail");
    reception_rule(&reception, "tag1.example", "tag:[one]");
    reception_rule(&reception, "tag2.example", "discard");
    reception_open(&reception);
    reception_greet(&reception);
    reception_forget_log(&reception);
    reception_send_message(&reception, " PRDR",
        "a@tag1.example b@rej1.example c@tag2.example d@rej3.example "
        "e@rej2.example",
        MESSAGE);
    reception_run(&reception, 0,
        "S: 353 *\n"
        "S: 250 2.0.0 queued as *\n"
        "S: 550 5.7.1 not wanted [0*]\n"
        "S: 250 2.0.0 queued as *\n"
        "S: 451 4.7.1 not now [0*]\n"
        "S: 550 5.7.1 not wanted [0*]\n"
        "S: 250 2.0.0 *\n");
    g_assert_cmpuint(reception_n_stored(&reception), ==, 1);
    kept = reception_plain_copy(&reception, 0, "a@tag1.example");
    g_assert_nonnull(strstr(kept, "Subject: [one] hello\r\n"));
    g_assert_null(reception_copy(&reception, 0, "b@rej1.example"));
    g_assert_null(reception_copy(&reception, 0, "c@tag2.example"));
    g_assert_null(reception_copy(&reception, 0, "d@rej3.example"));
    g_assert_cmpuint(reception_log_count(&reception,
                         "\"event\":\"rejected_rcpt\""),
        ==, 3);
    g_assert_cmpuint(reception_log_count(&reception, "\"event\":\"accepted\""),
        ==, 1);
}

static void
test_prdr_all_refused(void)
{
    g_auto(Reception) reception;

    reception_init(&reception);
    reception_rule(&reception, "rej1.example", "reject");
    reception_rule(&reception, "rej3.example", "reply:554:5.7.0:other");
    reception_open(&reception);
    reception_greet(&reception);
    reception_send_message(&reception, " PRDR", "a@rej1.example b@rej3.example",
        MESSAGE);
    reception_run(&reception, 0,
        "S: 353 *\n"
        "S: 550 5.7.1 not wanted *\n"
        "S: 554 5.7.0 other *\n"
        "S: 550 5.0.0 *\n");
    g_assert_cmpuint(reception_n_stored(&reception), ==, 0);
    g_assert_cmpuint(reception_log_count(&reception, "\"event\":\"rejected\""),
        ==, 1);
}

/* Each recipient has its own limit of size. */
static void
test_prdr_size(void)
{
    g_auto(Reception) reception;
    g_autofree char *body = g_strnfill(5000, 'x');
    g_autofree char *message = g_strdup_printf("A: b\r\n\r\n%s\r\n", body);

    for (size_t i = 1000; i < 5000; i += 1000)
        body[i] = ' ';
    reception_init(&reception);
    reception_open(&reception);
    reception_greet(&reception);
    reception_send_message(&reception, " PRDR",
        "a@small.example b@plain.example", message);
    reception_run(&reception, 0,
        "S: 353 *\n"
        "S: 552 5.3.4 *\n"
        "S: 250 2.0.0 queued as *\n"
        "S: 250 *\n");
    g_assert_null(reception_copy(&reception, 0, "a@small.example"));
    reception_send_message(&reception, " PRDR", "a@small.example", message);
    reception_run(&reception, 0, "S: 552 5.3.4 * [0*]\nS: <nothing>\n");
    g_assert_cmpuint(reception_n_stored(&reception), ==, 1);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/filtering/receiver/unfiltered", test_unfiltered);
    ADD_CASES("/filtering/receiver/one/", one_cases, test_one);
    g_test_add_func("/filtering/receiver/long-refusal", test_long_refusal);
    g_test_add_func("/filtering/receiver/null-sender", test_null_sender);
    g_test_add_func("/filtering/receiver/prdr", test_prdr);
    g_test_add_func("/filtering/receiver/prdr-all", test_prdr_all_refused);
    g_test_add_func("/filtering/receiver/prdr-size", test_prdr_size);
    return g_test_run();
}
