/* SPDX-License-Identifier: MIT */
#include "core/base/idna.h"
#include "core/conf/names.h"
#include "core/filtering/visit.h"

static const WnReply recipient_ok = { 250, "2.1.5", "Recipient ok" };
static const WnReply no_settings = { 451, "4.3.5",
    "Settings are not available yet" };
static const WnReply broken_settings = { 451, "4.3.5", "Settings are damaged" };
static const WnReply relaying = { 550, "5.7.1", "Relaying denied" };
static const WnReply no_mailbox = { 550, "5.1.1", "No such mailbox" };
static const WnReply too_large = { 552, "5.3.4", "Message too large" };
static const WnReply server_size = { 552, "5.3.4",
    "Message too large for the recipient's mail server" };
static const WnReply server_utf8 = { 550, "5.6.7",
    "The recipient's mail server does not take SMTPUTF8" };
static const WnReply too_many = { 452, "4.5.3", "Too many recipients" };
static const WnReply alone = { 452, "4.5.3", "needs its own transaction" };
static const WnReply not_checked = { 451, "4.7.1",
    "Filters are not available, try again" };

/* A last line of a refusal that leaves room for the id: the reply's writer
 * cuts lines. */
#define LAST_LINE_MAX (WN_REPLY_LINE_TEXT_MAX - WN_ID_TEXT_LEN - 3)

/* Where the last line begins of those that will be written. */
static size_t
last_line(WnSpan text)
{
    size_t begin = 0;

    for (int n = 1; n < WN_REPLY_LINES_MAX; n++) {
        WnSpan rest = wn_span_slice(text, begin, text.len);
        const char *lf = memchr(rest.ptr, '\n', rest.len);

        if (lf == NULL)
            break;
        begin += (size_t)(lf - rest.ptr) + 1;
    }
    return begin;
}

const char *
wn_visit_text(const WnVisit *visit, WnSpan text, WnArena *arena)
{
    WnTransaction *transaction = wn_session_transaction(visit->session);
    char id[WN_ID_TEXT_LEN + 1];
    size_t begin, end;
    const char *lf;

    if (transaction == NULL)
        return wn_arena_copy(arena, text).ptr;
    text = wn_span_trim(text);
    begin = last_line(text);
    end = MIN(text.len, begin + LAST_LINE_MAX);
    lf = memchr(text.ptr + begin, '\n', end - begin);
    if (lf != NULL)
        end = (size_t)(lf - text.ptr);
    wn_id_format(&transaction->id, id);
    return wn_arena_printf(arena, "%.*s [%s]", (int)end, text.ptr, id);
}

WnReply
wn_visit_refusal(const WnVisit *visit, const WnScopeDecision *decision,
    WnArena *arena)
{
    bool reject = decision->decided == WN_DECIDED_REJECT;
    WnSpan enhanced = decision->enhanced;
    WnSpan text = decision->text;
    uint16_t code = decision->code;
    bool fits = reject ? code >= 500 && code <= 559 : code / 100 == 4;

    if (!fits) {
        code = reject ? 550 : 451;
        enhanced = WN_SPAN_EMPTY;
    }
    if (wn_reply_enhanced_len(enhanced, code) != enhanced.len
        || enhanced.len == 0)
        enhanced = reject ? WN_SPAN("5.7.1") : WN_SPAN("4.7.1");
    if (text.len == 0)
        text = reject ? WN_SPAN("Message refused") : WN_SPAN("Try again later");
    return (WnReply){ code, wn_arena_copy(arena, enhanced).ptr,
        wn_visit_text(visit, text, arena) };
}

static bool
mailbox_exists(const WnVisit *visit, const WnDomain *domain,
    const WnSessionRecipient *recipient, bool *out_filtered)
{
    char local[WN_LOCAL_PART_MAX + 1];
    size_t len = wn_local_part_unquote(recipient->path.local, local,
        sizeof local);
    g_autofree char *folded = wn_local_part_fold(wn_span(local, len));

    /* The grammar has let nothing pass but UTF-8. */
    return wn_snapshot_mailbox(visit->snapshot, domain,
        folded != NULL ? wn_span_str(folded) : wn_span(local, len),
        out_filtered);
}

/* Is the recipient one of ours?  NULL with its domain and class; else why
 * not. */
static const WnReply *
find_destination(const WnVisit *visit, const WnSessionRecipient *recipient,
    WnDomain *out_domain, WnClass *out_class)
{
    char name[WN_IDNA_MAX + 1];
    bool filtered;

    if (visit->snapshot == NULL)
        return &no_settings;
    if (recipient->path.bare)
        return &no_mailbox;
    if (!wn_domain_to_ascii(recipient->path.domain, name)
        || !wn_snapshot_domain(visit->snapshot, wn_span_str(name), out_domain))
        return &relaying;
    if (!mailbox_exists(visit, out_domain, recipient, &filtered))
        return &no_mailbox;
    if (!wn_snapshot_class(visit->snapshot, filtered ? out_domain->class_id : 0,
            out_class))
        return &broken_settings;
    return NULL;
}

