/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * One configured use of a plugin in this process: the WnHost it holds, what
 * instance_new() made, and a policy for each distinct set of settings.
 * Everything of it ends with wn_instance_free(); policies are given back
 * before.
 */

#include "core/base/id.h"
#include "core/base/metrics.h"
#include "core/base/shared_table.h"
#include "core/dns/resolver.h"
#include "core/plugin/aside.h"
#include "core/plugin/ledger.h"
#include "core/plugin/module.h"
#include "core/plugin/settings.h"
#include "core/plugin/skips.h"

#define WN_INSTANCE_METRICS_MAX 64
#define WN_INSTANCE_TICKS_MAX 16
#define WN_LEDGER_VERDICTS (WN_LEDGER_SKIPPED + 1)

/* Told before and after plugin code runs; filter is NULL when nothing runs. */
typedef void (*WnInstanceTraceFn)(void *user, const char *filter,
    const char *hook, const WnId *id, uint64_t content);

/* What all instances of a process share. */
typedef struct WnPluginEnv {
    WnLoop *loop;
    WnResolver *resolver; /* NULL: DNS answers FAILED */
    WnSharedTable *shared;
    const char *hostname;
    WnInstanceTraceFn trace; /* NULL: none */
    WnAsideFn aside;         /* NULL: none; user is the trace's */
    void *trace_user;
    const WnSkips *skips; /* NULL: every filter is run */
} WnPluginEnv;

typedef struct WnInstance WnInstance;

/* One set of settings and what policy_new() made of it. */
typedef struct WnPolicy {
    WnInstance *instance;
    unsigned n_refs;
    WnSettings *settings; /* NULL if a value does not parse */
    void *policy;
    char *error;     /* NULL: usable */
    char **blobs;    /* names, one for each data set; NULL: none yet */
    int64_t made_ms; /* monotonic */
} WnPolicy;

/* What plugin code runs for: for the scoreboard, and for skips.h. */
typedef struct WnOccasion {
    const WnId *id;   /* NULL: before MAIL */
    uint64_t content; /* 0: before the message */
} WnOccasion;

WnPolicy *wn_policy_ref(WnPolicy *self);
void wn_policy_unref(WnPolicy *self);

/* The name of the blob for the plugin's nth data set with these settings; NULL
 * if they do not parse. */
const char *wn_policy_blob_name(WnPolicy *self, unsigned n);

struct WnInstance {
    WnHost sdk; /* first: what the plugin holds points here */
    const WnPluginEnv *env;
    const WnModule *module;
    char *name;
    unsigned index;          /* of its slots */
    int64_t timeout_ms;      /* of one call */
    void *self;              /* the plugin's */
    bool making;             /* instance_new runs */
    WnPolicy *own;           /* without any domain */
    const GPtrArray *base;   /* WnSetting of conf.d, nullable */
    GHashTable *by_pairs;    /* text of pairs -> WnPolicy, owned */
    GHashTable *by_content;  /* content -> WnPolicy */
    unsigned policies_limit; /* by_pairs is swept when it has so many */
    GPtrArray *metrics;      /* WnMetric that the plugin made */
    GPtrArray *ticks;        /* Tick: timer->every */
    WnMetric *verdicts[WN_LEDGER_VERDICTS]; /* NULL of an action */
    WnMetric *seconds;
};

typedef struct WnInstanceSpec {
    const WnPluginEnv *env; /* borrowed, as are module and base */
    const WnModule *module;
    const char *name;
    const GPtrArray *base; /* WnSetting, nullable */
    int64_t timeout_ms;
    unsigned index;
} WnInstanceSpec;

/* NULL with error if the settings do not parse or the plugin refuses. */
WnInstance *wn_instance_new(const WnInstanceSpec *spec, GError **error);
void wn_instance_free(WnInstance *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnInstance, wn_instance_free)

/* The policy for conf.d's settings with pairs laid over them (transfer full).
 * Never NULL; made once for each distinct set, and tried again some time after
 * it failed: a file may have come. */
WnPolicy *wn_instance_policy(WnInstance *self, const WnSettingPair *pairs,
    size_t n_pairs, WnOccasion occasion);

/* Why nothing of the plugin is to be run then; NULL: it is. */
const char *wn_instance_skipped(const WnInstance *self, WnOccasion occasion);

/* timer->every; WN_OK or an SDK error. */
int32_t wn_instance_every(WnInstance *self, int64_t ms, WnTickFn fn);

/* Stand around plugin code: tells the trace, and the log when it took long.
 * id is NULL before MAIL, content 0 before the message. */
int64_t wn_instance_enter(const WnInstance *self, const char *hook,
    const WnId *id, uint64_t content);
void wn_instance_leave(const WnInstance *self, const char *hook,
    int64_t entered_us);

/* Tells what the host does for itself meanwhile. */
static inline void
wn_instance_aside(const WnInstance *self, WnAside what)
{
    if (self->env->aside != NULL)
        self->env->aside(self->env->trace_user, what);
}

/* Logs a mistake of the plugin's: event plugin_fault. */
void wn_instance_fault(const WnInstance *self, const char *hook, const WnId *id,
    const char *reason);
