/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The programs of one configuration.  A reload makes another generation beside
 * the one that serves, and drains the older one when the newer one is ready.
 *
 *    winnow-sync     1
 *    winnow-queue    1, when asked for, or taken over from the generation
 *                    before: two must never own the spool at once
 *    pairs           winnow-smtp and winnow-filter, joined by a channel; with
 *                    isolation = none no winnow-filter
 *
 *    STARTING --every program ready, snapshot in use--> COMPLETE
 *       |   ^                                              | |
 *       |   +------- one ended, or lacks the snapshot -----+ |
 *       +----- wn_generation_retire(), _drain() -------------+
 *                                   v
 *                                DRAINING --every program gone--> GONE
 *
 * Draining: winnow-smtp finishes its transactions; when it has ended its
 * winnow-filter follows.  generation.c: update() and wn_generation_drain() are
 * the writers of the state.
 */

#include "core/control/ports.h"
#include "core/control/process.h"
#include "core/control/settings_report.h"

/* Sessions of a generation that was replaced go on as they are for a while;
 * then each may finish its transaction. */
#define WN_RETIRE_MAX_MS (60 * 1000)
#define WN_DRAIN_MAX_MS (10 * 60 * 1000)

typedef struct WnGeneration WnGeneration;

typedef enum {
    WN_GENERATION_STARTING,
    WN_GENERATION_COMPLETE,
    WN_GENERATION_DRAINING,
    WN_GENERATION_GONE
} WnGenerationState;

typedef enum {
    WN_KIND_SYNC,
    WN_KIND_QUEUE,
    WN_KIND_SMTP,
    WN_KIND_FILTER
} WnKind;

/* One program of a generation. */
typedef struct WnMember {
    WnGeneration *generation;
    WnKind kind;
    WnProcess *process;
    struct WnMember *partner; /* of a pair; NULL: none */
    uint64_t using; /* generation of the snapshot it works with; 0: none */
    uint32_t sessions;
} WnMember;

/* The snapshot as winnow-sync has last told of it. */
typedef struct WnPublished {
    uint64_t generation; /* 0: none yet */
    uint32_t n_domains;
} WnPublished;

/* All run from the loop, never inside a call of this module. */
typedef struct WnGenerationHandler {
    /* Its state.  One that is GONE may be freed now. */
    void (*changed)(void *user, WnGeneration *generation);
    /* A program, which is WAITING or GONE now. */
    void (*ended)(void *user, WnMember *member, const char *why);
    /* What a request to sync has led to; serial 0: winnow-sync did it by
     * itself.  problem NULL: published. */
    void (*synced)(void *user, WnGeneration *generation, uint32_t serial,
        const char *problem);
} WnGenerationHandler;

typedef struct WnGenerationSpec {
    WnLoop *loop;
    uint64_t number;
    const WnPorts *ports;
    int metrics_fd;        /* base/metrics.h */
    int filter_metrics_fd; /* that of winnow-filter, which winnow-sync shows */
    int limits_fd;  /* smtp/known_limits.h, for winnow-queue and winnow-smtp */
    int shared_fd;  /* base/shared_table.h, for programs that run plugins */
    int history_fd; /* base/history.h, for the same as limits_fd; -1: none */
    const WnGenerationHandler *handler;
    void *user;
} WnGenerationSpec;

/* Begins with the pairs only when winnow-sync has built the snapshot, or with
 * all at once: at the first start clients shall be answered soon. */
typedef enum { WN_START_SYNC_FIRST, WN_START_ALL } WnStart;

/* NULL with error if the configuration cannot be handed over. */
WnGeneration *wn_generation_new(const WnGenerationSpec *spec,
    WnConfig *take_config, WnStart how, GError **error);
void wn_generation_free(WnGeneration *self); /* kills */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnGeneration, wn_generation_free)

void wn_generation_start_queue(WnGeneration *self);

/* The winnow-queue of the other generation goes on under this one: deliveries
 * under way are not cut off by a reload.  If what the configurations say
 * differs in something that a process has for life, it is drained and another
 * one started. */
void wn_generation_take_queue(WnGeneration *self, WnGeneration *other,
    int64_t drain_ms);
void wn_generation_sync(WnGeneration *self, uint32_t serial, bool force);

/* Another one serves from now on: sessions go on for WN_RETIRE_MAX_MS, then
 * they are drained. */
void wn_generation_retire(WnGeneration *self);

/* Idle sessions end, others finish their transaction.  All but winnow-queue,
 * which ends by wn_generation_drain_queue(). */
void wn_generation_drain(WnGeneration *self, int64_t max_ms);
void wn_generation_drain_queue(WnGeneration *self, int64_t max_ms);
bool wn_generation_has_smtp(const WnGeneration *self); /* not yet gone */

/* SMTP sessions of programs that run; NULL has none. */
int64_t wn_generation_sessions(const WnGeneration *self);

uint64_t wn_generation_number(const WnGeneration *self);
WnGenerationState wn_generation_state(const WnGeneration *self);
const char *wn_generation_state_name(WnGenerationState state);
const WnConfig *wn_generation_config(const WnGeneration *self);
WnPublished wn_generation_published(const WnGeneration *self);
const WnSettingsReport *wn_generation_settings(const WnGeneration *self);
const struct WnFaults *wn_generation_faults(const WnGeneration *self);
const GPtrArray *wn_generation_members(const WnGeneration *self); /* WnMember */
