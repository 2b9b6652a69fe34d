/* SPDX-License-Identifier: MIT */
#include "t/unit/filtering-reception.h"

#include "core/base/clock.h"
#include "core/base/metrics.h"

#define MESSAGE \
    "From: a@client.example\r\nSubject: hello\r\n\r\nbody\r\n..stuffed\r\n"

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

/*
 * What the domain's servers are known not to take
 */

static const RcptCase limit_cases[] = {
    { "unsized", "", "u@plain.example", "250 2.1.5 *" },
    { "fits", " SIZE=2000", "u@plain.example", "250 2.1.5 *" },
    { "too-large", " SIZE=2001", "u@plain.example",
        "552 5.3.4 Message too large for the recipient's mail server [0*]" },
    { "utf8-unneeded", " SMTPUTF8", "u@plain.example", "250 2.1.5 *" },
    { "utf8", " SMTPUTF8", "\xc3\xbc@plain.example",
        "550 5.6.7 The recipient's mail server does not take SMTPUTF8 [0*]" },
    { "utf8-fits", " SMTPUTF8 SIZE=10", "\xc3\xbc@plain.example",
        "550 5.6.7 *" },
    { "both", " SMTPUTF8 SIZE=2001", "u@plain.example", "552 5.3.4 *" },
    { "no-mailbox", " SIZE=2001", "jane@listed.example", "550 5.1.1 *" },
};

/* All domains of the reception have the same servers. */
static void
test_limit(const void *data)
{
    const RcptCase *rcpt = data;
    g_auto(Reception) reception;
    WnLimitsKey key;
    WnDomain domain;

    reception_init(&reception);
    reception.limits = wn_known_limits_new(-1);
    reception_open(&reception);
    reception_greet(&reception);
    g_assert_true(wn_snapshot_domain(reception.snapshot,
        WN_SPAN("plain.example"), &domain));
    wn_limits_key_of_domain(&key, reception.snapshot, &domain);
    wn_known_limits_note(reception.limits, &key, &(WnLimits){ true, 2000 });
    {
        g_autofree char *transcript =
            g_strdup_printf("C: MAIL FROM:<a@client.example>%s\nS: 250 *\n"
                            "C: RCPT TO:<%s>\nS: %s\n",
                rcpt->mail, rcpt->rcpt, rcpt->reply);

        reception_run(&reception, 0, transcript);
    }
    /* The others of the transaction are not concerned, nor is what follows when
     * the servers have changed their mind. */
    wn_known_limits_note(reception.limits, &key, &(WnLimits){ false, 0 });
    reception_run(&reception, 0,
        "C: RSET\nS: 250 *\n"
        "C: MAIL FROM:<a@client.example> SIZE=2001 SMTPUTF8\nS: 250 *\n"
        "C: RCPT TO:<u@plain.example>\nS: 250 2.1.5 *\n");
}

/* Who has not told the size hears of it at the end, instead of a bounce. */
static void
test_limit_at_the_end(void)
{
    static const struct {
        unsigned n_lines;
        const char *reply;
    } cases[] = { { 20, "250 2.0.0 *" }, { 40, "552 5.3.4 *" } };
    g_auto(Reception) reception;
    WnLimitsKey key;
    WnDomain domain;

    reception_init(&reception);
    reception.limits = wn_known_limits_new(-1);
    reception_open(&reception);
    reception_greet(&reception);
    g_assert_true(wn_snapshot_domain(reception.snapshot,
        WN_SPAN("plain.example"), &domain));
    wn_limits_key_of_domain(&key, reception.snapshot, &domain);
    wn_known_limits_note(reception.limits, &key,
        &(WnLimits){ .max_size = 2000 });
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        GString *transcript = g_string_new("C: MAIL FROM:<a@client.example>\n"
                                           "S: 250 *\n"
                                           "C: RCPT TO:<u@plain.example>\n"
                                           "S: 250 *\nC: DATA\nS: 354 *\n"
                                           "C: A: b\nC: \n");

        for (unsigned n = 0; n < cases[i].n_lines; n++)
            g_string_append_printf(transcript, "C: %070u\n", n);
        g_string_append_printf(transcript, "C: .\nS: %s\n", cases[i].reply);
        reception_run(&reception, 0, transcript->str);
        g_string_free(transcript, TRUE);
    }
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

static unsigned int
times_asked(const Reception *reception, const char *what)
{
    g_auto(GStrv) parts = g_strsplit(reception->asked->str, what, -1);

    return g_strv_length(parts) - 1;
}

/* Once for a scope, before the message, and where RCPT is not asked about. */
static void
test_ahead(void)
{
    g_auto(Reception) reception;

    reception_init(&reception);
    reception_open(&reception);
    reception_greet(&reception);
    reception_run(&reception, 0,
        "C: MAIL FROM:<a@client.example>\nS: 250 *\n"
        "C: RCPT TO:<a@plain.example>\nS: 250 *\n");
    g_assert_cmpuint(times_asked(&reception, "ahead"), ==, 0);
    reception_run(&reception, 0,
        "C: RCPT TO:<b@ahead.example>\nS: 250 *\n"
        "C: RCPT TO:<c@ahead.example>\nS: 250 *\n"
        "C: RCPT TO:<d@early.example>\nS: 250 *\n");
    g_assert_cmpuint(times_asked(&reception, "ahead"), ==, 1);
    reception_run(&reception, 0, "C: RSET\nS: 250 *\n");
    reception_spin(&reception);
    g_assert_cmpuint(times_asked(&reception, "reset"), >, 0);
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
    g_assert_cmpstr(reception.asked->str, ==, "name rcpt:bad@early.example");
    reception_run(&reception, 0, "C: QUIT\nS: 221 *\n");
    g_assert_true(g_str_has_suffix(reception.asked->str, " reset close"));
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

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD_CASES("/filtering/receiver_recipients/rcpt/", rcpt_cases, test_rcpt);
    ADD_CASES("/filtering/receiver_recipients/limit/", limit_cases, test_limit);
    g_test_add_func("/filtering/receiver_recipients/limit-at-the-end",
        test_limit_at_the_end);
    g_test_add_func("/filtering/receiver_recipients/no-snapshot",
        test_no_snapshot);
    ADD_CASES("/filtering/receiver_recipients/split/", split_cases, test_split);
    g_test_add_func("/filtering/receiver_recipients/scopes-asked",
        test_scopes_asked);
    g_test_add_func("/filtering/receiver/ahead", test_ahead);
    g_test_add_func("/filtering/receiver_recipients/shared", test_shared);
    g_test_add_func("/filtering/receiver_recipients/delete-some",
        test_delete_some);
    g_test_add_func("/filtering/receiver_recipients/disagreement",
        test_disagreement);
    g_test_add_func("/filtering/receiver_recipients/early", test_early);
    g_test_add_func("/filtering/receiver_recipients/early-all",
        test_early_all_refused);
    g_test_add_func("/filtering/receiver_recipients/early-unanswered",
        test_early_unanswered);
    return g_test_run();
}
