/* SPDX-License-Identifier: MIT */
#include "t/unit/filtering-reception.h"

#include "core/base/clock.h"
#include "core/base/metrics.h"

#define MESSAGE \
    "From: a@client.example\r\nSubject: hello\r\n\r\nbody\r\n..stuffed\r\n"

static void
add_cases(const char *folder, const void *cases, size_t size, size_t n,
    GTestDataFunc fn)
{
    for (size_t i = 0; i < n; i++) {
        const void *one = (const char *)cases + i * size;
        g_autofree char *path = g_strconcat(folder, *(const char *const *)one,
            NULL);

        g_test_add_data_func(path, one, fn);
    }
}
#define ADD_CASES(folder, cases, fn) \
    add_cases(folder, cases, sizeof *(cases), G_N_ELEMENTS(cases), fn)

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
 * Recipients
 */

typedef struct RcptCase {
    const char *name;
    const char *mail; /* behind MAIL FROM:<...> */
    const char *rcpt;
    const char *reply;
} RcptCase;

static const RcptCase rcpt_cases[] = {
    { "known", "", "u@plain.example", "250 2.1.5 *" },
    { "case", "", "U@PLAIN.Example", "250 2.1.5 *" },
    { "final-dot", "", "u@plain.example.", "250 2.1.5 *" },
    { "relay", "", "u@elsewhere.example", "550 5.7.1 Relaying denied [0*]" },
    { "relay-sub", "", "u@sub.plain.example", "550 5.7.1 *" },
    { "relay-literal", "", "u@[127.0.0.1]", "550 5.7.1 *" },
    { "relay-localhost", "", "u@localhost", "550 5.7.1 *" },
    { "percent", "", "u%elsewhere.example@plain.example", "250 2.1.5 *" },
    { "quoted-at", "", "\"u@elsewhere.example\"@plain.example", "250 2.1.5 *" },
    { "route", "", "@plain.example:u@elsewhere.example", "550 5.7.1 *" },
    { "postmaster", "", "postmaster", "550 5.1.1 *" },
    { "mailbox", "", "john@listed.example", "250 2.1.5 *" },
    { "mailbox-case", "", "John@listed.example", "250 2.1.5 *" },
    { "mailbox-quoted", "", "\"john\"@listed.example", "250 2.1.5 *" },
    { "mailbox-none", "", "jane@listed.example",
        "550 5.1.1 No such mailbox [0*]" },
    { "mailbox-longer", "", "johnny@listed.example", "550 5.1.1 *" },
    { "size", " SIZE=4096", "u@small.example", "250 2.1.5 *" },
    { "too-large", " SIZE=4097", "u@small.example",
        "552 5.3.4 Message too large [0*]" },
    { "large-enough", " SIZE=4097", "u@plain.example", "250 2.1.5 *" },
};

static void
test_rcpt(const void *data)
{
    const RcptCase *rcpt = data;
    g_auto(Reception) reception;
    g_autofree char *transcript =
        g_strdup_printf("C: MAIL FROM:<a@client.example>%s\nS: 250 *\n"
                        "C: RCPT TO:<%s>\nS: %s\n",
            rcpt->mail, rcpt->rcpt, rcpt->reply);

    reception_init(&reception);
    reception_open(&reception);
    reception_greet(&reception);
    reception_forget_log(&reception);
    reception_run(&reception, 0, transcript);
    g_assert_cmpuint(reception_log_count(&reception,
                         "\"event\":\"rejected_rcpt\""),
        ==, rcpt->reply[0] == '2' ? 0 : 1);
}

/* Never a 5xx, even for what would be refused. */
static void
test_no_snapshot(void)
{
    g_auto(Reception) reception;

    reception_init(&reception);
    reception_open(&reception);
    wn_receiver_set_snapshot(reception.receiver, NULL);
    reception_greet(&reception);
    reception_run(&reception, 0,
        "C: MAIL FROM:<a@client.example>\nS: 250 *\n"
        "C: RCPT TO:<u@plain.example>\nS: 451 4.3.5 *\n"
        "C: RCPT TO:<u@elsewhere.example>\nS: 451 4.3.5 *\n");
    /* a transaction keeps what it began with */
    wn_receiver_set_snapshot(reception.receiver, reception.snapshot);
    reception_run(&reception, 0,
        "C: RCPT TO:<u@plain.example>\nS: 451 4.3.5 *\n"
        "C: RSET\nS: 250 *\n"
        "C: MAIL FROM:<a@client.example>\nS: 250 *\n"
        "C: RCPT TO:<u@plain.example>\nS: 250 *\n");
    wn_receiver_set_snapshot(reception.receiver, NULL);
    reception_run(&reception, 0,
        "C: RCPT TO:<v@plain.example>\nS: 250 *\n"
        "C: DATA\nS: 354 *\nC: A: b\nC: .\nS: 250 *\n");
}

/*
 * The 452 rule.  Recipients are single letters.
 */

typedef struct SplitCase {
    const char *name;
    const char *mail;
    const char *recipients;
    const char *replies; /* codes */
} SplitCase;

