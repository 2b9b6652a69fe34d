/* SPDX-License-Identifier: MIT */
#include "core/filtering/request.h"

#define LONG_TEXT_LEN 5000

static void
assert_spans(WnSpan a, WnSpan b)
{
    g_assert_cmpmem(a.ptr, a.len, b.ptr, b.len);
}

typedef struct Answer {
    WnLedgerFinding findings[2];
    WnLedgerEntry entries[3];
    WnScopeDecision decisions[3];
    GArray *splices[3];
    WnResponse response;
} Answer;

static void
answer_init(Answer *self)
{
    WnSplice insert = { 0, 0, WN_SPAN("X-Note: 1\r\n") };
    WnSplice replace = { 30, 12, WN_SPAN_EMPTY };

    *self = (Answer){
        .findings = { { WN_SPAN("zen.example"), WN_SPAN("127.0.0.2"), 5000 },
            { WN_SPAN("other"), WN_SPAN("\0\r\n"), -1 } },
        .splices = { g_array_new(FALSE, FALSE, sizeof(WnSplice)), NULL, NULL },
    };
    self->entries[0] = (WnLedgerEntry){ .filter = WN_SPAN("rbl"),
        .verdict = WN_LEDGER_MATCH,
        .action = WN_SPAN("modify_subject"),
        .reason = WN_SPAN_EMPTY,
        .usec = 1234,
        .n_findings = 2,
        .findings = self->findings };
    self->entries[1] = (WnLedgerEntry){ .filter = WN_SPAN("phrase"),
        .verdict = WN_LEDGER_FAIL,
        .action = WN_SPAN_EMPTY,
        .reason = WN_SPAN("no time"),
        .usec = UINT32_MAX };
    self->entries[2] = (WnLedgerEntry){ .filter = WN_SPAN("late"),
        .verdict = WN_LEDGER_SKIPPED,
        .action = WN_SPAN_EMPTY,
        .reason = WN_SPAN("decided by rbl") };
    self->decisions[0] = (WnScopeDecision){ .decided = WN_DECIDED_DELIVER,
        .filter = WN_SPAN_EMPTY,
        .enhanced = WN_SPAN_EMPTY,
        .text = WN_SPAN_EMPTY,
        .redirect = WN_SPAN("spam@one.example"),
        .n_entries = 3,
        .entries = self->entries };
    self->decisions[1] = (WnScopeDecision){ .decided = WN_DECIDED_REJECT,
        .filter = WN_SPAN("rbl"),
        .code = 550,
        .enhanced = WN_SPAN("5.7.1"),
        .text = WN_SPAN("one\ntwo"),
        .redirect = WN_SPAN_EMPTY };
    self->decisions[2] = (WnScopeDecision){ .filter = WN_SPAN_EMPTY,
        .enhanced = WN_SPAN_EMPTY,
        .text = WN_SPAN_EMPTY,
        .redirect = WN_SPAN_EMPTY };
    g_array_append_val(self->splices[0], insert);
    g_array_append_val(self->splices[0], replace);
    self->response = (WnResponse){ .serial = 99,
        .rdns_status = WN_PTR_MISMATCH,
        .rdns = WN_SPAN("name.example"),
        .n_decisions = 3,
        .decisions = self->decisions,
        .splices = self->splices };
}

static void
answer_clear(Answer *self)
{
    g_array_unref(self->splices[0]);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Answer, answer_clear)

static void
check_same_entry(const WnLedgerEntry *a, const WnLedgerEntry *b)
{
    assert_spans(a->filter, b->filter);
    g_assert_cmpint(a->verdict, ==, b->verdict);
    assert_spans(a->action, b->action);
    assert_spans(a->reason, b->reason);
    g_assert_cmpuint(a->usec, ==, b->usec);
    g_assert_cmpuint(a->n_findings, ==, b->n_findings);
    for (uint32_t i = 0; i < a->n_findings; i++) {
        assert_spans(a->findings[i].rule, b->findings[i].rule);
        assert_spans(a->findings[i].evidence, b->findings[i].evidence);
        g_assert_cmpint(a->findings[i].score, ==, b->findings[i].score);
    }
}

