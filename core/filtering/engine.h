/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Answers requests with a chain host: keeps connections and transactions by
 * session number, parses the message, runs the chains, renders edits to
 * splices.  Works in winnow-filter behind server.h, and inside a program
 * (isolation = none, winnowctl explain, tests).
 *
 * Stateless towards the asker: a request for a session it has never seen
 * makes one from the request's facts.
 */

#include "core/filtering/request.h"
#include "core/plugin/chain.h"

typedef struct WnEngine WnEngine;
typedef struct WnEngineJob WnEngineJob;

/* host and resolver (nullable: names are unknown) are borrowed.  Snapshots are
 * opened below state (nullable: none is) as requests name their generation; the
 * last few are kept.  Before free every job must be answered or cancelled. */
WnEngine *wn_engine_new(WnLoop *loop, WnChainHost *host, WnResolver *resolver,
    const char *state);
void wn_engine_free(WnEngine *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnEngine, wn_engine_free)

/* Uses this snapshot for its generation instead of opening one (explain). */
void wn_engine_set_snapshot(WnEngine *self, WnSnapshot *snapshot);

/* response is good during the callback.  Not called for AHEAD, RESET and
 * CLOSE. */
typedef void (*WnEngineFn)(void *user, const WnResponse *response);

/* The request and what it points to must live until the callback or cancel;
 * the callback may free them.  fn never runs before this has returned.  A
 * request that no chain can answer, because its snapshot cannot be opened or
 * its session was ended meanwhile, is answered with TEMPFAIL for every scope.
 * NULL for AHEAD, RESET and CLOSE. */
WnEngineJob *wn_engine_ask(WnEngine *self, const WnRequest *request,
    WnEngineFn fn, void *user);
void wn_engine_cancel(WnEngineJob *job);

/* Of the messages that are being asked about: memory that the asker shows. */
uint64_t wn_engine_message_bytes(const WnEngine *self);

/* Of the data sets that are open. */
uint64_t wn_engine_blob_bytes(const WnEngine *self);

/* Ends every session, as when the asker is gone. */
void wn_engine_forget_sessions(WnEngine *self);
