/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The programs of a winnowd that was killed die with it, but not in the same
 * moment: until they have, its ports are theirs, and the next winnowd waits.
 */

#include "core/conf/config.h"
#include "core/event/loop.h"

#define WN_PORT_PATIENCE_MS (10 * 1000)

typedef struct WnPortWait {
    void (*fn)(void *user, WnConfig *take_config);
    void *user;
    WnTimer retry;
    WnConfig *config; /* to be tried again; NULL: it does not wait */
    int64_t since_ms; /* 0: it has not waited */
} WnPortWait;

void wn_port_wait_init(WnPortWait *self, WnLoop *loop,
    void (*fn)(void *user, WnConfig *take_config), void *user);
void wn_port_wait_stop(WnPortWait *self);
void wn_port_wait_clear(WnPortWait *self);

/* Calls fn with the config in a moment if error is one of a port that is taken,
 * and it has not been waited long enough; false: take_config is the caller's
 * still. */
bool wn_port_wait_begin(WnPortWait *self, const GError *error,
    WnConfig *take_config);
