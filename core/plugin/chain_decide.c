/* SPDX-License-Identifier: MIT */
#include "core/plugin/chain_state.h"

#include "core/base/log.h"
#include "core/conf/setting.h"
#include "core/plugin/reply.h"

#include <string.h>

#define REJECT_CODE 550
#define REJECT_ENHANCED "5.7.1"
#define REJECT_TEXT "Message refused by policy"
#define DEFER_CODE 450
#define DEFER_TEXT "Not now, please try again later"
#define TEMPFAIL_CODE 451
#define TEMPFAIL_ENHANCED "4.7.1"
#define TEMPFAIL_TEXT "Message cannot be checked now, please try again later"

/*
 * The ledger
 */

static WnSpan
keep(const WnChainRun *run, WnSpan text)
{
    return wn_arena_copy(run->arena, text);
}

static WnSpan
keep_str(const WnChainRun *run, const char *text)
{
    return keep(run, wn_span_str(text));
}

static WnLedgerVerdict
ledger_verdict(WnVerdict verdict)
{
    switch (verdict) {
    case WN_MATCH:
    case WN_DEFER:
        return WN_LEDGER_MATCH;
    case WN_TRUST:
        return WN_LEDGER_TRUST;
    case WN_FAIL:
        return WN_LEDGER_FAIL;
    default:
        return WN_LEDGER_PASS;
    }
}

static WnChainScope *
current_scope(const WnChainRun *run)
{
    return &run->scopes[run->at_scope];
}

static void
count(const WnChainLink *link, WnLedgerVerdict verdict, uint64_t usec)
{
    const WnInstance *instance = link->filter != NULL ? link->filter->instance
                                                      : NULL;

    if (instance == NULL)
        return;
    wn_metric_add(instance->verdicts[verdict], 1);
    if (verdict != WN_LEDGER_SKIPPED)
        wn_metric_observe_us(instance->seconds, (int64_t)usec);
}

static WnLedgerEntry *
add_entry(WnChainRun *run, const WnChainLink *link, WnLedgerVerdict verdict)
{
    WnChainScope *scope = current_scope(run);
    WnLedgerEntry entry = { .filter = keep(run, link->name),
        .verdict = verdict,
        .action = WN_SPAN_EMPTY,
        .reason = WN_SPAN_EMPTY,
        .usec = (uint32_t)MIN(run->evaluation.usec, G_MAXUINT32) };

    g_array_append_val(scope->entries, entry);
    return &g_array_index(scope->entries, WnLedgerEntry,
        scope->entries->len - 1);
}

static void
copy_findings(const WnChainRun *run, WnLedgerEntry *entry,
    const GArray *findings)
{
    if (findings == NULL)
        return;
    entry->n_findings = findings->len;
    entry->findings = wn_arena_alloc(run->arena,
        findings->len * sizeof(WnLedgerFinding));
    for (unsigned i = 0; i < findings->len; i++) {
        const WnLedgerFinding *from = &g_array_index(findings, WnLedgerFinding,
            i);

        entry->findings[i].rule = keep(run, from->rule);
        entry->findings[i].evidence = keep(run, from->evidence);
        entry->findings[i].score = from->score;
    }
}

void
wn_chain_skip(WnChainRun *run, const WnChainLink *link, const char *reason)
{
    WnLedgerEntry *entry = add_entry(run, link, WN_LEDGER_SKIPPED);

    entry->reason = keep_str(run, reason);
    count(link, WN_LEDGER_SKIPPED, 0);
}

/*
 * Decisions
 */

static void
end_scope(WnChainRun *run, const char *how, const WnChainLink *link)
{
    current_scope(run)->ended = wn_arena_printf(run->arena, "%s by %.*s", how,
        (int)link->name.len, link->name.ptr);
}

static void
decide(WnChainRun *run, WnChainScope *scope, WnDecided decided, WnSpan filter)
{
    scope->decision.decided = decided;
    scope->decision.filter = keep(run, filter);
}