static const SplitCase split_cases[] = {
    { "same-class", "", "rej1 rej1 rej2", "250 250 250" },
    { "two-refusing", "", "rej1 rej3", "250 452" },
    { "refusing-first", "", "rej1 tag1 rej2", "250 452 250" },
    { "refusing-second", "", "tag1 rej1 tag2", "250 452 250" },
    { "none-refuses", "", "tag1 tag2 plain", "250 250 250" },
    { "may-tempfail", "", "tag1 wait", "250 452" },
    { "unfiltered", "", "plain rej1", "250 452" },
    { "unfiltered-second", "", "rej1 plain", "250 452" },
    { "early", "", "early plain tag1 later", "250 250 250 250" },
    { "early-refusing", "", "early rej1", "250 452" },
    { "prdr", " PRDR", "rej1 rej3 tag1 plain early", "250 250 250 250 250" },
    { "size", "", "small plain", "250 452" },
    { "size-second", "", "plain small plain", "250 452 250" },
    { "size-known", " SIZE=1000", "small plain", "250 250" },
    { "size-too-large", " SIZE=5000", "small plain", "552 250" },
    { "size-prdr", " PRDR", "small plain", "250 250" },
    { "refused-leaves-none", "", "nobody rej1 tag1", "550 250 452" },
};

static void
test_split(const void *data)
{
    const SplitCase *split = data;
    g_auto(Reception) reception;
    g_auto(GStrv) recipients = g_strsplit(split->recipients, " ", -1);
    g_auto(GStrv) replies = g_strsplit(split->replies, " ", -1);
    g_autoptr(GString) transcript = g_string_new(NULL);
    guint n_split = 0;

    wn_metrics_attach(-1);
    g_string_printf(transcript, "C: MAIL FROM:<a@client.example>%s\nS: 250 *\n",
        split->mail);
    for (guint i = 0; recipients[i] != NULL; i++) {
        bool alone = strcmp(replies[i], "452") == 0;

        n_split += alone;
        g_string_append_printf(transcript,
            "C: RCPT TO:<u%u@%s.example>\nS: %s %s\n", i, recipients[i],
            replies[i], alone ? "4.5.3 needs its own transaction" : "*");
    }
    reception_init(&reception);
    reception_open(&reception);
    reception_greet(&reception);
    reception_run(&reception, 0, transcript->str);
    g_assert_cmpint(wn_metrics_lookup("winnow_split_total", NULL), ==, n_split);
}

/* The filters see one scope for each class, with its recipients. */
static void
test_scopes_asked(void)
{
    g_auto(Reception) reception;

    reception_init(&reception);
    reception_open(&reception);
    reception_greet(&reception);
    reception_send_message(&reception, "",
        "a@tag1.example b@plain.example c@tag2.example d@tag1.example",
        MESSAGE);
    reception_run(&reception, 0, "S: 250 2.0.0 *\n");
    g_assert_cmpuint(reception.questions->len, ==, 1);
    g_assert_cmpstr(reception.questions->pdata[0], ==,
        " a@tag1.example d@tag1.example | b@plain.example | c@tag2.example");
}

/* One body, and each scope its own edits. */
static void
test_shared(void)
{
    g_auto(Reception) reception;
    g_autofree char *one = NULL;
    g_autofree char *two = NULL;
    g_autofree char *plain = NULL;

    reception_init(&reception);
    reception_rule(&reception, "tag1.example", "tag:[one]");
    reception_rule(&reception, "tag2.example", "tag:[two]");
    reception_open(&reception);
    reception_greet(&reception);
    reception_send_message(&reception, "",
        "a@tag1.example b@tag2.example c@plain.example", MESSAGE);
    reception_run(&reception, 0, "S: 250 2.0.0 *\n");
    g_assert_cmpuint(reception_n_stored(&reception), ==, 1);
    one = reception_plain_copy(&reception, 0, "a@tag1.example");
    two = reception_plain_copy(&reception, 0, "b@tag2.example");
    plain = reception_plain_copy(&reception, 0, "c@plain.example");
    g_assert_cmpstr(one, ==,
        "From: a@client.example\r\nSubject: [one] hello\r\n\r\nbody\r\n"
        ".stuffed\r\n");
    g_assert_cmpstr(two, ==,
        "From: a@client.example\r\nSubject: [two] hello\r\n\r\nbody\r\n"
        ".stuffed\r\n");
    g_assert_cmpstr(plain, ==,
        "From: a@client.example\r\nSubject: hello\r\n\r\nbody\r\n"
        ".stuffed\r\n");
    /* nobody learns of the others */
    g_clear_pointer(&one, g_free);
    one = reception_copy(&reception, 0, "a@tag1.example");
    g_assert_null(strstr(one, "\tfor <"));
}

static void
test_delete_some(void)
{
    g_auto(Reception) reception;
    g_autofree char *kept = NULL;

    reception_init(&reception);
    reception_rule(&reception, "tag1.example", "discard");
    reception_open(&reception);
    reception_greet(&reception);
    reception_send_message(&reception, "", "a@tag1.example b@tag2.example",
        MESSAGE);
    reception_run(&reception, 0, "S: 250 2.0.0 *\n");
    g_assert_cmpuint(reception_n_stored(&reception), ==, 1);
    g_assert_null(reception_copy(&reception, 0, "a@tag1.example"));
    kept = reception_copy(&reception, 0, "b@tag2.example");
    g_assert_nonnull(kept);
}

