/* SPDX-License-Identifier: MIT */
#include "core/plugin/chain_state.h"

#include "core/base/clock.h"

#include <string.h>

#define TURN_US 10000 /* of work, then other connections have their turn */

WnOccasion
wn_chain_occasion(const WnChainRun *run)
{
    return wn_txn_occasion(run->txn != NULL ? &run->txn->facts : NULL);
}

WnCallFacts
wn_chain_facts(const WnChainRun *run, const WnChainScope *scope)
{
    return (WnCallFacts){
        .connection = &run->connection->facts,
        .txn = run->txn != NULL ? &run->txn->facts : NULL,
        .recipients = scope->recipients,
        .n_recipients = scope->n_recipients,
        .domain = scope->domain,
        .outcome = WN_E_NOT_FOUND,
        .view = run->view,
        .snapshot = run->txn != NULL ? run->txn->snapshot
                                     : run->connection->host->snapshot,
    };
}

/*
 * Links
 */

static void
scope_init(WnChainScope *self)
{
    self->entries = g_array_new(FALSE, FALSE, sizeof(WnLedgerEntry));
    self->edits = g_array_new(FALSE, FALSE, sizeof(WnEdit));
    self->domain = WN_SPAN_EMPTY;
    self->decision = (WnScopeDecision){ .filter = WN_SPAN_EMPTY,
        .enhanced = WN_SPAN_EMPTY,
        .text = WN_SPAN_EMPTY,
        .redirect = WN_SPAN_EMPTY };
}

static void
load_link(const WnChainRun *run, WnChainLink *self, WnLink link)
{
    g_autofree char *name = wn_span_dup(link.filter);
    const WnChainFilter
        *filter = g_hash_table_lookup(run->connection->host->by_name, name);
    g_autoptr(GArray) pairs = NULL;

    *self = (WnChainLink){ .name = link.filter,
        .action = link.action,
        .on_match = link.on_match,
        .on_error = link.on_error,
        .filter = filter,
        .link = link };
    if (filter == NULL || filter->instance == NULL)
        return;
    self->skipped = wn_instance_skipped(filter->instance,
        wn_chain_occasion(run));
    if (self->skipped != NULL)
        return;
    pairs = wn_chain_filter_pairs(run->txn->snapshot, &link);
    self->policy = wn_instance_policy(filter->instance,
        (const WnSettingPair *)(void *)pairs->data, pairs->len,
        wn_chain_occasion(run));
}

static void
load_scope(WnChainRun *run, WnChainScope *scope)
{
    WnSnapshot *snapshot = run->txn->snapshot;
    uint32_t class_id = scope->class_.id;

    scope->loaded = true;
    if (!wn_snapshot_class(snapshot, class_id, &scope->class_)) {
        scope->class_ = (WnClass){ .id = class_id };
        scope->broken = true;
        return;
    }
    scope->links = wn_arena_alloc(run->arena,
        scope->class_.n_links * sizeof(WnChainLink));
    for (uint32_t i = 0; i < scope->class_.n_links; i++) {
        WnLink link = wn_snapshot_link(snapshot, &scope->class_, i);

        if (run->kind == WN_RUN_MESSAGE || link.early)
            load_link(run, &scope->links[scope->n_links++], link);
    }
}

/* At connect the chain is what may decide for a listener. */
static void
load_listener_scope(WnChainRun *run, WnChainScope *scope)
{
    const GPtrArray *filters = run->connection->host->filters;

    scope->loaded = true;
    scope->links = wn_arena_alloc(run->arena,
        filters->len * sizeof(WnChainLink));
    for (unsigned i = 0; i < filters->len; i++) {
        const WnChainFilter *filter = g_ptr_array_index(filters, i);
        const WnFilterConfig *config = filter->config;

        if (!config->enabled || config->decide != WN_DECIDE_LISTENER
            || filter->instance == NULL
            || wn_hook_function(filter->instance, WN_HOOK_CONNECT) == NULL)
            continue;
        scope->links[scope->n_links++] = (WnChainLink){
            .name = wn_span_str(config->name),
            .action = wn_span_str(config->action),
            .on_match = config->on_match,
            .on_error = config->on_error,
            .filter = filter,
            .policy = wn_policy_ref(filter->instance->own),
        };
    }
}

static void
scope_clear(WnChainScope *self)
{
    g_clear_pointer(&self->entries, g_array_unref);
    g_clear_pointer(&self->edits, g_array_unref);
    for (uint32_t i = 0; i < self->n_links; i++)
        g_clear_pointer(&self->links[i].policy, wn_policy_unref);
    self->n_links = 0;
}

/*
 * The run
 */

static WnChainRun *
run_new(WnChainConnection *connection, WnRunKind kind, WnChainFn fn, void *user)
{
    WnChainRun *self = g_new0(WnChainRun, 1);

    self->kind = kind;
    self->connection = connection;
    self->fn = fn;
    self->user = user;
    self->arena = wn_arena_new(0);
    self->results = wn_chain_results_new();
    g_ptr_array_add(connection->runs, self);
    return self;
}