void
wn_chain_tempfail(WnChainRun *run, WnChainScope *scope, WnSpan filter)
{
    decide(run, scope, WN_DECIDED_TEMPFAIL, filter);
    scope->decision.code = TEMPFAIL_CODE;
    scope->decision.enhanced = WN_SPAN(TEMPFAIL_ENHANCED);
    scope->decision.text = WN_SPAN(TEMPFAIL_TEXT);
}

WnScopeDecision
wn_chain_too_much_memory(void)
{
    return (WnScopeDecision){
        .decided = WN_DECIDED_TEMPFAIL,
        .filter = WN_SPAN_EMPTY,
        .code = 421,
        .enhanced = WN_SPAN("4.3.2"),
        .text = WN_SPAN("Too much was remembered of this connection, "
                        "please begin another one"),
        .redirect = WN_SPAN_EMPTY,
    };
}

static void
follow_on_error(WnChainRun *run, const WnChainLink *link)
{
    if (link->on_error != WN_ON_ERROR_TEMPFAIL)
        return;
    wn_chain_tempfail(run, current_scope(run), link->name);
    end_scope(run, "decided", link);
}

void
wn_chain_miss(WnChainRun *run, const WnChainLink *link, const char *reason)
{
    wn_chain_skip(run, link, reason);
    follow_on_error(run, link);
}

/*
 * Actions
 */

static void
append_pair(GArray *pairs, WnSpan key, WnSpan value)
{
    WnSettingPair pair = { .key = key, .value = value };

    g_array_append_val(pairs, pair);
}

static bool
is_action_key(WnSpan key)
{
    return wn_span_case_starts(key, WN_SPAN(WN_ACTION_PREFIX));
}

GArray *
wn_chain_filter_pairs(WnSnapshot *snapshot, const WnLink *link)
{
    GArray *pairs = g_array_new(FALSE, FALSE, sizeof(WnSettingPair));

    for (uint32_t i = 0; i < link->n_options; i++) {
        WnSpan key, value;

        wn_snapshot_option(snapshot, link, i, &key, &value);
        if (!is_action_key(key))
            append_pair(pairs, key, value);
    }
    return pairs;
}

GArray *
wn_chain_action_pairs(WnSnapshot *snapshot, const WnChainLink *link)
{
    GArray *pairs = g_array_new(FALSE, FALSE, sizeof(WnSettingPair));
    const GPtrArray *settings = link->filter->config->settings;
    size_t prefix = strlen(WN_ACTION_PREFIX);

    for (uint32_t i = 0; snapshot != NULL && i < link->link.n_options; i++) {
        WnSpan key, value;

        wn_snapshot_option(snapshot, &link->link, i, &key, &value);
        if (is_action_key(key))
            append_pair(pairs, wn_span_slice(key, prefix, key.len), value);
    }
    for (unsigned i = 0; snapshot == NULL && i < settings->len; i++) {
        const WnSetting *setting = g_ptr_array_index(settings, i);
        WnSpan key = wn_span_str(setting->key);

        if (is_action_key(key))
            append_pair(pairs, wn_span_slice(key, prefix, key.len),
                wn_span_str(setting->value));
    }
    return pairs;
}

static WnReplyFacts
reply_facts(const WnChainRun *run, const WnChainLink *link,
    const WnLedgerEntry *entry)
{
    const WnChainScope *scope = current_scope(run);
    const WnTxnFacts *txn = run->txn != NULL ? &run->txn->facts : NULL;

    return (WnReplyFacts){
        .client = wn_sdk_span(run->connection->facts.client.address_text),
        .sender = txn != NULL ? wn_sdk_span(txn->sender->text) : WN_SPAN_EMPTY,
        .recipient = scope->n_recipients > 0
                         ? wn_sdk_span(scope->recipients[0]->text)
                         : WN_SPAN_EMPTY,
        .domain = scope->domain,
        .filter = link->name,
        .evidence = entry->n_findings > 0 ? entry->findings[0].evidence
                                          : WN_SPAN_EMPTY,
        .id = txn != NULL ? wn_sdk_span(txn->id_text) : WN_SPAN_EMPTY,
        .host = wn_span_str(run->connection->host->config->hostname),
    };
}

