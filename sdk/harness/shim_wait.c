/* SPDX-License-Identifier: MIT */

/* What calls wait for.  Questions of DNS are answered from the test's zone, in
 * the order of the mode; each has a millisecond of its own, so that the order
 * is one of time and the host's timers keep it. */

#include "core/base/clock.h"
#include "sdk/harness/shim.h"

#include <string.h>

#define ORDER_MS 300     /* all answers are there after so long */
#define RESOLVER_MS 5000 /* when it gives up a question */

struct WnAnswer {
    const WnZoneAnswer *zone;
    WnGuard *guard;
};

void
wn_shim_op_free(void *data)
{
    WnShimOp *op = data;

    if (op->zone_answer != NULL)
        wn_zone_answer_free(op->zone_answer);
    g_free(op);
}

static WnShimOp *
op_new(WnShimCall *call, WnShimKind kind, void *user)
{
    WnShimOp *op = g_new0(WnShimOp, 1);

    op->call = call;
    op->kind = kind;
    op->user = user;
    op->due_ms = WN_SHIM_OVER;
    g_ptr_array_add(call->ops, op);
    return op;
}

static void
started(WnShimOp *op, uint32_t ms)
{
    op->due_ms = wn_clock_mono_ms() + ms;
}

/* Puts back what could not be started. */
static int32_t
refused(WnShimOp *op, int32_t error)
{
    g_ptr_array_remove(op->call->ops, op);
    return error;
}

/*
 * Time
 */

static WnVerdict
on_time(void *user, WnCall *real)
{
    WnShimOp *op = user;
    WnShimCall *call = op->call;
    WnVerdict verdict;

    (void)real;
    op->due_ms = WN_SHIM_OVER;
    call->instance->shim->n_events++;
    wn_shim_enter(call);
    verdict = op->fn.timer(op->user, call->handle);
    wn_shim_leave(call, "a timer's callback");
    return verdict;
}

int32_t
wn_shim_after(WnCall *handle, uint32_t ms, WnTimerFn fn, void *user)
{
    WnShimCall *call = wn_shim_call(handle, "timer->after");
    WnShimOp *op;
    int32_t result;

    if (fn == NULL)
        return WN_E_INVALID;
    if (wn_shim_fails("timer->after"))
        return WN_E_LIMIT;
    op = op_new(call, WN_SHIM_TIMER, user);
    op->fn.timer = fn;
    result = call->instance->real->timer->after(call->real, ms, on_time, op);
    if (result != WN_OK)
        return refused(op, result);
    started(op, ms);
    return WN_OK;
}

/*
 * DNS
 */

static WnVerdict
on_answer(void *user, WnCall *real)
{
    WnShimOp *op = user;
    WnShimCall *call = op->call;
    WnGuard *guard = wn_guard_new("the callback");
    WnAnswer *answer = wn_guard_alloc(guard, "a WnAnswer", sizeof *answer);
    WnVerdict verdict;

    (void)real;
    op->due_ms = WN_SHIM_OVER;
    call->instance->shim->n_events++;
    answer->zone = op->zone_answer;
    answer->guard = guard;
    wn_shim_enter(call);
    verdict = op->fn.dns(op->user, call->handle, answer);
    wn_shim_leave(call, "an answer's callback");
    wn_guard_end(guard);
    return verdict;
}

static unsigned
n_questions(const WnShimCall *call)
{
    unsigned n = 0;

    for (unsigned i = 0; i < call->ops->len; i++) {
        const WnShimOp *op = g_ptr_array_index(call->ops, i);

        n += op->kind == WN_SHIM_QUERY && op->due_ms >= 0;
    }
    return n;
}

static uint32_t
answered_after(const WnShimCall *call, const WnZoneAnswer *answer)
{
    uint32_t n = n_questions(call);

    if (answer->silent)
        return RESOLVER_MS;
    switch (wn_mode()->order) {
    case WN_ANSWERS_REVERSE:
        return ORDER_MS - MIN(n, ORDER_MS - 1);
    case WN_ANSWERS_SHUFFLED:
        return (
            uint32_t)g_rand_int_range(call->instance->shim->dice, 1, ORDER_MS);
    case WN_ANSWERS_FORWARD:
        break;
    }
    return 1 + n;
}