/* Of the domain's servers, as far as is known. */
static WnLimits
find_limits(const WnVisit *visit, const WnDomain *domain)
{
    const WnKnownLimits *known = visit->receiver->limits;
    WnLimitsKey key;

    if (known == NULL)
        return (WnLimits){ 0 };
    wn_limits_key_of_domain(&key, visit->snapshot, domain);
    return wn_known_limits_get(known, &key);
}

static WnVisitScope
describe_scope(const WnVisit *visit, const WnDomain *domain,
    const WnClass *class_, const WnLimits *limits)
{
    int64_t limit = visit->receiver->config->max_message_size;
    WnVisitScope scope = { .class_id = class_->id,
        .has_chain = class_->n_links > 0,
        .may_refuse = class_->may_refuse,
        .domain = domain->name };

    if (domain->max_message_size > 0)
        limit = MIN(limit, domain->max_message_size);
    scope.max_message_size = limit;
    if (limits->max_size < (uint64_t)limit)
        scope.server_size = limits->max_size;
    for (uint32_t i = 0; i < class_->n_links; i++) {
        WnLink link = wn_snapshot_link(visit->snapshot, class_, i);

        if (link.on_error != WN_ON_ERROR_TEMPFAIL)
            continue;
        scope.tempfail_on_error = true;
        scope.early_tempfail_on_error |= link.early;
    }
    return scope;
}

/* A mailbox that only SMTPUTF8 can name.  A client may say SMTPUTF8 where
 * nothing needs it; that mail passes, and a domain alone has a form in ASCII.
 */
static bool
needs_utf8(const WnTransaction *transaction,
    const WnSessionRecipient *recipient)
{
    return transaction->utf8
           && (!wn_span_is_ascii(transaction->sender.local)
               || !wn_span_is_ascii(recipient->path.local));
}

/* What the domain's servers would not take: NULL, as far as is known. */
static const WnReply *
apply_limits(const WnVisit *visit, const WnLimits *limits,
    const WnSessionRecipient *recipient)
{
    const WnTransaction *transaction = wn_session_transaction(visit->session);

    if (limits->max_size > 0 && transaction->declared_size > limits->max_size)
        return &server_size;
    return limits->no_utf8 && needs_utf8(transaction, recipient) ? &server_utf8
                                                                 : NULL;
}

/*
 * The 452 rule.  Two scopes may share a transaction if the one answer to DATA
 * can be right for both: they are of one class, or neither ever refuses; and
 * the message is not too large for one of them only.  A client
 * that has told the size was heard at RCPT; if it sends more than that, all may
 * refuse.
 */
static bool
may_disagree(const WnVisit *visit, const WnVisitScope *a, const WnVisitScope *b)
{
    uint64_t declared = wn_session_transaction(visit->session)->declared_size;

    if (a->max_message_size != b->max_message_size && declared == 0)
        return true;
    return a->class_id != b->class_id && (a->may_refuse || b->may_refuse);
}

/* What is known of servers is a hint, which keeps nobody apart: without an
 * answer for each recipient the most generous counts. */
static bool
merge_scopes(WnVisitScope *self, const WnVisitScope *wanted, bool prdr)
{
    if (self->class_id != wanted->class_id
        || self->max_message_size != wanted->max_message_size
        || (prdr && self->server_size != wanted->server_size))
        return false;
    if (self->server_size == 0 || wanted->server_size == 0)
        self->server_size = 0;
    else
        self->server_size = MAX(self->server_size, wanted->server_size);
    return true;
}

/* The index of the recipient's scope, made if need be; -1: it needs its own
 * transaction. */
static int
join_scope(WnVisit *visit, const WnVisitScope *wanted)
{
    bool prdr = wn_session_transaction(visit->session)->prdr;

    for (guint i = 0; i < visit->scopes->len; i++) {
        WnVisitScope *other = wn_visit_scope(visit, i);

        if (merge_scopes(other, wanted, prdr))
            return (int)i;
        if (!prdr && may_disagree(visit, other, wanted))
            return -1;
    }
    if (visit->scopes->len == WN_REQUEST_SCOPES_MAX)
        return -1;
    g_array_append_vals(visit->scopes, wanted, 1);
    return (int)visit->scopes->len - 1;
}

/* Recipients are asked about one at a time, so a scope that was made for one
 * that is refused is the last. */
static void
leave_scope(WnVisit *visit)
{
    guint n = visit->scopes->len;

    if (n > 0 && wn_visit_scope(visit, n - 1)->n_recipients == 0)
        g_array_set_size(visit->scopes, n - 1);
}

static size_t
request_bytes(const WnSessionRecipient *recipient)
{
    return WN_REQUEST_RECIPIENT_OVERHEAD + recipient->path.text.len;
}

static void
accept_recipient(WnVisit *visit, const WnSessionRecipient *recipient)
{
    wn_visit_scope(visit, wn_visit_scope_of(recipient))->n_recipients++;
    visit->recipient_bytes += request_bytes(recipient);
}

/* Everything that refuses a recipient goes through here.  The text stays until
 * the next one. */
