/* SPDX-License-Identifier: MIT */
#include "core/filtering/acceptance.h"

/*
 * Replies
 */

bool
wn_acceptance_has_prdr(const WnAcceptance *self)
{
    return wn_session_transaction(self->visit->session)->prdr;
}

static WnReply
queued(const WnAcceptance *self)
{
    char id[WN_ID_TEXT_LEN + 1];

    wn_id_format(&self->report.id, id);
    return (WnReply){ 250, "2.0.0",
        wn_arena_printf(self->arena, "queued as %s", id) };
}

WnReply
wn_acceptance_with_id(const WnAcceptance *self, WnReply reply)
{
    reply.text = wn_visit_text(self->visit, wn_span_str(reply.text),
        self->arena);
    return reply;
}

static void
set_replies(WnAcceptance *self, size_t n)
{
    self->n_replies = n;
    self->replies = wn_arena_alloc(self->arena, n * sizeof *self->replies);
}

void
wn_acceptance_set_reply(WnAcceptance *self, WnReply reply)
{
    set_replies(self, 1);
    self->replies[0] = reply;
}

static WnReply
decision_reply(const WnAcceptance *self, const WnScopeDecision *decision)
{
    if (decision->decided == WN_DECIDED_REJECT
        || decision->decided == WN_DECIDED_TEMPFAIL)
        return wn_visit_refusal(self->visit, decision, self->arena);
    return queued(self);
}

/* With PRDR every recipient hears of its own scope. */
static void
make_replies(WnAcceptance *self, const WnScopeDecision *decisions)
{
    const WnTransaction *transaction = wn_session_transaction(
        self->visit->session);

    if (!transaction->prdr) {
        wn_acceptance_set_reply(self, queued(self));
        return;
    }
    set_replies(self, transaction->recipients->len);
    for (size_t i = 0; i < self->n_replies; i++)
        self->replies[i] = decision_reply(self,
            &decisions[wn_visit_scope_of(transaction->recipients->pdata[i])]);
}

/* The visit's reset, and the release of self, happen within. */
static void
answer(WnAcceptance *self)
{
    if (self->n_replies == 1)
        self->report.reply = self->replies[0];
    wn_log_message(&self->report);
    wn_session_answer(self->visit->session, self->replies, self->n_replies);
}

void
wn_acceptance_answer_fault(WnAcceptance *self, WnReply reply, const char *why)
{
    self->report.event = "tempfailed";
    self->report.reason = why;
    wn_metric_add(self->receiver->metrics.tempfailed, 1);
    wn_acceptance_set_reply(self, wn_acceptance_with_id(self, reply));
    answer(self);
}

/*
 * Decisions
 */

typedef struct Tally {
    unsigned deliver, reject, tempfail, discard;
    const WnScopeDecision *first_reject, *first_tempfail, *first_discard;
} Tally;

static Tally
tally_decisions(const WnScopeDecision *decisions, size_t n)
{
    Tally tally = { 0 };

    for (size_t i = n; i-- > 0;)
        switch (decisions[i].decided) {
        case WN_DECIDED_DELIVER:
            tally.deliver++;
            break;
        case WN_DECIDED_REJECT:
            tally.reject++;
            tally.first_reject = &decisions[i];
            break;
        case WN_DECIDED_TEMPFAIL:
            tally.tempfail++;
            tally.first_tempfail = &decisions[i];
            break;
        case WN_DECIDED_DISCARD:
            tally.discard++;
            tally.first_discard = &decisions[i];
            break;
        }
    return tally;
}

static void
report_decision(WnAcceptance *self, const WnScopeDecision *decision,
    const char *event, WnMetric *metric)
{
    self->report.event = event;
    self->report.filter = wn_arena_copy(self->arena, decision->filter).ptr;
    if (decision->text.len > 0)
        self->report.reason = wn_arena_copy(self->arena, decision->text).ptr;
    wn_metric_add(metric, 1);
}

/* One answer for everybody that is not "accepted".  False: there is none. */
static bool
answer_refusal(WnAcceptance *self, const Tally *tally)
{
    const WnReceiverMetrics *metrics = &self->receiver->metrics;

    if (tally->tempfail > 0) {
        report_decision(self, tally->first_tempfail, "tempfailed",
            metrics->tempfailed);
        wn_acceptance_set_reply(self,
            decision_reply(self, tally->first_tempfail));
    } else if (tally->reject > 0 && tally->deliver + tally->discard > 0) {
        /* The 452 rule keeps such scopes apart.  If an early filter could not
         * be asked at RCPT and refuses now, the client asks again. */
        wn_acceptance_answer_fault(self,
            (WnReply){ 451, "4.5.3", "Try again, recipient by recipient" },
            "scopes disagree");
        return true;
    } else if (tally->reject > 0) {
        report_decision(self, tally->first_reject, "rejected",
            metrics->rejected);
        wn_acceptance_set_reply(self,
            decision_reply(self, tally->first_reject));
    } else {
        return false;
    }
    answer(self);
    return true;
}

