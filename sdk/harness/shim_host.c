/* SPDX-License-Identifier: MIT */

/* The plugin's host and the tables that need no call, or one at most. */

#include "core/base/clock.h"
#include "core/plugin/dataset.h"
#include "sdk/harness/shim.h"
#include "sdk/harness/verdicts.h"

#include <string.h>

#define NEWER_BYTES 64
#define NEWER_MINOR 7
#define UNKNOWN_BYTE 0xA5
#define LEVELS 4

/*
 * Log
 */

static int32_t
log_enabled(const WnHost *host, WnLogLevel level)
{
    wn_shim_instance(host, "log->enabled");
    return level >= WN_LOG_ERROR && level <= WN_LOG_DEBUG;
}

static void
log_write(const WnHost *host, WnLogLevel level, const WnCall *call,
    const char *text, size_t len)
{
    static const char *const names[LEVELS] = { "error", "warning", "info",
        "debug" };
    const WnShimInstance *instance = wn_shim_instance(host, "log->write");
    const WnCall *real = NULL;

    if (call != NULL)
        real = wn_shim_call(call, "log->write")->real;
    if (level < WN_LOG_ERROR || level > WN_LOG_DEBUG)
        wn_mistake("log->write: %d is no level", level);
    g_string_append_printf(instance->shim->log, "%s: %.*s\n", names[level],
        (int)MIN(len, G_MAXINT), text);
    instance->real->log->write(instance->real, level, real, text, len);
}

static const WnLogApi log_api = {
    .struct_size = sizeof(WnLogApi),
    .enabled = log_enabled,
    .write = log_write,
};

/*
 * Metrics
 */

static int32_t
metrics_counter(const WnHost *host, const char *name, const char *help)
{
    const WnShimInstance *instance = wn_shim_instance(host, "metrics->counter");

    if (wn_shim_fails("metrics->counter"))
        return WN_E_LIMIT;
    return instance->real->metrics->counter(instance->real, name, help);
}

static int32_t
metrics_gauge(const WnHost *host, const char *name, const char *help)
{
    const WnShimInstance *instance = wn_shim_instance(host, "metrics->gauge");

    if (wn_shim_fails("metrics->gauge"))
        return WN_E_LIMIT;
    return instance->real->metrics->gauge(instance->real, name, help);
}

static int32_t
metrics_histogram(const WnHost *host, const char *name, const char *help)
{
    const WnShimInstance *instance = wn_shim_instance(host,
        "metrics->histogram");

    if (wn_shim_fails("metrics->histogram"))
        return WN_E_LIMIT;
    return instance->real->metrics->histogram(instance->real, name, help);
}

static void
metrics_add(const WnHost *host, int32_t counter, uint64_t n)
{
    const WnShimInstance *instance = wn_shim_instance(host, "metrics->add");

    instance->real->metrics->add(instance->real, counter, n);
}

static void
metrics_set(const WnHost *host, int32_t gauge, int64_t value)
{
    const WnShimInstance *instance = wn_shim_instance(host, "metrics->set");

    instance->real->metrics->set(instance->real, gauge, value);
}

static void
metrics_observe(const WnHost *host, int32_t histogram, double ms)
{
    const WnShimInstance *instance = wn_shim_instance(host, "metrics->observe");

    instance->real->metrics->observe(instance->real, histogram, ms);
}

static const WnMetricsApi metrics_api = {
    .struct_size = sizeof(WnMetricsApi),
    .counter = metrics_counter,
    .gauge = metrics_gauge,
    .histogram = metrics_histogram,
    .add = metrics_add,
    .set = metrics_set,
    .observe = metrics_observe,
};

/*
 * Time
 */

static int64_t
timer_monotonic_ms(const WnHost *host)
{
    wn_shim_instance(host, "timer->monotonic_ms");
    return wn_clock_mono_ms();
}

static int64_t
timer_unix_time(const WnHost *host)
{
    wn_shim_instance(host, "timer->unix_time");
    return wn_clock_unix();
}

static void
run_tick(void *self, unsigned n)
{
    WnShimInstance *instance = self;

    wn_shim_enter(NULL);
    instance->ticks[n](instance->self);
    wn_shim_leave(NULL, "a function of timer->every");
}

/* The host gives a tick nothing but the instance, so each has its own. */
#define TICK(n)                      \
    static void tick_##n(void *self) \
    {                                \
        run_tick(self, n);           \
    }
TICK(0)
TICK(1)
TICK(2)
TICK(3)
TICK(4)
TICK(5)
TICK(6)
TICK(7)
TICK(8)
TICK(9)
TICK(10)
TICK(11)
TICK(12)
TICK(13)
TICK(14)
TICK(15)

static int32_t
timer_every(const WnHost *host, uint32_t ms, WnTickFn fn)
{
    static const WnTickFn ticks[WN_SHIM_TICKS] = { tick_0, tick_1, tick_2,
        tick_3, tick_4, tick_5, tick_6, tick_7, tick_8, tick_9, tick_10,
        tick_11, tick_12, tick_13, tick_14, tick_15 };
    WnShimInstance *instance = wn_shim_instance(host, "timer->every");
    int32_t result;

    if (fn == NULL)
        return WN_E_INVALID;
    if (instance->n_ticks >= WN_SHIM_TICKS || wn_shim_fails("timer->every"))
        return WN_E_LIMIT;
    result = instance->real->timer->every(instance->real, ms,
        ticks[instance->n_ticks]);
    if (result == WN_OK)
        instance->ticks[instance->n_ticks++] = fn;
    return result;
}

