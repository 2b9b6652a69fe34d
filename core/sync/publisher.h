/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Snapshots as a folder of generations:
 *
 *    state/snapshots/17/settings      immutable
 *    state/snapshots/17/data/...      compiled data sets (core/conf/blob.h)
 *    state/snapshots/18/settings
 *    state/snapshots/current -> 18    switched by rename
 *    state/snapshots/.build-XXXXXX/   being made; rubbish after a crash
 *
 * A build is a throw-away winnow-check that fills a folder; publishing verifies
 * what it made, renames it into place and switches current.  Equal settings
 * with the same data sets, which are links to the same files, are not published
 * again.
 */

#include "core/event/loop.h"

#define WN_SNAPSHOTS_KEPT 10

typedef struct WnPublisher WnPublisher;

typedef enum {
    WN_PUBLISH_DONE,      /* text: what stands in, and warnings; or "" */
    WN_PUBLISH_UNCHANGED, /* generation is the current one; text as above */
    WN_PUBLISH_FAILED     /* text: every problem, one a line */
} WnPublishResult;

typedef void (*WnPublishFn)(void *user, WnPublishResult result,
    uint64_t generation, uint32_t n_domains, const char *text);

/* check_program is the path of winnow-check; config_path is handed to it. */
WnPublisher *wn_publisher_new(WnLoop *loop, const char *state,
    const char *check_program, const char *config_path);
void wn_publisher_free(WnPublisher *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnPublisher, wn_publisher_free)

/* winnow-check takes the configuration from this descriptor instead of reading
 * the files (borrowed; see core/conf/config_wire.h). */
void wn_publisher_use_config(WnPublisher *self, int config_fd);

/* Builds and publishes; one at a time, a call during a build makes another one
 * follow.  While a generation is pinned (core/conf/snapshot.h) nothing is
 * built, and the result is WN_PUBLISH_UNCHANGED.  fn is called for each build,
 * from the loop. */
void wn_publisher_build(WnPublisher *self, WnPublishFn fn, void *user);

/* The number after the newest generation that exists. */
uint64_t wn_publisher_next_generation(const char *state);