/* If scopes disagree after all, nobody is lied to. */
static void
test_disagreement(void)
{
    g_auto(Reception) reception;

    reception_init(&reception);
    reception_rule(&reception, "tag1.example", "reject");
    reception_open(&reception);
    reception_greet(&reception);
    reception_send_message(&reception, "", "a@tag1.example b@tag2.example",
        MESSAGE);
    reception_run(&reception, 0, "S: 451 4.5.3 *\n");
    g_assert_cmpuint(reception_n_stored(&reception), ==, 0);
    reception_rule(&reception, "tag1.example", "tempfail");
    reception_send_message(&reception, "", "a@tag1.example b@tag2.example",
        MESSAGE);
    reception_run(&reception, 0, "S: 451 4.7.1 not now *\n");
    g_assert_cmpuint(reception_n_stored(&reception), ==, 0);
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

/*
 * At RCPT
 */

static void
test_early(void)
{
    g_auto(Reception) reception;
    g_autofree char *copy = NULL;

    reception_init(&reception);
    reception_rule(&reception, "rcpt:bad@early.example",
        "reply:554:5.7.1:listed\\nsee there");
    reception_rule(&reception, "rcpt:slow@early.example", "tempfail");
    reception_open(&reception);
    reception_greet(&reception);
    reception_forget_log(&reception);
    reception_run(&reception, 0,
        "C: MAIL FROM:<a@client.example>\nS: 250 *\n"
        "C: RCPT TO:<bad@early.example>\n"
        "C: RCPT TO:<good@early.example>\n"
        "C: RCPT TO:<slow@early.example>\n"
        "C: RCPT TO:<plain@plain.example>\n"
        "S: 554-5.7.1 listed\n"
        "S: 554 5.7.1 see there [0*]\n"
        "S: 250 2.1.5 *\n"
        "S: 451 4.7.1 not now [0*]\n"
        "S: 250 2.1.5 *\n"
        "C: DATA\nS: 354 *\nC: A: b\nC: .\nS: 250 2.0.0 *\n");
    g_assert_cmpstr(reception.asked->str, ==,
        "name rcpt:bad@early.example rcpt:good@early.example "
        "rcpt:slow@early.example message:2 reset");
    g_assert_cmpuint(reception_log_count(&reception,
                         "\"event\":\"rejected_rcpt\""),
        ==, 2);
    g_assert_null(reception_copy(&reception, 0, "bad@early.example"));
    copy = reception_copy(&reception, 0, "good@early.example");
    g_assert_nonnull(copy);
}

static void
test_early_all_refused(void)
{
    g_auto(Reception) reception;

    reception_init(&reception);
    reception_rule(&reception, "rcpt:bad@early.example", "reject");
    reception_open(&reception);
    reception_greet(&reception);
    reception_run(&reception, 0,
        "C: MAIL FROM:<a@client.example>\n"
        "C: RCPT TO:<bad@early.example>\n"
        "C: DATA\n"
        "S: 250 *\nS: 550 5.7.1 *\nS: 554 5.5.1 *\n");
}

/* What a missing answer means is the domain's affair. */
static void
test_early_unanswered(void)
{
    g_auto(Reception) reception;

    reception_init(&reception);
    reception_rule(&reception, "rcpt:u@early.example", "hold");
    reception_rule(&reception, "rcpt:u@later.example", "hold");
    reception_open(&reception);
    reception_greet(&reception);
    reception_run(&reception, 0,
        "C: MAIL FROM:<a@client.example>\nS: 250 *\n"
        "C: RCPT TO:<u@early.example>\nS: <nothing>\n");
    wn_clock_fake_step(10250);
    reception_run(&reception, 0,
        "S: 250 2.1.5 *\nC: RCPT TO:<u@later.example>\nS: <nothing>\n");
    wn_clock_fake_step(10250);
    reception_run(&reception, 0, "S: 451 4.7.1 * [0*]\n");
}

/*
 * No filter
 */

static void
test_deadline(void)
{
    g_auto(Reception) reception;
    g_autofree char *copy = NULL;

    reception_init(&reception);
    reception_rule(&reception, "rej1.example", "hold");
    reception_rule(&reception, "wait.example", "hold");
    reception_open(&reception);
    reception_greet(&reception);
    reception_send_message(&reception, "", "u@rej1.example", MESSAGE);
    reception_run(&reception, 0, "S: <nothing>\n");
    wn_clock_fake_step(10250);
    reception_run(&reception, 0, "S: 250 2.0.0 *\n");
    copy = reception_copy(&reception, 0, "u@rej1.example");
    g_assert_nonnull(strstr(copy,
        "X-Winnow-Skipped: all; no answer within the deadline\r\n"));
    reception_send_message(&reception, "", "u@wait.example", MESSAGE);
    reception_run(&reception, 0, "S: <nothing>\n");
    wn_clock_fake_step(10250);
    reception_run(&reception, 0, "S: 451 4.7.1 * [0*]\n");
    g_assert_cmpuint(reception_n_stored(&reception), ==, 1);
}

/* The first process dies over it, the second answers. */
static void
test_filter_dies_once(void)
{
    g_auto(Reception) reception;

    reception_init(&reception);
    reception_rule(&reception, "rej1.example", "die");
    reception_open(&reception);
    reception_greet(&reception);
    reception_send_message(&reception, "", "u@rej1.example", MESSAGE);
    reception_run(&reception, 0, "S: <nothing>\n");
    g_assert_null(reception.filter);
    reception_rule(&reception, "rej1.example", "reject");
    reception_filter_begins(&reception);
    reception_run(&reception, 0, "S: 550 5.7.1 not wanted *\n");
}

static void
test_filter_dies_twice(void)
{
    g_auto(Reception) reception;
    g_autofree char *copy = NULL;

    reception_init(&reception);
    reception_rule(&reception, "rej1.example", "die");
    reception_open(&reception);
    reception_greet(&reception);
    reception_send_message(&reception, "", "u@rej1.example", MESSAGE);
    reception_run(&reception, 0, "S: <nothing>\n");
    reception_filter_begins(&reception);
    reception_run(&reception, 0, "S: <nothing>\n");
    g_assert_null(reception.filter);
    reception_filter_begins(&reception);
    reception_run(&reception, 0, "S: 250 2.0.0 *\n");
    copy = reception_copy(&reception, 0, "u@rej1.example");
    g_assert_nonnull(strstr(copy,
        "X-Winnow-Skipped: all; the filter process died over it\r\n"));
}

/*
 * The form of messages
 */

typedef struct FormCase {
    const char *name;
    const char *message; /* wire form without the final dot */
    const char *untouched;
    const char *tagged; /* with tag:[t] */
} FormCase;

static const FormCase form_cases[] = {
    { "plain", "Subject: x\r\n\r\nbody\r\n", "Subject: x\r\n\r\nbody\r\n",
        "Subject: [t] x\r\n\r\nbody\r\n" },
    { "empty", "", "", "Subject: [t]\r\n" },
    { "body-only", "no header\r\n", "\r\nno header\r\n",
        "Subject: [t]\r\n\r\nno header\r\n" },
    { "blank-first", "\r\nbody\r\n", "\r\nbody\r\n",
        "Subject: [t]\r\n\r\nbody\r\n" },
    { "header-only", "Subject: x\r\n", "Subject: x\r\n", "Subject: [t] x\r\n" },
    { "no-separator", "Subject: x\r\nno field\r\n",
        "Subject: x\r\nno field\r\n", "Subject: [t] x\r\nno field\r\n" },
    { "stuffed-body", "Subject: x\r\n\r\n..\r\n..a\r\n...\r\n",
        "Subject: x\r\n\r\n.\r\n.a\r\n..\r\n",
        "Subject: [t] x\r\n\r\n.\r\n.a\r\n..\r\n" },
    { "stuffed-header",
        "..a: 1\r\nX-Winnow-Id: 2\r\n..b: 3\r\nSubject: x\r\n..c: 4\r\n\r\n"
        "..\r\n",
        ".a: 1\r\n.b: 3\r\nSubject: x\r\n.c: 4\r\n\r\n.\r\n",
        ".a: 1\r\n.b: 3\r\nSubject: [t] x\r\n.c: 4\r\n\r\n.\r\n" },
    { "stuffed-forged", "X-Winnow-Id: 2\r\n..b: 3\r\nX-Winnow-Id: 4\r\n\r\n",
        ".b: 3\r\n\r\n", "Subject: [t]\r\n.b: 3\r\n\r\n" },
    { "stuffed-body-only", "..\r\n..no header\r\n", "\r\n.\r\n.no header\r\n",
        "Subject: [t]\r\n\r\n.\r\n.no header\r\n" },
    { "forged",
        "X-Winnow-Match: filter=none\r\nSubject: x\r\n"
        "Authentication-Results: relay.example; dkim=pass\r\n\r\nbody\r\n",
        "Subject: x\r\n\r\nbody\r\n", "Subject: [t] x\r\n\r\nbody\r\n" },
};

static void
test_form(const void *data)
{
    const FormCase *form = data;
    g_auto(Reception) reception;
    g_autofree char *untouched = NULL;
    g_autofree char *tagged = NULL;

    reception_init(&reception);
    reception_rule(&reception, "tag1.example", "tag:[t]");
    reception_open(&reception);
    reception_greet(&reception);
    reception_send_message(&reception, "", "a@plain.example b@tag1.example",
        form->message);
    reception_run(&reception, 0, "S: 250 2.0.0 *\n");
    untouched = reception_plain_copy(&reception, 0, "a@plain.example");
    tagged = reception_plain_copy(&reception, 0, "b@tag1.example");
    g_assert_cmpstr(untouched, ==, form->untouched);
    g_assert_cmpstr(tagged, ==, form->tagged);
    /* alone, without any filter */
    reception_send_message(&reception, "", "c@plain.example", form->message);
    reception_run(&reception, 0, "S: 250 2.0.0 *\n");
    g_clear_pointer(&untouched, g_free);
    untouched = reception_plain_copy(&reception, 1, "c@plain.example");
    g_assert_cmpstr(untouched, ==, form->untouched);
}

/* Lines that are no fields stay on top of ours. */
static void
test_on_top(void)
{
    static const char *const tops[] = { "From a@b Mon Jan 1\r\n",
        ">From a@b\r\n", " continued\r\n\tagain\r\n" };
    g_auto(Reception) reception;

    reception_init(&reception);
    reception_open(&reception);
    reception_greet(&reception);
    for (guint i = 0; i < G_N_ELEMENTS(tops); i++) {
        g_autofree char *message = g_strconcat(tops[i],
            "Subject: x\r\n\r\nbody\r\n", NULL);
        g_autofree char *begin = g_strconcat(tops[i], "Received: from ", NULL);
        g_autofree char *copy = NULL;

        reception_send_message(&reception, "", "a@plain.example", message);
        reception_run(&reception, 0, "S: 250 2.0.0 *\n");
        copy = reception_copy(&reception, i, "a@plain.example");
        g_assert_true(g_str_has_prefix(copy, begin));
        g_assert_true(g_str_has_suffix(copy,
            "\r\nX-Winnow-Client: 192.0.2.7\r\nSubject: x\r\n\r\nbody\r\n"));
    }
}

static char *
repeated(const char *text, int n, const char *end)
{
    GString *all = g_string_new(NULL);

    for (int i = 0; i < n; i++)
        g_string_append(all, text);
    g_string_append(all, end);
    return g_string_free(all, FALSE);
}

static void
test_refused_forms(void)
{
    g_auto(Reception) reception;
    g_autofree char *fields = repeated("A: b\r\n", 1001, "\r\n");
    g_autofree char *bytes = repeated("A: 1234567890123456789012345\r\n b\r\n",
        35000, "\r\n");
    g_autofree char *hops = repeated("Received: x\r\n", 101, "\r\n");
    g_autofree char *
        own = repeated("Received: from x by relay.example (winnow) id 1; d\r\n",
            3, "\r\n");
    const char *const cases[][2] = {
        { fields, "S: 552 5.3.4 * [0*]\n" },
        { bytes, "S: 552 5.3.4 * [0*]\n" },
        { hops, "S: 554 5.4.6 * [0*]\n" },
        { own, "S: 554 5.4.6 * [0*]\n" },
    };

    reception_init(&reception);
    reception_open(&reception);
    reception_greet(&reception);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        reception_forget_log(&reception);
        reception_send_message(&reception, "", "a@rej1.example", cases[i][0]);
        reception_run(&reception, 0, cases[i][1]);
        g_assert_cmpuint(reception_log_count(&reception,
                             "\"event\":\"rejected\""),
            ==, 1);
    }
    reception_run(&reception, 0,
        "C: MAIL FROM:<a@client.example>\nS: 250 *\n"
        "C: RCPT TO:<a@plain.example>\nS: 250 *\n"
        "C: DATA\nS: 354 *\n");
    g_assert_cmpint(send(reception.guests[0].fd, "A: \0b\r\n\r\n.\r\n", 12, 0),
        ==, 12);
    reception_run(&reception, 0, "S: 550 5.6.0 * [0*]\n");
    g_assert_cmpuint(reception_n_stored(&reception), ==, 0);
    g_assert_cmpuint(reception.questions->len, ==, 0);
}

