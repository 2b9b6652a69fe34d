/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A plugin that stands between winnow's host and the plugin under test.  To the
 * host it is that plugin: same name, options, data sets and hooks.  The plugin
 * gets a host of the harness's, whose tables pass each question on to the real
 * one and lend, count, delay, refuse or take away what comes back.
 *
 *    chain ──► hook of the shim ──► hook of the plugin
 *                    ▲                      │ asks
 *    real host ◄── tables of the shim ◄─────┘
 *
 * What waits is a timer of the real host whatever the plugin asked for, so
 * cancelling, limits and deadlines are the real ones.
 */

#include "core/plugin/module.h"
#include "sdk/harness/guard.h"
#include "sdk/harness/mode.h"
#include "sdk/harness/peer.h"
#include "sdk/harness/zone.h"

#define WN_SHIM_TICKS 16
#define WN_SHIM_OVER (-1)       /* nothing comes any more */
#define WN_SHIM_WHEN_READY (-2) /* a descriptor's */

typedef struct WnShim WnShim;
typedef struct WnShimInstance WnShimInstance;
typedef struct WnShimCall WnShimCall;
typedef struct WnShimOp WnShimOp;

/* A compiled data set that the test has given rows for. */
typedef struct WnShimBlob {
    char *name;
    GByteArray *data;
    uint64_t rows;
    uint32_t format;
} WnShimBlob;

/* What hooks are lent in place of a blob. */
typedef struct WnShimStandIn {
    const void *original; /* that blob's data */
    const void *data;
    size_t size;
    const char *what; /* names it */
} WnShimStandIn;

struct WnShim {
    const WnModule *module; /* of the plugin under test */
    WnPlugin declared;      /* what the host sees */
    WnFilter filter;
    WnAction action;
    WnZone *zone; /* borrowed */
    WnPeers *peers;
    GString *log;
    GPtrArray *blobs;              /* WnShimBlob */
    const WnShimStandIn *stand_in; /* NULL: all blobs are lent as they are */
    GPtrArray *instances;          /* WnShimInstance, live */
    GPtrArray *calls;              /* WnShimCall, live */
    WnGuard *connection;
    WnGuard *txn;
    unsigned n_queries;
    unsigned n_events; /* callbacks that have run */
    GRand *dice;
};

struct WnShimInstance {
    WnShim *shim;
    const WnHost *real;
    WnHost *host; /* the plugin's */
    WnGuard *guard;
    void *self; /* the plugin's */
    WnTickFn ticks[WN_SHIM_TICKS];
    unsigned n_ticks;
    bool making;
};

struct WnShimCall {
    WnShimInstance *instance;
    WnCall *real;
    WnCall *handle; /* what the plugin holds */
    const char *hook;
    WnGuard *guard;
    GPtrArray *ops; /* WnShimOp, all that were started */
    bool running;   /* the plugin's code is on the stack */
};

typedef enum { WN_SHIM_QUERY, WN_SHIM_TIMER, WN_SHIM_IO } WnShimKind;

struct WnShimOp {
    WnShimCall *call;
    WnShimKind kind;
    union {
        WnDnsFn dns;
        WnTimerFn timer;
        WnIoFn io;
    } fn;
    void *user;
    WnZoneAnswer *zone_answer;
    int64_t due_ms; /* monotonic, or one of the two above */
};

/* Stands in for module; zone is borrowed. */
WnShim *wn_shim_new(const WnModule *module, WnZone *zone);
void wn_shim_free(WnShim *self);

/* The next instances that the host makes of this plugin are this shim's: its
 * instance_new has no argument that could tell. */
void wn_shim_select(WnShim *self);

/* Rows of a table for a data set, lines with fields split by tabs: checked,
 * compiled and checked, before the first run.  False with error if the plugin
 * refuses them. */
bool wn_shim_rows(WnShim *self, const char *dataset, const char *lines,
    GError **error);

/* The host has freed its transaction, its connection. */
void wn_shim_end_txn(WnShim *self);
void wn_shim_end_connection(WnShim *self);

/* When the next thing happens that a call waits for; -1: nothing is due. */
int64_t wn_shim_next_ms(const WnShim *self);
/* Does any call wait for a descriptor? */
bool wn_shim_waits_for_io(const WnShim *self);

/*
 * For the tables
 */

/* What the plugin holds; a mistake where it is over. */
WnShimInstance *wn_shim_instance(const WnHost *host, const char *asked);
WnShimCall *wn_shim_call(const WnCall *handle, const char *asked);

/* Around the plugin's code: shim_conduct.c. */
void wn_shim_enter(WnShimCall *call);
void wn_shim_leave(WnShimCall *call, const char *where);

/* The call is one of those that may fail, and does so now. */
bool wn_shim_fails(const char *asked);

/* Lends a view for a life: the source itself where the mode does not guard. */
WnGuard *wn_shim_guard(const WnShimCall *call, WnLife life);
const void *wn_shim_lend(WnGuard *guard, const char *what, const void *data,
    size_t size);
WnStr wn_shim_lend_text(WnGuard *guard, const char *what, WnStr text);
WnStr wn_shim_lend_raw(WnGuard *guard, const char *what, WnStr bytes);

/* A struct of the host's, longer where the host is newer. */
const void *wn_shim_lend_struct(WnGuard *guard, const char *what,
    const void *data, size_t size);

/* Fills the plugin's host: shim_host.c. */
void wn_shim_make_host(WnShimInstance *instance);

/* The tables over a call: shim_call.c, shim_wait.c, shim_message.c. */
extern const WnCallApi wn_shim_call_api;
extern const WnFactsApi wn_shim_facts_api;
extern const WnDnsApi wn_shim_dns_api;
extern const WnIoApi wn_shim_io_api;
extern const WnEditApi wn_shim_edit_api;
extern const WnMessageApi wn_shim_message_api;
int32_t wn_shim_after(WnCall *call, uint32_t ms, WnTimerFn fn, void *user);
void wn_shim_op_free(void *op);
/* data->blob of rows that the test has given; NULL: it has not. */
const WnBlob *wn_shim_blob(WnShimCall *call, const char *name);
