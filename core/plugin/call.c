/* SPDX-License-Identifier: MIT */
#include "core/plugin/call.h"

#include "core/base/clock.h"
#include "core/base/metrics.h"
#include "core/base/text.h"
#include "core/conf/snapshot.h"
#include "core/plugin/operation.h"

#include <string.h>

#define FINDING_SIZE_0 \
    (offsetof(WnFinding, evidence) + sizeof(((WnFinding *)NULL)->evidence))

const char *
wn_hook_name(WnHook hook)
{
    static const char *const names[] = {
        [WN_HOOK_CONNECT] = "connect",
        [WN_HOOK_HELO] = "helo",
        [WN_HOOK_MAIL] = "mail",
        [WN_HOOK_RCPT] = "rcpt",
        [WN_HOOK_HEADERS] = "headers",
        [WN_HOOK_MESSAGE] = "message",
        [WN_HOOK_TRANSACTION_END] = "transaction_end",
        [WN_HOOK_CONNECTION_END] = "connection_end",
        [WN_HOOK_APPLY_EARLY] = "apply",
        [WN_HOOK_APPLY] = "apply",
    };

    return names[hook];
}

WnHookFn
wn_hook_function(const WnInstance *instance, WnHook hook)
{
    const WnFilter *filter = &instance->module->filter;

    switch (hook) {
    case WN_HOOK_CONNECT:
        return filter->connect;
    case WN_HOOK_HELO:
        return filter->helo;
    case WN_HOOK_MAIL:
        return filter->mail;
    case WN_HOOK_RCPT:
        return filter->rcpt;
    case WN_HOOK_HEADERS:
        return filter->headers;
    case WN_HOOK_MESSAGE:
        return filter->message;
    case WN_HOOK_TRANSACTION_END:
    case WN_HOOK_CONNECTION_END:
    case WN_HOOK_APPLY_EARLY:
    case WN_HOOK_APPLY:
        break;
    }
    return NULL;
}

/*
 * Results
 */

static void
finding_clear(void *data)
{
    WnLedgerFinding *finding = data;

    g_free((void *)(uintptr_t)finding->rule.ptr);
    g_free((void *)(uintptr_t)finding->evidence.ptr);
}

static void
note_clear(void *data)
{
    WnEdit *note = data;

    g_free((void *)(uintptr_t)note->name.ptr);
    g_free((void *)(uintptr_t)note->value.ptr);
}

void
wn_hook_result_clear(WnHookResult *self)
{
    g_clear_pointer(&self->findings, g_array_unref);
    g_clear_pointer(&self->notes, g_array_unref);
    g_clear_pointer(&self->reason, g_free);
}

/* One line of valid text of at most max bytes; whole characters only. */
static WnSpan
clean_text(const char *text, size_t max, char space)
{
    size_t len = strnlen(text, max + 1);
    GString *clean;

    if (len > max) {
        len = max;
        while (len > 0 && ((unsigned char)text[len] & 0xC0) == 0x80)
            len--;
    }
    clean = g_string_new_len(text, (gssize)len);
    wn_text_clean(clean);
    for (size_t i = 0; i < clean->len; i++)
        if (clean->str[i] == ' ')
            clean->str[i] = space;
    len = MIN(clean->len, max);
    return wn_span(g_string_free(clean, FALSE), len);
}

int32_t
wn_hook_call_report(WnHookCall *self, const WnFinding *finding)
{
    WnLedgerFinding copy = { .evidence = WN_SPAN_EMPTY };

    if (self->hook > WN_HOOK_MESSAGE)
        return WN_E_STATE;
    if (finding == NULL || finding->struct_size < FINDING_SIZE_0
        || finding->rule == NULL || finding->rule[0] == '\0')
        return WN_E_INVALID;
    if (self->result.findings == NULL) {
        self->result.findings = g_array_new(FALSE, FALSE,
            sizeof(WnLedgerFinding));
        g_array_set_clear_func(self->result.findings, finding_clear);
    }
    if (self->result.findings->len >= WN_FINDINGS_MAX)
        return WN_E_LIMIT;
    copy.rule = clean_text(finding->rule, WN_RULE_MAX, '-');
    copy.evidence = clean_text(finding->evidence != NULL ? finding->evidence
                                                         : "",
        WN_EVIDENCE_MAX, ' ');
    copy.score = finding->score;
    g_array_append_val(self->result.findings, copy);
    return WN_OK;
}