/* As many forged fields as there can be go at once. */
static void
test_many_forged(void)
{
    g_auto(Reception) reception;
    g_autofree char *message = repeated("..a: b\r\nX-Winnow-Match: c\r\n", 500,
        "\r\nbody\r\n");
    g_autofree char *wanted = repeated(".a: b\r\n", 500, "\r\nbody\r\n");
    g_autofree char *copy = NULL;

    reception_init(&reception);
    reception_open(&reception);
    reception_greet(&reception);
    reception_send_message(&reception, "", "a@plain.example", message);
    reception_run(&reception, 0, "S: 250 2.0.0 *\n");
    copy = reception_plain_copy(&reception, 0, "a@plain.example");
    g_assert_cmpstr(copy, ==, wanted);
}

/* A message that came in a file, and one with dots in it. */
static void
test_large(void)
{
    g_auto(Reception) reception;
    g_autofree char *plain = repeated("0123456789\r\n", 30000, "");
    g_autofree char *dotted = repeated("..23456789\r\n", 30000, "");
    const char *const bodies[] = { plain, dotted };

    reception_init(&reception);
    reception_rule(&reception, "tag1.example", "tag:[t]");
    reception_open(&reception);
    reception_greet(&reception);
    for (guint i = 0; i < G_N_ELEMENTS(bodies); i++) {
        g_autofree char *message = g_strconcat("Subject: x\r\n\r\n", bodies[i],
            NULL);
        g_autofree char *copy = NULL;

        reception_send_message(&reception, "", "a@tag1.example", message);
        reception_run(&reception, 0, "S: 250 2.0.0 *\n");
        copy = reception_copy(&reception, i, "a@tag1.example");
        g_assert_nonnull(strstr(copy, "\r\nSubject: [t] x\r\n\r\n"));
        g_assert_true(g_str_has_suffix(copy, bodies[i]));
    }
}