static const WnTimerApi timer_api = {
    .struct_size = sizeof(WnTimerApi),
    .monotonic_ms = timer_monotonic_ms,
    .unix_time = timer_unix_time,
    .after = wn_shim_after,
    .every = timer_every,
};

/*
 * Data, shared memory
 */

static void
note_absent(const WnShimCall *call, const char *name, const WnBlob *blob)
{
    const WnModule *module = call->instance->shim->module;
    int n = blob != NULL ? wn_dataset_find(module, name) : -1;

    if (n >= 0)
        wn_verdicts_absent(wn_dataset_get(module, (unsigned)n));
}

/* The one that stands in for it, in its place. */
static const WnBlob *
exchanged(const WnShimCall *call, const WnBlob *blob)
{
    const WnShimStandIn *stand_in = call->instance->shim->stand_in;
    WnBlob *other;

    if (stand_in == NULL || stand_in->original != blob->data)
        return blob;
    other = wn_guard_alloc(call->guard, "the WnBlob", sizeof *other);
    *other = *blob;
    other->size = stand_in->size;
    other->data = wn_guard_blob(call->guard, stand_in->what, stand_in->data,
        stand_in->size);
    return other;
}

static const WnBlob *
data_blob(WnCall *handle, const char *name)
{
    WnShimCall *call = wn_shim_call(handle, "data->blob");
    const WnBlob *blob = wn_shim_blob(call, name);

    if (blob == NULL)
        blob = call->instance->real->data->blob(call->real, name);
    if (wn_shim_fails("data->blob")) {
        note_absent(call, name, blob);
        return NULL;
    }
    if (blob == NULL)
        return NULL;
    return wn_shim_lend_struct(call->guard, "the WnBlob", exchanged(call, blob),
        sizeof *blob);
}

static const WnDataApi data_api = {
    .struct_size = sizeof(WnDataApi),
    .blob = data_blob,
};

static int32_t
shared_load(const WnHost *host, const void *key, size_t key_len,
    uint64_t *value)
{
    const WnShimInstance *instance = wn_shim_instance(host, "shared->load");

    /* The table is bounded: any value may be gone. */
    if (wn_shim_fails("shared->load")) {
        *value = 0;
        return WN_E_NOT_FOUND;
    }
    return instance->real->shared->load(instance->real, key, key_len, value);
}

/* WN_E_STATE is what another worker causes. */
static int32_t
shared_replace(const WnHost *host, const void *key, size_t key_len,
    uint64_t expected, uint64_t value, uint32_t ttl_s)
{
    const WnShimInstance *instance = wn_shim_instance(host, "shared->replace");

    if (wn_shim_fails("shared->replace"))
        return WN_E_STATE;
    return instance->real->shared->replace(instance->real, key, key_len,
        expected, value, ttl_s);
}

static const WnSharedApi shared_api = {
    .struct_size = sizeof(WnSharedApi),
    .load = shared_load,
    .replace = shared_replace,
};

static const void *
get_interface(const WnHost *host, const char *id)
{
    const WnShimInstance *instance = wn_shim_instance(host, "get_interface");

    if (wn_shim_fails("get_interface"))
        return NULL;
    return instance->real->get_interface(instance->real, id);
}

/*
 * The host
 */

#define LEND(table)                                           \
    wn_shim_lend_struct(guard, "host->" #table, &table##_api, \
        sizeof table##_api)
#define LEND_OF_CALL(table)                                             \
    wn_shim_lend_struct(guard, "host->" #table, &wn_shim_##table##_api, \
        sizeof wn_shim_##table##_api)

static void
lend_tables(WnHost *host, WnGuard *guard)
{
    const WnSettingsApi *settings = host->settings;

    host->log = LEND(log);
    host->metrics = LEND(metrics);
    host->settings = wn_shim_lend_struct(guard, "host->settings", settings,
        sizeof *settings);
    host->timer = LEND(timer);
    host->call = LEND_OF_CALL(call);
    host->facts = LEND_OF_CALL(facts);
    host->message = LEND_OF_CALL(message);
    host->dns = LEND_OF_CALL(dns);
    host->io = LEND_OF_CALL(io);
    host->data = LEND(data);
    host->edit = LEND_OF_CALL(edit);
    host->shared = LEND(shared);
    host->get_interface = get_interface;
}

void
wn_shim_make_host(WnShimInstance *instance)
{
    const WnMode *mode = wn_mode();
    size_t size = sizeof(WnHost) + (mode->newer ? NEWER_BYTES : 0);
    WnHost *host = wn_guard_alloc(instance->guard, "the WnHost", size);

    memset(host, UNKNOWN_BYTE, size);
    *host = *instance->real;
    host->struct_size = (uint32_t)size;
    if (mode->newer)
        host->abi_minor = WN_ABI_MINOR + NEWER_MINOR;
    if (mode->older)
        host->abi_minor = instance->shim->module->plugin.need_minor;
    lend_tables(host, instance->guard);
    instance->host = host;
}
