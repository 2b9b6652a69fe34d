/* SPDX-License-Identifier: MIT */
#include "core/plugin/host.h"

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/plugin/call.h"
#include "core/plugin/dataset.h"

#include <string.h>

#define METRIC_NAME_MAX 32
#define LOG_TEXT_MAX 1024

static WnInstance *
instance_of(const WnHost *host)
{
    return (WnInstance *)(uintptr_t)host;
}

/*
 * Log
 */

static WnLevel
level_of(WnLogLevel level)
{
    switch (level) {
    case WN_LOG_ERROR:
        return WN_LEVEL_ERROR;
    case WN_LOG_WARNING:
        return WN_LEVEL_WARNING;
    case WN_LOG_INFO:
        return WN_LEVEL_INFO;
    default:
        return WN_LEVEL_DEBUG;
    }
}

static int32_t
log_enabled(const WnHost *host, WnLogLevel level)
{
    (void)host;
    return wn_log_enabled(level_of(level));
}

static void
log_write(const WnHost *host, WnLogLevel level, const WnCall *call,
    const char *text, size_t len)
{
    const WnInstance *instance = instance_of(host);
    const WnId *id = call != NULL ? wn_hook_call_id(wn_hook_call_of(call))
                                  : NULL;
    WnEvent event;

    wn_event_begin(&event, level_of(level), "plugin");
    wn_event_str(&event, "filter", instance->name);
    if (id != NULL)
        wn_event_id(&event, id);
    wn_event_span(&event, "message", wn_span(text, MIN(len, LOG_TEXT_MAX)));
    wn_event_end(&event);
}

static const WnLogApi log_api = {
    .struct_size = sizeof(WnLogApi),
    .enabled = log_enabled,
    .write = log_write,
};

/*
 * Metrics
 */

typedef WnMetric *(
    *MetricMakeFn)(const char *name, const char *labels, const char *help);

static bool
is_metric_name(const char *name)
{
    return name != NULL && strlen(name) <= METRIC_NAME_MAX
           && wn_module_name_is_valid(name);
}

/* An id is the metric's place with its kind in the low bits, so that a plugin
 * cannot take one kind for another. */
typedef enum { KIND_COUNTER, KIND_GAUGE, KIND_HISTOGRAM, N_KINDS } MetricKind;

static int32_t
metric_make(const WnHost *host, MetricKind kind, const char *name,
    const char *help)
{
    static const MetricMakeFn make[N_KINDS] = { wn_metrics_counter,
        wn_metrics_gauge, wn_metrics_histogram };
    WnInstance *instance = instance_of(host);
    g_autofree char *full = NULL;
    g_autofree char *labels = NULL;

    if (!instance->making)
        return WN_E_STATE;
    if (!is_metric_name(name) || help == NULL)
        return WN_E_INVALID;
    if (instance->metrics->len >= WN_INSTANCE_METRICS_MAX)
        return WN_E_LIMIT;
    full = g_strdup_printf(WN_METRIC_PLUGIN_PREFIX "%s_%s",
        instance->module->info->name, name);
    if (strlen(full) > WN_METRIC_NAME_MAX)
        return WN_E_INVALID;
    labels = g_strdup_printf("instance=\"%s\"", instance->name);
    g_ptr_array_add(instance->metrics, make[kind](full, labels, help));
    return (int32_t)((instance->metrics->len - 1) * N_KINDS + kind);
}

static int32_t
metrics_counter(const WnHost *host, const char *name, const char *help)
{
    return metric_make(host, KIND_COUNTER, name, help);
}

static int32_t
metrics_gauge(const WnHost *host, const char *name, const char *help)
{
    return metric_make(host, KIND_GAUGE, name, help);
}

static int32_t
metrics_histogram(const WnHost *host, const char *name, const char *help)
{
    return metric_make(host, KIND_HISTOGRAM, name, help);
}

/* NULL for what is no id of this kind: an error code, for one. */
static WnMetric *
metric_find(const WnHost *host, MetricKind kind, int32_t id)
{
    const GPtrArray *metrics = instance_of(host)->metrics;

    if (id < 0 || (MetricKind)(id % N_KINDS) != kind
        || (unsigned)id / N_KINDS >= metrics->len)
        return NULL;
    return g_ptr_array_index(metrics, (unsigned)id / N_KINDS);
}

static void
metrics_add(const WnHost *host, int32_t counter, uint64_t n)
{
    WnMetric *metric = metric_find(host, KIND_COUNTER, counter);

    if (metric != NULL && n <= G_MAXINT64)
        wn_metric_add(metric, (int64_t)n);
}

static void
metrics_set(const WnHost *host, int32_t gauge, int64_t value)
{
    WnMetric *metric = metric_find(host, KIND_GAUGE, gauge);

    if (metric != NULL)
        wn_metric_set(metric, value);
}