/*
 * What a filter process may not say
 */

typedef struct EditCase {
    const char *name;
    const char *rule;
    const char *message;
    const char *tagged; /* NULL: refused */
} EditCase;

#define FIELDS "A: 1\r\nBcc: 2\r\nC: 3\r\n\r\nbody\r\n"

static const EditCase edit_cases[] = {
    { "remove-field", "raw:6:8:", FIELDS, "A: 1\r\nC: 3\r\n\r\nbody\r\n" },
    { "replace-field", "raw:6:8:Z: 9\\r\\n", FIELDS,
        "A: 1\r\nZ: 9\r\nC: 3\r\n\r\nbody\r\n" },
    { "insert-fields", "raw:0:0:Y: 8\\r\\n x\\r\\nZ: 9\\r\\n", FIELDS,
        "Y: 8\r\n x\r\nZ: 9\r\nA: 1\r\nBcc: 2\r\nC: 3\r\n\r\nbody\r\n" },
    { "insert-last", "raw:20:0:Z: 9\\r\\n", FIELDS,
        "A: 1\r\nBcc: 2\r\nC: 3\r\nZ: 9\r\n\r\nbody\r\n" },
    { "insert-inside", "raw:3:0:x\\r\\n y", FIELDS,
        "A: x\r\n y1\r\nBcc: 2\r\nC: 3\r\n\r\nbody\r\n" },
    { "in-body", "raw:24:0:x", FIELDS, NULL },
    { "separator", "raw:20:2:", FIELDS, NULL },
    { "body-removed", "raw:20:5:", FIELDS, NULL },
    { "far-away", "raw:18446744073709551615:1:", FIELDS, NULL },
    { "wraps", "raw:1:18446744073709551615:", FIELDS, NULL },
    { "half-a-line", "raw:6:3:", FIELDS, NULL },
    { "from-inside", "raw:7:7:", FIELDS, NULL },
    { "bare-lf", "raw:0:0:X: 1\\nY: 2\\r\\n", FIELDS, NULL },
    { "bare-cr", "raw:0:0:X: 1\\rY: 2\\r\\n", FIELDS, NULL },
    { "first-lf", "raw:0:0:\\nX: 1\\r\\n", FIELDS, NULL },
    { "ends-early", "raw:0:0:.\\r\\nX: 1\\r\\n", FIELDS, NULL },
    { "ends-later", "raw:0:0:X: 1\\r\\n.\\r\\nMAIL\\r\\n", FIELDS, NULL },
    { "ends-inside", "raw:3:0:x\\r\\n.\\r\\n y", FIELDS, NULL },
    { "dot-inside", "raw:3:0:.", FIELDS,
        "A: .1\r\nBcc: 2\r\nC: 3\r\n\r\nbody\r\n" },
    { "ends-header", "raw:0:0:X: 1\\r\\n\\r\\n", FIELDS, NULL },
    { "ends-header-inside", "raw:3:0:x\\r\\n\\r\\n y", FIELDS, NULL },
    { "no-line-end", "raw:0:0:X: 1", FIELDS, NULL },
    { "line-end-inside", "raw:3:0:x\\r\\n", FIELDS, NULL },
    { "without-header", "raw:0:0:X: 1\\r\\n\\r\\n", "body\r\n",
        "X: 1\r\n\r\nbody\r\n" },
    { "without-separator", "raw:0:0:X: 1\\r\\n", "body\r\n",
        "X: 1\r\n\r\nbody\r\n" },
    { "two-separators", "raw:0:0:X: 1\\r\\n\\r\\nY: 2\\r\\n\\r\\n", "body\r\n",
        NULL },
    { "above-from-line", "raw:0:0:X: 1\\r\\n", "From a b\r\nA: 1\r\n\r\n",
        NULL },
};

