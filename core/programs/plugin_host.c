/* SPDX-License-Identifier: MIT */
#include "core/programs/plugin_host.h"

#include "core/base/log.h"
#include "core/base/wire.h"

#include <string.h>
#include <sys/stat.h>

#define DNS_TIMEOUT_MS 5000

/* winnow-check has seen all this before, unless a file has changed since. */
static void
log_problem(WnLevel level, const WnProblem *problem)
{
    g_autoptr(GString) text = g_string_new(NULL);

    wn_problem_print(problem, text);
    wn_remark(level, "%s", text->str);
}

static void
log_problems(const WnProblems *problems)
{
    for (unsigned i = 0; i < wn_problems_count(problems); i++)
        log_problem(WN_LEVEL_ERROR, wn_problems_get(problems, i));
    for (unsigned i = 0; i < wn_problems_n_warnings(problems); i++)
        log_problem(WN_LEVEL_WARNING, wn_problems_warning(problems, i));
}

static void
on_trace(void *user, const char *filter, const char *hook, const WnId *id,
    uint64_t content)
{
    WnPluginHost *self = user;

    if (filter != NULL) {
        wn_scoreboard_set(self->board, filter, hook, id, content);
        wn_usage_begin(self->usage);
        return;
    }
    wn_plugin_host_look(self);
    wn_scoreboard_set(self->board, NULL, NULL, NULL, 0);
}

static void
on_aside(void *user, WnAside what)
{
    WnPluginHost *self = user;

    wn_usage_aside(self->usage, what);
}

static uint64_t
count_mapped(void *user)
{
    const WnPluginHost *self = user;

    return self->engine != NULL ? wn_engine_blob_bytes(self->engine) : 0;
}

void
wn_plugin_host_look(WnPluginHost *self)
{
    wn_usage_look(self->usage, self->board,
        self->engine != NULL ? wn_engine_message_bytes(self->engine) : 0);
}

void
wn_plugin_host_keep(WnPluginHost *self, int fd)
{
    wn_usage_keep(self->usage, fd);
}

/* Before anything is loaded. */
static void
refuse_plugins(WnPluginHost *self, const WnConfig *config)
{
    for (char **name = config->refused; name != NULL && *name != NULL; name++)
        wn_loader_refuse(self->loader, *name,
            "switched off: it ended its process too often");
}

void
wn_plugin_host_open(WnPluginHost *self)
{
    self->skips = wn_skips_new();
    self->usage = wn_usage_new();
}

void
wn_plugin_host_skip(WnPluginHost *self, WnSpan payload)
{
    WnReader reader = wn_reader(payload);
    g_autofree char *filter = wn_span_dup(wn_read_bytes(&reader));
    WnSpan bytes = wn_read_bytes(&reader);
    uint64_t content = wn_read_u64(&reader);
    WnId id;

    if (!wn_reader_done(&reader))
        return;
    if (bytes.len == sizeof(id.bytes))
        memcpy(id.bytes, bytes.ptr, sizeof(id.bytes));
    wn_skips_add(self->skips, filter,
        bytes.len == sizeof(id.bytes) ? &id : NULL, content);
}

static void
use_shared(WnPluginHost *self, int fd)
{
    self->shared = fd >= 0 ? wn_shared_table_new(fd) : NULL;
    if (self->shared != NULL)
        wn_chain_host_set_shared(self->chains, self->shared);
    else
        wn_remark(WN_LEVEL_ERROR, "plugins share nothing with other workers");
}

static int64_t
file_size(int fd)
{
    struct stat st;

    return fd >= 0 && fstat(fd, &st) == 0 ? st.st_size : 0;
}

void
wn_plugin_host_init(WnPluginHost *self, const WnChild *child)
{
    const WnConfig *config = child->config;
    g_autoptr(WnProblems) problems = wn_problems_new();
    g_autoptr(GError) error = NULL;

    /* Before the resolver, which opens and closes what it needs. */
    if (config->isolation != WN_ISOLATION_NONE)
        wn_usage_own(self->usage);
    self->loader = wn_loader_new(config->plugins);
    refuse_plugins(self, config);
    self->resolver = wn_resolver_new(child->loop, config->dns_servers,
        DNS_TIMEOUT_MS, &error);
    if (self->resolver == NULL)
        wn_remark(WN_LEVEL_ERROR, "no DNS: %s", error->message);
    self->chains = wn_chain_host_new(child->loop, config, self->resolver);
    use_shared(self, child->shared_fd);
    self->board = child->scoreboard;
    wn_chain_host_set_trace(self->chains, on_trace, self);
    wn_chain_host_set_aside(self->chains, on_aside);
    wn_usage_set_mapped(self->usage, count_mapped, self);
    wn_chain_host_load(self->chains, self->loader, problems);
    log_problems(problems);
    if (config->isolation != WN_ISOLATION_NONE)
        wn_usage_limit(self->usage, config->filter_memory,
            file_size(child->shared_fd));
    wn_chain_host_set_skips(self->chains, self->skips);
    self->engine = wn_engine_new(child->loop, self->chains, self->resolver,
        config->state);
}

void
wn_plugin_host_clear(WnPluginHost *self)
{
    g_clear_pointer(&self->engine, wn_engine_free);
    g_clear_pointer(&self->chains, wn_chain_host_free);
    g_clear_pointer(&self->shared, wn_shared_table_free);
    g_clear_pointer(&self->resolver, wn_resolver_free);
    g_clear_pointer(&self->loader, wn_loader_free);
    g_clear_pointer(&self->usage, wn_usage_free);
    g_clear_pointer(&self->skips, wn_skips_free);
}