/* What the action asked for, where it fits what it answered. */
static void
set_reply(WnChainRun *run, const WnChainLink *link, const WnLedgerEntry *entry,
    const WnEditSet *edits)
{
    WnScopeDecision *decision = &current_scope(run)->decision;
    bool reject = decision->decided == WN_DECIDED_REJECT;
    WnReplyFacts facts = reply_facts(run, link, entry);
    bool fits = edits->code / 100 == (reject ? 5 : 4);

    decision->code = reject ? REJECT_CODE : TEMPFAIL_CODE;
    decision->enhanced = reject ? WN_SPAN(REJECT_ENHANCED)
                                : WN_SPAN(TEMPFAIL_ENHANCED);
    if (fits) {
        decision->code = edits->code;
        if (edits->enhanced.len > 0)
            decision->enhanced = edits->enhanced;
    }
    decision->text = wn_reply_text(edits->text, &facts, run->arena);
    if (decision->text.len == 0)
        decision->text = reject ? WN_SPAN(REJECT_TEXT) : WN_SPAN(TEMPFAIL_TEXT);
}

static void
take_edits(WnChainRun *run, const WnChainLink *link, const WnEditSet *edits)
{
    WnChainScope *scope = current_scope(run);

    g_array_append_vals(scope->edits, edits->edits->data, edits->edits->len);
    if (edits->redirect.len == 0)
        return;
    scope->decision.redirect = edits->redirect;
    scope->decision.filter = keep(run, link->name);
}

/* What the action may not answer counts as DELIVER: a mistake in a plugin must
 * not lose or refuse mail. */
static WnDisposition
check_disposition(const WnHookCall *call, WnDisposition disposition)
{
    g_autofree char *reason = NULL;
    bool refuses = disposition == WN_REJECT || disposition == WN_TEMPFAIL;

    if (disposition < WN_DELIVER || disposition > WN_DISCARD)
        reason =
            g_strdup_printf("returned %d, which is no disposition: delivered",
                disposition);
    else if (refuses
             && (call->instance->module->action.flags & WN_ACTION_NEVER_REFUSES)
                    != 0)
        reason = g_strdup("refuses, but declares that it never does: "
                          "delivered");
    if (reason == NULL)
        return disposition;
    wn_instance_fault(call->instance, wn_hook_name(call->hook),
        wn_hook_call_id(call), reason);
    return WN_DELIVER;
}

static void
take_disposition(WnChainRun *run, const WnChainLink *link, WnLedgerEntry *entry,
    WnDisposition disposition, const WnEditSet *edits)
{
    WnChainScope *scope = current_scope(run);
    bool early = run->kind != WN_RUN_MESSAGE;

    switch (disposition) {
    case WN_REJECT:
    case WN_TEMPFAIL:
        decide(run, scope, (WnDecided)disposition, link->name);
        set_reply(run, link, entry, edits);
        break;
    case WN_DISCARD:
        if (!early)
            decide(run, scope, WN_DECIDED_DISCARD, link->name);
        break;
    default:
        take_edits(run, link, edits);
        if (link->on_match == WN_ON_MATCH_CONTINUE)
            return;
        break;
    }
    end_scope(run, "decided", link);
}

static WnStr
first_text(const WnLedgerEntry *entry, bool evidence)
{
    if (entry->n_findings == 0)
        return wn_sdk_str(WN_SPAN_EMPTY);
    return wn_sdk_str(
        evidence ? entry->findings[0].evidence : entry->findings[0].rule);
}

static WnDecision
decision_for(const WnLedgerEntry *entry)
{
    WnDecision why = { .struct_size = sizeof why,
        .filter = wn_sdk_str(entry->filter),
        .rule = first_text(entry, false),
        .evidence = first_text(entry, true) };

    for (uint32_t i = 0; i < entry->n_findings; i++)
        why.score += entry->findings[i].score;
    return why;
}