static void
test_edit(const void *data)
{
    const EditCase *edit = data;
    g_auto(Reception) reception;
    g_autofree char *copy = NULL;

    reception_init(&reception);
    reception_rule(&reception, "tag1.example", edit->rule);
    reception_open(&reception);
    reception_greet(&reception);
    reception_send_message(&reception, "", "a@tag1.example", edit->message);
    reception_run(&reception, 0,
        edit->tagged != NULL ? "S: 250 2.0.0 *\n" : "S: 451 4.3.0 *\n");
    if (edit->tagged == NULL) {
        g_assert_cmpuint(reception_n_stored(&reception), ==, 0);
        g_assert_cmpuint(reception_log_count(&reception,
                             "\"event\":\"tempfailed\""),
            ==, 1);
        return;
    }
    copy = reception_plain_copy(&reception, 0, "a@tag1.example");
    g_assert_cmpstr(copy, ==, edit->tagged);
}

/*
 * The journal, and clients that leave
 */

static void
test_commit_failures(void)
{
    static const struct {
        Step step;
        int errnum;
        const char *reply;
    } cases[] = {
        { STEP_SYNC, EIO, "S: 451 4.3.0 * [0*]\n" },
        { STEP_WRITE, ENOSPC, "S: 452 4.3.1 * [0*]\n" },
        { STEP_CREATE, EMFILE, "S: 451 4.3.0 * [0*]\n" },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(Reception) reception;

        reception_init(&reception);
        reception_open(&reception);
        reception_greet(&reception);
        faulty_fail(&reception.faulty, cases[i].step, 1, cases[i].errnum);
        reception_send_message(&reception, "", "a@plain.example", MESSAGE);
        reception_run(&reception, 0, cases[i].reply);
        reception_spin(&reception);
        g_assert_cmpuint(reception_log_count(&reception,
                             "\"event\":\"tempfailed\""),
            ==, 1);
        reception_send_message(&reception, "", "b@plain.example", MESSAGE);
        reception_run(&reception, 0, "S: 250 2.0.0 *\n");
    }
}

