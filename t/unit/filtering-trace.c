/* SPDX-License-Identifier: MIT */
#include "core/filtering/trace.h"

#define HOST "relay.example"
#define NOON INT64_C(1795435200) /* 23 Nov 2026 12:00 */

static WnTraceFacts
make_facts(const char *client)
{
    WnTraceFacts facts = { .hostname = HOST,
        .helo = WN_SPAN("mx.sender.example"),
        .rdns = WN_SPAN_EMPTY,
        .rdns_status = WN_PTR_NONE,
        .esmtp = true,
        .recipient = WN_SPAN_EMPTY,
        .now = NOON };

    g_assert_true(
        wn_id_parse(WN_SPAN("01KAR5S2R0ABCDEFGHJKMNPQRS"), &facts.id));
    g_assert_true(wn_netaddr_parse(wn_span_str(client), &facts.client));
    return facts;
}

/* Every line is ASCII, ends in CRLF, is not too long, and begins a field or
 * goes on with one. */
static void
check_lines(const GString *text, const char *const *names)
{
    const char *at = text->str;

    while (*at != '\0') {
        const char *end = strstr(at, "\r\n");
        bool known = *at == '\t' || *at == ' ';

        g_assert_nonnull(end);
        g_assert_cmpint(end - at, <=, 998);
        for (const char *c = at; c < end; c++)
            g_assert_true((*c >= ' ' && *c < 0x7f) || (*c == '\t' && c == at));
        for (size_t i = 0; names[i] != NULL; i++)
            known |= g_str_has_prefix(at, names[i]);
        g_assert_true(known);
        at = end + 2;
    }
}

static const char *const trace_names[] = { "Received: ", "X-Winnow-Id: ",
    "X-Winnow-Client: ", "X-Winnow-Match: ", "X-Winnow-Skipped: ", NULL };

static void
check_trace(const WnTraceFacts *facts, const char *wanted)
{
    g_autoptr(GString) text = g_string_new(NULL);

    wn_trace_write(facts, text);
    check_lines(text, trace_names);
    g_assert_cmpstr(text->str, ==, wanted);
}

static void
test_received(void)
{
    WnTraceFacts facts = make_facts("192.0.2.7");

    check_trace(&facts,
        "Received: from mx.sender.example (unknown [192.0.2.7])\r\n"
        "\tby relay.example (winnow) with ESMTP id "
        "01KAR5S2R0ABCDEFGHJKMNPQRS;\r\n"
        "\tMon, 23 Nov 2026 12:00:00 +0000\r\n"
        "X-Winnow-Id: 01KAR5S2R0ABCDEFGHJKMNPQRS\r\n"
        "X-Winnow-Client: 192.0.2.7\r\n");
}

static void
test_received_full(void)
{
    WnTraceFacts facts = make_facts("2001:db8::7");

    facts.rdns = WN_SPAN("out-7.mail.sender.example");
    facts.rdns_status = WN_PTR_VERIFIED;
    facts.tls = "TLSv1.3 with TLS_AES_256_GCM_SHA384";
    facts.recipient = WN_SPAN("a.b@customer.example");
    check_trace(&facts, "Received: from mx.sender.example\r\n"
                        "\t(out-7.mail.sender.example [IPv6:2001:db8::7])\r\n"
                        "\t(using TLSv1.3 with TLS_AES_256_GCM_SHA384)\r\n"
                        "\tby relay.example (winnow) with ESMTPS id "
                        "01KAR5S2R0ABCDEFGHJKMNPQRS\r\n"
                        "\tfor <a.b@customer.example>;\r\n"
                        "\tMon, 23 Nov 2026 12:00:00 +0000\r\n"
                        "X-Winnow-Id: 01KAR5S2R0ABCDEFGHJKMNPQRS\r\n"
                        "X-Winnow-Client: 2001:db8::7\r\n");
}

static void
check_contains(const WnTraceFacts *facts, const char *wanted)
{
    g_autoptr(GString) text = g_string_new(NULL);

    wn_trace_write(facts, text);
    check_lines(text, trace_names);
    g_assert_nonnull(strstr(text->str, wanted));
}

