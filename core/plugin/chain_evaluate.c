/* SPDX-License-Identifier: MIT */
#include "core/plugin/chain_state.h"

#include <string.h>

/*
 * Remembered results
 */

static guint
result_hash(const void *data)
{
    const WnStoredResult *result = data;

    return g_direct_hash(result->instance) ^ g_direct_hash(result->policy) * 31u
           ^ g_direct_hash(result->subject) * 131u ^ (guint)result->hook;
}

static gboolean
result_equal(const void *a, const void *b)
{
    const WnStoredResult *one = a;
    const WnStoredResult *other = b;

    return one->instance == other->instance && one->policy == other->policy
           && one->hook == other->hook && one->subject == other->subject;
}

static void
result_free(void *data)
{
    WnStoredResult *result = data;

    wn_hook_result_clear(&result->result);
    if (result->policy != NULL)
        wn_policy_unref(result->policy);
    g_free(result);
}

GHashTable *
wn_chain_results_new(void)
{
    return g_hash_table_new_full(result_hash, result_equal, NULL, result_free);
}

static bool
is_shared(const WnInstance *instance, WnHook hook)
{
    return hook >= WN_HOOK_HEADERS
           && (instance->module->filter.flags & WN_FILTER_SHARED) != 0;
}

static const WnHookResult *
find_result(GHashTable *results, WnPolicy *policy, WnHook hook,
    const void *subject)
{
    WnStoredResult key = { .instance = policy->instance,
        .policy = is_shared(policy->instance, hook) ? NULL : policy,
        .hook = hook };
    const WnStoredResult *found = g_hash_table_lookup(results, &key);

    if (found == NULL) {
        key.subject = subject;
        found = g_hash_table_lookup(results, &key);
    }
    return found != NULL ? &found->result : NULL;
}

/* Takes the result out of the call. */
static const WnHookResult *
store_result(GHashTable *results, WnHookCall *call, const void *subject)
{
    WnStoredResult *stored = g_new0(WnStoredResult, 1);
    bool shared = is_shared(call->instance, call->hook);

    stored->instance = call->instance;
    stored->policy = shared ? NULL : wn_policy_ref(call->policy);
    stored->hook = call->hook;
    stored->subject = !shared && call->result.looked_at_scope ? subject : NULL;
    stored->result = call->result;
    call->result = (WnHookResult){ 0 };
    g_hash_table_replace(results, stored, stored);
    return &stored->result;
}

/*
 * Hooks without a recipient: one result for each instance
 */

static void
cell_finish(WnChainCell *cell)
{
    cell->result = cell->call->result;
    cell->call->result = (WnHookResult){ 0 };
    g_clear_pointer(&cell->call, wn_hook_call_free);
    cell->state = WN_CELL_DONE;
}

static void
wake_runs(WnChainCell *cell)
{
    GPtrArray *runs = cell->connection->runs;

    for (unsigned i = 0; i < runs->len; i++) {
        WnChainRun *run = g_ptr_array_index(runs, i);

        if (run->waiting == cell)
            wn_chain_run_soon(run);
    }
}

static void
on_cell_done(void *user, WnHookCall *call)
{
    WnChainCell *cell = user;
    WnInstance *instance = call->instance;
    WnChainTxn *ahead = cell->connection->ahead;

    cell_finish(cell);
    wake_runs(cell);
    if (ahead != NULL && ahead->ahead[instance->index])
        wn_chain_cells_ahead(ahead, instance);
}

void
wn_chain_cell_start(WnChainCell *cell, WnInstance *instance, WnHook hook,
    WnChainTxn *txn)
{
    WnCallFacts facts = { .connection = &cell->connection->facts,
        .txn = txn != NULL ? &txn->facts : NULL,
        .domain = WN_SPAN_EMPTY,
        .outcome = WN_E_NOT_FOUND,
        .snapshot = txn != NULL ? txn->snapshot
                                : cell->connection->host->snapshot };

    if (cell->state != WN_CELL_EMPTY)
        return;
    cell->connection->took_part[instance->index] = true;
    if (txn != NULL)
        txn->took_part[instance->index] = true;
    cell->state = WN_CELL_RUNNING;
    cell->call = wn_hook_call_new(instance->own, hook, &facts);
    if (wn_hook_call_start(cell->call, on_cell_done, cell))
        cell_finish(cell);
}

/* Who waits for it asks again. */
void
wn_chain_cell_reset(WnChainCell *cell)
{
    g_clear_pointer(&cell->call, wn_hook_call_free);
    wn_hook_result_clear(&cell->result);
    cell->result = (WnHookResult){ 0 };
    cell->state = WN_CELL_EMPTY;
    cell->counted = false;
    wake_runs(cell);
}

