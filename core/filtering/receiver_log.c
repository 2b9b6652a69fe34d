/* SPDX-License-Identifier: MIT */
#include "core/filtering/visit.h"

#include "core/base/clock.h"
#include "core/base/log.h"

static void
add_address(WnEvent *event, const WnNetaddr *client)
{
    char address[WN_NETADDR_TEXT_MAX];

    wn_netaddr_format(client, address);
    wn_event_str(event, "client", address);
}

static void
add_client(WnEvent *event, const WnVisit *visit)
{
    add_address(event, wn_session_client(visit->session));
}

static void
begin(WnEvent *event, const WnVisit *visit, WnLevel level, const char *name)
{
    WnTransaction *transaction = wn_session_transaction(visit->session);

    wn_event_begin_traced(event, level, name);
    if (transaction != NULL)
        wn_event_id(event, &transaction->id);
    if (visit->snapshot != NULL)
        wn_event_int(event, "generation",
            (int64_t)wn_snapshot_generation(visit->snapshot));
    add_client(event, visit);
}

void
wn_log_connect(const WnVisit *visit, const WnReply *refusal)
{
    WnEvent event;

    wn_event_begin(&event, WN_LEVEL_INFO, "connect");
    if (visit->receiver->snapshot != NULL)
        wn_event_int(&event, "generation",
            (int64_t)wn_snapshot_generation(visit->receiver->snapshot));
    add_client(&event, visit);
    wn_event_str(&event, "listener", wn_session_listener(visit->session));
    if (refusal != NULL) {
        wn_event_int(&event, "code", refusal->code);
        wn_event_str(&event, "reply", refusal->text);
    }
    wn_event_end(&event);
}

static void
add_tls(WnEvent *event, const char *version, const char *cipher)
{
    if (version == NULL)
        return;
    wn_event_str(event, "tls", version);
    wn_event_str(event, "cipher", cipher);
}

/* "code" and "reply" are the names that operators know. */
static void
add_reply(WnEvent *event, const WnReply *reply)
{
    wn_event_int(event, "code", reply->code);
    if (reply->enhanced != NULL)
        wn_event_str(event, "enhanced", reply->enhanced);
    wn_event_str(event, "reply", reply->text);
}

static void
add_entry(WnEvent *event, const WnLedgerEntry *entry)
{
    wn_event_span(event, "filter", entry->filter);
    wn_event_str(event, "verdict", wn_ledger_verdict_name(entry->verdict));
    wn_event_int(event, "usec", entry->usec);
    if (entry->n_findings > 0) {
        wn_event_span(event, "rule", entry->findings[0].rule);
        wn_event_span(event, "evidence", entry->findings[0].evidence);
    }
    if (entry->action.len > 0)
        wn_event_span(event, "action", entry->action);
    if (entry->reason.len > 0)
        wn_event_span(event, "reason", entry->reason);
}

static void
add_ledger(WnEvent *event, const WnScopeDecision *decision)
{
    wn_event_open_list(event, "filters");
    for (uint32_t i = 0; i < decision->n_entries; i++) {
        wn_event_open_object(event);
        add_entry(event, &decision->entries[i]);
        wn_event_close_object(event);
    }
    wn_event_close_list(event);
}

void
wn_log_rejected_rcpt(const WnVisit *visit, const WnSessionRecipient *recipient,
    const WnScopeDecision *decision, const WnReply *reply)
{
    WnTransaction *transaction = wn_session_transaction(visit->session);
    SSL *ssl = wn_session_ssl(visit->session);
    WnEvent event;

    begin(&event, visit, WN_LEVEL_INFO, "rejected_rcpt");
    wn_event_span(&event, "helo", wn_session_helo(visit->session));
    if (transaction != NULL)
        wn_event_span(&event, "sender", transaction->sender.text);
    wn_event_span(&event, "recipient", recipient->path.text);
    add_reply(&event, reply);
    if (ssl != NULL)
        add_tls(&event, SSL_get_version(ssl), SSL_get_cipher_name(ssl));
    wn_event_int(&event, "session_ms", wn_clock_mono_ms() - visit->began_ms);
    if (decision != NULL)
        add_ledger(&event, decision);
    wn_event_end(&event);
}

