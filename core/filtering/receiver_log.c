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
begin(WnEvent *event, const WnVisit *visit, const char *name)
{
    WnTransaction *transaction = wn_session_transaction(visit->session);

    wn_event_begin(event, WN_LEVEL_INFO, name);
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
    WnEvent event;

    begin(&event, visit, "rejected_rcpt");
    wn_event_span(&event, "helo", wn_session_helo(visit->session));
    if (transaction != NULL)
        wn_event_span(&event, "sender", transaction->sender.text);
    wn_event_span(&event, "recipient", recipient->path.text);
    wn_event_int(&event, "code", reply->code);
    wn_event_str(&event, "reply", reply->text);
    if (decision != NULL)
        add_ledger(&event, decision);
    wn_event_end(&event);
}

/* Silent for the ordinary case: no filter found or failed anything. */
void
wn_log_verdict(const WnVisit *visit, const WnScopeDecision *decision)
{
    WnEvent event;
    bool remarkable = false;

    for (uint32_t i = 0; i < decision->n_entries; i++)
        remarkable |= decision->entries[i].verdict != WN_LEDGER_PASS;
    if (!remarkable)
        return;
    begin(&event, visit, "verdict");
    wn_event_str(&event, "decision", wn_decided_name(decision->decided));
    add_ledger(&event, decision);
    wn_event_end(&event);
}

void
wn_log_message(const WnMessageReport *report)
{
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
    wn_event_int(&event, "ms", wn_clock_mono_ms() - report->began_ms);
    wn_event_end(&event);
}
