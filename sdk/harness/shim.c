/* SPDX-License-Identifier: MIT */
#include "sdk/harness/shim.h"

#include <string.h>

#define NEWER_BYTES 64 /* a later minor's members, of which nobody knows */
#define UNKNOWN_BYTE 0xA5
#define HANDLE_SIZE 64

/* Of the process: what instance_new and callbacks by handle must find. */
static WnShim *selected;
static GHashTable *live_hosts; /* WnHost -> WnShimInstance */
static GHashTable *live_calls; /* WnCall -> WnShimCall */

void
wn_shim_select(WnShim *self)
{
    selected = self;
}

/*
 * What the plugin holds
 */

WnShimInstance *
wn_shim_instance(const WnHost *host, const char *asked)
{
    WnShimInstance *instance = g_hash_table_lookup(live_hosts, host);

    if (instance == NULL)
        wn_mistake("%s: called with a host whose instance is no more", asked);
    return instance;
}

WnShimCall *
wn_shim_call(const WnCall *handle, const char *asked)
{
    WnShimCall *call = g_hash_table_lookup(live_calls, handle);

    if (call == NULL)
        wn_mistake("%s: called with a call that has ended", asked);
    if (!call->running)
        wn_mistake("%s: called outside of the call's own hook or callback",
            asked);
    return call;
}

bool
wn_shim_fails(const char *asked)
{
    return wn_mode_strikes(WN_AT_FAIL, asked);
}

/*
 * Lending
 */

static void
end_guard(WnGuard **guard)
{
    const char *overrun;

    if (*guard == NULL)
        return;
    overrun = wn_guard_end(*guard);
    *guard = NULL;
    if (overrun != NULL)
        wn_mistake("%s: written past its end", overrun);
}

WnGuard *
wn_shim_guard(const WnShimCall *call, WnLife life)
{
    WnShim *shim = call->instance->shim;

    if (life == WN_LIFE_CALL)
        return call->guard;
    if (life == WN_LIFE_TXN && shim->txn == NULL)
        shim->txn = wn_guard_new("the transaction");
    if (life == WN_LIFE_TXN)
        return shim->txn;
    if (shim->connection == NULL)
        shim->connection = wn_guard_new("the connection");
    return shim->connection;
}

const void *
wn_shim_lend(WnGuard *guard, const char *what, const void *data, size_t size)
{
    return wn_mode()->guarded ? wn_guard_copy(guard, what, data, size) : data;
}

WnStr
wn_shim_lend_text(WnGuard *guard, const char *what, WnStr text)
{
    if (wn_mode()->guarded)
        text.ptr = wn_guard_text(guard, what, text.ptr, text.len);
    return text;
}

WnStr
wn_shim_lend_raw(WnGuard *guard, const char *what, WnStr bytes)
{
    if (wn_mode()->guarded)
        bytes.ptr = wn_guard_copy(guard, what, bytes.ptr, bytes.len);
    return bytes;
}

const void *
wn_shim_lend_struct(WnGuard *guard, const char *what, const void *data,
    size_t size)
{
    uint32_t longer = (uint32_t)(size + NEWER_BYTES);
    g_autofree char *grown = NULL;

    if (!wn_mode()->newer)
        return wn_shim_lend(guard, what, data, size);
    grown = g_malloc(longer);
    memset(grown, UNKNOWN_BYTE, longer);
    memcpy(grown, data, size);
    memcpy(grown, &longer, sizeof longer);
    return wn_guard_copy(guard, what, grown, longer);
}

/*
 * Instances
 */

static int32_t
shim_instance_new(const WnHost *host, const WnSettings *settings, void **self,
    WnError *err)
{
    WnShim *shim = selected;
    WnShimInstance *instance = g_new0(WnShimInstance, 1);
    int32_t result;

    instance->shim = shim;
    instance->real = host;
    instance->guard = wn_guard_new("the instance");
    instance->making = true;
    wn_shim_make_host(instance);
    g_hash_table_insert(live_hosts, instance->host, instance);
    g_ptr_array_add(shim->instances, instance);
    *self = instance;
    wn_shim_enter(NULL);
    result = shim->module->plugin.instance_new(instance->host, settings,
        &instance->self, err);
    wn_shim_leave(NULL, "instance_new");
    instance->making = false;
    if (result == WN_OK)
        return WN_OK;
    if (err->text[0] == '\0')
        wn_mistake("instance_new: failed and does not say why");
    g_hash_table_remove(live_hosts, instance->host);
    g_ptr_array_remove(shim->instances, instance);
    end_guard(&instance->guard);
    g_free(instance);
    return result;
}

