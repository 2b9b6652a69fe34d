/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * One run of one hook for one instance, or of an action's apply.
 *
 *                 hook returns a verdict                     ┌────────────┐
 *   start ──────────────────────────────────────────────────►│  finished  │
 *     │ hook returns PENDING                                  └────────────┘
 *     ▼                                                             ▲
 *   waiting ── an operation's callback returns a verdict ───────────┤
 *     │   ▲    the instance's time-out: FAIL ───────────────────────┤
 *     └───┘    the last operation's callback returns PENDING: FAIL ─┘
 *   a callback returns PENDING, others are outstanding
 *
 * Finishing cancels what is outstanding.  A verdict that the SDK does not allow
 * becomes FAIL with a reason, and is logged as the plugin's fault.
 *
 * A plugin holds a WnHookCall as a WnCall, which is never more than a name.
 */

#include "core/base/arena.h"
#include "core/event/loop.h"
#include "core/plugin/edit_set.h"
#include "core/plugin/facts.h"
#include "core/plugin/instance.h"

#define WN_EVIDENCE_MAX 200
#define WN_RULE_MAX 64
#define WN_FINDINGS_MAX 100
#define WN_OPERATIONS_MAX 256
#define WN_ENDS_MAX 64
#define WN_NOTES_MAX 32
#define WN_PREFETCHES_MAX 64

typedef enum {
    WN_HOOK_CONNECT,
    WN_HOOK_HELO,
    WN_HOOK_MAIL,
    WN_HOOK_RCPT,
    WN_HOOK_HEADERS,
    WN_HOOK_MESSAGE,
    WN_HOOK_TRANSACTION_END,
    WN_HOOK_CONNECTION_END,
    WN_HOOK_APPLY_EARLY, /* before there is a message */
    WN_HOOK_APPLY
} WnHook;

const char *wn_hook_name(WnHook hook);

/* The filter's function for the hook, NULL without one. */
typedef WnVerdict (*WnHookFn)(void *self, WnCall *call);
WnHookFn wn_hook_function(const WnInstance *instance, WnHook hook);

/* What a hook said; owns its texts. */
typedef struct WnHookResult {
    WnVerdict verdict;
    GArray *findings;     /* WnLedgerFinding, with MATCH; NULL: none */
    GArray *notes;        /* WnEdit: fields to add; NULL: none */
    char *reason;         /* with FAIL */
    uint32_t usec;        /* from start to verdict */
    bool looked_at_scope; /* it may be another one for other recipients */
} WnHookResult;

void wn_hook_result_clear(WnHookResult *self);

typedef struct WnHookCall WnHookCall;
typedef void (*WnHookDoneFn)(void *user, WnHookCall *call);

struct WnHookCall {
    WnInstance *instance;
    WnPolicy *policy;
    WnHook hook;
    WnCallFacts facts;
    WnArena *arena; /* WN_LIFE_CALL */
    WnHookResult result;
    WnEditSet *edits;               /* in apply; borrowed */
    struct WnOperation *operations; /* outstanding */
    uint32_t n_operations;
    uint32_t n_prefetches;
    struct WnCallEnd *ends; /* last first */
    uint32_t n_ends;
    WnTimer deadline;
    int64_t started_us;
    void *spare_slot; /* for a life that has none here */
    WnHookDoneFn done;
    void *user;
};

static inline WnHookCall *
wn_hook_call_of(const WnCall *handle)
{
    return (WnHookCall *)(uintptr_t)handle;
}

static inline WnOccasion
wn_txn_occasion(const WnTxnFacts *txn)
{
    return txn != NULL ? (WnOccasion){ &txn->id, txn->content }
                       : (WnOccasion){ .id = NULL };
}

/* facts is copied; what it points to outlives the call. */
WnHookCall *wn_hook_call_new(WnPolicy *policy, WnHook hook,
    const WnCallFacts *facts);

/* Cancels what is outstanding; never from the plugin's own code. */
void wn_hook_call_free(WnHookCall *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnHookCall, wn_hook_call_free)

/* Runs the hook.  True: finished, result is there, done is not called.  False:
 * done will be called, once, after this has returned; it may free the call. */
bool wn_hook_call_start(WnHookCall *self, WnHookDoneFn done, void *user);

/* Runs transaction_end or connection_end. */
void wn_hook_call_end(WnHookCall *self);

/* Runs an action; what it asked for stands in edits. */
WnDisposition wn_hook_call_apply(WnHookCall *self, WnEditSet *edits,
    const WnDecision *why);

/* call->report: WN_OK or an SDK error. */
int32_t wn_hook_call_report(WnHookCall *self, const WnFinding *finding);

/* call->at_end and call->add_header. */
int32_t wn_hook_call_at_end(WnHookCall *self, WnEndFn fn, void *user);
int32_t wn_hook_call_add_header(WnHookCall *self, const char *name,
    const char *value);

/* The transaction's id, or NULL. */
const WnId *wn_hook_call_id(const WnHookCall *self);

/* wn_instance_enter() for it. */
int64_t wn_hook_call_enter(const WnHookCall *self);

/* Why its plugin is not to be run (skips.h); NULL: it is. */
const char *wn_hook_call_skipped(const WnHookCall *self);

/* An operation's callback has returned that; the operation is gone. */
void wn_hook_call_answer(WnHookCall *self, WnVerdict verdict);