/* In the ordinary case, when no filter found or failed anything, for the
 * history alone. */
void
wn_log_verdict(const WnVisit *visit, const WnVisitScope *scope,
    const WnScopeDecision *decision)
{
    WnEvent event;
    bool remarkable = false;

    for (uint32_t i = 0; i < decision->n_entries; i++)
        remarkable |= decision->entries[i].verdict != WN_LEDGER_PASS;
    if (!remarkable && (scope == NULL || decision->n_entries == 0))
        return;
    begin(&event, visit, remarkable ? WN_LEVEL_INFO : WN_LEVEL_DEBUG,
        "verdict");
    if (scope != NULL)
        wn_event_span(&event, "domain", scope->domain);
    wn_event_str(&event, "decision", wn_decided_name(decision->decided));
    add_ledger(&event, decision);
    wn_event_end(&event);
}

static void
list_recipients(const GPtrArray *recipients, WnArena *arena,
    WnMessageReport *report)
{
    guint n = MIN(recipients->len, WN_REPORT_RECIPIENTS_MAX);

    report->recipients = wn_arena_alloc(arena, n * sizeof(WnSpan));
    for (guint i = 0; i < n; i++) {
        const WnSessionRecipient *recipient = recipients->pdata[i];

        report->recipients[i] = wn_arena_copy(arena, recipient->path.text);
    }
    if (n > 0)
        report->recipient = report->recipients[0];
}

void
wn_visit_fill_report(const WnVisit *visit, uint64_t size, WnArena *arena,
    WnMessageReport *out)
{
    const WnTransaction *transaction = wn_session_transaction(visit->session);
    SSL *ssl = wn_session_ssl(visit->session);

    *out = (WnMessageReport){ .id = transaction->id,
        .client = *wn_session_client(visit->session),
        .helo = wn_arena_copy(arena, wn_session_helo(visit->session)),
        .sender = wn_arena_copy(arena, transaction->sender.text),
        .n_recipients = transaction->recipients->len,
        .size = size,
        .session_ms = visit->began_ms,
        .began_ms = transaction->began_ms };
    if (visit->snapshot != NULL)
        out->generation = wn_snapshot_generation(visit->snapshot);
    list_recipients(transaction->recipients, arena, out);
    if (ssl != NULL) { /* both are constants of OpenSSL's */
        out->tls = SSL_get_version(ssl);
        out->cipher = SSL_get_cipher_name(ssl);
    }
}

/* The first one has a key of its own. */
static void
add_recipients(WnEvent *event, const WnMessageReport *report)
{
    if (report->n_recipients < 2)
        return;
    wn_event_open_list(event, "recipients");
    for (uint32_t i = 0;
         i < MIN(report->n_recipients, WN_REPORT_RECIPIENTS_MAX); i++) {
        wn_event_open_object(event);
        wn_event_span(event, "recipient", report->recipients[i]);
        wn_event_close_object(event);
    }
    wn_event_close_list(event);
}

void
wn_log_message(const WnMessageReport *report)
{
    int64_t now_ms = wn_clock_mono_ms();
    WnEvent event;

    wn_event_begin(&event, WN_LEVEL_INFO, report->event);
    wn_event_id(&event, &report->id);
    if (report->generation != 0)
        wn_event_int(&event, "generation", (int64_t)report->generation);
    add_address(&event, &report->client);
    wn_event_span(&event, "helo", report->helo);
    wn_event_span(&event, "sender", report->sender);
    wn_event_int(&event, "n_recipients", report->n_recipients);
    wn_event_span(&event, "recipient", report->recipient);
    wn_event_int(&event, "size", (int64_t)report->size);
    if (report->filter != NULL && report->filter[0] != '\0')
        wn_event_str(&event, "filter", report->filter);
    if (report->reason != NULL)
        wn_event_str(&event, "reason", report->reason);
    if (report->reply.code >= 400) /* what is accepted is answered alike */
        add_reply(&event, &report->reply);
    add_tls(&event, report->tls, report->cipher);
    wn_event_int(&event, "ms", now_ms - report->began_ms);
    wn_event_int(&event, "session_ms", now_ms - report->session_ms);
    add_recipients(&event, report);
    wn_event_end(&event);
}