int32_t
wn_hook_call_add_header(WnHookCall *self, const char *name, const char *value)
{
    WnEdit note = { .kind = WN_EDIT_ADD };

    if (self->hook != WN_HOOK_MESSAGE)
        return WN_E_STATE;
    if (wn_edit_check_note(name, value) != WN_OK)
        return WN_E_INVALID;
    if (self->result.notes == NULL) {
        self->result.notes = g_array_new(FALSE, FALSE, sizeof(WnEdit));
        g_array_set_clear_func(self->result.notes, note_clear);
    }
    if (self->result.notes->len >= WN_NOTES_MAX)
        return WN_E_LIMIT;
    note.name = wn_span_str(g_strdup(name));
    note.value = wn_span_str(g_strdup(value));
    g_array_append_val(self->result.notes, note);
    return WN_OK;
}

/*
 * The call
 */

/* What the plugin wants to do when it is over. */
typedef struct WnCallEnd {
    struct WnCallEnd *next;
    WnEndFn fn;
    void *user;
} WnCallEnd;

int32_t
wn_hook_call_at_end(WnHookCall *self, WnEndFn fn, void *user)
{
    WnCallEnd *end;

    if (fn == NULL)
        return WN_E_INVALID;
    if (self->n_ends >= WN_ENDS_MAX)
        return WN_E_LIMIT;
    end = wn_arena_alloc(self->arena, sizeof *end);
    *end = (WnCallEnd){ .next = self->ends, .fn = fn, .user = user };
    self->ends = end;
    self->n_ends++;
    return WN_OK;
}

int64_t
wn_hook_call_enter(const WnHookCall *self)
{
    const WnTxnFacts *txn = self->facts.txn;

    return wn_instance_enter(self->instance, wn_hook_name(self->hook),
        wn_hook_call_id(self), txn != NULL ? txn->content : 0);
}

const char *
wn_hook_call_skipped(const WnHookCall *self)
{
    return wn_instance_skipped(self->instance,
        wn_txn_occasion(self->facts.txn));
}

static void
run_ends(WnHookCall *self)
{
    const char *name = wn_hook_name(self->hook);
    int64_t entered_us;

    if (self->ends == NULL)
        return;
    entered_us = wn_hook_call_enter(self);
    while (self->ends != NULL) {
        WnCallEnd *end = self->ends;

        self->ends = end->next;
        end->fn(end->user);
    }
    wn_instance_leave(self->instance, name, entered_us);
}

const WnId *
wn_hook_call_id(const WnHookCall *self)
{
    return self->facts.txn != NULL ? &self->facts.txn->id : NULL;
}

static void
fail(WnHookCall *self, const char *reason)
{
    self->result.verdict = WN_FAIL;
    self->result.reason = g_strdup(reason);
}

static void
fail_by_fault(WnHookCall *self, const char *reason)
{
    fail(self, reason);
    wn_instance_fault(self->instance, wn_hook_name(self->hook),
        wn_hook_call_id(self), reason);
}

static void
finish(WnHookCall *self)
{
    WnHookResult *result = &self->result;
    int64_t usec = wn_clock_mono_us() - self->started_us;

    wn_timer_clear(&self->deadline);
    wn_operations_cancel(self);
    run_ends(self);
    result->usec = (uint32_t)CLAMP(usec, 0, G_MAXUINT32);
    if (result->verdict == WN_PASS || result->verdict == WN_FAIL)
        g_clear_pointer(&result->findings, g_array_unref);
    if (result->verdict == WN_FAIL)
        g_clear_pointer(&result->notes, g_array_unref);
}

