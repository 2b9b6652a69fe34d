/* SPDX-License-Identifier: MIT */
#include "core/control/port_wait.h"

#include "core/base/clock.h"
#include "core/base/log.h"

#include <errno.h>

#define RETRY_MS 50

static void
on_retry(void *user)
{
    WnPortWait *self = user;

    self->fn(self->user, g_steal_pointer(&self->config));
}

void
wn_port_wait_init(WnPortWait *self, WnLoop *loop,
    void (*fn)(void *user, WnConfig *take_config), void *user)
{
    *self = (WnPortWait){ .fn = fn, .user = user };
    wn_timer_init(&self->retry, loop, on_retry, self);
}

void
wn_port_wait_stop(WnPortWait *self)
{
    wn_timer_unset(&self->retry);
    g_clear_pointer(&self->config, wn_config_free);
}

void
wn_port_wait_clear(WnPortWait *self)
{
    wn_port_wait_stop(self);
    wn_timer_clear(&self->retry);
}

bool
wn_port_wait_begin(WnPortWait *self, const GError *error, WnConfig *take_config)
{
    int64_t now_ms = wn_clock_mono_ms();

    if (!g_error_matches(error, WN_EVENT_ERROR, EADDRINUSE))
        return false;
    if (self->since_ms == 0) {
        self->since_ms = now_ms;
        wn_remark(WN_LEVEL_INFO, "%s; waiting up to %d s for it",
            error->message, WN_PORT_PATIENCE_MS / 1000);
    }
    if (now_ms - self->since_ms >= WN_PORT_PATIENCE_MS)
        return false;
    self->config = take_config;
    wn_timer_set(&self->retry, RETRY_MS);
    return true;
}
