/* SPDX-License-Identifier: MIT */
#include "core/plugin/instance.h"

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "core/plugin/dataset.h"
#include "core/plugin/host.h"

#include <string.h>

#define SLOW_HOOK_US 50000 /* a hook that runs so long delays other mail */
#define POLICIES_LIMIT 256
#define RETRY_POLICY_MS 60000

typedef struct Tick {
    WnInstance *instance;
    WnTimer timer;
    int64_t ms;
    WnTickFn fn;
} Tick;

static void
tick_free(void *data)
{
    Tick *tick = data;

    wn_timer_clear(&tick->timer);
    g_free(tick);
}

/*
 * Around plugin code
 */

int64_t
wn_instance_enter(const WnInstance *self, const char *hook, const WnId *id,
    uint64_t content)
{
    if (self->env->trace != NULL)
        self->env->trace(self->env->trace_user, self->name, hook, id, content);
    return wn_clock_mono_us();
}

void
wn_instance_leave(const WnInstance *self, const char *hook, int64_t entered_us)
{
    int64_t took_us = wn_clock_mono_us() - entered_us;
    WnEvent event;

    if (self->env->trace != NULL)
        self->env->trace(self->env->trace_user, NULL, NULL, NULL, 0);
    if (took_us < SLOW_HOOK_US)
        return;
    wn_event_begin(&event, WN_LEVEL_WARNING, "plugin_slow");
    wn_event_str(&event, "filter", self->name);
    wn_event_str(&event, "hook", hook);
    wn_event_int(&event, "ms", took_us / 1000);
    wn_event_end(&event);
}

const char *
wn_instance_skipped(const WnInstance *self, WnOccasion occasion)
{
    const WnSkips *skips = self->env->skips;

    return skips != NULL
               ? wn_skips_why(skips, self->name, occasion.id, occasion.content)
               : NULL;
}

/* Is it switched off? */
static bool
is_off(const WnInstance *self)
{
    return wn_instance_skipped(self, (WnOccasion){ .id = NULL }) != NULL;
}

void
wn_instance_fault(const WnInstance *self, const char *hook, const WnId *id,
    const char *reason)
{
    WnEvent event;

    wn_event_begin(&event, WN_LEVEL_ERROR, "plugin_fault");
    wn_event_str(&event, "filter", self->name);
    wn_event_str(&event, "plugin", self->module->info->name);
    wn_event_str(&event, "hook", hook);
    if (id != NULL)
        wn_event_id(&event, id);
    wn_event_str(&event, "reason", reason);
    wn_event_end(&event);
}

/* What the plugin says of itself is one line at most. */
static char *
error_text(WnError *err, const char *otherwise)
{
    g_autoptr(GString) text = NULL;

    err->text[sizeof err->text - 1] = '\0';
    text = g_string_new(err->text[0] != '\0' ? err->text : otherwise);
    wn_text_clean(text);
    return g_strdup(text->str);
}

/*
 * Policies
 */

WnPolicy *
wn_policy_ref(WnPolicy *self)
{
    self->n_refs++;
    return self;
}

/* What a plugin that is switched off holds is lost: its code is not run. */
static void
policy_release(const WnPolicy *self)
{
    const WnInstance *instance = self->instance;
    const WnPlugin *plugin = &instance->module->plugin;
    int64_t entered_us;

    if (self->policy == NULL || plugin->policy_free == NULL || is_off(instance))
        return;
    entered_us = wn_instance_enter(instance, "policy_free", NULL, 0);
    plugin->policy_free(instance->self, self->policy);
    wn_instance_leave(instance, "policy_free", entered_us);
}

void
wn_policy_unref(WnPolicy *self)
{
    WnInstance *instance = self->instance;

    if (--self->n_refs > 0)
        return;
    if (self->settings != NULL)
        g_hash_table_remove(instance->by_content,
            wn_settings_content(self->settings));
    policy_release(self);
    wn_settings_free(self->settings);
    g_strfreev(self->blobs);
    g_free(self->error);
    g_free(self);
}

static void
policy_unref(void *data)
{
    wn_policy_unref(data);
}

const char *
wn_policy_blob_name(WnPolicy *self, unsigned n)
{
    const WnModule *module = self->instance->module;
    unsigned n_sets = wn_dataset_count(module);

    if (self->settings == NULL)
        return NULL;
    if (self->blobs == NULL) {
        self->blobs = g_new0(char *, n_sets + 1);
        for (unsigned i = 0; i < n_sets; i++) {
            g_auto(GStrv) paths = wn_dataset_paths(module, i, self->settings);

            self->blobs[i] = wn_dataset_blob_name(module, i,
                (const char *const *)paths);
        }
    }
    g_assert(n < n_sets);
    return self->blobs[n];
}

