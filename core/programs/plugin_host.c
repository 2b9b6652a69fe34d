/* SPDX-License-Identifier: MIT */
#include "core/programs/plugin_host.h"

#include "core/base/log.h"

#define DNS_TIMEOUT_MS 5000

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

void
wn_plugin_host_init(WnPluginHost *self, const WnChild *child)
{
    const WnConfig *config = child->config;
    g_autoptr(WnProblems) problems = wn_problems_new();
    g_autoptr(GError) error = NULL;

    self->loader = wn_loader_new(config->plugins);
    self->resolver = wn_resolver_new(child->loop, config->dns_servers,
        DNS_TIMEOUT_MS, &error);
    if (self->resolver == NULL)
        wn_remark(WN_LEVEL_ERROR, "no DNS: %s", error->message);
    self->chains = wn_chain_host_new(child->loop, config, self->loader,
        self->resolver, problems);
    log_problems(problems);
    wn_chain_host_set_trace(self->chains, on_trace, child->scoreboard);
    self->engine = wn_engine_new(child->loop, self->chains, self->resolver,
        config->state);
}

void
wn_plugin_host_clear(WnPluginHost *self)
{
    g_clear_pointer(&self->engine, wn_engine_free);
    g_clear_pointer(&self->chains, wn_chain_host_free);
    g_clear_pointer(&self->resolver, wn_resolver_free);
    g_clear_pointer(&self->loader, wn_loader_free);
}