static void
make_scopes(WnChainRun *self, size_t n)
{
    self->n_scopes = n;
    self->scopes = wn_arena_alloc(self->arena,
        MAX(n, 1) * sizeof(WnChainScope));
    for (size_t i = 0; i < n; i++)
        scope_init(&self->scopes[i]);
}

static void
on_soon(void *user)
{
    wn_chain_run_step(user);
}

void
wn_chain_run_soon(WnChainRun *self)
{
    WnLoop *loop = self->connection->host->env.loop;

    wn_loop_defer_cancel(loop, self);
    wn_loop_defer(loop, on_soon, self);
}

/* Nothing of the run is left but what the decisions need. */
static void
run_detach(WnChainRun *self)
{
    wn_loop_defer_cancel(self->connection->host->env.loop, self);
    g_ptr_array_remove_fast(self->connection->runs, self);
    g_clear_pointer(&self->call, wn_hook_call_free);
    g_clear_pointer(&self->results, g_hash_table_unref);
    for (size_t i = 0; i < self->n_scopes; i++)
        scope_clear(&self->scopes[i]);
    g_clear_pointer(&self->view, wn_message_view_free);
}

static void
run_free(WnChainRun *self)
{
    wn_arena_free(self->arena);
    g_free(self);
}

void
wn_chain_cancel(WnChainRun *run)
{
    run_detach(run);
    run_free(run);
}

static void
begin_link(WnChainRun *self)
{
    self->evaluation = (WnEvaluation){ .stage = WN_HOOK_CONNECT };
}

static void *
keep_array(WnChainRun *self, const GArray *array, size_t size)
{
    void *copy = wn_arena_alloc(self->arena, MAX(array->len, 1) * size);

    if (array->len > 0)
        memcpy(copy, array->data, array->len * size);
    return copy;
}

static void
finish_scope(WnChainRun *self, WnChainScope *scope)
{
    WnScopeDecision *decision = &scope->decision;

    if (scope->broken)
        wn_chain_tempfail(self, scope, WN_SPAN_EMPTY);
    decision->n_entries = scope->entries->len;
    decision->entries = keep_array(self, scope->entries, sizeof(WnLedgerEntry));
    decision->n_edits = scope->edits->len;
    decision->edits = keep_array(self, scope->edits, sizeof(WnEdit));
}

/* transaction_end asks what became of each scope. */
static void
keep_outcomes(WnChainRun *self)
{
    WnChainTxn *txn = self->txn;
    WnArena *arena = txn->facts.store.arena;

    txn->n_outcomes = self->n_scopes;
    txn->outcomes = wn_arena_alloc(arena,
        MAX(self->n_scopes, 1) * sizeof(WnChainOutcome));
    for (size_t i = 0; i < self->n_scopes; i++) {
        const WnChainScope *scope = &self->scopes[i];

        txn->outcomes[i] = (WnChainOutcome){
            .class_id = scope->class_.id,
            .outcome = (int32_t)scope->decision.decided,
            .recipients = scope->recipients,
            .n_recipients = scope->n_recipients,
            .domain = scope->domain,
        };
    }
}

static void
run_finish(WnChainRun *self)
{
    size_t n = self->n_scopes;
    WnScopeDecision *decisions = wn_arena_alloc(self->arena,
        MAX(n, 1) * sizeof(WnScopeDecision));
    bool exceeded = wn_connection_facts_exceeded(&self->connection->facts);

    for (size_t i = 0; i < n; i++) {
        if (exceeded)
            self->scopes[i].decision = wn_chain_too_much_memory();
        finish_scope(self, &self->scopes[i]);
        decisions[i] = self->scopes[i].decision;
    }
    if (self->kind == WN_RUN_MESSAGE)
        keep_outcomes(self);
    else if (self->kind == WN_RUN_RCPT && n > 0
             && decisions[0].decided == WN_DECIDED_DELIVER)
        self->txn->facts.n_recipients++;
    run_detach(self);
    self->fn(self->user, decisions, n);
    run_free(self);
}

/* Why there is no such filter here, or NULL. */
static const char *
why_missing(const WnChainLink *link)
{
    if (link->filter == NULL)
        return "switched off, or not in conf.d";
    return link->filter->instance == NULL ? link->filter->missing : NULL;
}

/* Why it fails without being asked, or NULL. */
static const char *
why_failing(const WnChainLink *link)
{
    return link->skipped != NULL ? link->skipped : link->policy->error;
}

