/* SPDX-License-Identifier: MIT */
#include "core/filtering/acceptance.h"

#include "core/base/clock.h"
#include "core/filtering/trace.h"
#include "core/smtp/framing.h"

#define SPARE_MAX 32

/* What is unstuffed of a message that nobody filters: enough for any header
 * that is not too large. */
#define HEADER_WIRE_MAX (2 * WN_HEADER_BYTES_MAX + 16)

/*
 * Life
 */

static void
acceptance_free(WnAcceptance *self)
{
    wn_deferred_unset(&self->fault);
    g_clear_pointer(&self->unstuffed, g_byte_array_unref);
    wn_header_block_clear(&self->block);
    wn_arena_free(self->arena);
    g_free(self);
}

static void
acceptance_release(WnAcceptance *self)
{
    GPtrArray *spare = self->receiver->spare;

    if (spare->len >= SPARE_MAX) {
        acceptance_free(self);
        return;
    }
    g_clear_pointer(&self->unstuffed, g_byte_array_unref);
    wn_arena_reset(self->arena);
    g_ptr_array_add(spare, self);
}

static void on_fault(void *user);

static WnAcceptance *
acceptance_take(WnReceiver *receiver)
{
    GPtrArray *spare = receiver->spare;
    WnAcceptance *self;

    if (spare->len > 0) {
        WnAcceptance *used = g_ptr_array_steal_index_fast(spare,
            spare->len - 1);
        WnArena *arena = used->arena;
        WnHeaderBlock block = used->block;

        *used = (WnAcceptance){ .arena = arena, .block = block };
        self = used;
    } else {
        self = g_new0(WnAcceptance, 1);
        self->arena = wn_arena_new(0);
        wn_header_block_init(&self->block);
    }
    self->receiver = receiver;
    wn_deferred_init(&self->fault, receiver->loop, on_fault, self);
    return self;
}

void
wn_receiver_free_acceptances(WnReceiver *self)
{
    GHashTableIter iter;
    gpointer key;

    self->answers_written = true;
    wn_receiver_log_answered(self);
    wn_deferred_unset(&self->log_answered);
    g_hash_table_iter_init(&iter, self->detached);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        wn_append_forget(((WnAcceptance *)key)->append);
        acceptance_free(key);
    }
    for (guint i = 0; i < self->spare->len; i++)
        acceptance_free(self->spare->pdata[i]);
    g_hash_table_unref(self->detached);
    g_ptr_array_unref(self->answered);
    g_ptr_array_unref(self->spare);
}

/* Called soon after answers were given, and once more in the next turn: then
 * the replies have been written. */
void
wn_receiver_log_answered(void *user)
{
    WnReceiver *self = user;

    if (!self->answers_written) {
        self->answers_written = true;
        wn_deferred_soon(&self->log_answered);
        return;
    }
    for (guint i = 0; i < self->answered->len; i++) {
        WnAcceptance *acceptance = self->answered->pdata[i];

        wn_log_message(&acceptance->report);
        acceptance_release(acceptance);
    }
    g_ptr_array_set_size(self->answered, 0);
}

static void
log_soon(WnAcceptance *self)
{
    WnReceiver *receiver = self->receiver;

    g_ptr_array_add(receiver->answered, self);
    receiver->answers_written = false;
    wn_deferred_soon(&receiver->log_answered);
}

void
wn_visit_abandon_message(WnVisit *visit)
{
    WnAcceptance *self = g_steal_pointer(&visit->acceptance);

    if (self == NULL)
        return;
    self->visit = NULL;
    wn_deferred_unset(&self->fault);
    if (self->append != NULL)
        g_hash_table_add(self->receiver->detached, self);
    else
        acceptance_release(self);
}

static WnAcceptance *
begin(WnVisit *visit, const WnSessionMessage *message, bool filtered)
{
    WnAcceptance *self = acceptance_take(visit->receiver);
    WnSpan wire = message->wire;

    visit->acceptance = self;
    self->visit = visit;
    self->message = *message;
    self->plain = wire;
    self->plain_len = wire.len - message->n_stuffed;
    if (message->n_stuffed > 0) {
        wire = wn_span_slice(wire, 0, filtered ? wire.len : HEADER_WIRE_MAX);
        self->unstuffed = g_byte_array_sized_new((guint)wire.len);
        wn_framing_unstuff(wire, self->unstuffed);
        self->plain = wn_span(self->unstuffed->data, self->unstuffed->len);
    }
    wn_visit_fill_report(visit, self->plain_len, self->arena, &self->report);
    return self;
}

/*
 * The journal
 */

static void
on_fault(void *user)
{
    WnAcceptance *self = user;

    wn_acceptance_answer_fault(self,
        (WnReply){ 451, "4.3.0", "Internal fault, try again" },
        self->report.reason);
}

static WnReply
commit_failure(WnCommit result)
{
    if (result == WN_COMMIT_NO_SPACE)
        return (WnReply){ 452, "4.3.1", "Too little space, try again" };
    return (WnReply){ 451, "4.3.0", "Storage trouble, try again" };
}

static void
count_commit(WnAcceptance *self, WnCommit result)
{
    const WnReceiverMetrics *metrics = &self->receiver->metrics;
    bool durable = result == WN_COMMIT_DURABLE;

    wn_metric_add(durable ? metrics->accepted : metrics->tempfailed, 1);
    self->report.event = durable ? "accepted" : "tempfailed";
    if (!durable)
        self->report.reason = commit_failure(result).text;
    else if (self->visit == NULL)
        self->report.reason = "the client left before the answer";
}

