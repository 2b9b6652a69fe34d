/* SPDX-License-Identifier: MIT */
#include "sdk/harness/result.h"

static void
finding_free(void *data)
{
    WnRunFinding *finding = data;

    g_free(finding->rule);
    g_free(finding->evidence);
    g_free(finding);
}

void
wn_run_result_free(WnRunResult *self)
{
    if (self == NULL)
        return;
    g_ptr_array_unref(self->findings);
    g_ptr_array_unref(self->edits);
    g_free(self->reason);
    g_free(self->reply);
    g_free(self->redirect);
    g_free(self->outcome);
    g_free(self);
}

static void
take_entry(WnRunResult *self, const WnLedgerEntry *entry)
{
    self->verdict = wn_ledger_verdict_name(entry->verdict);
    self->reason = wn_span_dup(entry->reason);
    for (uint32_t i = 0; i < entry->n_findings; i++) {
        WnRunFinding *finding = g_new0(WnRunFinding, 1);

        finding->rule = wn_span_dup(entry->findings[i].rule);
        finding->evidence = wn_span_dup(entry->findings[i].evidence);
        finding->score = entry->findings[i].score;
        g_ptr_array_add(self->findings, finding);
    }
}

static char *
edit_text(const WnEdit *edit)
{
    static const char *const names[] = { "add", "set", "remove", "prefix" };
    g_autofree char *name = wn_span_dup(edit->name);
    g_autofree char *value = wn_span_dup(edit->value);
    bool named = name[0] != '\0', valued = value[0] != '\0';

    return g_strdup_printf("%s %s%s%s", names[edit->kind], name,
        named && valued ? ": " : "", value);
}

static char *
reply_text(const WnScopeDecision *decision)
{
    g_autofree char *enhanced = wn_span_dup(decision->enhanced);
    g_autofree char *text = wn_span_dup(decision->text);

    if (decision->code == 0)
        return g_strdup("");
    return g_strdup_printf("%u %s %s", decision->code, enhanced, text);
}

static void
append_entry(GString *out, const WnLedgerEntry *entry)
{
    g_autofree char *filter = wn_span_dup(entry->filter);
    g_autofree char *reason = wn_span_dup(entry->reason);

    g_string_append_printf(out, "; %s: %s", filter,
        wn_ledger_verdict_name(entry->verdict));
    if (reason[0] != '\0')
        g_string_append_printf(out, " (%s)", reason);
    for (uint32_t i = 0; i < entry->n_findings; i++) {
        g_autofree char *rule = wn_span_dup(entry->findings[i].rule);
        g_autofree char *evidence = wn_span_dup(entry->findings[i].evidence);

        g_string_append_printf(out, " %s=%s", rule, evidence);
    }
}

static void
append_decision(GString *out, const WnScopeDecision *decision)
{
    g_autofree char *reply = reply_text(decision);

    g_string_append_printf(out, "%s%s%s", wn_decided_name(decision->decided),
        reply[0] != '\0' ? " " : "", reply);
    for (uint32_t i = 0; i < decision->n_edits; i++) {
        g_autofree char *edit = edit_text(&decision->edits[i]);

        g_string_append_printf(out, " +(%s)", edit);
    }
    for (uint32_t i = 0; i < decision->n_entries; i++)
        append_entry(out, &decision->entries[i]);
    g_string_append_c(out, '\n');
}

WnRunResult *
wn_run_result_new(const WnScopeDecision *decisions, size_t n_decisions,
    const char *filter)
{
    WnRunResult *self = g_new0(WnRunResult, 1);
    const WnScopeDecision *first = &decisions[0];
    GString *outcome = g_string_new(NULL);

    self->findings = g_ptr_array_new_with_free_func(finding_free);
    self->edits = g_ptr_array_new_with_free_func(g_free);
    for (uint32_t i = 0; i < first->n_entries; i++)
        if (wn_span_eq(first->entries[i].filter, wn_span_str(filter))
            && self->verdict == NULL)
            take_entry(self, &first->entries[i]);
    self->decision = wn_decided_name(first->decided);
    self->refuses = first->decided == WN_DECIDED_REJECT
                    || first->decided == WN_DECIDED_TEMPFAIL;
    self->reply = reply_text(first);
    self->redirect = wn_span_dup(first->redirect);
    for (uint32_t i = 0; i < first->n_edits; i++)
        g_ptr_array_add(self->edits, edit_text(&first->edits[i]));
    for (size_t i = 0; i < n_decisions; i++)
        append_decision(outcome, &decisions[i]);
    self->outcome = g_string_free(outcome, FALSE);
    return self;
}