static void
test_protocols(void)
{
    WnTraceFacts facts = make_facts("192.0.2.7");

    facts.esmtp = false;
    check_contains(&facts, " with SMTP id ");
    facts.esmtp = true;
    check_contains(&facts, " with ESMTP id ");
    facts.tls = "TLSv1.2 with X";
    check_contains(&facts, " with ESMTPS id ");
}

/* A name that is not verified is not a name. */
static void
test_unverified_name(void)
{
    static const WnPtrStatus statuses[] = { WN_PTR_NONE, WN_PTR_MISMATCH,
        WN_PTR_UNKNOWN };

    for (size_t i = 0; i < G_N_ELEMENTS(statuses); i++) {
        WnTraceFacts facts = make_facts("192.0.2.7");

        facts.rdns = WN_SPAN("liar.example");
        facts.rdns_status = statuses[i];
        check_contains(&facts, "(unknown [192.0.2.7])");
    }
}

/* Whatever a client says, it stays inside its place. */
static void
test_hostile_facts(void)
{
    g_autofree char *long_name = g_strnfill(255, 'a');
    WnTraceFacts facts = make_facts("192.0.2.7");

    facts.helo = WN_SPAN("a\r\nX-Forged: 1\r\n\r\n(b) <c>;\0\xc3\xbc");
    facts.rdns = WN_SPAN("n)\r\nX-Forged: 2");
    facts.rdns_status = WN_PTR_VERIFIED;
    facts.tls = "T)\r\nX-Forged: 3";
    facts.recipient = WN_SPAN("\"a>\r\nX-Forged: 4\"@customer.example");
    check_contains(&facts, "from a??X-Forged:?1?????b???c?????");
    check_contains(&facts, "for <\"a???X-Forged: 4\"@customer.example>");

    facts = make_facts("2001:db8:1111:2222:3333:4444:5555:6666");
    facts.helo = facts.rdns = wn_span_str(long_name);
    facts.rdns_status = WN_PTR_VERIFIED;
    facts.recipient = wn_span_str(long_name);
    check_contains(&facts, "(aaaa");
}

/*
 * Decisions
 */

static void
check_decision(const WnLedgerEntry *entries, uint32_t n, const char *wanted)
{
    WnScopeDecision decision = { .n_entries = n,
        .entries = (WnLedgerEntry *)(uintptr_t)entries };
    g_autoptr(GString) text = g_string_new(NULL);

    wn_trace_write_decision(&decision, text);
    check_lines(text, trace_names);
    if (wanted != NULL)
        g_assert_cmpstr(text->str, ==, wanted);
}

static void
test_match(void)
{
    WnLedgerFinding findings[] = {
        { WN_SPAN("zen.example"), WN_SPAN("127.0.0.2"), 1000 },
        { WN_SPAN("second"), WN_SPAN("127.0.0.9"), 1000 },
    };
    WnLedgerEntry entries[] = {
        { .filter = WN_SPAN("rbl"),
            .verdict = WN_LEDGER_MATCH,
            .action = WN_SPAN("modify_subject"),
            .n_findings = 2,
            .findings = findings },
        { .filter = WN_SPAN("geoip"), .verdict = WN_LEDGER_PASS },
        { .filter = WN_SPAN("phrase"), .verdict = WN_LEDGER_MATCH },
        { .filter = WN_SPAN("firewall"), .verdict = WN_LEDGER_TRUST },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(entries); i++) {
        entries[i].reason = WN_SPAN_EMPTY;
        if (i > 0)
            entries[i].action = WN_SPAN_EMPTY;
    }
    check_decision(entries, G_N_ELEMENTS(entries),
        "X-Winnow-Match: filter=rbl; rule=zen.example; "
        "evidence=\"127.0.0.2\"; action=modify_subject\r\n"
        "X-Winnow-Match: filter=rbl; rule=second; "
        "evidence=\"127.0.0.9\"; action=modify_subject\r\n"
        "X-Winnow-Match: filter=phrase; action=none\r\n");
}