static void
metrics_observe(const WnHost *host, int32_t histogram, double ms)
{
    WnMetric *metric = metric_find(host, KIND_HISTOGRAM, histogram);

    if (metric != NULL && ms >= 0 && ms < 1e12)
        wn_metric_observe_us(metric, (int64_t)(ms * 1000));
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
 * Time, data, interfaces
 */

static int64_t
timer_monotonic_ms(const WnHost *host)
{
    (void)host;
    return wn_clock_mono_ms();
}

static int64_t
timer_unix_time(const WnHost *host)
{
    (void)host;
    return wn_clock_unix();
}

static int32_t
timer_every(const WnHost *host, uint32_t ms, WnTickFn fn)
{
    return wn_instance_every(instance_of(host), ms, fn);
}

static const WnTimerApi timer_api = {
    .struct_size = sizeof(WnTimerApi),
    .monotonic_ms = timer_monotonic_ms,
    .unix_time = timer_unix_time,
    .after = wn_host_after,
    .every = timer_every,
};

/* The published blob, if this version of the plugin can read it. */
static const WnBlobFile *
find_blob(const WnHookCall *call, const char *name)
{
    const WnModule *module = call->instance->module;
    int n = name != NULL ? wn_dataset_find(module, name) : -1;
    const char *file = n >= 0 ? wn_policy_blob_name(call->policy, (unsigned)n)
                              : NULL;
    const WnBlobFile *blob;

    if (file == NULL || call->facts.snapshot == NULL)
        return NULL;
    blob = wn_blob_shelf_get(wn_snapshot_blobs(call->facts.snapshot), file);
    if (blob == NULL
        || wn_blob_info(blob)->format
               != wn_dataset_get(module, (unsigned)n)->format)
        return NULL;
    return blob;
}

static const WnBlob *
data_blob(WnCall *handle, const char *name)
{
    WnHookCall *call = wn_hook_call_of(handle);
    const WnBlobFile *file = find_blob(call, name);
    const WnBlobInfo *info;
    WnBlob *blob;

    if (file == NULL)
        return NULL;
    info = wn_blob_info(file);
    blob = wn_arena_alloc(call->arena, sizeof *blob);
    *blob = (WnBlob){ .struct_size = sizeof *blob,
        .format = info->format,
        .data = wn_blob_payload(file).ptr,
        .size = wn_blob_payload(file).len,
        .generation = info->generation,
        .built = info->built,
        .rows = info->rows };
    return blob;
}

static const WnDataApi data_api = {
    .struct_size = sizeof(WnDataApi),
    .blob = data_blob,
};

/*
 * Shared memory
 */

static bool
is_shared_key(const void *key, size_t len)
{
    return key != NULL && len > 0 && len <= WN_SHARED_TABLE_KEY_MAX;
}

/* What an instance counts when it is made would be another process's table. */
static int32_t
shared_load(const WnHost *host, const void *key, size_t key_len,
    uint64_t *value)
{
    const WnInstance *instance = instance_of(host);

    *value = 0;
    if (instance->making)
        return WN_E_STATE;
    if (!is_shared_key(key, key_len))
        return WN_E_INVALID;
    *value = wn_shared_table_load(instance->env->shared,
        wn_span_str(instance->name), wn_span(key, key_len));
    return *value != 0 ? WN_OK : WN_E_NOT_FOUND;
}

static int32_t
shared_replace(const WnHost *host, const void *key, size_t key_len,
    uint64_t expected, uint64_t value, uint32_t ttl_s)
{
    const WnInstance *instance = instance_of(host);

    if (instance->making)
        return WN_E_STATE;
    if (!is_shared_key(key, key_len) || (value != 0 && ttl_s == 0))
        return WN_E_INVALID;
    return wn_shared_table_replace(instance->env->shared,
               wn_span_str(instance->name), wn_span(key, key_len), expected,
               value, ttl_s)
               ? WN_OK
               : WN_E_STATE;
}

static const WnSharedApi shared_api = {
    .struct_size = sizeof(WnSharedApi),
    .load = shared_load,
    .replace = shared_replace,
};

static const void *
get_interface(const WnHost *host, const char *id)
{
    (void)host;
    (void)id;
    return NULL;
}

void
wn_host_init(WnInstance *instance)
{
    instance->sdk = (WnHost){
        .struct_size = sizeof(WnHost),
        .abi_major = WN_ABI_MAJOR,
        .abi_minor = WN_ABI_MINOR,
        .version = WN_VERSION,
        .instance_name = instance->name,
        .hostname = instance->env->hostname,
        .log = &log_api,
        .metrics = &metrics_api,
        .settings = wn_settings_api(),
        .timer = &timer_api,
        .call = wn_host_call_api(),
        .facts = wn_host_facts_api(),
        .message = wn_host_message_api(),
        .dns = wn_host_dns_api(),
        .io = wn_host_io_api(),
        .data = &data_api,
        .edit = wn_host_edit_api(),
        .shared = &shared_api,
        .get_interface = get_interface,
    };
}