static void
check_same_decision(const WnScopeDecision *a, const WnScopeDecision *b)
{
    g_assert_cmpint(a->decided, ==, b->decided);
    assert_spans(a->filter, b->filter);
    g_assert_cmpuint(a->code, ==, b->code);
    assert_spans(a->enhanced, b->enhanced);
    assert_spans(a->text, b->text);
    assert_spans(a->redirect, b->redirect);
    g_assert_cmpuint(a->n_entries, ==, b->n_entries);
    for (uint32_t i = 0; i < a->n_entries; i++)
        check_same_entry(&a->entries[i], &b->entries[i]);
}

static void
test_response_round_trip(void)
{
    g_autoptr(WnArena) arena = wn_arena_new(0);
    g_auto(WnWriter) writer;
    g_auto(Answer) answer;
    WnResponse copy;

    answer_init(&answer);
    wn_writer_init(&writer);
    wn_response_write(&answer.response, &writer);
    g_assert_true(wn_response_read(wn_writer_span(&writer), arena, &copy));
    g_assert_cmpuint(copy.serial, ==, 99);
    g_assert_cmpint(copy.rdns_status, ==, WN_PTR_MISMATCH);
    assert_spans(copy.rdns, answer.response.rdns);
    g_assert_cmpuint(copy.n_decisions, ==, 3);
    for (uint32_t i = 0; i < 3; i++)
        check_same_decision(&copy.decisions[i], &answer.decisions[i]);
    g_assert_cmpuint(copy.splices[0]->len, ==, 2);
    assert_spans(g_array_index(copy.splices[0], WnSplice, 0).insert,
        WN_SPAN("X-Note: 1\r\n"));
    g_assert_cmpuint(g_array_index(copy.splices[0], WnSplice, 1).offset, ==,
        30);
    g_assert_null(copy.splices[1]);
    wn_response_clear(&copy);
    g_assert_null(copy.splices);
    wn_response_clear(&copy);
}

/* The smallest decisions there can be, alone and many: as for a connection that
 * nobody has anything against. */
static void
test_response_smallest(void)
{
    static const uint32_t counts[] = { 0, 1, 2, WN_REQUEST_SCOPES_MAX };

    for (size_t i = 0; i < G_N_ELEMENTS(counts); i++) {
        g_autoptr(WnArena) arena = wn_arena_new(0);
        g_autofree WnScopeDecision *decisions = g_new0(WnScopeDecision,
            counts[i] + 1);
        WnResponse response = { .serial = 1,
            .rdns = WN_SPAN_EMPTY,
            .n_decisions = counts[i],
            .decisions = decisions };
        g_auto(WnWriter) writer;
        WnResponse copy;

        for (uint32_t n = 0; n < counts[i]; n++)
            decisions[n].filter = decisions[n].enhanced = decisions[n].text =
                decisions[n].redirect = WN_SPAN_EMPTY;
        wn_writer_init(&writer);
        wn_response_write(&response, &writer);
        g_assert_true(wn_response_read(wn_writer_span(&writer), arena, &copy));
        g_assert_cmpuint(copy.n_decisions, ==, counts[i]);
        wn_response_clear(&copy);
    }
}

static void
test_response_truncated(void)
{
    g_auto(WnWriter) writer;
    g_auto(Answer) answer;
    WnSpan bytes;

    answer_init(&answer);
    wn_writer_init(&writer);
    wn_response_write(&answer.response, &writer);
    bytes = wn_writer_span(&writer);
    for (size_t len = 0; len <= bytes.len + 1; len++) {
        g_autoptr(WnArena) arena = wn_arena_new(0);
        g_autofree char *exact = g_malloc0(len + 1);
        WnResponse copy;

        memcpy(exact, bytes.ptr, MIN(len, bytes.len));
        if (wn_response_read(wn_span(exact, len), arena, &copy)) {
            g_assert_cmpuint(len, ==, bytes.len);
            wn_response_clear(&copy);
        } else {
            g_assert_cmpuint(len, !=, bytes.len);
        }
    }
}