/* One line, even if it is long: people search for it. */
static void
test_match_hostile(void)
{
    g_autofree char *endless = g_strnfill(5000, 'x');
    WnLedgerFinding finding = { WN_SPAN("a b;c\"d\r\ne"),
        WN_SPAN("say \"hi\"\\\r\nX-Forged: 1\r\n\xe2\x82\xac"), 0 };
    WnLedgerEntry entry = { .filter = WN_SPAN("pattern"),
        .verdict = WN_LEDGER_MATCH,
        .action = WN_SPAN("forward"),
        .reason = WN_SPAN_EMPTY,
        .n_findings = 1,
        .findings = &finding };

    check_decision(&entry, 1,
        "X-Winnow-Match: filter=pattern; rule=a?b?c?d??e; "
        "evidence=\"say ?hi?\?\?\?X-Forged: 1??\?\?\?\"; action=forward\r\n");
    finding = (WnLedgerFinding){ wn_span_str(endless), wn_span_str(endless),
        0 };
    entry.filter = entry.action = wn_span_str(endless);
    check_decision(&entry, 1, NULL);
}

static void
test_skipped(void)
{
    WnLedgerEntry entries[] = {
        { .filter = WN_SPAN("rbl"),
            .verdict = WN_LEDGER_FAIL,
            .reason = WN_SPAN("no answer within\r\nthe deadline") },
        { .filter = WN_SPAN("gone"),
            .verdict = WN_LEDGER_SKIPPED,
            .reason = WN_SPAN("no such filter in conf.d") },
        { .filter = WN_SPAN("b"),
            .verdict = WN_LEDGER_SKIPPED,
            .reason = WN_SPAN("decided by a") },
        { .filter = WN_SPAN("c"),
            .verdict = WN_LEDGER_SKIPPED,
            .reason = WN_SPAN("trusted by a") },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(entries); i++)
        entries[i].action = WN_SPAN_EMPTY;
    check_decision(entries, G_N_ELEMENTS(entries),
        "X-Winnow-Skipped: rbl; no answer within??the deadline\r\n"
        "X-Winnow-Skipped: gone; no such filter in conf.d\r\n");
}

/*
 * Forged fields
 */

typedef struct ForgedCase {
    const char *name;
    const char *message;
    const char *wanted;
    guint n_splices;
} ForgedCase;

static const ForgedCase forged_cases[] = {
    { "none", "From: a\r\nSubject: x\r\n\r\nbody\r\n",
        "From: a\r\nSubject: x\r\n\r\nbody\r\n", 0 },
    { "one", "From: a\r\nX-Winnow-Match: filter=none\r\nTo: b\r\n\r\n",
        "From: a\r\nTo: b\r\n\r\n", 1 },
    { "case", "x-wINNOW-id: 1\r\nTo: b\r\n\r\n", "To: b\r\n\r\n", 1 },
    { "folded", "X-Winnow-Id:\r\n 1\r\n\t2\r\nTo: b\r\n\r\n", "To: b\r\n\r\n",
        1 },
    { "space", "X-Winnow-Id \t: 1\r\nTo: b\r\n\r\n", "To: b\r\n\r\n", 1 },
    { "neighbours",
        "X-Winnow-Id: 1\r\nX-Winnow-Match: 2\r\nX-Winnow-Other: 3\r\n"
        "To: b\r\nX-Winnow-Id: 4\r\n\r\n",
        "To: b\r\n\r\n", 2 },
    { "similar", "X-Winnows: 1\r\nX-Winnow: 2\r\nWinnow-Id: 3\r\n\r\n",
        "X-Winnows: 1\r\nX-Winnow: 2\r\nWinnow-Id: 3\r\n\r\n", 0 },
    { "body", "To: b\r\n\r\nX-Winnow-Id: 1\r\n",
        "To: b\r\n\r\nX-Winnow-Id: 1\r\n", 0 },
    { "only", "X-Winnow-Id: 1\r\n", "", 1 },
    { "no-separator", "X-Winnow-Id: 1\r\nno field\r\nX-Winnow-Id: 2\r\n",
        "no field\r\nX-Winnow-Id: 2\r\n", 1 },
    { "behind-from-line", "From a Mon\r\nX-Winnow-Id: 1\r\nTo: b\r\n\r\n",
        "From a Mon\r\nTo: b\r\n\r\n", 1 },
    { "results-ours",
        "Authentication-Results: relay.example; dkim=pass\r\nTo: b\r\n\r\n",
        "To: b\r\n\r\n", 1 },
    { "results-case",
        "authentication-results:\r\n\tRELAY.example 1;\r\n dkim=pass\r\n\r\n",
        "\r\n", 1 },
    { "results-comment",
        "Authentication-Results: (a) (b)\r\n relay.example(c); spf=pass\r\n"
        "\r\n",
        "\r\n", 1 },
    { "results-quoted",
        "Authentication-Results: \"relay.example\"; spf=pass\r\n\r\n", "\r\n",
        1 },
    { "results-alone", "Authentication-Results: relay.example\r\n\r\n", "\r\n",
        1 },
    { "results-other",
        "Authentication-Results: relay.example.net; spf=pass\r\n"
        "Authentication-Results: mx.relay.example; spf=pass\r\n"
        "Authentication-Results: (relay.example) other.example; spf=pass\r\n"
        "Authentication-Results: other.example; x=relay.example\r\n"
        "Authentication-Results: (relay.example\r\n"
        "Authentication-Results:\r\n"
        "\r\n",
        "Authentication-Results: relay.example.net; spf=pass\r\n"
        "Authentication-Results: mx.relay.example; spf=pass\r\n"
        "Authentication-Results: (relay.example) other.example; spf=pass\r\n"
        "Authentication-Results: other.example; x=relay.example\r\n"
        "Authentication-Results: (relay.example\r\n"
        "Authentication-Results:\r\n"
        "\r\n",
        0 },
    { "empty", "", "", 0 },
};