static int32_t
dns_query(WnCall *handle, const char *name, uint16_t type, WnDnsFn fn,
    void *user)
{
    WnShimCall *call = wn_shim_call(handle, "dns->query");
    WnShim *shim = call->instance->shim;
    WnShimOp *op;
    uint32_t ms;
    int32_t result;

    if (fn == NULL || name == NULL || name[0] == '\0' || strlen(name) > 255)
        return WN_E_INVALID;
    if (wn_shim_fails("dns->query"))
        return WN_E_LIMIT;
    shim->n_queries++;
    op = op_new(call, WN_SHIM_QUERY, user);
    op->fn.dns = fn;
    op->zone_answer = wn_zone_ask(shim->zone, name, type);
    if (wn_shim_fails("an answer of DNS"))
        wn_zone_answer_spoil(op->zone_answer);
    ms = answered_after(call, op->zone_answer);
    result = call->instance->real->timer->after(call->real, ms, on_answer, op);
    if (result != WN_OK)
        return refused(op, result);
    started(op, ms);
    return WN_OK;
}

static void
dns_prefetch(WnCall *handle, const char *name, uint16_t type)
{
    const WnShimCall *call = wn_shim_call(handle, "dns->prefetch");

    call->instance->real->dns->prefetch(call->real, name, type);
}

static int32_t
dns_status(const WnAnswer *answer)
{
    return answer->zone->status;
}

static uint32_t
dns_n_records(const WnAnswer *answer)
{
    return answer->zone->records->len;
}

static const WnDnsRecord *
dns_record(const WnAnswer *answer, uint32_t n)
{
    const WnZoneRecord *from;
    WnDnsRecord *record;
    WnStr text;

    if (n >= answer->zone->records->len)
        return NULL;
    from = g_ptr_array_index(answer->zone->records, n);
    text.ptr = from->text != NULL ? from->text : "";
    text.len = strlen(text.ptr);
    record = wn_guard_alloc(answer->guard, "a WnDnsRecord", sizeof *record);
    record->struct_size = sizeof *record;
    record->type = from->type;
    record->preference = from->preference;
    record->data_len = from->data_len;
    memcpy(record->data, from->data, sizeof record->data);
    record->text = wn_shim_lend_text(answer->guard, "text of a WnDnsRecord",
        text);
    return wn_shim_lend_struct(answer->guard, "a WnDnsRecord", record,
        sizeof *record);
}

const WnDnsApi wn_shim_dns_api = {
    .struct_size = sizeof(WnDnsApi),
    .query = dns_query,
    .prefetch = dns_prefetch,
    .status = dns_status,
    .n_records = dns_n_records,
    .record = dns_record,
};

/*
 * Descriptors
 */

static WnVerdict
on_ready(void *user, WnCall *real, int fd, uint32_t events)
{
    WnShimOp *op = user;
    WnShimCall *call = op->call;
    WnVerdict verdict;

    (void)real;
    op->due_ms = WN_SHIM_OVER;
    call->instance->shim->n_events++;
    wn_shim_enter(call);
    verdict = op->fn.io(op->user, call->handle, fd, events);
    wn_shim_leave(call, "a descriptor's callback");
    return verdict;
}

static int32_t
io_wait(WnCall *handle, int fd, uint32_t what, WnIoFn fn, void *user)
{
    WnShimCall *call = wn_shim_call(handle, "io->wait");
    WnShimOp *op;
    int32_t result;

    if (fn == NULL)
        return WN_E_INVALID;
    if (wn_shim_fails("io->wait"))
        return WN_E_LIMIT;
    op = op_new(call, WN_SHIM_IO, user);
    op->fn.io = fn;
    result = call->instance->real->io->wait(call->real, fd, what, on_ready, op);
    if (result != WN_OK)
        return refused(op, result);
    op->due_ms = WN_SHIM_WHEN_READY;
    return WN_OK;
}

const WnIoApi wn_shim_io_api = {
    .struct_size = sizeof(WnIoApi),
    .wait = io_wait,
};