static void
policy_make(WnPolicy *self, WnOccasion occasion)
{
    WnInstance *instance = self->instance;
    const WnPlugin *plugin = &instance->module->plugin;
    WnError err = { .struct_size = sizeof err };
    int64_t entered_us;
    int32_t result;

    if (plugin->policy_new == NULL)
        return;
    entered_us = wn_instance_enter(instance, "policy_new", occasion.id,
        occasion.content);
    result = plugin->policy_new(instance->self, self->settings, &self->policy,
        &err);
    wn_instance_leave(instance, "policy_new", entered_us);
    if (result == WN_OK)
        return;
    self->policy = NULL;
    self->error = error_text(&err, "the plugin refuses its settings");
}

/* The one policy with this content; takes the settings. */
static WnPolicy *
policy_of_settings(WnInstance *self, WnSettings *take_settings)
{
    const char *content = wn_settings_content(take_settings);
    WnPolicy *policy = g_hash_table_lookup(self->by_content, content);

    if (policy != NULL) {
        wn_settings_free(take_settings);
        return wn_policy_ref(policy);
    }
    policy = g_new0(WnPolicy, 1);
    policy->instance = self;
    policy->n_refs = 1;
    policy->settings = take_settings;
    policy->made_ms = wn_clock_mono_ms();
    g_hash_table_insert(self->by_content, (void *)(uintptr_t)content, policy);
    return policy;
}

static WnPolicy *
policy_failed(WnInstance *self, const char *reason)
{
    WnPolicy *policy = g_new0(WnPolicy, 1);

    policy->instance = self;
    policy->n_refs = 1;
    policy->error = g_strdup(reason);
    return policy;
}

static char *
pairs_key(const WnSettingPair *pairs, size_t n_pairs)
{
    GString *key = g_string_new(NULL);

    for (size_t i = 0; i < n_pairs; i++) {
        g_string_append_printf(key, "%zu,%zu:", pairs[i].key.len,
            pairs[i].value.len);
        g_string_append_len(key, pairs[i].key.ptr, (gssize)pairs[i].key.len);
        g_string_append_len(key, pairs[i].value.ptr,
            (gssize)pairs[i].value.len);
    }
    return g_string_free(key, FALSE);
}

static gboolean
is_unused(void *key, void *value, void *user)
{
    const WnPolicy *policy = value;

    (void)key;
    (void)user;
    return policy->n_refs == 1;
}

/* Settings that domains no longer have would stay for ever.  What is dropped
 * too early is made again. */
static void
sweep_policies(WnInstance *self)
{
    if (g_hash_table_size(self->by_pairs) < self->policies_limit)
        return;
    g_hash_table_foreach_remove(self->by_pairs, is_unused, NULL);
    self->policies_limit = MAX(POLICIES_LIMIT,
        2 * g_hash_table_size(self->by_pairs));
}

static bool
is_stale(const WnPolicy *policy)
{
    return policy->error != NULL
           && wn_clock_mono_ms() - policy->made_ms >= RETRY_POLICY_MS;
}

WnPolicy *
wn_instance_policy(WnInstance *self, const WnSettingPair *pairs, size_t n_pairs,
    WnOccasion occasion)
{
    g_autofree char *key = NULL;
    g_autoptr(GError) error = NULL;
    WnSettings *settings;
    WnPolicy *policy;

    if (n_pairs == 0)
        return wn_policy_ref(self->own);
    key = pairs_key(pairs, n_pairs);
    policy = g_hash_table_lookup(self->by_pairs, key);
    if (policy != NULL && !is_stale(policy))
        return wn_policy_ref(policy);
    g_hash_table_remove(self->by_pairs, key);
    sweep_policies(self);
    settings = wn_settings_new(self->module->info, self->base, pairs, n_pairs,
        &error);
    if (settings == NULL)
        return policy_failed(self, error->message);
    policy = policy_of_settings(self, settings);
    if (policy->n_refs == 1)
        policy_make(policy, occasion);
    g_hash_table_insert(self->by_pairs, g_steal_pointer(&key),
        wn_policy_ref(policy));
    return policy;
}

/*
 * The instance
 */

static void
make_metrics(WnInstance *self)
{
    g_autofree char *labels = g_strdup_printf("filter=\"%s\"", self->name);

    self->seconds = wn_metrics_histogram("winnow_filter_seconds", labels,
        "Time from the start of a filter's hook to its verdict, or of an "
        "action.");
    if (self->module->plugin.filter == NULL)
        return;
    for (int i = 0; i < WN_LEDGER_VERDICTS; i++) {
        g_autofree char *both = g_strdup_printf("%s,verdict=\"%s\"", labels,
            wn_ledger_verdict_name((WnLedgerVerdict)i));

        self->verdicts[i] = wn_metrics_counter("winnow_filter_total", both,
            "Verdicts of filters, each counted when it is made.");
    }
}