static void
append_piece(void *user, WnSpan piece)
{
    g_string_append_len(user, piece.ptr, (gssize)piece.len);
}

static void
test_forged(const void *data)
{
    const ForgedCase *forged = data;
    WnSpan message = wn_span_str(forged->message);
    g_autoptr(GArray) splices = g_array_new(FALSE, FALSE, sizeof(WnSplice));
    g_autoptr(GString) result = g_string_new(NULL);
    g_auto(WnHeaderBlock) block;

    wn_header_block_init(&block);
    wn_header_block_parse(&block, message);
    wn_trace_remove_forged(message, &block, HOST, splices);
    g_assert_cmpuint(splices->len, ==, forged->n_splices);
    g_assert_true(wn_splices_normalise(splices, message.len));
    wn_splices_apply(splices, message, append_piece, result);
    g_assert_cmpstr(result->str, ==, forged->wanted);
}

/* An edit that removes or replaces such a field already is left to it. */
static void
test_forged_and_edited(void)
{
    WnSpan message = WN_SPAN("X-Winnow-A: 1\r\nX-Winnow-B: 2\r\n"
                             "X-Winnow-C: 3\r\nTo: b\r\n\r\n");
    WnSplice edits[] = { { 0, 0, WN_SPAN("X-Top: 0\r\n") },
        { 15, 15, WN_SPAN("X-Winnow-B: ours\r\n") } };
    g_autoptr(GArray) splices = g_array_new(FALSE, FALSE, sizeof(WnSplice));
    g_autoptr(GString) result = g_string_new(NULL);
    g_auto(WnHeaderBlock) block;

    wn_header_block_init(&block);
    wn_header_block_parse(&block, message);
    g_array_append_vals(splices, edits, G_N_ELEMENTS(edits));
    wn_trace_remove_forged(message, &block, HOST, splices);
    g_assert_true(wn_splices_normalise(splices, message.len));
    wn_splices_apply(splices, message, append_piece, result);
    g_assert_cmpstr(result->str, ==,
        "X-Top: 0\r\nX-Winnow-B: ours\r\nTo: b\r\n\r\n");
}

/*
 * Hops
 */

static bool
is_loop(const char *text)
{
    WnSpan message = wn_span_str(text);
    g_auto(WnHeaderBlock) block;

    wn_header_block_init(&block);
    wn_header_block_parse(&block, message);
    return wn_trace_is_loop(message, &block, HOST);
}

