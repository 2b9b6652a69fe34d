/* SPDX-License-Identifier: MIT */

/*
 * winnow-filter: the plugins, and everything that reads content.
 *
 * May: read the snapshot and what plugins are configured to read, ask DNS.
 * Holds no key, no spool, no listener.  Beside each winnow-smtp stands one; it
 * may be killed at any moment, a new one is asked the same questions again.
 *
 *    winnowd: FILTER (the channel to winnow-smtp), START -> READY -> serving
 *    the channel closes: waits for another one; after DRAIN: exit
 */

#include "core/base/fd.h"
#include "core/control/child.h"
#include "core/filtering/server.h"
#include "core/programs/plugin_host.h"

typedef struct Filter {
    WnChild child;
    WnPluginHost plugins;
    WnFilterServer *server; /* NULL: nobody asks now */
    bool draining;
} Filter;

static void
on_server_closed(void *user)
{
    Filter *self = user;

    g_clear_pointer(&self->server, wn_filter_server_free);
    wn_engine_forget_sessions(self->plugins.engine);
    if (self->draining)
        wn_loop_stop(self->child.loop);
}

static void
on_message(void *user, uint16_t type, WnSpan payload, int take_fd)
{
    Filter *self = user;

    if (type == WN_CHILD_FILTER) {
        g_clear_pointer(&self->server, wn_filter_server_free);
        wn_engine_forget_sessions(self->plugins.engine);
        self->server = wn_filter_server_new(self->child.loop,
            self->plugins.engine, take_fd, on_server_closed, self);
        return;
    }
    if (type == WN_CHILD_START)
        wn_child_ready(&self->child);
    else if (type == WN_CHILD_SKIP)
        wn_plugin_host_skip(&self->plugins, payload);
    wn_fd_close(take_fd);
}

/* Serves until its winnow-smtp has closed the channel. */
static void
on_drain(void *user)
{
    Filter *self = user;

    self->draining = true;
    if (self->server == NULL)
        wn_loop_stop(self->child.loop);
}

int
main(int argc, char **argv)
{
    Filter self = { 0 };

    wn_child_init(&self.child, "winnow-filter", argc, argv);
    wn_plugin_host_open(&self.plugins);
    wn_child_confine(&self.child, WN_RIGHTS_FILTER);
    wn_plugin_host_init(&self.plugins, &self.child);
    wn_child_connect(&self.child, on_message, on_drain, &self);
    wn_child_run(&self.child);
    g_clear_pointer(&self.server, wn_filter_server_free);
    wn_plugin_host_clear(&self.plugins);
    wn_child_clear(&self.child);
    return 0;
}
