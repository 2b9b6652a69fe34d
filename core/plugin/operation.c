/* SPDX-License-Identifier: MIT */
#include "core/plugin/operation.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define DNS_NAME_MAX 255

typedef enum { OPERATION_QUERY, OPERATION_TIMER, OPERATION_IO } OperationKind;

struct WnOperation {
    WnOperation *next;
    WnOperation **link; /* what points here */
    WnHookCall *call;
    OperationKind kind;
    WnQuestion *question; /* QUERY with a resolver */
    WnTimer timer;        /* TIMER, and QUERY without one */
    WnWatch watch;        /* IO */
    union {
        WnDnsFn dns;
        WnTimerFn timer;
        WnIoFn io;
    } fn;
    void *user;
};

struct WnAnswer {
    const WnResolution *resolution;
    WnDnsRecord *records; /* made when the first is asked for */
    WnArena *arena;
};

/* NULL with *out_error if the call may not wait. */
static WnOperation *
operation_new(WnHookCall *call, OperationKind kind, int32_t *out_error)
{
    WnOperation *self;

    if (call->hook > WN_HOOK_MESSAGE) {
        *out_error = WN_E_STATE;
        return NULL;
    }
    if (call->n_operations >= WN_OPERATIONS_MAX) {
        *out_error = WN_E_LIMIT;
        return NULL;
    }
    self = g_new0(WnOperation, 1);
    self->call = call;
    self->kind = kind;
    self->next = call->operations;
    self->link = &call->operations;
    if (self->next != NULL)
        self->next->link = &self->next;
    call->operations = self;
    call->n_operations++;
    return self;
}

static void
operation_unlink(WnOperation *self)
{
    *self->link = self->next;
    if (self->next != NULL)
        self->next->link = self->link;
    self->call->n_operations--;
}

/* The question's callback is over, or it has been cancelled. */
static void
operation_free(WnOperation *self)
{
    wn_timer_clear(&self->timer);
    if (self->kind == OPERATION_IO)
        wn_watch_clear(&self->watch);
    g_free(self);
}

void
wn_operations_cancel(WnHookCall *call)
{
    while (call->operations != NULL) {
        WnOperation *operation = call->operations;

        operation_unlink(operation);
        if (operation->question != NULL)
            wn_question_cancel(operation->question);
        operation_free(operation);
    }
}

static int64_t
enter(const WnHookCall *call)
{
    return wn_hook_call_enter(call);
}

static void
leave(const WnHookCall *call, int64_t entered_us)
{
    wn_instance_leave(call->instance, wn_hook_name(call->hook), entered_us);
}

/*
 * DNS
 */

static bool
is_question(const char *name, uint16_t type)
{
    if (name == NULL || name[0] == '\0' || strlen(name) > DNS_NAME_MAX)
        return false;
    return type == WN_DNS_A || type == WN_DNS_NS || type == WN_DNS_PTR
           || type == WN_DNS_MX || type == WN_DNS_TXT || type == WN_DNS_AAAA;
}

static void
on_answer(void *user, const WnResolution *resolution)
{
    WnOperation *self = user;
    WnHookCall *call = self->call;
    WnAnswer answer = { .resolution = resolution, .arena = call->arena };
    WnVerdict verdict;
    int64_t entered_us;

    operation_unlink(self);
    entered_us = enter(call);
    verdict = self->fn.dns(self->user, (WnCall *)call, &answer);
    leave(call, entered_us);
    operation_free(self);
    wn_hook_call_answer(call, verdict);
}

static void
on_no_resolver(void *user)
{
    static const WnResolution failed = { .status = WN_RESOLVED_FAILED };

    on_answer(user, &failed);
}

int32_t
wn_operation_query(WnHookCall *call, const char *name, uint16_t type,
    WnDnsFn fn, void *user)
{
    const WnPluginEnv *env = call->instance->env;
    int32_t error = WN_OK;
    WnOperation *self;

    if (!is_question(name, type) || fn == NULL)
        return WN_E_INVALID;
    self = operation_new(call, OPERATION_QUERY, &error);
    if (self == NULL)
        return error;
    self->fn.dns = fn;
    self->user = user;
    if (env->resolver != NULL) {
        self->question = wn_resolver_ask(env->resolver, name, (WnRrType)type,
            on_answer, self);
    } else {
        wn_timer_init(&self->timer, env->loop, on_no_resolver, self);
        wn_timer_set(&self->timer, 0);
    }
    return WN_OK;
}

static void
ignore_answer(void *user, const WnResolution *resolution)
{
    (void)user;
    (void)resolution;
}