static char *
repeat(const char *field, int n, const char *end)
{
    GString *text = g_string_new(NULL);

    for (int i = 0; i < n; i++)
        g_string_append(text, field);
    g_string_append(text, end);
    return g_string_free(text, FALSE);
}

static void
test_hops(void)
{
    static const char other[] = "Received: from a by b.example; date\r\n";
    g_autofree char *hundred = repeat(other, 100, "\r\nbody\r\n");
    g_autofree char *more = repeat(other, 101, "\r\nbody\r\n");
    g_autofree char *in_body = repeat("To: a\r\n", 1, "\r\n");
    g_autofree char *quoted = NULL;

    quoted = g_strconcat(in_body, more, NULL);
    g_assert_false(is_loop(hundred));
    g_assert_true(is_loop(more));
    g_assert_false(is_loop(quoted));
    g_assert_false(is_loop(""));
}

typedef struct HopCase {
    const char *name;
    const char *value;
    bool own;
} HopCase;

static const HopCase hop_cases[] = {
    { "as-written",
        "from x (unknown [1.2.3.4])\r\n\tby relay.example (winnow) with ESMTP "
        "id 1;\r\n\tdate",
        true },
    { "folded-anew", "from x\r\n by\r\n  relay.example\r\n\t(winnow) id 1",
        true },
    { "case", "from x BY Relay.Example (Winnow) id 1", true },
    { "twice-by", "from by by relay.example (winnow)", true },
    { "other-host", "from x by relay.example.net (winnow) id 1", false },
    { "sub-host", "from x by mx.relay.example (winnow) id 1", false },
    { "other-program", "from x by relay.example (Postfix) id 1", false },
    { "helo", "from relay.example (winnow) by b.example", false },
    { "cut-off", "from x by relay.example", false },
    { "nothing", "", false },
};

static void
test_own_hops(const void *data)
{
    const HopCase *hop = data;
    g_autofree char *field = g_strconcat("Received: ", hop->value, "\r\n",
        NULL);
    g_autofree char *two = repeat(field, WN_OWN_HOPS_MAX - 1, "\r\n");
    g_autofree char *three = repeat(field, WN_OWN_HOPS_MAX, "\r\n");

    g_assert_false(is_loop(two));
    g_assert_cmpint(is_loop(three), ==, hop->own);
}

/* What is written is what is found. */
static void
test_round_trip(void)
{
    WnTraceFacts facts = make_facts("192.0.2.7");
    g_autoptr(GString) text = g_string_new(NULL);

    for (int i = 0; i < WN_OWN_HOPS_MAX; i++) {
        g_assert_false(is_loop(text->str));
        wn_trace_write(&facts, text);
    }
    g_assert_true(is_loop(text->str));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/filtering/trace/received", test_received);
    g_test_add_func("/filtering/trace/received-full", test_received_full);
    g_test_add_func("/filtering/trace/protocols", test_protocols);
    g_test_add_func("/filtering/trace/unverified", test_unverified_name);
    g_test_add_func("/filtering/trace/hostile", test_hostile_facts);
    g_test_add_func("/filtering/trace/match", test_match);
    g_test_add_func("/filtering/trace/match-hostile", test_match_hostile);
    g_test_add_func("/filtering/trace/skipped", test_skipped);
    for (size_t i = 0; i < G_N_ELEMENTS(forged_cases); i++) {
        g_autofree char *path = g_strconcat("/filtering/trace/forged/",
            forged_cases[i].name, NULL);

        g_test_add_data_func(path, &forged_cases[i], test_forged);
    }
    g_test_add_func("/filtering/trace/forged-edited", test_forged_and_edited);
    g_test_add_func("/filtering/trace/hops", test_hops);
    for (size_t i = 0; i < G_N_ELEMENTS(hop_cases); i++) {
        g_autofree char *path = g_strconcat("/filtering/trace/own-hops/",
            hop_cases[i].name, NULL);

        g_test_add_data_func(path, &hop_cases[i], test_own_hops);
    }
    g_test_add_func("/filtering/trace/round-trip", test_round_trip);
    return g_test_run();
}
