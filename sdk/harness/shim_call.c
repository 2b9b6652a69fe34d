/* SPDX-License-Identifier: MIT */

/* The tables over a call: itself, its facts, its edits. */

#include "sdk/harness/shim.h"

#include <string.h>

#define REAL(call) ((call)->instance->real)

/*
 * The call
 */

static const WnSettings *
call_settings(const WnCall *handle)
{
    const WnShimCall *call = wn_shim_call(handle, "call->settings");

    return REAL(call)->call->settings(call->real);
}

static const void *
call_policy(const WnCall *handle)
{
    const WnShimCall *call = wn_shim_call(handle, "call->policy");

    return REAL(call)->call->policy(call->real);
}

static int32_t
call_report(WnCall *handle, const WnFinding *finding)
{
    const WnShimCall *call = wn_shim_call(handle, "call->report");

    if (wn_shim_fails("call->report"))
        return WN_E_LIMIT;
    return REAL(call)->call->report(call->real, finding);
}

static int32_t
call_set_tag(WnCall *handle, const char *name, const char *value)
{
    const WnShimCall *call = wn_shim_call(handle, "call->set_tag");

    if (wn_shim_fails("call->set_tag"))
        return WN_E_LIMIT;
    return REAL(call)->call->set_tag(call->real, name, value);
}

/* The host's memory is taken as well: its limits hold. */
static void *
call_alloc(WnCall *handle, WnLife life, size_t size)
{
    static const char *const what[] = { "memory of WN_LIFE_CALL",
        "memory of WN_LIFE_TXN", "memory of WN_LIFE_CONN" };
    const WnShimCall *call = wn_shim_call(handle, "call->alloc");
    void *memory = REAL(call)->call->alloc(call->real, life, size);

    if (life < WN_LIFE_CALL || life > WN_LIFE_CONN)
        wn_mistake("call->alloc: %d is no life", life);
    if (!wn_mode()->guarded || memory == NULL)
        return memory;
    if (life == WN_LIFE_TXN && REAL(call)->facts->sender(call->real) == NULL)
        life = WN_LIFE_CONN;
    return wn_guard_alloc(wn_shim_guard(call, life), what[life], size);
}

static uint32_t
call_outstanding(const WnCall *handle)
{
    const WnShimCall *call = wn_shim_call(handle, "call->outstanding");

    return REAL(call)->call->outstanding(call->real);
}

static void **
call_slot(WnCall *handle, WnLife life)
{
    const WnShimCall *call = wn_shim_call(handle, "call->slot");

    return REAL(call)->call->slot(call->real, life);
}

static int32_t
call_at_end(WnCall *handle, WnEndFn fn, void *user)
{
    const WnShimCall *call = wn_shim_call(handle, "call->at_end");

    if (wn_shim_fails("call->at_end"))
        return WN_E_LIMIT;
    return REAL(call)->call->at_end(call->real, fn, user);
}

static int32_t
call_add_header(WnCall *handle, const char *name, const char *value)
{
    const WnShimCall *call = wn_shim_call(handle, "call->add_header");

    if (wn_shim_fails("call->add_header"))
        return WN_E_LIMIT;
    return REAL(call)->call->add_header(call->real, name, value);
}

