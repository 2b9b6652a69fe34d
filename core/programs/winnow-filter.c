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
#include "core/base/log.h"
#include "core/control/child.h"
#include "core/filtering/server.h"

#define DNS_TIMEOUT_MS 5000

typedef struct Filter {
    WnChild child;
    WnLoader *loader;
    WnResolver *resolver;
    WnChainHost *host;
    WnEngine *engine;
    WnFilterServer *server; /* NULL: nobody asks now */
    bool draining;
} Filter;

static void
on_server_closed(void *user)
{
    Filter *self = user;

    g_clear_pointer(&self->server, wn_filter_server_free);
    wn_engine_forget_sessions(self->engine);
    if (self->draining)
        wn_loop_stop(self->child.loop);
}

static void
on_message(void *user, uint16_t type, WnSpan payload, int take_fd)
{
    Filter *self = user;

    (void)payload;
    if (type == WN_CHILD_FILTER) {
        g_clear_pointer(&self->server, wn_filter_server_free);
        wn_engine_forget_sessions(self->engine);
        self->server = wn_filter_server_new(self->child.loop, self->engine,
            take_fd, on_server_closed, self);
        return;
    }
    if (type == WN_CHILD_START)
        wn_child_ready(&self->child);
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

/* winnow-check has seen all this before, unless a file has changed since. */
static void
log_problems(const WnProblems *problems)
{
    for (unsigned i = 0; i < wn_problems_count(problems); i++) {
        g_autoptr(GString) text = g_string_new(NULL);

        wn_problem_print(wn_problems_get(problems, i), text);
        wn_remark(WN_LEVEL_ERROR, "%s", text->str);
    }
}

static void
on_trace(void *user, const char *filter, const char *hook, const WnId *id)
{
    wn_scoreboard_set(user, filter, hook, id);
}

static void
init(Filter *self)
{
    const WnConfig *config = self->child.config;
    g_autoptr(WnProblems) problems = wn_problems_new();
    g_autoptr(GError) error = NULL;

    self->loader = wn_loader_new(config->plugins);
    self->resolver = wn_resolver_new(self->child.loop, config->dns_servers,
        DNS_TIMEOUT_MS, &error);
    if (self->resolver == NULL)
        wn_remark(WN_LEVEL_ERROR, "no DNS: %s", error->message);
    self->host = wn_chain_host_new(self->child.loop, config, self->loader,
        self->resolver, problems);
    log_problems(problems);
    wn_chain_host_set_trace(self->host, on_trace, self->child.scoreboard);
    self->engine = wn_engine_new(self->child.loop, self->host, self->resolver,
        config->state);
}

static void
clear(Filter *self)
{
    g_clear_pointer(&self->server, wn_filter_server_free);
    wn_engine_free(self->engine);
    wn_chain_host_free(self->host);
    g_clear_pointer(&self->resolver, wn_resolver_free);
    wn_loader_free(self->loader);
    wn_child_clear(&self->child);
}

int
main(int argc, char **argv)
{
    Filter self = { 0 };

    wn_child_init(&self.child, "winnow-filter", argc, argv);
    init(&self);
    wn_child_connect(&self.child, on_message, on_drain, &self);
    wn_child_run(&self.child);
    clear(&self);
    return 0;
}