/* Nothing of it is kept; the replies are made. */
static void
answer_unkept(WnAcceptance *self, const Tally *tally)
{
    const WnReceiverMetrics *metrics = &self->receiver->metrics;

    if (tally->discard > 0)
        report_decision(self, tally->first_discard, "deleted",
            metrics->deleted);
    else if (tally->reject > 0)
        report_decision(self, tally->first_reject, "rejected",
            metrics->rejected);
    else
        report_decision(self, tally->first_tempfail, "tempfailed",
            metrics->tempfailed);
    answer(self);
}

/* With PRDR a message that is accepted can be refused to some. */
static void
log_refused_recipients(const WnAcceptance *self,
    const WnScopeDecision *decisions)
{
    const WnTransaction *transaction = wn_session_transaction(
        self->visit->session);

    for (guint i = 0; i < transaction->recipients->len; i++) {
        const WnSessionRecipient *recipient = transaction->recipients->pdata[i];
        WnDecided decided = decisions[wn_visit_scope_of(recipient)].decided;

        if (decided != WN_DECIDED_REJECT && decided != WN_DECIDED_TEMPFAIL)
            continue;
        wn_metric_add(self->receiver->metrics.rejected_rcpt, 1);
        wn_log_rejected_rcpt(self->visit, recipient, NULL, &self->replies[i]);
    }
}

WnSizeVerdict
wn_acceptance_judge_size(const WnAcceptance *self, uint32_t scope)
{
    const WnVisitScope *limits = wn_visit_scope(self->visit, scope);

    if (self->plain_len > (uint64_t)limits->max_message_size)
        return WN_SIZE_TOO_LARGE;
    return limits->server_size > 0 && self->plain_len > limits->server_size
               ? WN_SIZE_TOO_LARGE_FOR_SERVERS
               : WN_SIZE_FITS;
}

/* With PRDR scopes of different limits share a transaction. */
static const WnScopeDecision *
apply_limits(const WnAcceptance *self, const WnScopeDecision *decisions)
{
    guint n = self->visit->scopes->len;
    WnScopeDecision *changed = wn_arena_alloc(self->arena, n * sizeof *changed);

    memcpy(changed, decisions, n * sizeof *changed);
    for (guint i = 0; i < n; i++) {
        if (wn_acceptance_judge_size(self, i) == WN_SIZE_FITS)
            continue;
        changed[i].decided = WN_DECIDED_REJECT;
        changed[i].code = 552;
        changed[i].filter = WN_SPAN_EMPTY;
        changed[i].enhanced = WN_SPAN("5.3.4");
        changed[i].text = WN_SPAN("Message too large");
    }
    return changed;
}

void
wn_acceptance_decide(WnAcceptance *self, const WnScopeDecision *decisions,
    GArray *const *edits)
{
    bool prdr = wn_acceptance_has_prdr(self);
    Tally tally;

    if (prdr)
        decisions = apply_limits(self, decisions);
    tally = tally_decisions(decisions, self->visit->scopes->len);
    for (guint i = 0; i < self->visit->scopes->len; i++)
        wn_log_verdict(self->visit, wn_visit_scope(self->visit, i),
            &decisions[i]);
    if (!prdr && answer_refusal(self, &tally))
        return;
    make_replies(self, decisions);
    if (tally.deliver == 0) {
        answer_unkept(self, &tally);
        return;
    }
    if (prdr)
        log_refused_recipients(self, decisions);
    wn_acceptance_commit(self, decisions, edits);
}

void
wn_acceptance_decide_without_filters(WnAcceptance *self, const char *reason)
{
    guint n = self->visit->scopes->len;
    WnScopeDecision *decisions = wn_arena_alloc(self->arena,
        n * sizeof *decisions);
    WnLedgerEntry *skipped = wn_arena_new0(self->arena, WnLedgerEntry);

    *skipped = (WnLedgerEntry){ .filter = WN_SPAN("all"),
        .verdict = WN_LEDGER_FAIL,
        .action = WN_SPAN_EMPTY,
        .reason = wn_span_str(reason) };
    for (guint i = 0; i < n; i++) {
        const WnVisitScope *scope = wn_visit_scope(self->visit, i);
        bool wait = scope->has_chain && scope->tempfail_on_error;

        decisions[i] = (WnScopeDecision){ .decided = wait ? WN_DECIDED_TEMPFAIL
                                                          : WN_DECIDED_DELIVER,
            .filter = WN_SPAN_EMPTY,
            .enhanced = WN_SPAN("4.7.1"),
            .code = 451,
            .text = WN_SPAN("Filters are not available, try again"),
            .redirect = WN_SPAN_EMPTY,
            .n_entries = scope->has_chain ? 1 : 0,
            .entries = skipped };
    }
    wn_acceptance_decide(self, decisions, NULL);
}
