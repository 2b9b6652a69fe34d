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

#include <stdlib.h>
#include <unistd.h>

typedef struct Filter {
    WnChild child;
    WnPluginHost plugins;
    WnFilterServer *server; /* NULL: nobody asks now */
    bool draining;
} Filter;

static void
end_server(Filter *self)
{
    wn_plugin_host_keep(&self->plugins, -1);
    g_clear_pointer(&self->server, wn_filter_server_free);
    wn_engine_forget_sessions(self->plugins.engine);
}

/* With a winnow-smtp that waits for answers only another process helps: winnowd
 * brings the channel to one that starts. */
static void
on_server_closed(void *user, WnServerEnd end)
{
    Filter *self = user;

    wn_plugin_host_keep(&self->plugins, -1);
    wn_plugin_host_look(&self->plugins);
    if (end == WN_SERVER_BROKEN)
        _exit(EXIT_FAILURE); /* nobody would see a destructor that hangs */
    end_server(self);
    if (self->draining)
        wn_loop_stop(self->child.loop);
}

static void
begin_server(Filter *self, int take_fd)
{
    end_server(self);
    self->server = wn_filter_server_new(self->child.loop, self->plugins.engine,
        take_fd, on_server_closed, self);
    wn_plugin_host_keep(&self->plugins, take_fd);
}

static void
on_message(void *user, uint16_t type, WnSpan payload, int take_fd)
{
    Filter *self = user;

    if (type == WN_CHILD_FILTER) {
        begin_server(self, take_fd);
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
    end_server(&self);
    wn_plugin_host_clear(&self.plugins);
    wn_child_clear(&self.child);
    return 0;
}