static WnInstance *
instance_allocate(const WnInstanceSpec *spec)
{
    WnInstance *self = g_new0(WnInstance, 1);

    self->env = spec->env;
    self->module = spec->module;
    self->name = g_strdup(spec->name);
    self->index = spec->index;
    self->timeout_ms = spec->timeout_ms;
    self->base = spec->base;
    self->by_pairs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
        policy_unref);
    self->by_content = g_hash_table_new(g_str_hash, g_str_equal);
    self->policies_limit = POLICIES_LIMIT;
    self->metrics = g_ptr_array_new();
    self->ticks = g_ptr_array_new_with_free_func(tick_free);
    make_metrics(self);
    wn_host_init(self);
    return self;
}

static bool
call_instance_new(WnInstance *self, GError **error)
{
    WnError err = { .struct_size = sizeof err };
    g_autofree char *text = NULL;
    int64_t entered_us;
    int32_t result;

    self->making = true;
    entered_us = wn_instance_enter(self, "instance_new", NULL, 0);
    result = self->module->plugin.instance_new(&self->sdk, self->own->settings,
        &self->self, &err);
    wn_instance_leave(self, "instance_new", entered_us);
    self->making = false;
    if (result == WN_OK)
        return true;
    g_ptr_array_set_size(self->ticks, 0);
    text = error_text(&err, "the plugin gives no reason");
    g_set_error(error, WN_PLUGIN_ERROR, 0, "the plugin does not start: %s",
        text);
    return false;
}

/* Nothing else is called of an instance that instance_new() has refused. */
static void
instance_drop(WnInstance *self)
{
    if (self->own != NULL)
        wn_policy_unref(self->own);
    g_hash_table_unref(self->by_pairs);
    g_hash_table_unref(self->by_content);
    g_ptr_array_unref(self->ticks);
    g_ptr_array_unref(self->metrics);
    g_free(self->name);
    g_free(self);
}

WnInstance *
wn_instance_new(const WnInstanceSpec *spec, GError **error)
{
    WnSettings *settings = wn_settings_new(spec->module->info, spec->base, NULL,
        0, error);
    WnInstance *self;

    if (settings == NULL)
        return NULL;
    self = instance_allocate(spec);
    self->own = policy_of_settings(self, settings);
    if (!call_instance_new(self, error)) {
        instance_drop(self);
        return NULL;
    }
    policy_make(self->own, (WnOccasion){ .id = NULL });
    return self;
}

static void
call_instance_free(const WnInstance *self)
{
    const WnPlugin *plugin = &self->module->plugin;
    int64_t entered_us;

    if (plugin->instance_free == NULL || is_off(self))
        return;
    entered_us = wn_instance_enter(self, "instance_free", NULL, 0);
    plugin->instance_free(self->self);
    wn_instance_leave(self, "instance_free", entered_us);
}

void
wn_instance_free(WnInstance *self)
{
    if (self == NULL)
        return;
    g_ptr_array_set_size(self->ticks, 0);
    g_hash_table_remove_all(self->by_pairs);
    g_assert(self->own->n_refs == 1);
    g_clear_pointer(&self->own, wn_policy_unref);
    g_assert(g_hash_table_size(self->by_content) == 0);
    call_instance_free(self);
    instance_drop(self);
}

/*
 * timer->every
 */

static void
on_tick(void *user)
{
    Tick *tick = user;
    int64_t entered_us;

    if (is_off(tick->instance))
        return;
    entered_us = wn_instance_enter(tick->instance, "every", NULL, 0);
    wn_timer_set(&tick->timer, tick->ms);
    tick->fn(tick->instance->self);
    wn_instance_leave(tick->instance, "every", entered_us);
}

int32_t
wn_instance_every(WnInstance *self, int64_t ms, WnTickFn fn)
{
    Tick *tick;

    if (!self->making)
        return WN_E_STATE;
    if (ms <= 0 || fn == NULL)
        return WN_E_INVALID;
    if (self->ticks->len >= WN_INSTANCE_TICKS_MAX)
        return WN_E_LIMIT;
    tick = g_new0(Tick, 1);
    tick->instance = self;
    tick->ms = ms;
    tick->fn = fn;
    wn_timer_init(&tick->timer, self->env->loop, on_tick, tick);
    wn_timer_set(&tick->timer, ms);
    g_ptr_array_add(self->ticks, tick);
    return WN_OK;
}