static void
test_suspect_journal(void)
{
    g_auto(Reception) reception;

    reception_init(&reception);
    reception_open(&reception);
    reception_greet(&reception);
    reception.faulty.sticky = true;
    faulty_fail(&reception.faulty, STEP_CREATE, 1, EIO);
    for (int i = 0; i < WN_JOURNAL_SUSPECT_AFTER; i++) {
        reception_send_message(&reception, "", "a@plain.example", MESSAGE);
        reception_run(&reception, 0, "S: 451 4.3.0 *\n");
    }
    reception_run(&reception, 0,
        "C: MAIL FROM:<a@client.example>\nS: 421 4.3.0 *\nS: <closed>\n");
    reception_enter(&reception, 1, "192.0.2.8");
    reception_run(&reception, 1, "S: 421 4.3.0 *\nS: <closed>\n");
}

static void
test_no_space(void)
{
    g_auto(Reception) reception;

    reception_init(&reception);
    reception_open(&reception);
    reception_greet(&reception);
    reception.faulty.space.f_bavail = 1;
    reception_run(&reception, 0,
        "C: MAIL FROM:<a@client.example>\nS: 452 4.3.1 *\n"
        "C: RCPT TO:<a@plain.example>\nS: 503 *\n");
    reception.faulty.space.f_bavail = 1 << 30;
    wn_clock_fake_step(1000);
    reception_send_message(&reception, "", "a@plain.example", MESSAGE);
    reception_run(&reception, 0, "S: 250 2.0.0 *\n");
}

static void
close_with_reset(int fd)
{
    struct linger linger = { 1, 0 };

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    shutdown(fd, SHUT_RDWR);
}

/* Whatever the session waits for, its end ends that. */
static void
test_leaves_while_filtered(void)
{
    static const char *const domains[] = { "rej1.example", "early.example" };

    for (guint i = 0; i < G_N_ELEMENTS(domains); i++) {
        g_auto(Reception) reception;

        reception_init(&reception);
        reception_rule(&reception, "rej1.example", "hold");
        reception_rule(&reception, "rcpt:u@early.example", "hold");
        reception_rule(&reception, "name", "hold");
        reception_open(&reception);
        reception_greet(&reception);
        if (i == 0)
            reception_send_message(&reception, "", "u@rej1.example", MESSAGE);
        else
            reception_run(&reception, 0,
                "C: MAIL FROM:<a@client.example>\nS: 250 *\n"
                "C: RCPT TO:<u@early.example>\nS: <nothing>\n");
        reception_spin(&reception);
        reception_close(&reception);
        reception_spin(&reception);
        g_assert_true(g_str_has_suffix(reception.asked->str, " reset close"));
        g_assert_cmpuint(reception_n_stored(&reception), ==, 0);
    }
}

/* The record is complete before its session goes: it will be delivered, and the
 * log says so. */
static void
test_leaves_while_committed(void)
{
    g_auto(Reception) reception;

    reception_init(&reception);
    wn_metrics_attach(-1);
    reception_open(&reception);
    reception_greet(&reception);
    reception_send_message(&reception, "", "a@plain.example", MESSAGE);
    reception_run(&reception, 0, "S: 250 2.0.0 *\n");
    reception_forget_log(&reception);
    faulty_hold(&reception.faulty, true);
    reception_send_message(&reception, "", "u@plain.example", MESSAGE);
    reception_run(&reception, 0, "S: <nothing>\n");
    close_with_reset(reception.guests[0].fd);
    wn_fd_close(wn_fd_steal(&reception.guests[0].fd));
    reception_enter(&reception, 1, "192.0.2.9");
    reception_run(&reception, 1, "S: 220 *\nC: QUIT\nS: 221 *\n");
    wn_clock_fake_step(11 * 60 * 1000); /* no session waits as long */
    reception_spin(&reception);
    g_assert_cmpuint(wn_receiver_n_sessions(reception.receiver), ==, 0);
    g_assert_cmpuint(reception_log_count(&reception, "\"event\":\"accepted\""),
        ==, 0);
    faulty_hold(&reception.faulty, false);
    for (int i = 0;
         i < 400
         && wn_metrics_lookup("winnow_messages_total", "result=\"accepted\"")
                < 2;
         i++)
        wn_loop_turn(reception.loop);
    reception_spin(&reception);
    g_assert_cmpuint(reception_n_stored(&reception), ==, 2);
    g_assert_cmpuint(reception_log_count(&reception, "\"event\":\"accepted\""),
        ==, 1);
    g_assert_cmpuint(reception_log_count(&reception, "the client left"), ==, 1);
}

