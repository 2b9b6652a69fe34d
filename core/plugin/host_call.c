/* SPDX-License-Identifier: MIT */

/* The tables over a call: itself, the facts it may see, what it waits for. */

#include "core/plugin/host.h"
#include "core/plugin/operation.h"

#include <string.h>

#define ALLOC_MAX ((size_t)16 << 20) /* at once; the SDK says so */

static const WnHookCall *
peek_call(const WnCall *handle)
{
    return wn_hook_call_of(handle);
}

/* What is asked of the recipients may be answered otherwise for others, so the
 * verdict holds for this scope only. */
static const WnHookCall *
look_at_scope(const WnCall *handle)
{
    WnHookCall *call = wn_hook_call_of(handle);

    call->result.looked_at_scope = true;
    return call;
}

/*
 * The call
 */

static const WnSettings *
call_settings(const WnCall *handle)
{
    return peek_call(handle)->policy->settings;
}

static const void *
call_policy(const WnCall *handle)
{
    return peek_call(handle)->policy->policy;
}

static int32_t
call_report(WnCall *handle, const WnFinding *finding)
{
    return wn_hook_call_report(wn_hook_call_of(handle), finding);
}

static int32_t
call_set_tag(WnCall *handle, const char *name, const char *value)
{
    WnHookCall *call = wn_hook_call_of(handle);

    if (call->facts.txn == NULL || call->hook > WN_HOOK_MESSAGE)
        return WN_E_STATE;
    return wn_txn_facts_set_tag(call->facts.txn, name, value);
}

/* So much at once is noticed in the process's size. */
#define LARGE (16 * 1024)

static WnArena *
arena_for(WnHookCall *call, WnLife life)
{
    if (life == WN_LIFE_TXN && call->facts.txn != NULL)
        return call->facts.txn->store.arena;
    if (life == WN_LIFE_TXN || life == WN_LIFE_CONN)
        return call->facts.connection->store.arena;
    return call->arena;
}

/* What is asked to live for a transaction before there is one lives for the
 * connection: longer is never wrong. */
static void *
call_alloc(WnCall *handle, WnLife life, size_t size)
{
    WnHookCall *call = wn_hook_call_of(handle);

    void *memory;

    if (size > ALLOC_MAX)
        return NULL;
    if (size < LARGE)
        return wn_arena_alloc(arena_for(call, life), size);
    wn_instance_aside(call->instance, WN_ASIDE_BEGIN);
    memory = wn_arena_alloc(arena_for(call, life), size);
    wn_instance_aside(call->instance, WN_ASIDE_LOAN);
    return memory;
}

static uint32_t
call_outstanding(const WnCall *handle)
{
    return peek_call(handle)->n_operations;
}

static void **
call_slot(WnCall *handle, WnLife life)
{
    WnHookCall *call = wn_hook_call_of(handle);
    unsigned index = call->instance->index;

    if (life == WN_LIFE_CONN)
        return &call->facts.connection->store.slots[index];
    if (life == WN_LIFE_TXN && call->facts.txn != NULL)
        return &call->facts.txn->store.slots[index];
    return &call->spare_slot;
}

static int32_t
call_at_end(WnCall *handle, WnEndFn fn, void *user)
{
    return wn_hook_call_at_end(wn_hook_call_of(handle), fn, user);
}

static int32_t
call_add_header(WnCall *handle, const char *name, const char *value)
{
    return wn_hook_call_add_header(wn_hook_call_of(handle), name, value);
}

const WnCallApi *
wn_host_call_api(void)
{
    static const WnCallApi api = {
        .struct_size = sizeof(WnCallApi),
        .settings = call_settings,
        .policy = call_policy,
        .report = call_report,
        .set_tag = call_set_tag,
        .alloc = call_alloc,
        .outstanding = call_outstanding,
        .slot = call_slot,
        .at_end = call_at_end,
        .add_header = call_add_header,
    };

    return &api;
}

/*
 * Facts
 */

static const WnClient *
facts_client(const WnCall *handle)
{
    return &peek_call(handle)->facts.connection->client;
}

static const WnAddress *
facts_sender(const WnCall *handle)
{
    const WnTxnFacts *txn = peek_call(handle)->facts.txn;

    return txn != NULL ? txn->sender : NULL;
}

static uint32_t
facts_n_recipients(const WnCall *handle)
{
    return look_at_scope(handle)->facts.n_recipients;
}

static const WnAddress *
facts_recipient(const WnCall *handle, uint32_t n)
{
    const WnCallFacts *facts = &look_at_scope(handle)->facts;

    return n < facts->n_recipients ? facts->recipients[n] : NULL;
}

static uint32_t
facts_n_recipients_total(const WnCall *handle)
{
    const WnTxnFacts *txn = look_at_scope(handle)->facts.txn;

    return txn != NULL ? txn->n_recipients : 0;
}

static WnStr
facts_domain(const WnCall *handle)
{
    return wn_sdk_str(look_at_scope(handle)->facts.domain);
}

static WnStr
facts_transaction_id(const WnCall *handle)
{
    const WnTxnFacts *txn = peek_call(handle)->facts.txn;

    return txn != NULL ? txn->id_text : wn_sdk_str(WN_SPAN_EMPTY);
}

/* Tags are left by filters that ran before, perhaps for this scope only. */
static WnStr
facts_tag(const WnCall *handle, const char *name, int32_t *found)
{
    const WnTxnFacts *txn = look_at_scope(handle)->facts.txn;
    const char *value = txn != NULL && name != NULL
                            ? g_hash_table_lookup(txn->tags, name)
                            : NULL;

    if (found != NULL)
        *found = value != NULL;
    return wn_sdk_str(wn_span_str(value));
}

static int32_t
facts_outcome(const WnCall *handle)
{
    return peek_call(handle)->facts.outcome;
}

const WnFactsApi *
wn_host_facts_api(void)
{
    static const WnFactsApi api = {
        .struct_size = sizeof(WnFactsApi),
        .client = facts_client,
        .sender = facts_sender,
        .n_recipients = facts_n_recipients,
        .recipient = facts_recipient,
        .n_recipients_total = facts_n_recipients_total,
        .domain = facts_domain,
        .transaction_id = facts_transaction_id,
        .tag = facts_tag,
        .outcome = facts_outcome,
    };

    return &api;
}

/*
 * Waiting
 */

static int32_t
dns_query(WnCall *handle, const char *name, uint16_t type, WnDnsFn fn,
    void *user)
{
    return wn_operation_query(wn_hook_call_of(handle), name, type, fn, user);
}

static void
dns_prefetch(WnCall *handle, const char *name, uint16_t type)
{
    wn_operation_prefetch(wn_hook_call_of(handle), name, type);
}

const WnDnsApi *
wn_host_dns_api(void)
{
    static const WnDnsApi api = {
        .struct_size = sizeof(WnDnsApi),
        .query = dns_query,
        .prefetch = dns_prefetch,
        .status = wn_answer_status,
        .n_records = wn_answer_n_records,
        .record = wn_answer_record,
    };

    return &api;
}

int32_t
wn_host_after(WnCall *handle, uint32_t ms, WnTimerFn fn, void *user)
{
    return wn_operation_after(wn_hook_call_of(handle), ms, fn, user);
}

static int32_t
io_wait(WnCall *handle, int fd, uint32_t what, WnIoFn fn, void *user)
{
    return wn_operation_wait(wn_hook_call_of(handle), fd, what, fn, user);
}

const WnIoApi *
wn_host_io_api(void)
{
    static const WnIoApi api = {
        .struct_size = sizeof(WnIoApi),
        .wait = io_wait,
    };

    return &api;
}