static void
run_action(WnChainRun *run, const WnChainLink *link, WnLedgerEntry *entry,
    WnPolicy *policy)
{
    bool early = run->kind != WN_RUN_MESSAGE;
    WnCallFacts facts = wn_chain_facts(run, current_scope(run));
    g_autoptr(WnHookCall) call = wn_hook_call_new(policy,
        early ? WN_HOOK_APPLY_EARLY : WN_HOOK_APPLY, &facts);
    g_auto(WnEditSet) edits = { 0 };
    WnDecision why = decision_for(entry);
    WnDisposition disposition;

    wn_edit_set_init(&edits, run->arena, early);
    disposition = check_disposition(call,
        wn_hook_call_apply(call, &edits, &why));
    entry->action = keep(run, link->action);
    take_disposition(run, link, entry, disposition, &edits);
}

static void
action_failed(WnChainRun *run, const WnChainLink *link, WnLedgerEntry *entry,
    const char *reason)
{
    WnEvent event;

    entry->reason = keep_str(run, reason);
    wn_event_begin(&event, WN_LEVEL_ERROR, "plugin_fault");
    wn_event_span(&event, "filter", link->name);
    wn_event_span(&event, "action", link->action);
    if (run->txn != NULL)
        wn_event_id(&event, &run->txn->facts.id);
    wn_event_str(&event, "reason", reason);
    wn_event_end(&event);
    follow_on_error(run, link);
}

static void
apply_action(WnChainRun *run, const WnChainLink *link, WnLedgerEntry *entry)
{
    g_autofree char *name = wn_span_dup(link->action);
    WnInstance *action = g_hash_table_lookup(run->connection->host->actions,
        name);
    g_autoptr(GArray) pairs = NULL;
    const char *failing;
    WnPolicy *policy;

    failing = action == NULL
                  ? "its action could not be loaded"
                  : wn_instance_skipped(action, wn_chain_occasion(run));
    if (failing != NULL) {
        action_failed(run, link, entry, failing);
        return;
    }
    pairs = wn_chain_action_pairs(run->txn != NULL ? run->txn->snapshot : NULL,
        link);
    policy = wn_instance_policy(action,
        (const WnSettingPair *)(void *)pairs->data, pairs->len,
        wn_chain_occasion(run));
    if (policy->error != NULL)
        action_failed(run, link, entry, policy->error);
    else
        run_action(run, link, entry, policy);
    wn_policy_unref(policy);
}

/* An action may mark, delete or forward: that is not for mail that is welcome
 * a little later. */
static void
defer(WnChainRun *run, const WnChainLink *link)
{
    WnChainScope *scope = current_scope(run);

    wn_chain_tempfail(run, scope, link->name);
    scope->decision.code = DEFER_CODE;
    scope->decision.text = WN_SPAN(DEFER_TEXT);
    end_scope(run, "deferred", link);
}

/* Fields that the filter adds; the result may go before the decision does. */
static void
take_notes(const WnChainRun *run, const GArray *notes)
{
    WnChainScope *scope = current_scope(run);

    for (unsigned i = 0; notes != NULL && i < notes->len; i++) {
        WnEdit edit = g_array_index(notes, WnEdit, i);

        edit.name = keep(run, edit.name);
        edit.value = keep(run, edit.value);
        g_array_append_val(scope->edits, edit);
    }
}

void
wn_chain_conclude(WnChainRun *run, const WnChainLink *link,
    const WnHookResult *result)
{
    WnLedgerVerdict verdict = ledger_verdict(result->verdict);
    WnLedgerEntry *entry = add_entry(run, link, verdict);

    if (run->evaluation.fresh)
        count(link, verdict, run->evaluation.usec);
    if (verdict != WN_LEDGER_FAIL)
        take_notes(run, result->notes);
    switch (verdict) {
    case WN_LEDGER_MATCH:
        copy_findings(run, entry, result->findings);
        if (link->action.len > 0 && result->verdict == WN_DEFER)
            defer(run, link);
        else if (link->action.len > 0)
            apply_action(run, link, entry);
        break;
    case WN_LEDGER_TRUST:
        copy_findings(run, entry, result->findings);
        end_scope(run, "trusted", link);
        break;
    case WN_LEDGER_FAIL:
        entry->reason = keep_str(run, result->reason);
        follow_on_error(run, link);
        break;
    case WN_LEDGER_PASS:
    case WN_LEDGER_SKIPPED:
        break;
    }
}