/* False: it waits. */
static bool
step_link(WnChainRun *self, WnChainScope *scope)
{
    const WnChainLink *link = &scope->links[self->at_link];
    const char *missing = why_missing(link);
    const char *failing;
    WnHookResult result;

    if (scope->ended != NULL) {
        wn_chain_skip(self, link, scope->ended);
        return true;
    }
    if (missing != NULL) {
        wn_chain_miss(self, link, missing);
        return true;
    }
    failing = why_failing(link);
    if (failing != NULL) {
        self->evaluation.fresh = true;
        result = (WnHookResult){ .verdict = WN_FAIL,
            .reason = (char *)(uintptr_t)failing };
    } else if (!wn_chain_evaluate(self, &result)) {
        return false;
    }
    wn_chain_conclude(self, link, &result);
    return true;
}

/* False: the run goes on later. */
static bool
step_scope(WnChainRun *self, WnChainScope *scope, int64_t until_us)
{
    if (!scope->loaded)
        load_scope(self, scope);
    while (self->at_link < scope->n_links) {
        if (!step_link(self, scope))
            return false;
        self->at_link++;
        begin_link(self);
        if (wn_clock_mono_us() >= until_us) {
            wn_chain_run_soon(self);
            return false;
        }
    }
    self->at_link = 0;
    return true;
}

void
wn_chain_run_step(WnChainRun *self)
{
    int64_t until_us = wn_clock_mono_us() + TURN_US;

    while (self->at_scope < self->n_scopes) {
        if (!step_scope(self, &self->scopes[self->at_scope], until_us))
            return;
        self->at_scope++;
    }
    run_finish(self);
}

/*
 * The three kinds
 */

/* Connect hooks that decide nothing are begun here too: they look up in advance
 * what later hooks need. */
WnChainRun *
wn_chain_connect(WnChainConnection *connection, WnChainFn fn, void *user)
{
    WnChainRun *self = run_new(connection, WN_RUN_CONNECT, fn, user);
    const GPtrArray *filters = connection->host->filters;

    for (unsigned i = 0; i < filters->len; i++) {
        const WnChainFilter *filter = g_ptr_array_index(filters, i);
        WnInstance *instance = filter->instance;

        if (instance != NULL && filter->config->enabled
            && instance->own->error == NULL
            && wn_hook_function(instance, WN_HOOK_CONNECT) != NULL)
            wn_chain_cell_start(&connection->connect[instance->index], instance,
                WN_HOOK_CONNECT, NULL);
    }
    make_scopes(self, 1);
    load_listener_scope(self, &self->scopes[0]);
    wn_chain_run_soon(self);
    return self;
}

/* Their list lives as long as the transaction: outcomes point to it. */
static void
take_recipients(WnChainTxn *txn, WnChainScope *scope, uint32_t n)
{
    scope->recipients = wn_arena_alloc(txn->facts.store.arena,
        MAX(n, 1) * sizeof(WnAddress *));
}

static void
add_recipient(WnChainTxn *txn, WnChainScope *scope, WnSpan text)
{
    const WnAddress *address = wn_txn_facts_address(&txn->facts, text);

    scope->recipients[scope->n_recipients++] = address;
    if (scope->n_recipients == 1)
        scope->domain = wn_sdk_span(address->domain);
}

WnChainRun *
wn_chain_rcpt(WnChainTxn *txn, uint32_t class_id, WnSpan recipient,
    WnChainFn fn, void *user)
{
    WnChainRun *self = run_new(txn->connection, WN_RUN_RCPT, fn, user);

    self->txn = txn;
    make_scopes(self, 1);
    self->scopes[0].class_.id = class_id;
    take_recipients(txn, &self->scopes[0], 1);
    add_recipient(txn, &self->scopes[0], recipient);
    wn_chain_run_soon(self);
    return self;
}

static void
share_out(WnChainRun *self, const WnChainRecipient *recipients, size_t n)
{
    g_autofree uint32_t *counts = g_new0(uint32_t, self->n_scopes + 1);

    for (size_t i = 0; i < n; i++) {
        g_assert(recipients[i].scope < self->n_scopes);
        counts[recipients[i].scope]++;
    }
    for (size_t i = 0; i < self->n_scopes; i++)
        take_recipients(self->txn, &self->scopes[i], counts[i]);
    for (size_t i = 0; i < n; i++)
        add_recipient(self->txn, &self->scopes[recipients[i].scope],
            recipients[i].address);
    self->txn->facts.n_recipients = (uint32_t)MIN(n, G_MAXUINT32);
}

WnChainRun *
wn_chain_message(WnChainTxn *txn, WnMessage *message, const uint32_t *classes,
    size_t n_classes, const WnChainRecipient *recipients, size_t n_recipients,
    WnChainFn fn, void *user)
{
    WnChainRun *self = run_new(txn->connection, WN_RUN_MESSAGE, fn, user);

    self->txn = txn;
    self->view = wn_message_view_new(message);
    make_scopes(self, n_classes);
    for (size_t i = 0; i < n_classes; i++)
        self->scopes[i].class_.id = classes[i];
    share_out(self, recipients, n_recipients);
    wn_chain_run_soon(self);
    return self;
}