static WnChainCell *
find_cell(const WnChainConnection *connection, const WnChainTxn *txn,
    WnHook stage, unsigned index)
{
    switch (stage) {
    case WN_HOOK_CONNECT:
        return &connection->connect[index];
    case WN_HOOK_HELO:
        return connection->facts.client.helo.len > 0 ? &connection->helo[index]
                                                     : NULL;
    case WN_HOOK_MAIL:
        return txn != NULL ? &txn->mail[index] : NULL;
    case WN_HOOK_RCPT:
    case WN_HOOK_HEADERS:
    case WN_HOOK_MESSAGE:
    case WN_HOOK_TRANSACTION_END:
    case WN_HOOK_CONNECTION_END:
    case WN_HOOK_APPLY_EARLY:
    case WN_HOOK_APPLY:
        break;
    }
    return NULL;
}

void
wn_chain_cells_ahead(WnChainTxn *txn, WnInstance *instance)
{
    static const WnHook hooks[] = { WN_HOOK_CONNECT, WN_HOOK_HELO,
        WN_HOOK_MAIL };

    for (size_t i = 0; i < G_N_ELEMENTS(hooks); i++) {
        WnChainCell *cell = find_cell(txn->connection, txn, hooks[i],
            instance->index);

        if (cell == NULL || wn_hook_function(instance, hooks[i]) == NULL)
            continue;
        wn_chain_cell_start(cell, instance, hooks[i],
            hooks[i] == WN_HOOK_MAIL ? txn : NULL);
        if (cell->state == WN_CELL_RUNNING)
            return;
    }
}

/*
 * Stages
 */

typedef enum { STAGE_ABSENT, STAGE_WAITS, STAGE_DONE } StageState;

static WnChainScope *
current_scope(const WnChainRun *run)
{
    return &run->scopes[run->at_scope];
}

static const WnChainLink *
current_link(const WnChainRun *run)
{
    return &current_scope(run)->links[run->at_link];
}

/* Found with the instance's settings, not the link's, though the filter can be
 * asked with those. */
static bool
is_superseded(const WnChainLink *link)
{
    const WnInstance *instance = link->filter->instance;

    return link->policy != instance->own
           && wn_hook_function(instance, WN_HOOK_RCPT) != NULL;
}

/* The plugin may have refused the instance's own settings, and taken those of
 * the link: then the early hooks could not tell. */
static bool
can_ask_early(WnChainRun *run, const WnChainLink *link)
{
    const char *error = link->filter->instance->own->error;

    if (error == NULL)
        return true;
    if (!is_superseded(link) && run->evaluation.failure == NULL)
        run->evaluation.failure = error;
    return false;
}

static StageState
early_stage(WnChainRun *run, const WnHookResult **out_result)
{
    WnEvaluation *evaluation = &run->evaluation;
    const WnChainLink *link = current_link(run);
    WnInstance *instance = link->filter->instance;
    WnChainCell *cell = find_cell(run->connection, run->txn, evaluation->stage,
        instance->index);

    if (cell == NULL || !can_ask_early(run, link))
        return STAGE_ABSENT;
    wn_chain_cell_start(cell, instance, evaluation->stage,
        evaluation->stage == WN_HOOK_MAIL ? run->txn : NULL);
    if (cell->state == WN_CELL_RUNNING) {
        run->waiting = cell;
        return STAGE_WAITS;
    }
    evaluation->fresh |= !cell->counted;
    cell->counted = true;
    if (is_superseded(link))
        return STAGE_ABSENT;
    *out_result = &cell->result;
    return STAGE_DONE;
}

static GHashTable *
results_of(const WnChainRun *run, WnHook stage)
{
    return stage == WN_HOOK_RCPT ? run->txn->results : run->results;
}

static const void *
subject_of(const WnChainRun *run)
{
    const WnChainScope *scope = current_scope(run);

    if (run->evaluation.stage == WN_HOOK_RCPT)
        return scope->recipients[run->evaluation.recipient];
    return scope;
}

static void
on_call_done(void *user, WnHookCall *call)
{
    WnChainRun *run = user;

    store_result(results_of(run, call->hook), call, subject_of(run));
    g_clear_pointer(&run->call, wn_hook_call_free);
    wn_chain_run_step(run);
}

/* A filter that counts recipients must be asked about each. */
static bool
shares_rcpt(const WnInstance *instance)
{
    return (instance->module->filter.flags & WN_FILTER_RCPT_SHARED) != 0;
}