static void
shim_instance_free(void *self)
{
    WnShimInstance *instance = self;
    WnShim *shim = instance->shim;

    wn_shim_enter(NULL);
    if (shim->module->plugin.instance_free != NULL)
        shim->module->plugin.instance_free(instance->self);
    wn_shim_leave(NULL, "instance_free");
    g_hash_table_remove(live_hosts, instance->host);
    g_ptr_array_remove(shim->instances, instance);
    end_guard(&instance->guard);
    g_free(instance);
}

static int32_t
shim_policy_new(void *self, const WnSettings *settings, void **policy,
    WnError *err)
{
    WnShimInstance *instance = self;
    int32_t result;

    wn_shim_enter(NULL);
    result = instance->shim->module->plugin.policy_new(instance->self, settings,
        policy, err);
    wn_shim_leave(NULL, "policy_new");
    return result;
}

static void
shim_policy_free(void *self, void *policy)
{
    WnShimInstance *instance = self;

    instance->shim->module->plugin.policy_free(instance->self, policy);
}

/*
 * Calls
 */

static WnShimCall *
call_new(WnShimInstance *instance, WnCall *real, const char *hook)
{
    WnShimCall *call = g_new0(WnShimCall, 1);

    call->instance = instance;
    call->real = real;
    call->hook = hook;
    call->guard = wn_guard_new("the call");
    call->handle = wn_guard_alloc(call->guard, "a WnCall", HANDLE_SIZE);
    call->ops = g_ptr_array_new_with_free_func(wn_shim_op_free);
    g_hash_table_insert(live_calls, call->handle, call);
    g_ptr_array_add(instance->shim->calls, call);
    return call;
}

static void
call_free(WnShimCall *call)
{
    g_hash_table_remove(live_calls, call->handle);
    end_guard(&call->guard);
    g_ptr_array_unref(call->ops);
    g_free(call);
}

/* The first function that is asked for, so the last one to run: what the plugin
 * tidies up still finds the call's memory. */
static void
on_end(void *user)
{
    WnShimCall *call = user;

    g_ptr_array_remove(call->instance->shim->calls, call);
    call_free(call);
}

static WnVerdict
run_hook(void *self, WnCall *real, const char *name,
    WnVerdict (*hook)(void *self, WnCall *call))
{
    WnShimInstance *instance = self;
    WnShimCall *call = call_new(instance, real, name);
    WnVerdict verdict;

    if (instance->real->call->at_end(real, on_end, call) != WN_OK)
        wn_mistake("%s: the host does not tell when the call is over", name);
    wn_shim_enter(call);
    verdict = hook(instance->self, call->handle);
    wn_shim_leave(call, name);
    return verdict;
}

#define HOOK(hook)                                         \
    static WnVerdict shim_##hook(void *self, WnCall *real) \
    {                                                      \
        const WnShimInstance *instance = self;             \
                                                           \
        return run_hook(self, real, #hook,                 \
            instance->shim->module->filter.hook);          \
    }
HOOK(connect)
HOOK(helo)
HOOK(mail)
HOOK(rcpt)
HOOK(headers)
HOOK(message)

static void
run_end(void *self, WnCall *real, const char *name,
    void (*hook)(void *self, WnCall *call))
{
    WnShimInstance *instance = self;
    WnShimCall *call = call_new(instance, real, name);

    wn_shim_enter(call);
    hook(instance->self, call->handle);
    wn_shim_leave(call, name);
    on_end(call);
}

static void
shim_transaction_end(void *self, WnCall *real)
{
    const WnShimInstance *instance = self;

    run_end(self, real, "transaction_end",
        instance->shim->module->filter.transaction_end);
}

static void
shim_connection_end(void *self, WnCall *real)
{
    const WnShimInstance *instance = self;

    run_end(self, real, "connection_end",
        instance->shim->module->filter.connection_end);
}

static WnDisposition
shim_apply(void *self, WnCall *real, const WnDecision *why)
{
    WnShimInstance *instance = self;
    WnShimCall *call = call_new(instance, real, "apply");
    WnDecision lent = *why;
    WnDisposition disposition;

    lent.filter = wn_shim_lend_text(call->guard, "why->filter", why->filter);
    lent.rule = wn_shim_lend_text(call->guard, "why->rule", why->rule);
    lent.evidence = wn_shim_lend_text(call->guard, "why->evidence",
        why->evidence);
    wn_shim_enter(call);
    disposition = instance->shim->module->action.apply(instance->self,
        call->handle,
        wn_shim_lend_struct(call->guard, "the WnDecision", &lent, sizeof lent));
    wn_shim_leave(call, "apply");
    on_end(call);
    if (disposition < WN_DELIVER || disposition > WN_DISCARD)
        wn_mistake("apply: returned %d, which is no disposition", disposition);
    return disposition;
}

