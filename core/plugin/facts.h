/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What is known of a connection and a transaction, in the SDK's structs, and
 * what plugins keep with them.  Made by the chain, seen by plugins through the
 * host's tables.
 */

#include "core/base/arena.h"
#include "core/base/id.h"
#include "core/base/netaddr.h"
#include "core/plugin/sdk.h"

#include <glib.h>

#define WN_CONNECTION_MEMORY_MAX (64u * 1024) /* of plugins: SDK §13 */
#define WN_TAGS_MAX 64
#define WN_TAG_NAME_MAX 64
#define WN_TAG_VALUE_MAX 256

/* A plugin's memory of one life, and a pointer for each instance. */
typedef struct WnLifeStore {
    WnArena *arena;
    void **slots;
} WnLifeStore;

typedef struct WnConnectionFacts {
    WnClient client;
    WnLifeStore store; /* its arena has the limit */
    WnArena *strings;  /* of client */
} WnConnectionFacts;

typedef struct WnTxnFacts {
    WnLifeStore store; /* its arena holds all facts too */
    WnId id;
    uint64_t content; /* of the message (skips.h); 0: not here yet */
    WnStr id_text;
    const WnAddress *sender;
    GHashTable *tags;      /* name -> value */
    GHashTable *addresses; /* text -> WnAddress: one object for each */
    uint32_t n_recipients; /* accepted so far, in any scope */
} WnTxnFacts;

/* What one call may see; copied into it. */
typedef struct WnCallFacts {
    WnConnectionFacts *connection;
    WnTxnFacts *txn;                    /* NULL before MAIL */
    const WnAddress *const *recipients; /* of the scope */
    uint32_t n_recipients;
    WnSpan domain;
    int32_t outcome;             /* in transaction_end */
    struct WnMessageView *view;  /* NULL without a message */
    struct WnSnapshot *snapshot; /* whose data sets it sees; NULL: none */
} WnCallFacts;

void wn_connection_facts_init(WnConnectionFacts *self, unsigned n_instances);
void wn_connection_facts_clear(WnConnectionFacts *self);

/* Over its cap, or fed with ever new facts: the connection is to end. */
bool wn_connection_facts_exceeded(const WnConnectionFacts *self);

void wn_txn_facts_init(WnTxnFacts *self, unsigned n_instances, const WnId *id,
    WnSpan sender);
void wn_txn_facts_clear(WnTxnFacts *self);

/* The same object for the same text, for the life of the transaction. */
const WnAddress *wn_txn_facts_address(WnTxnFacts *self, WnSpan text);

/* WN_OK, WN_E_INVALID or WN_E_LIMIT. */
int32_t wn_txn_facts_set_tag(WnTxnFacts *self, const char *name,
    const char *value);