static void
test_response_damaged(void)
{
    g_auto(WnWriter) writer;
    g_auto(Answer) answer;
    WnSpan bytes;

    answer_init(&answer);
    wn_writer_init(&writer);
    wn_response_write(&answer.response, &writer);
    bytes = wn_writer_span(&writer);
    for (size_t at = 0; at < bytes.len; at++)
        for (int value = 0; value < 256; value += 17) {
            g_autoptr(WnArena) arena = wn_arena_new(0);
            g_autofree char *exact = g_memdup2(bytes.ptr, bytes.len);
            WnResponse copy;

            exact[at] = (char)value;
            if (!wn_response_read(wn_span(exact, bytes.len), arena, &copy))
                continue;
            for (uint32_t i = 0; i < copy.n_decisions; i++)
                g_assert_cmpint(copy.decisions[i].decided, <=,
                    WN_DECIDED_DISCARD);
            wn_response_clear(&copy);
        }
}

static void
test_response_many(void)
{
    enum { N = WN_REQUEST_SCOPES_MAX + 1 };
    g_autoptr(WnArena) arena = wn_arena_new(0);
    g_autofree WnScopeDecision *decisions = g_new0(WnScopeDecision, N);
    WnResponse response = { .rdns = WN_SPAN_EMPTY,
        .n_decisions = N,
        .decisions = decisions };
    g_auto(WnWriter) writer;
    WnResponse copy;

    for (uint32_t i = 0; i < N; i++)
        decisions[i].filter = decisions[i].enhanced = decisions[i].text =
            decisions[i].redirect = WN_SPAN_EMPTY;
    wn_writer_init(&writer);
    wn_response_write(&response, &writer);
    g_assert_false(wn_response_read(wn_writer_span(&writer), arena, &copy));
}

/* What plugins say at length is cut on this side of the border. */
static void
test_response_cut(void)
{
    g_autoptr(WnArena) arena = wn_arena_new(0);
    g_autofree char *text = g_strnfill(LONG_TEXT_LEN, 'x');
    WnSpan endless = wn_span_str(text);
    WnLedgerFinding finding = { endless, endless, 0 };
    WnLedgerEntry entry = { .filter = endless,
        .verdict = WN_LEDGER_MATCH,
        .action = endless,
        .reason = endless,
        .n_findings = 1,
        .findings = &finding };
    WnScopeDecision decision = { .filter = endless,
        .enhanced = endless,
        .text = endless,
        .redirect = WN_SPAN_EMPTY,
        .n_entries = 1,
        .entries = &entry };
    WnResponse response = { .rdns = WN_SPAN_EMPTY,
        .n_decisions = 1,
        .decisions = &decision };
    g_auto(WnWriter) writer;
    WnResponse copy;

    wn_writer_init(&writer);
    wn_response_write(&response, &writer);
    g_assert_true(wn_response_read(wn_writer_span(&writer), arena, &copy));
    g_assert_cmpuint(copy.decisions[0].entries[0].findings[0].evidence.len, ==,
        WN_RESPONSE_TEXT_MAX);
    g_assert_cmpuint(copy.decisions[0].entries[0].reason.len, ==,
        WN_RESPONSE_TEXT_MAX);
    g_assert_cmpuint(wn_writer_span(&writer).len, <, LONG_TEXT_LEN);
    wn_response_clear(&copy);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/filtering/response/round-trip", test_response_round_trip);
    g_test_add_func("/filtering/response/smallest", test_response_smallest);
    g_test_add_func("/filtering/response/truncated", test_response_truncated);
    g_test_add_func("/filtering/response/damaged", test_response_damaged);
    g_test_add_func("/filtering/response/many", test_response_many);
    g_test_add_func("/filtering/response/cut", test_response_cut);
    return g_test_run();
}
