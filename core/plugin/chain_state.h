/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the files of the chain share; nobody else includes this.
 *
 *    chain.c           host, connection, transaction
 *    chain_evaluate.c  one filter for one scope: its hooks, up to a verdict
 *    chain_decide.c    what a verdict leads to: ledger entry, action, decision
 *    chain_run.c       the walk over scopes and links
 */

#include "core/plugin/call.h"
#include "core/plugin/chain.h"
#include "core/plugin/message_view.h"

/* [filter NAME] of conf.d. */
typedef struct WnChainFilter {
    const WnFilterConfig *config;
    WnInstance *instance; /* NULL: could not be made */
    char *missing;        /* then, why */
} WnChainFilter;

struct WnChainHost {
    WnPluginEnv env;
    WnSharedTable *own_shared; /* until it is given that of the relay */
    const WnConfig *config;
    GPtrArray *instances; /* WnInstance, owned; its index is its place */
    GPtrArray *filters;   /* WnChainFilter, in conf.d's order */
    GHashTable *by_name;  /* filter's name -> WnChainFilter */
    GHashTable *actions;  /* plugin's name -> WnInstance */
    unsigned n_connections;
    WnSnapshot *snapshot; /* in use now; NULL: none yet */
};

/* What a connect, helo or mail hook of one instance said: run once. */
typedef enum { WN_CELL_EMPTY, WN_CELL_RUNNING, WN_CELL_DONE } WnCellState;

typedef struct WnChainCell {
    WnChainConnection *connection;
    WnCellState state;
    WnHookCall *call; /* RUNNING */
    WnHookResult result;
    bool counted; /* some filter's verdict has taken it in */
} WnChainCell;

struct WnChainConnection {
    WnChainHost *host;
    WnConnectionFacts facts;
    WnChainCell *connect; /* one for each instance */
    WnChainCell *helo;
    GPtrArray *runs; /* WnChainRun under way */
    bool *took_part; /* for each instance: it gets connection_end */
    unsigned n_txns;
    WnChainTxn *ahead; /* whose instances look ahead; NULL: none */
};

/* What became of a scope, for transaction_end. */
typedef struct WnChainOutcome {
    uint32_t class_id;
    int32_t outcome;
    const WnAddress *const *recipients;
    uint32_t n_recipients;
    WnSpan domain;
} WnChainOutcome;

struct WnChainTxn {
    WnChainConnection *connection;
    WnSnapshot *snapshot;
    WnTxnFacts facts;
    WnChainCell *mail;
    GHashTable *results; /* of rcpt hooks: WnStoredResult, owned */
    bool *took_part;
    bool *ahead; /* for each instance: it goes on by itself up to MAIL */
    WnChainOutcome *outcomes; /* of the message's scopes; NULL: none yet */
    size_t n_outcomes;
};

/* One filter in the chain of a scope. */
typedef struct WnChainLink {
    WnSpan name;
    WnSpan action; /* empty: report only */
    WnOnMatch on_match;
    WnOnError on_error;
    const WnChainFilter *filter; /* NULL: conf.d has none of that name */
    WnPolicy *policy;            /* NULL without an instance, or if skipped */
    const char *skipped;         /* why (skips.h); NULL: it is run */
    WnLink link;                 /* of the snapshot, but at connect */
} WnChainLink;

typedef struct WnChainScope {
    WnClass class_;
    const WnAddress **recipients;
    uint32_t n_recipients;
    WnSpan domain;
    bool loaded;
    bool broken; /* its class is not in the snapshot */
    WnChainLink *links;
    uint32_t n_links;
    const char *ended; /* why later links are skipped; NULL: go on */
    GArray *entries;   /* WnLedgerEntry */
    GArray *edits;     /* WnEdit */
    WnScopeDecision decision;
} WnChainScope;

/* How far the hooks of the current link are. */
typedef struct WnEvaluation {
    WnHook stage;
    uint32_t recipient;
    bool fresh; /* a hook ran for it, not only remembered results */
    uint64_t usec;
    const char *failure; /* of a hook that could not tell */
} WnEvaluation;

typedef enum { WN_RUN_CONNECT, WN_RUN_RCPT, WN_RUN_MESSAGE } WnRunKind;

struct WnChainRun {
    WnRunKind kind;
    WnChainConnection *connection;
    WnChainTxn *txn; /* NULL at connect */
    WnChainFn fn;
    void *user;
    WnArena *arena; /* of decisions */
    WnMessageView *view;
    GHashTable *results; /* of headers and message hooks: WnStoredResult */
    WnChainScope *scopes;
    size_t n_scopes;
    size_t at_scope;
    uint32_t at_link;
    WnEvaluation evaluation;
    WnHookCall *call;     /* own, waited for */
    WnChainCell *waiting; /* or this */
};

/* A remembered result; found by what could make it another one. */
typedef struct WnStoredResult {
    const WnInstance *instance;
    WnPolicy *policy; /* referenced; NULL: the same with any settings */
    WnHook hook;
    const void *subject; /* recipient or scope; NULL: the same for all */
    WnHookResult result;
} WnStoredResult;

GHashTable *wn_chain_results_new(void);

/* Runs what the current link still needs.  False: it waits, and the run will
 * be stepped again.  True: *out_result is the verdict; borrowed until the next
 * step, usec summed up in the evaluation. */
bool wn_chain_evaluate(WnChainRun *run, WnHookResult *out_result);

/* Starts the cell's hook unless that was done. */
void wn_chain_cell_start(WnChainCell *cell, WnInstance *instance, WnHook hook,
    WnChainTxn *txn);
void wn_chain_cell_reset(WnChainCell *cell);

/* Starts the first of connect, helo and mail that has not run; the others
 * follow it. */
void wn_chain_cells_ahead(WnChainTxn *txn, WnInstance *instance);

/* Enters the verdict into the ledger and does what follows from it. */
void wn_chain_conclude(WnChainRun *run, const WnChainLink *link,
    const WnHookResult *result);
/* Enters links that do not run. */
void wn_chain_skip(WnChainRun *run, const WnChainLink *link,
    const char *reason);

/* The filter of the link is not there to be asked: its on_error decides. */
void wn_chain_miss(WnChainRun *run, const WnChainLink *link,
    const char *reason);
/* What the message of a scope gets without a word of a filter. */
void wn_chain_tempfail(WnChainRun *run, WnChainScope *scope, WnSpan filter);
WnScopeDecision wn_chain_too_much_memory(void);

/* The domain's values for the filter's or the action's plugin; an array of
 * WnSettingPair.  snapshot NULL: conf.d's values of actions. */
GArray *wn_chain_filter_pairs(WnSnapshot *snapshot, const WnLink *link);
GArray *wn_chain_action_pairs(WnSnapshot *snapshot, const WnChainLink *link);

WnOccasion wn_chain_occasion(const WnChainRun *run);
WnCallFacts wn_chain_facts(const WnChainRun *run, const WnChainScope *scope);

/* Steps the run soon. */
void wn_chain_run_soon(WnChainRun *run);
void wn_chain_run_step(WnChainRun *run);