void
wn_operation_prefetch(WnHookCall *call, const char *name, uint16_t type)
{
    const WnPluginEnv *env = call->instance->env;

    if (!is_question(name, type) || env->resolver == NULL
        || call->n_prefetches >= WN_PREFETCHES_MAX)
        return;
    call->n_prefetches++;
    wn_resolver_ask(env->resolver, name, (WnRrType)type, ignore_answer, NULL);
}

int32_t
wn_answer_status(const WnAnswer *self)
{
    return (int32_t)self->resolution->status;
}

uint32_t
wn_answer_n_records(const WnAnswer *self)
{
    return self->resolution->n_records;
}

static WnDnsRecord *
make_records(const WnAnswer *self)
{
    uint32_t n = self->resolution->n_records;
    WnDnsRecord *records = wn_arena_alloc(self->arena, n * sizeof(WnDnsRecord));

    for (uint32_t i = 0; i < n; i++) {
        const WnRecord *from = &self->resolution->records[i];
        WnSpan text = wn_span(from->text, from->text_len);

        records[i].struct_size = sizeof records[i];
        records[i].type = from->type;
        records[i].preference = from->preference;
        records[i].data_len = from->address.len;
        memcpy(records[i].data, from->address.bytes, from->address.len);
        records[i].text = wn_sdk_str(wn_arena_copy(self->arena, text));
    }
    return records;
}

const WnDnsRecord *
wn_answer_record(const WnAnswer *self, uint32_t n)
{
    WnAnswer *cache = (WnAnswer *)(uintptr_t)self;

    if (n >= self->resolution->n_records)
        return NULL;
    if (cache->records == NULL)
        cache->records = make_records(self);
    return &cache->records[n];
}

/*
 * Time
 */

static void
on_time(void *user)
{
    WnOperation *self = user;
    WnHookCall *call = self->call;
    WnVerdict verdict;
    int64_t entered_us;

    operation_unlink(self);
    entered_us = enter(call);
    verdict = self->fn.timer(self->user, (WnCall *)call);
    leave(call, entered_us);
    operation_free(self);
    wn_hook_call_answer(call, verdict);
}

int32_t
wn_operation_after(WnHookCall *call, uint32_t ms, WnTimerFn fn, void *user)
{
    int32_t error = WN_OK;
    WnOperation *self;

    if (fn == NULL)
        return WN_E_INVALID;
    self = operation_new(call, OPERATION_TIMER, &error);
    if (self == NULL)
        return error;
    self->fn.timer = fn;
    self->user = user;
    wn_timer_init(&self->timer, call->instance->env->loop, on_time, self);
    wn_timer_set(&self->timer, ms);
    return WN_OK;
}

/*
 * Descriptors
 */

static void
on_ready(void *user, int fd, unsigned ready)
{
    WnOperation *self = user;
    WnHookCall *call = self->call;
    uint32_t events = ((ready & WN_WATCH_READ) != 0 ? WN_IO_READ : 0)
                      | ((ready & WN_WATCH_WRITE) != 0 ? WN_IO_WRITE : 0);
    WnVerdict verdict;
    int64_t entered_us;

    operation_unlink(self);
    wn_watch_set(&self->watch, WN_WATCH_NONE);
    entered_us = enter(call);
    verdict = self->fn.io(self->user, (WnCall *)call, fd, events);
    leave(call, entered_us);
    operation_free(self);
    wn_hook_call_answer(call, verdict);
}

/* The loop aborts when it cannot watch what it is told to, and epoll refuses
 * files, folders, many devices and whatever is open by its path only. */
static bool
can_be_watched(int fd)
{
    int flags = fd >= 0 ? fcntl(fd, F_GETFL) : -1;
    struct stat info;

    return flags >= 0 && (flags & O_PATH) == 0 && fstat(fd, &info) == 0
           && (S_ISSOCK(info.st_mode) || S_ISFIFO(info.st_mode));
}

int32_t
wn_operation_wait(WnHookCall *call, int fd, uint32_t what, WnIoFn fn,
    void *user)
{
    unsigned wanted = ((what & WN_IO_READ) != 0 ? WN_WATCH_READ : 0u)
                      | ((what & WN_IO_WRITE) != 0 ? WN_WATCH_WRITE : 0u);
    int32_t error = WN_OK;
    WnOperation *self;

    if (fn == NULL || wanted == 0 || !can_be_watched(fd))
        return WN_E_INVALID;
    self = operation_new(call, OPERATION_IO, &error);
    if (self == NULL)
        return error;
    self->fn.io = fn;
    self->user = user;
    wn_watch_init(&self->watch, call->instance->env->loop, fd, on_ready, self);
    wn_watch_set(&self->watch, wanted);
    return WN_OK;
}