static WnHookCall *
make_call(WnChainRun *run)
{
    const WnEvaluation *evaluation = &run->evaluation;
    const WnChainScope *scope = current_scope(run);
    WnPolicy *policy = current_link(run)->policy;
    WnCallFacts facts = wn_chain_facts(run, scope);
    WnHookCall *call;

    if (evaluation->stage != WN_HOOK_RCPT)
        return wn_hook_call_new(policy, evaluation->stage, &facts);
    facts.recipients = scope->recipients + evaluation->recipient;
    facts.n_recipients = 1;
    facts.domain = wn_sdk_span(facts.recipients[0]->domain);
    call = wn_hook_call_new(policy, WN_HOOK_RCPT, &facts);
    call->result.looked_at_scope = !shares_rcpt(policy->instance);
    return call;
}

static StageState
late_stage(WnChainRun *run, const WnHookResult **out_result)
{
    WnEvaluation *evaluation = &run->evaluation;
    WnPolicy *policy = current_link(run)->policy;
    GHashTable *results = results_of(run, evaluation->stage);

    *out_result = find_result(results, policy, evaluation->stage,
        subject_of(run));
    if (*out_result != NULL)
        return STAGE_DONE;
    evaluation->fresh = true;
    run->connection->took_part[policy->instance->index] = true;
    run->txn->took_part[policy->instance->index] = true;
    run->call = make_call(run);
    if (!wn_hook_call_start(run->call, on_call_done, run))
        return STAGE_WAITS;
    *out_result = store_result(results, run->call, subject_of(run));
    g_clear_pointer(&run->call, wn_hook_call_free);
    return STAGE_DONE;
}

static StageState
run_stage(WnChainRun *run, const WnHookResult **out_result)
{
    const WnInstance *instance = current_link(run)->filter->instance;
    WnHook stage = run->evaluation.stage;

    if (wn_hook_function(instance, stage) == NULL)
        return STAGE_ABSENT;
    if (stage < WN_HOOK_RCPT)
        return early_stage(run, out_result);
    if (stage == WN_HOOK_RCPT && current_scope(run)->n_recipients == 0)
        return STAGE_ABSENT;
    return late_stage(run, out_result);
}

static WnHook
last_stage(const WnChainRun *run)
{
    switch (run->kind) {
    case WN_RUN_CONNECT:
        return WN_HOOK_CONNECT;
    case WN_RUN_RCPT:
        return WN_HOOK_RCPT;
    case WN_RUN_MESSAGE:
        break;
    }
    return WN_HOOK_MESSAGE;
}

/* Without a result that holds for all, an rcpt hook is asked about each
 * recipient. */
static void
next_stage(WnChainRun *run, const WnHookResult *result)
{
    WnEvaluation *evaluation = &run->evaluation;

    if (evaluation->stage == WN_HOOK_RCPT && result != NULL
        && result->looked_at_scope
        && evaluation->recipient + 1 < current_scope(run)->n_recipients) {
        evaluation->recipient++;
        return;
    }
    evaluation->recipient = 0;
    evaluation->stage++;
}

/* True: this is the filter's verdict. */
static bool
is_decisive(WnChainRun *run, const WnHookResult *result)
{
    WnEvaluation *evaluation = &run->evaluation;

    evaluation->usec += result->usec;
    if (result->verdict == WN_FAIL && evaluation->failure == NULL)
        evaluation->failure = wn_arena_copy(run->arena,
            wn_span_str(result->reason))
                                  .ptr;
    return result->verdict == WN_MATCH || result->verdict == WN_TRUST
           || result->verdict == WN_DEFER;
}

/* A filter that could not tell in one hook may still find something in the
 * next. */
bool
wn_chain_evaluate(WnChainRun *run, WnHookResult *out_result)
{
    WnEvaluation *evaluation = &run->evaluation;
    WnHook last = last_stage(run);

    run->waiting = NULL;
    *out_result = (WnHookResult){ .verdict = WN_PASS };
    while (evaluation->stage <= last) {
        const WnHookResult *result = NULL;
        StageState state = run_stage(run, &result);

        if (state == STAGE_WAITS)
            return false;
        if (state == STAGE_DONE && is_decisive(run, result)) {
            *out_result = *result;
            return true;
        }
        if (state == STAGE_DONE)
            out_result->notes = result->notes;
        next_stage(run, result);
    }
    if (evaluation->failure != NULL) {
        out_result->verdict = WN_FAIL;
        out_result->reason = (char *)(uintptr_t)evaluation->failure;
    }
    return true;
}