/*
 * The shim
 */

static void
declare_filter(WnShim *self)
{
    const WnFilter *of = &self->module->filter;

    self->filter = (WnFilter){ .struct_size = sizeof(WnFilter),
        .flags = of->flags };
    self->filter.connect = of->connect != NULL ? shim_connect : NULL;
    self->filter.helo = of->helo != NULL ? shim_helo : NULL;
    self->filter.mail = of->mail != NULL ? shim_mail : NULL;
    self->filter.rcpt = of->rcpt != NULL ? shim_rcpt : NULL;
    self->filter.headers = of->headers != NULL ? shim_headers : NULL;
    self->filter.message = of->message != NULL ? shim_message : NULL;
    if (of->transaction_end != NULL)
        self->filter.transaction_end = shim_transaction_end;
    if (of->connection_end != NULL)
        self->filter.connection_end = shim_connection_end;
    self->declared.filter = &self->filter;
}

static void
declare(WnShim *self)
{
    const WnPlugin *of = &self->module->plugin;

    self->declared = *of;
    self->declared.struct_size = sizeof(WnPlugin);
    self->declared.abi_minor = WN_ABI_MINOR;
    self->declared.need_minor = 0;
    self->declared.datasets = self->module->datasets;
    self->declared.dataset_size = sizeof(WnDataset);
    self->declared.instance_new = shim_instance_new;
    self->declared.instance_free = shim_instance_free;
    if (of->policy_new != NULL)
        self->declared.policy_new = shim_policy_new;
    if (of->policy_free != NULL)
        self->declared.policy_free = shim_policy_free;
    self->declared.filter = NULL;
    self->declared.action = NULL;
    if (of->filter != NULL) {
        declare_filter(self);
        return;
    }
    self->action = (WnAction){ .struct_size = sizeof(WnAction),
        .flags = self->module->action.flags,
        .apply = shim_apply };
    self->declared.action = &self->action;
}

static void
blob_free(void *data)
{
    WnShimBlob *blob = data;

    g_free(blob->name);
    g_byte_array_unref(blob->data);
    g_free(blob);
}

WnShim *
wn_shim_new(const WnModule *module, WnZone *zone)
{
    WnShim *self = g_new0(WnShim, 1);

    if (live_calls == NULL) {
        live_calls = g_hash_table_new(NULL, NULL);
        live_hosts = g_hash_table_new(NULL, NULL);
    }
    self->module = module;
    self->zone = zone;
    self->peers = wn_peers_new();
    self->log = g_string_new(NULL);
    self->blobs = g_ptr_array_new_with_free_func(blob_free);
    self->instances = g_ptr_array_new();
    self->calls = g_ptr_array_new();
    self->dice = g_rand_new_with_seed(1);
    declare(self);
    return self;
}

void
wn_shim_free(WnShim *self)
{
    g_rand_free(self->dice);
    g_string_free(self->log, TRUE);
    g_ptr_array_unref(self->blobs);
    g_ptr_array_unref(self->instances);
    g_ptr_array_unref(self->calls);
    wn_peers_free(self->peers);
    if (selected == self)
        selected = NULL;
    g_free(self);
}

void
wn_shim_end_txn(WnShim *self)
{
    end_guard(&self->txn);
}

void
wn_shim_end_connection(WnShim *self)
{
    end_guard(&self->txn);
    end_guard(&self->connection);
    wn_guard_forget();
}

int64_t
wn_shim_next_ms(const WnShim *self)
{
    int64_t next_ms = -1;

    for (unsigned i = 0; i < self->calls->len; i++) {
        const WnShimCall *call = g_ptr_array_index(self->calls, i);

        for (unsigned k = 0; k < call->ops->len; k++) {
            const WnShimOp *op = g_ptr_array_index(call->ops, k);

            if (op->due_ms >= 0 && (next_ms < 0 || op->due_ms < next_ms))
                next_ms = op->due_ms;
        }
    }
    return next_ms;
}

bool
wn_shim_waits_for_io(const WnShim *self)
{
    for (unsigned i = 0; i < self->calls->len; i++) {
        const WnShimCall *call = g_ptr_array_index(self->calls, i);

        for (unsigned k = 0; k < call->ops->len; k++) {
            const WnShimOp *op = g_ptr_array_index(call->ops, k);

            if (op->due_ms == WN_SHIM_WHEN_READY)
                return true;
        }
    }
    return false;
}