static void
refuse(WnVisit *visit, const WnSessionRecipient *recipient,
    const WnScopeDecision *decision, WnReply *reply)
{
    g_free(visit->said);
    reply->text = visit->said = g_strdup(reply->text);
    wn_metric_add(visit->receiver->metrics.rejected_rcpt, 1);
    wn_log_rejected_rcpt(visit, recipient, decision, reply);
    leave_scope(visit);
}

static WnAnswerWhen
refuse_now(WnVisit *visit, const WnSessionRecipient *recipient,
    const WnReply *why, WnReply *out_reply)
{
    g_autoptr(WnArena) arena = wn_arena_new(0);

    *out_reply = *why;
    out_reply->text = wn_visit_text(visit, wn_span_str(why->text), arena);
    refuse(visit, recipient, NULL, out_reply);
    return WN_ANSWER_NOW;
}

static void
on_early(void *user, const WnResponse *response, const char *reason)
{
    WnVisit *visit = user;
    WnSessionRecipient *recipient = g_steal_pointer(&visit->asking);
    const WnVisitScope *scope = wn_visit_scope(visit,
        wn_visit_scope_of(recipient));
    g_autoptr(WnArena) arena = wn_arena_new(0);
    const WnScopeDecision *decision = NULL;
    WnReply reply = recipient_ok;

    (void)reason; /* the filter is asked again with the message */
    visit->ticket = NULL;
    if (response != NULL && response->n_decisions == 1)
        decision = &response->decisions[0];
    if (decision == NULL && scope->early_tempfail_on_error) {
        reply = not_checked;
        reply.text = wn_visit_text(visit, wn_span_str(reply.text), arena);
    }
    if (decision != NULL
        && (decision->decided == WN_DECIDED_REJECT
            || decision->decided == WN_DECIDED_TEMPFAIL))
        reply = wn_visit_refusal(visit, decision, arena);
    if (reply.code == 250)
        accept_recipient(visit, recipient);
    else
        refuse(visit, recipient, decision, &reply);
    wn_session_answer(visit->session, &reply, 1);
}

static void
ask_early(WnVisit *visit, WnSessionRecipient *recipient, uint32_t class_id)
{
    WnRequestScope scope = { class_id };
    WnRequestRecipient asked = { recipient->path.text, 0 };
    WnRequest request;

    wn_visit_fill_request(visit, WN_REQUEST_RCPT, &request);
    request.n_scopes = 1;
    request.scopes = &scope;
    request.n_recipients = 1;
    request.recipients = &asked;
    visit->asking = recipient;
    visit->asked = true;
    visit->ticket = wn_filter_ask(visit->receiver->filters, &request, -1,
        on_early, visit);
}

/* Nobody waits for it: look-ups come while the client sends the message. */
static void
ask_ahead(WnVisit *visit, uint32_t class_id)
{
    WnRequestScope scope = { class_id };
    WnRequest request;

    wn_visit_fill_request(visit, WN_REQUEST_AHEAD, &request);
    request.n_scopes = 1;
    request.scopes = &scope;
    visit->asked = true;
    wn_filter_ask(visit->receiver->filters, &request, -1, NULL, NULL);
}

WnAnswerWhen
wn_visit_rcpt(WnVisit *visit, WnSessionRecipient *recipient, WnReply *out_reply)
{
    uint64_t declared = wn_session_transaction(visit->session)->declared_size;
    const WnReply *refusal;
    WnDomain domain;
    WnClass class_;
    WnVisitScope scope;
    WnLimits limits;
    int index;

    refusal = find_destination(visit, recipient, &domain, &class_);
    if (refusal != NULL)
        return refuse_now(visit, recipient, refusal, out_reply);
    limits = find_limits(visit, &domain);
    scope = describe_scope(visit, &domain, &class_, &limits);
    if (declared > (uint64_t)scope.max_message_size)
        return refuse_now(visit, recipient, &too_large, out_reply);
    refusal = apply_limits(visit, &limits, recipient);
    if (refusal != NULL)
        return refuse_now(visit, recipient, refusal, out_reply);
    if (visit->recipient_bytes + request_bytes(recipient)
        > WN_REQUEST_RECIPIENT_BYTES_MAX)
        return refuse_now(visit, recipient, &too_many, out_reply);
    index = join_scope(visit, &scope);
    if (index < 0) {
        wn_metric_add(visit->receiver->metrics.split, 1);
        *out_reply = alone;
        wn_log_rejected_rcpt(visit, recipient, NULL, out_reply);
        return WN_ANSWER_NOW;
    }
    recipient->handler_data = GUINT_TO_POINTER((guint)index);
    if (class_.has_early) {
        ask_early(visit, recipient, class_.id);
        return WN_ANSWER_LATER;
    }
    accept_recipient(visit, recipient);
    if (class_.has_ahead
        && wn_visit_scope(visit, (uint32_t)index)->n_recipients == 1)
        ask_ahead(visit, class_.id);
    *out_reply = recipient_ok;
    return WN_ANSWER_NOW;
}
