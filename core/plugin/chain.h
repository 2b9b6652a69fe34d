/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Runs filters and actions: the process's instances, a connection, its
 * transactions, and the chains of scopes.  Knows no SMTP and no sockets; it is
 * given plain facts and gives decisions.  winnow-filter drives it from
 * requests, winnowctl explain and unit tests drive it directly.
 *
 * Phases and hooks (SDK):
 *
 *    wn_chain_connect()  connect hooks
 *    wn_chain_ahead()    connect, helo, mail hooks of a class that did not run
 *    wn_chain_rcpt()     rcpt hooks of the early links of one class, decided
 *                        now
 *    wn_chain_message()  headers then message hooks, scope by scope, in chain
 *                        order; what connect, helo and mail reported is taken
 *                        in at the filter's place in the chain
 *    txn_free            transaction_end
 *    connection_free     connection_end
 *
 * Hooks of connect, helo and mail that did not run when a run comes to their
 * filter run then; all three with the instance's own settings.
 *
 * A filter's verdict is that of its first hook that does not pass.  What
 * connect, helo and mail found counts with the instance's own settings; where
 * the link has others, a filter with an rcpt hook is believed only from there
 * on, because that hook is asked with the domain's settings.  Hooks are not run
 * twice: results of early phases, and of equal settings in other scopes, are
 * used again, unless the filter has asked for facts of the scope.
 *
 * The chain of a scope stops at the first filter whose action takes the
 * message (on_match = stop) or that answers WN_TRUST; the filters behind it are
 * SKIPPED in the ledger.  At RCPT and at connect an action can only refuse:
 * where it does not, it is asked again when the message is there.  An action
 * that cannot be run is treated as if its filter had failed.
 *
 * Deadlines: each hook's instance has its timeout; the callback of a run always
 * comes, once, never before the call that started it has returned, unless the
 * run is cancelled first.
 *
 * When plugins have taken more memory for a connection than the SDK allows,
 * every decision is TEMPFAIL with code 421: the connection is to end.
 */

#include "core/base/id.h"
#include "core/base/shared_table.h"
#include "core/conf/snapshot.h"
#include "core/dns/resolver.h"
#include "core/message/message.h"
#include "core/plugin/aside.h"
#include "core/plugin/ledger.h"
#include "core/plugin/loader.h"
#include "core/plugin/skips.h"

typedef struct WnChainHost WnChainHost;
typedef struct WnChainConnection WnChainConnection;
typedef struct WnChainTxn WnChainTxn;
typedef struct WnChainRun WnChainRun;

/* A host without plugins.  config and resolver (nullable: DNS answers FAILED)
 * are borrowed. */
WnChainHost *wn_chain_host_new(WnLoop *loop, const WnConfig *config,
    WnResolver *resolver);

/* Once, after what must be known when plugin code first runs, like the trace.
 * Makes the instances of all enabled filters of config (enabled = false ones
 * too: a domain may select them) and of all actions.  Problems get an entry,
 * with file and line, for each instance that could not be made; the host is
 * usable without those, which count as SKIPPED.  loader is borrowed. */
void wn_chain_host_load(WnChainHost *self, WnLoader *loader,
    WnProblems *problems);
void wn_chain_host_free(WnChainHost *self); /* instance_free of all */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnChainHost, wn_chain_host_free)

/* Called before and after all that runs plugin code, from its loading on, for
 * the scoreboard (nullable).
 * filter is NULL when nothing runs.  content stands for the message, 0 before
 * it is there. */
typedef void (*WnChainTraceFn)(void *user, const char *filter, const char *hook,
    const WnId *id, uint64_t content);
void wn_chain_host_set_trace(WnChainHost *self, WnChainTraceFn fn, void *user);

/* Called around what the host makes for itself in such a call (nullable); user
 * is the trace's. */
void wn_chain_host_set_aside(WnChainHost *self, WnAsideFn fn);

/* Filters in it are not run where it says so, and count as failed.  Borrowed,
 * and may grow. */
void wn_chain_host_set_skips(WnChainHost *self, const WnSkips *skips);

/* What plugins share with those of other processes, before any hook runs;
 * without it what they share is this host's own.  Borrowed. */
void wn_chain_host_set_shared(WnChainHost *self, WnSharedTable *shared);

/* What calls before MAIL see of data sets from now on; later ones see those of
 * their transaction's snapshot.  Referenced. */
void wn_chain_host_set_snapshot(WnChainHost *self, WnSnapshot *snapshot);

/* Does any instance have a connect hook with decide = listener, so that the
 * banner must wait for wn_chain_connect()? */
bool wn_chain_host_decides_connect(const WnChainHost *self);

typedef struct WnChainClient {
    WnNetaddr address;
    WnSpan listener;
    WnSpan helo; /* empty before HELO */
    WnSpan rdns;
    WnPtrStatus rdns_status;
    uint16_t tls_version; /* 0 without TLS */
} WnChainClient;

/* All facts are copied.  hostname and the like for substitutions come from the
 * config. */
WnChainConnection *wn_chain_connection_new(WnChainHost *host,
    const WnChainClient *client);
void wn_chain_connection_update(WnChainConnection *self,
    const WnChainClient *client); /* HELO, TLS, PTR */
void wn_chain_connection_free(WnChainConnection *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnChainConnection, wn_chain_connection_free)

/* snapshot is referenced until free. */
WnChainTxn *wn_chain_txn_new(WnChainConnection *connection,
    WnSnapshot *snapshot, const WnId *id, WnSpan sender);
/* Runs transaction_end hooks and ends every run. */
void wn_chain_txn_free(WnChainTxn *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnChainTxn, wn_chain_txn_free)

/* Its message, before that is run: wn_skips_content(). */
void wn_chain_txn_set_content(WnChainTxn *self, uint64_t content);

typedef struct WnChainRecipient {
    WnSpan address; /* as given, local@domain */
    uint32_t scope; /* index of its scope */
} WnChainRecipient;

/* decisions: one for each scope of the run, good during the callback. */
typedef void (*WnChainFn)(void *user, const WnScopeDecision *decisions,
    size_t n_decisions);

/* Runs connect hooks.  One decision: REJECT or TEMPFAIL only by filters with
 * decide = listener, else DELIVER. */
WnChainRun *wn_chain_connect(WnChainConnection *connection, WnChainFn fn,
    void *user);

/* Begins what the filters of a class can look up before they are asked: their
 * connect, helo and mail hooks, whose results are kept.  Nothing is decided. */
void wn_chain_ahead(WnChainTxn *txn, uint32_t class_id);

/* Runs the early links of a class for one recipient.  One decision. */
WnChainRun *wn_chain_rcpt(WnChainTxn *txn, uint32_t class_id, WnSpan recipient,
    WnChainFn fn, void *user);

/* Runs the chains of all scopes; classes[i] is the class of scope i.  message
 * is borrowed until the callback or cancel; recipients are copied. */
WnChainRun *wn_chain_message(WnChainTxn *txn, WnMessage *message,
    const uint32_t *classes, size_t n_classes,
    const WnChainRecipient *recipients, size_t n_recipients, WnChainFn fn,
    void *user);

/* No callback after this; outstanding operations of plugins are cancelled. */
void wn_chain_cancel(WnChainRun *run);