/* The answer goes out first; what is written in the log follows it. */
static void
on_committed(void *user, WnCommit result)
{
    WnAcceptance *self = user;
    WnVisit *visit = self->visit;

    self->append = NULL;
    if (visit == NULL)
        g_hash_table_remove(self->receiver->detached, self);
    else if (result != WN_COMMIT_DURABLE)
        wn_acceptance_set_reply(self,
            wn_acceptance_with_id(self, commit_failure(result)));
    if (visit != NULL && result != WN_COMMIT_DURABLE)
        self->report.reply = self->replies[0];
    count_commit(self, result);
    if (visit != NULL) {
        visit->acceptance = NULL;
        self->visit = NULL;
        wn_session_answer(visit->session, self->replies, self->n_replies);
    }
    log_soon(self);
}

void
wn_acceptance_commit(WnAcceptance *self, const WnScopeDecision *decisions,
    GArray *const *edits)
{
    WnReceiver *receiver = self->receiver;
    WnAppendBody body = { .span = self->message.wire,
        .fd = self->message.wire_fd,
        .len = self->message.wire.len };

    self->report.reason = wn_acceptance_fill_envelope(self, decisions, edits);
    if (self->report.reason != NULL) {
        wn_deferred_soon(&self->fault);
        return;
    }
    wn_writer_reset(&receiver->writer);
    wn_envelope_write(&receiver->envelope, &receiver->writer);
    self->append = wn_journal_append(receiver->journal, &self->report.id,
        wn_writer_span(&receiver->writer), &body, on_committed, self);
}

/*
 * Filters
 */

static void
on_filtered(void *user, const WnResponse *response, const char *reason)
{
    WnVisit *visit = user;
    WnAcceptance *self = visit->acceptance;

    visit->ticket = NULL;
    if (response == NULL)
        wn_acceptance_decide_without_filters(self, reason);
    else if (response->n_decisions != visit->scopes->len)
        wn_acceptance_decide_without_filters(self,
            "the filter's answer does not fit");
    else
        wn_acceptance_decide(self, response->decisions, response->splices);
}

static void
ask_filters(WnAcceptance *self)
{
    WnVisit *visit = self->visit;
    GPtrArray *from = wn_session_transaction(visit->session)->recipients;
    guint n_scopes = visit->scopes->len;
    WnRequestScope *scopes = wn_arena_alloc(self->arena,
        n_scopes * sizeof *scopes);
    WnRequestRecipient *recipients = wn_arena_alloc(self->arena,
        from->len * sizeof *recipients);
    WnRequest request;

    for (guint i = 0; i < n_scopes; i++)
        scopes[i].class_id = wn_visit_scope(visit, i)->class_id;
    for (guint i = 0; i < from->len; i++) {
        const WnSessionRecipient *recipient = from->pdata[i];

        recipients[i] = (WnRequestRecipient){ recipient->path.text,
            wn_visit_scope_of(recipient) };
    }
    wn_visit_fill_request(visit, WN_REQUEST_MESSAGE, &request);
    request.n_scopes = n_scopes;
    request.scopes = scopes;
    request.n_recipients = from->len;
    request.recipients = recipients;
    request.message = self->plain;
    visit->asked = true;
    visit->ticket = wn_filter_ask(visit->receiver->filters, &request,
        self->unstuffed == NULL ? self->message.wire_fd : -1, on_filtered,
        visit);
}

/*
 * The message
 */

/* What only some servers are known not to take is theirs to refuse: the others
 * of the transaction get it. */
static bool
is_too_large(const WnAcceptance *self)
{
    guint n_scopes = self->visit->scopes->len, n_fitting = 0;
    bool breaks_setting = false;

    for (guint i = 0; i < n_scopes; i++) {
        WnSizeVerdict verdict = wn_acceptance_judge_size(self, i);

        n_fitting += verdict == WN_SIZE_FITS;
        breaks_setting |= verdict == WN_SIZE_TOO_LARGE;
    }
    return n_fitting == 0 || (breaks_setting && !wn_acceptance_has_prdr(self));
}

/* What makes a message unacceptable whoever it is for; NULL: nothing. */
static const WnReply *
find_fault(WnAcceptance *self)
{
    static const WnReply header_too_large = { 552, "5.3.4",
        "Header too large" };
    static const WnReply too_large = { 552, "5.3.4", "Message too large" };
    static const WnReply nul = { 550, "5.6.0", "NUL byte in the header" };
    static const WnReply loop = { 554, "5.4.6", "Mail loop" };
    WnHeaderStatus status = wn_header_block_parse(&self->block, self->plain);

    if (status == WN_HEADER_TOO_LARGE)
        return &header_too_large;
    if (status == WN_HEADER_NUL)
        return &nul;
    if (wn_trace_is_loop(self->plain, &self->block,
            self->receiver->config->hostname))
        return &loop;
    return is_too_large(self) ? &too_large : NULL;
}

WnAnswerWhen
wn_visit_message(WnVisit *visit, const WnSessionMessage *message,
    WnReply *out_reply)
{
    bool filtered = false;
    WnAcceptance *self;
    const WnReply *fault;

    for (guint i = 0; i < visit->scopes->len; i++)
        filtered |= wn_visit_scope(visit, i)->has_chain;
    self = begin(visit, message, filtered);
    fault = find_fault(self);
    if (fault != NULL) {
        *out_reply = wn_acceptance_with_id(self, *fault);
        self->report.event = "rejected";
        self->report.reason = fault->text;
        self->report.reply = *out_reply;
        wn_metric_add(visit->receiver->metrics.rejected, 1);
        wn_log_message(&self->report);
        return WN_ANSWER_NOW;
    }
    if (filtered)
        ask_filters(self);
    else
        wn_acceptance_decide_without_filters(self, NULL);
    return WN_ANSWER_LATER;
}