const WnCallApi wn_shim_call_api = {
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

/*
 * Facts
 */

static const WnClient *
facts_client(const WnCall *handle)
{
    const WnShimCall *call = wn_shim_call(handle, "facts->client");
    WnGuard *guard = wn_shim_guard(call, WN_LIFE_CONN);
    const WnClient *real = REAL(call)->facts->client(call->real);
    WnClient client = *real;

    client.address_text = wn_shim_lend_text(guard, "client->address_text",
        real->address_text);
    client.rdns = wn_shim_lend_text(guard, "client->rdns", real->rdns);
    client.helo = wn_shim_lend_text(guard, "client->helo", real->helo);
    client.listener = wn_shim_lend_text(guard, "client->listener",
        real->listener);
    if (!wn_mode()->guarded)
        return real;
    return wn_shim_lend_struct(guard, "the WnClient", &client, sizeof client);
}

static const WnAddress *
lend_address(const WnShimCall *call, const WnAddress *real)
{
    WnGuard *guard = wn_shim_guard(call, WN_LIFE_TXN);
    WnAddress address;

    if (real == NULL || !wn_mode()->guarded)
        return real;
    address = *real;
    address.text = wn_shim_lend_text(guard, "address->text", real->text);
    address.local = wn_shim_lend_text(guard, "address->local", real->local);
    address.domain = wn_shim_lend_text(guard, "address->domain", real->domain);
    return wn_shim_lend_struct(guard, "a WnAddress", &address, sizeof address);
}

static const WnAddress *
facts_sender(const WnCall *handle)
{
    const WnShimCall *call = wn_shim_call(handle, "facts->sender");

    return lend_address(call, REAL(call)->facts->sender(call->real));
}

static uint32_t
facts_n_recipients(const WnCall *handle)
{
    const WnShimCall *call = wn_shim_call(handle, "facts->n_recipients");

    return REAL(call)->facts->n_recipients(call->real);
}

static const WnAddress *
facts_recipient(const WnCall *handle, uint32_t n)
{
    const WnShimCall *call = wn_shim_call(handle, "facts->recipient");

    return lend_address(call, REAL(call)->facts->recipient(call->real, n));
}

static uint32_t
facts_n_recipients_total(const WnCall *handle)
{
    const WnShimCall *call = wn_shim_call(handle, "facts->n_recipients_total");

    return REAL(call)->facts->n_recipients_total(call->real);
}

static WnStr
facts_domain(const WnCall *handle)
{
    const WnShimCall *call = wn_shim_call(handle, "facts->domain");

    return wn_shim_lend_text(wn_shim_guard(call, WN_LIFE_TXN), "facts->domain",
        REAL(call)->facts->domain(call->real));
}

static WnStr
facts_transaction_id(const WnCall *handle)
{
    const WnShimCall *call = wn_shim_call(handle, "facts->transaction_id");

    return wn_shim_lend_text(wn_shim_guard(call, WN_LIFE_TXN),
        "facts->transaction_id", REAL(call)->facts->transaction_id(call->real));
}

static WnStr
facts_tag(const WnCall *handle, const char *name, int32_t *found)
{
    const WnShimCall *call = wn_shim_call(handle, "facts->tag");

    return wn_shim_lend_text(call->guard, "facts->tag",
        REAL(call)->facts->tag(call->real, name, found));
}

static int32_t
facts_outcome(const WnCall *handle)
{
    const WnShimCall *call = wn_shim_call(handle, "facts->outcome");

    return REAL(call)->facts->outcome(call->real);
}

const WnFactsApi wn_shim_facts_api = {
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

/*
 * Edits
 */

static int32_t
edit_add_header(WnCall *handle, const char *name, const char *value)
{
    const WnShimCall *call = wn_shim_call(handle, "edit->add_header");

    if (wn_shim_fails("edit->add_header"))
        return WN_E_LIMIT;
    return REAL(call)->edit->add_header(call->real, name, value);
}

static int32_t
edit_set_header(WnCall *handle, const char *name, const char *value)
{
    const WnShimCall *call = wn_shim_call(handle, "edit->set_header");

    if (wn_shim_fails("edit->set_header"))
        return WN_E_LIMIT;
    return REAL(call)->edit->set_header(call->real, name, value);
}

static int32_t
edit_remove_headers(WnCall *handle, const char *name)
{
    const WnShimCall *call = wn_shim_call(handle, "edit->remove_headers");

    if (wn_shim_fails("edit->remove_headers"))
        return WN_E_LIMIT;
    return REAL(call)->edit->remove_headers(call->real, name);
}

static int32_t
edit_prefix_subject(WnCall *handle, const char *text)
{
    const WnShimCall *call = wn_shim_call(handle, "edit->prefix_subject");

    if (wn_shim_fails("edit->prefix_subject"))
        return WN_E_LIMIT;
    return REAL(call)->edit->prefix_subject(call->real, text);
}

static int32_t
edit_redirect(WnCall *handle, const char *address)
{
    const WnShimCall *call = wn_shim_call(handle, "edit->redirect");

    if (wn_shim_fails("edit->redirect"))
        return WN_E_LIMIT;
    return REAL(call)->edit->redirect(call->real, address);
}

static int32_t
edit_reply(WnCall *handle, uint16_t code, const char *enhanced,
    const char *text)
{
    const WnShimCall *call = wn_shim_call(handle, "edit->reply");

    if (wn_shim_fails("edit->reply"))
        return WN_E_LIMIT;
    return REAL(call)->edit->reply(call->real, code, enhanced, text);
}

const WnEditApi wn_shim_edit_api = {
    .struct_size = sizeof(WnEditApi),
    .add_header = edit_add_header,
    .set_header = edit_set_header,
    .remove_headers = edit_remove_headers,
    .prefix_subject = edit_prefix_subject,
    .redirect = edit_redirect,
    .reply = edit_reply,
};
