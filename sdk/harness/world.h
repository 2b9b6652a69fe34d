/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * winnow around the plugin under test: files of configuration, snapshot, data
 * sets, chain, loop, and a clock that stands still.  The instance is called
 * "test"; where the plugin is an action, a finder asks for it.
 */

#include "core/conf/config.h"
#include "core/plugin/chain.h"
#include "sdk/harness/shim.h"

#define WN_WORLD_FILTER "test"

typedef struct WnWorldSetting {
    const char *folder;
    const char *options;  /* of the plugin; "" */
    const char *domain;   /* of good.example; "" */
    GPtrArray *addresses; /* of recipients: their domains are made known */
    const char *rule, *evidence; /* that the finder finds */
    int32_t score;
    bool early;
} WnWorldSetting;

/* A blob of the plugin's that was made of files; the snapshot keeps it. */
typedef struct WnWorldPayload {
    const WnDataset *dataset;
    WnSpan payload;
} WnWorldPayload;

typedef struct WnWorld {
    WnLoop *loop;
    WnProblems *problems;
    WnConfig *config;
    WnLoader *loader;
    WnCatalogue *catalogue;
    WnSnapshot *snapshot;
    WnSharedTable *shared;
    WnChainHost *host; /* NULL: opened only */
    GString *compiled; /* a line "NAME DIGEST" for each data set */
    GArray *payloads;  /* WnWorldPayload */
} WnWorld;

/* NULL with error if winnow would not start with these settings. */
WnWorld *wn_world_new(WnShim *shim, const WnWorldSetting *setting,
    GError **error);
/* The files of a folder that has one, without a chain. */
WnWorld *wn_world_open(WnShim *shim, const char *folder, GError **error);
void wn_world_free(WnWorld *self);

/* The class of the address's domain. */
uint32_t wn_world_class(const WnWorld *self, const char *address);