/* False: the call goes on waiting. */
static bool
settle(WnHookCall *self, WnVerdict verdict)
{
    g_autofree char *odd = NULL;

    switch (verdict) {
    case WN_PENDING:
        if (self->n_operations > 0)
            return false;
        fail_by_fault(self, "waits for nothing");
        break;
    case WN_MATCH:
    case WN_DEFER:
        if (self->result.findings == NULL)
            fail_by_fault(self, "matched without a finding");
        else
            self->result.verdict = verdict;
        break;
    case WN_PASS:
    case WN_TRUST:
        self->result.verdict = verdict;
        break;
    case WN_FAIL:
        fail(self, "could not tell");
        break;
    default:
        odd = g_strdup_printf("returned %d, which is no verdict", verdict);
        fail_by_fault(self, odd);
        break;
    }
    finish(self);
    return true;
}

static void
on_deadline(void *user)
{
    WnHookCall *self = user;
    g_autofree char
        *reason = g_strdup_printf("timed out after %" G_GINT64_FORMAT " ms",
            self->instance->timeout_ms);

    fail(self, reason);
    finish(self);
    self->done(self->user, self);
}

void
wn_hook_call_answer(WnHookCall *self, WnVerdict verdict)
{
    if (settle(self, verdict))
        self->done(self->user, self);
}

WnHookCall *
wn_hook_call_new(WnPolicy *policy, WnHook hook, const WnCallFacts *facts)
{
    WnHookCall *self = g_new0(WnHookCall, 1);

    self->instance = policy->instance;
    self->policy = wn_policy_ref(policy);
    self->hook = hook;
    self->facts = *facts;
    if (facts->snapshot != NULL)
        wn_snapshot_ref(facts->snapshot);
    self->arena = wn_arena_new(0);
    return self;
}

void
wn_hook_call_free(WnHookCall *self)
{
    if (self == NULL)
        return;
    wn_timer_clear(&self->deadline);
    wn_operations_cancel(self);
    run_ends(self);
    wn_hook_result_clear(&self->result);
    wn_arena_free(self->arena);
    wn_snapshot_unref(self->facts.snapshot);
    wn_policy_unref(self->policy);
    g_free(self);
}

bool
wn_hook_call_start(WnHookCall *self, WnHookDoneFn done, void *user)
{
    WnHookFn hook = wn_hook_function(self->instance, self->hook);
    const char *name = wn_hook_name(self->hook);
    const char *skipped = wn_hook_call_skipped(self);
    int64_t entered_us;
    WnVerdict verdict;

    self->done = done;
    self->user = user;
    self->started_us = wn_clock_mono_us();
    if (skipped != NULL) {
        fail(self, skipped);
        finish(self);
        return true;
    }
    entered_us = wn_hook_call_enter(self);
    verdict = hook(self->instance->self, (WnCall *)self);
    wn_instance_leave(self->instance, name, entered_us);
    if (settle(self, verdict))
        return true;
    wn_timer_init(&self->deadline, self->instance->env->loop, on_deadline,
        self);
    wn_timer_set(&self->deadline, self->instance->timeout_ms);
    return false;
}

void
wn_hook_call_end(WnHookCall *self)
{
    const WnFilter *filter = &self->instance->module->filter;
    const char *name = wn_hook_name(self->hook);
    int64_t entered_us;

    if (wn_hook_call_skipped(self) != NULL)
        return;
    entered_us = wn_hook_call_enter(self);
    if (self->hook == WN_HOOK_TRANSACTION_END)
        filter->transaction_end(self->instance->self, (WnCall *)self);
    else
        filter->connection_end(self->instance->self, (WnCall *)self);
    wn_instance_leave(self->instance, name, entered_us);
}

WnDisposition
wn_hook_call_apply(WnHookCall *self, WnEditSet *edits, const WnDecision *why)
{
    WnInstance *instance = self->instance;
    const char *name = wn_hook_name(self->hook);
    WnDisposition disposition;
    int64_t entered_us;

    self->edits = edits;
    entered_us = wn_hook_call_enter(self);
    disposition = instance->module->action.apply(instance->self, (WnCall *)self,
        why);
    wn_metric_observe_us(instance->seconds, wn_clock_mono_us() - entered_us);
    wn_instance_leave(instance, name, entered_us);
    self->edits = NULL;
    return disposition;
}