/* The receiver may go first, too. */
static void
test_closed_while_committed(void)
{
    g_auto(Reception) reception;

    reception_init(&reception);
    reception_open(&reception);
    reception_greet(&reception);
    reception_send_message(&reception, "", "a@plain.example", MESSAGE);
    reception_run(&reception, 0, "S: 250 2.0.0 *\n");
    faulty_hold(&reception.faulty, true);
    reception_send_message(&reception, "", "u@plain.example", MESSAGE);
    reception_run(&reception, 0, "S: <nothing>\n");
    reception_close(&reception);
    reception_run(&reception, 0, "S: 421 4.3.2 *\nS: <closed>\n");
    faulty_hold(&reception.faulty, false);
    reception_spin(&reception);
    g_assert_cmpuint(reception_n_stored(&reception), ==, 2);
}

/* Many messages in one session: nothing of one gets into the next. */
static void
test_many_messages(void)
{
    g_auto(Reception) reception;

    reception_init(&reception);
    reception_rule(&reception, "tag1.example", "tag:[t]");
    reception_rule(&reception, "rej1.example", "reject");
    reception_open(&reception);
    reception_greet(&reception);
    for (guint i = 0; i < 50; i++) {
        g_autofree char
            *message = g_strdup_printf("Subject: n%u\r\n%s\r\n..%u\r\n", i,
                i % 3 == 0 ? "X-Winnow-Id: 1\r\n" : "", i);
        g_autofree char
            *wanted = g_strdup_printf("Subject: [t] n%u\r\n\r\n.%u\r\n", i, i);
        g_autofree char *copy = NULL;

        reception_send_message(&reception, "", "u@rej1.example", message);
        reception_run(&reception, 0, "S: 550 5.7.1 *\n");
        reception_send_message(&reception, "", "u@tag1.example", message);
        reception_run(&reception, 0, "S: 250 2.0.0 *\n");
        copy = reception_plain_copy(&reception, i, "u@tag1.example");
        g_assert_cmpstr(copy, ==, wanted);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/filtering/receiver/unfiltered", test_unfiltered);
    ADD_CASES("/filtering/receiver/one/", one_cases, test_one);
    g_test_add_func("/filtering/receiver/long-refusal", test_long_refusal);
    g_test_add_func("/filtering/receiver/null-sender", test_null_sender);
    ADD_CASES("/filtering/receiver/rcpt/", rcpt_cases, test_rcpt);
    g_test_add_func("/filtering/receiver/no-snapshot", test_no_snapshot);
    ADD_CASES("/filtering/receiver/split/", split_cases, test_split);
    g_test_add_func("/filtering/receiver/scopes-asked", test_scopes_asked);
    g_test_add_func("/filtering/receiver/shared", test_shared);
    g_test_add_func("/filtering/receiver/delete-some", test_delete_some);
    g_test_add_func("/filtering/receiver/disagreement", test_disagreement);
    g_test_add_func("/filtering/receiver/prdr", test_prdr);
    g_test_add_func("/filtering/receiver/prdr-all", test_prdr_all_refused);
    g_test_add_func("/filtering/receiver/prdr-size", test_prdr_size);
    g_test_add_func("/filtering/receiver/early", test_early);
    g_test_add_func("/filtering/receiver/early-all", test_early_all_refused);
    g_test_add_func("/filtering/receiver/early-unanswered",
        test_early_unanswered);
    g_test_add_func("/filtering/receiver/deadline", test_deadline);
    g_test_add_func("/filtering/receiver/dies-once", test_filter_dies_once);
    g_test_add_func("/filtering/receiver/dies-twice", test_filter_dies_twice);
    ADD_CASES("/filtering/receiver/form/", form_cases, test_form);
    g_test_add_func("/filtering/receiver/on-top", test_on_top);
    g_test_add_func("/filtering/receiver/refused-forms", test_refused_forms);
    g_test_add_func("/filtering/receiver/many-forged", test_many_forged);
    g_test_add_func("/filtering/receiver/large", test_large);
    ADD_CASES("/filtering/receiver/edit/", edit_cases, test_edit);
    g_test_add_func("/filtering/receiver/commit-fails", test_commit_failures);
    g_test_add_func("/filtering/receiver/suspect", test_suspect_journal);
    g_test_add_func("/filtering/receiver/no-space", test_no_space);
    g_test_add_func("/filtering/receiver/leaves-filtered",
        test_leaves_while_filtered);
    g_test_add_func("/filtering/receiver/leaves-committed",
        test_leaves_while_committed);
    g_test_add_func("/filtering/receiver/closed-committed",
        test_closed_while_committed);
    g_test_add_func("/filtering/receiver/many", test_many_messages);
    return g_test_run();
}
