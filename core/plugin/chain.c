/* SPDX-License-Identifier: MIT */
#include "core/plugin/chain_state.h"

#include "core/conf/problem.h"
#include "core/plugin/module.h"

#include <string.h>

#define ACTION_TIMEOUT_MS 10000 /* actions do not wait */

/*
 * The host
 */

static void
filter_free(void *data)
{
    WnChainFilter *filter = data;

    g_free(filter->missing);
    g_free(filter);
}

static void
instance_free(void *data)
{
    wn_instance_free(data);
}

/* The next index is free: instances are only ever added. */
static WnInstance *
add_instance(WnChainHost *self, WnInstanceSpec *spec, GError **error)
{
    WnInstance *instance;

    spec->env = &self->env;
    spec->index = self->instances->len;
    instance = wn_instance_new(spec, error);
    if (instance != NULL)
        g_ptr_array_add(self->instances, instance);
    return instance;
}

static const WnModule *
get_kind(WnLoader *loader, const char *name, WnPluginKind kind, GError **error)
{
    const WnModule *module = wn_loader_get(loader, name, error);

    if (module == NULL || module->info->kind == kind)
        return module;
    g_set_error(error, WN_PLUGIN_ERROR, 0, "plugin \"%s\" is %s", name,
        kind == WN_PLUGIN_FILTER ? "an action, not a filter"
                                 : "a filter, not an action");
    return NULL;
}

static void
report(WnProblems *problems, const WnFilterConfig *config, const char *text)
{
    g_autofree char *group = g_strdup_printf("filter %s", config->name);

    wn_problems_add(problems,
        (WnPlace){ .file = config->file, .line = config->line, .group = group },
        "%s", text);
}

/* A library may run code of its own when it is loaded.  name NULL: over. */
static void
trace_load(void *user, const char *name)
{
    const WnChainHost *self = user;
    const WnPluginEnv *env = &self->env;

    if (env->trace != NULL)
        env->trace(env->trace_user, name, name != NULL ? "load" : NULL, NULL,
            0);
}

static const WnModule *
load_filter(WnChainHost *self, const WnFilterConfig *config, WnLoader *loader,
    GError **error)
{
    const WnModule *module;

    trace_load(self, config->name);
    module = get_kind(loader, config->plugin, WN_PLUGIN_FILTER, error);
    trace_load(self, NULL);
    return module;
}

/* A filter that is off may lack its files: it can still be selected by a
 * domain, and fails there. */
static void
add_filter(WnChainHost *self, const WnFilterConfig *config, WnLoader *loader,
    WnProblems *problems)
{
    WnChainFilter *filter = g_new0(WnChainFilter, 1);
    g_autoptr(GError) error = NULL;
    WnInstanceSpec spec = { .name = config->name,
        .base = config->settings,
        .timeout_ms = config->timeout_ms };

    filter->config = config;
    spec.module = load_filter(self, config, loader, &error);
    if (spec.module != NULL)
        filter->instance = add_instance(self, &spec, &error);
    if (filter->instance == NULL) {
        filter->missing = g_strdup(error->message);
        report(problems, config, error->message);
    } else if (filter->instance->own->error != NULL && config->enabled) {
        report(problems, config, filter->instance->own->error);
    }
    g_ptr_array_add(self->filters, filter);
    g_hash_table_insert(self->by_name, config->name, filter);
}

static void
add_action(WnChainHost *self, const char *name, WnLoader *loader,
    WnProblems *problems)
{
    g_autoptr(GError) error = NULL;
    WnInstanceSpec spec = { .name = name, .timeout_ms = ACTION_TIMEOUT_MS };
    WnInstance *instance = NULL;

    spec.module = get_kind(loader, name, WN_PLUGIN_ACTION, &error);
    if (spec.module != NULL)
        instance = add_instance(self, &spec, &error);
    if (instance == NULL)
        wn_problems_add(problems, (WnPlace){ .file = NULL }, "action %s: %s",
            name, error->message);
    else
        g_hash_table_insert(self->actions, instance->name, instance);
}

/* A domain may choose an action that conf.d names nowhere, so there is one
 * instance of each that can be loaded. */
static void
add_actions(WnChainHost *self, WnLoader *loader, WnProblems *problems)
{
    g_autoptr(WnCatalogue) catalogue = NULL;

    wn_loader_set_watch(loader, trace_load, self);
    catalogue = wn_loader_catalogue(loader, NULL, NULL);
    wn_loader_set_watch(loader, NULL, NULL);
    for (unsigned i = 0; i < wn_catalogue_count(catalogue); i++) {
        const WnPluginInfo *info = wn_catalogue_get(catalogue, i);

        if (info->kind == WN_PLUGIN_ACTION)
            add_action(self, info->name, loader, problems);
    }
}

/* Actions that filters name and that are refused need a word of their own. */
static void
report_missing_actions(const WnChainHost *self, WnLoader *loader,
    WnProblems *problems)
{
    for (unsigned i = 0; i < self->filters->len; i++) {
        const WnChainFilter *filter = g_ptr_array_index(self->filters, i);
        const char *action = filter->config->action;
        g_autoptr(GError) error = NULL;

        if (action == NULL || g_hash_table_contains(self->actions, action)
            || get_kind(loader, action, WN_PLUGIN_ACTION, &error) != NULL)
            continue;
        report(problems, filter->config, error->message);
    }
}

WnChainHost *
wn_chain_host_new(WnLoop *loop, const WnConfig *config, WnResolver *resolver)
{
    WnChainHost *self = g_new0(WnChainHost, 1);

    self->env = (WnPluginEnv){ .loop = loop,
        .resolver = resolver,
        .hostname = config->hostname };
    self->own_shared = wn_shared_table_new(-1);
    self->env.shared = self->own_shared;
    self->config = config;
    self->instances = g_ptr_array_new_with_free_func(instance_free);
    self->filters = g_ptr_array_new_with_free_func(filter_free);
    self->by_name = g_hash_table_new(g_str_hash, g_str_equal);
    self->actions = g_hash_table_new(g_str_hash, g_str_equal);
    return self;
}

void
wn_chain_host_load(WnChainHost *self, WnLoader *loader, WnProblems *problems)
{
    const GPtrArray *filters = self->config->filters;

    for (unsigned i = 0; i < filters->len; i++)
        add_filter(self, g_ptr_array_index(filters, i), loader, problems);
    add_actions(self, loader, problems);
    report_missing_actions(self, loader, problems);
}

void
wn_chain_host_free(WnChainHost *self)
{
    if (self == NULL)
        return;
    g_assert(self->n_connections == 0);
    g_hash_table_unref(self->actions);
    g_hash_table_unref(self->by_name);
    g_ptr_array_unref(self->filters);
    g_ptr_array_unref(self->instances);
    wn_snapshot_unref(self->snapshot);
    wn_shared_table_free(self->own_shared);
    g_free(self);
}

void
wn_chain_host_set_trace(WnChainHost *self, WnChainTraceFn fn, void *user)
{
    self->env.trace = fn;
    self->env.trace_user = user;
}

void
wn_chain_host_set_aside(WnChainHost *self, WnAsideFn fn)
{
    self->env.aside = fn;
}

void
wn_chain_host_set_skips(WnChainHost *self, const WnSkips *skips)
{
    self->env.skips = skips;
}

void
wn_chain_txn_set_content(WnChainTxn *self, uint64_t content)
{
    self->facts.content = content;
}

void
wn_chain_host_set_shared(WnChainHost *self, WnSharedTable *shared)
{
    self->env.shared = shared;
}

void
wn_chain_host_set_snapshot(WnChainHost *self, WnSnapshot *snapshot)
{
    wn_snapshot_ref(snapshot);
    wn_snapshot_unref(self->snapshot);
    self->snapshot = snapshot;
}

bool
wn_chain_host_decides_connect(const WnChainHost *self)
{
    for (unsigned i = 0; i < self->filters->len; i++) {
        const WnChainFilter *filter = g_ptr_array_index(self->filters, i);

        if (filter->config->enabled && filter->instance != NULL
            && filter->config->decide == WN_DECIDE_LISTENER
            && wn_hook_function(filter->instance, WN_HOOK_CONNECT) != NULL)
            return true;
    }
    return false;
}

/*
 * A connection
 */

static WnChainCell *
cells_new(WnChainConnection *connection)
{
    unsigned n = connection->host->instances->len;
    WnChainCell *cells = g_new0(WnChainCell, n + 1);

    for (unsigned i = 0; i < n; i++)
        cells[i].connection = connection;
    return cells;
}

static void
cells_free(WnChainCell *cells, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        wn_chain_cell_reset(&cells[i]);
    g_free(cells);
}

/* A copy only where something has changed: plugins keep pointers to these for
 * the connection's life. */
static bool
update_text(WnConnectionFacts *facts, WnStr *text, WnSpan value)
{
    if (text->ptr != NULL && wn_span_eq(wn_sdk_span(*text), value))
        return false;
    *text = wn_sdk_str(wn_arena_copy(facts->strings, value));
    return true;
}

/* True: HELO has changed. */
static bool
update_client(WnConnectionFacts *facts, const WnChainClient *from)
{
    WnClient *client = &facts->client;
    char address[WN_NETADDR_TEXT_MAX];

    wn_netaddr_format(&from->address, address);
    client->address_len = from->address.len;
    memcpy(client->address, from->address.bytes, sizeof client->address);
    client->port = from->address.port;
    client->tls_version = from->tls_version;
    client->rdns_status = (int32_t)from->rdns_status;
    update_text(facts, &client->address_text, wn_span_str(address));
    update_text(facts, &client->rdns,
        from->rdns_status == WN_PTR_VERIFIED
                || from->rdns_status == WN_PTR_MISMATCH
            ? from->rdns
            : WN_SPAN_EMPTY);
    update_text(facts, &client->listener, from->listener);
    return update_text(facts, &client->helo, from->helo);
}

WnChainConnection *
wn_chain_connection_new(WnChainHost *host, const WnChainClient *client)
{
    WnChainConnection *self = g_new0(WnChainConnection, 1);

    self->host = host;
    host->n_connections++;
    wn_connection_facts_init(&self->facts, host->instances->len);
    update_client(&self->facts, client);
    self->connect = cells_new(self);
    self->helo = cells_new(self);
    self->runs = g_ptr_array_new();
    self->took_part = g_new0(bool, host->instances->len + 1);
    return self;
}

void
wn_chain_connection_update(WnChainConnection *self, const WnChainClient *client)
{
    if (!update_client(&self->facts, client))
        return;
    for (unsigned i = 0; i < self->host->instances->len; i++)
        wn_chain_cell_reset(&self->helo[i]);
}

static void
cancel_runs(WnChainConnection *self, const WnChainTxn *txn)
{
    for (unsigned i = self->runs->len; i > 0; i--) {
        WnChainRun *run = g_ptr_array_index(self->runs, i - 1);

        if (txn == NULL || run->txn == txn)
            wn_chain_cancel(run);
    }
}

static void
end_connection_hooks(WnChainConnection *self)
{
    WnCallFacts facts = { .connection = &self->facts,
        .domain = WN_SPAN_EMPTY,
        .outcome = WN_E_NOT_FOUND,
        .snapshot = self->host->snapshot };

    for (unsigned i = 0; i < self->host->instances->len; i++) {
        WnInstance *instance = g_ptr_array_index(self->host->instances, i);
        WnHookCall *call;

        if (!self->took_part[i]
            || instance->module->filter.connection_end == NULL)
            continue;
        call = wn_hook_call_new(instance->own, WN_HOOK_CONNECTION_END, &facts);
        wn_hook_call_end(call);
        wn_hook_call_free(call);
    }
}

void
wn_chain_connection_free(WnChainConnection *self)
{
    unsigned n;

    if (self == NULL)
        return;
    g_assert(self->n_txns == 0);
    n = self->host->instances->len;
    cancel_runs(self, NULL);
    cells_free(self->connect, n);
    cells_free(self->helo, n);
    end_connection_hooks(self);
    g_ptr_array_unref(self->runs);
    g_free(self->took_part);
    wn_connection_facts_clear(&self->facts);
    self->host->n_connections--;
    g_free(self);
}

/*
 * A transaction
 */

WnChainTxn *
wn_chain_txn_new(WnChainConnection *connection, WnSnapshot *snapshot,
    const WnId *id, WnSpan sender)
{
    WnChainTxn *self = g_new0(WnChainTxn, 1);
    unsigned n = connection->host->instances->len;

    self->connection = connection;
    connection->n_txns++;
    self->snapshot = wn_snapshot_ref(snapshot);
    wn_txn_facts_init(&self->facts, n, id, sender);
    self->mail = cells_new(connection);
    self->results = wn_chain_results_new();
    self->took_part = g_new0(bool, n + 1);
    self->ahead = g_new0(bool, n + 1);
    return self;
}

static WnInstance *
find_instance(const WnChainHost *host, WnSpan filter_name)
{
    g_autofree char *key = wn_span_dup(filter_name);
    const WnChainFilter *filter = g_hash_table_lookup(host->by_name, key);

    return filter != NULL ? filter->instance : NULL;
}

void
wn_chain_ahead(WnChainTxn *self, uint32_t class_id)
{
    WnChainConnection *connection = self->connection;
    WnClass class_;

    if (!wn_snapshot_class(self->snapshot, class_id, &class_)
        || !class_.has_ahead)
        return;
    connection->ahead = self;
    for (uint32_t i = 0; i < class_.n_links; i++) {
        WnLink link = wn_snapshot_link(self->snapshot, &class_, i);
        WnInstance *instance = find_instance(connection->host, link.filter);

        if (instance == NULL || instance->own->error != NULL
            || self->ahead[instance->index])
            continue;
        self->ahead[instance->index] = true;
        wn_chain_cells_ahead(self, instance);
    }
}

static void
end_transaction(const WnChainTxn *self, WnPolicy *policy,
    const WnChainOutcome *outcome)
{
    WnTxnFacts *txn = (WnTxnFacts *)(uintptr_t)&self->facts;
    WnCallFacts facts = { .connection = &self->connection->facts,
        .txn = txn,
        .domain = WN_SPAN_EMPTY,
        .outcome = WN_E_NOT_FOUND,
        .snapshot = self->snapshot };
    g_autoptr(WnHookCall) call = NULL;

    if (outcome != NULL) {
        facts.recipients = outcome->recipients;
        facts.n_recipients = outcome->n_recipients;
        facts.domain = outcome->domain;
        facts.outcome = outcome->outcome;
    }
    call = wn_hook_call_new(policy, WN_HOOK_TRANSACTION_END, &facts);
    wn_hook_call_end(call);
}

/* The instance, if it is to be told of the end. */
static WnInstance *
ending_instance(const WnChainTxn *self, WnSpan name)
{
    WnInstance *instance = find_instance(self->connection->host, name);

    if (instance == NULL || !self->took_part[instance->index]
        || instance->module->filter.transaction_end == NULL)
        return NULL;
    return instance;
}

static void
end_scope(WnChainTxn *self, const WnChainOutcome *outcome, bool *told)
{
    WnClass class_;

    if (!wn_snapshot_class(self->snapshot, outcome->class_id, &class_))
        return;
    for (uint32_t i = 0; i < class_.n_links; i++) {
        WnLink link = wn_snapshot_link(self->snapshot, &class_, i);
        WnInstance *instance = ending_instance(self, link.filter);
        WnOccasion occasion = wn_txn_occasion(&self->facts);
        g_autoptr(GArray) pairs = NULL;
        WnPolicy *policy;

        if (instance == NULL || wn_instance_skipped(instance, occasion) != NULL)
            continue;
        pairs = wn_chain_filter_pairs(self->snapshot, &link);
        policy = wn_instance_policy(instance,
            (const WnSettingPair *)(void *)pairs->data, pairs->len, occasion);
        if (policy->error == NULL)
            end_transaction(self, policy, outcome);
        wn_policy_unref(policy);
        told[instance->index] = true;
    }
}

/* Once for each scope whose chain has the filter; else, if it ran at all, once
 * without an outcome. */
static void
end_transaction_hooks(WnChainTxn *self)
{
    const GPtrArray *filters = self->connection->host->filters;
    g_autofree bool *told = g_new0(bool,
        self->connection->host->instances->len + 1);

    for (size_t i = 0; i < self->n_outcomes; i++)
        end_scope(self, &self->outcomes[i], told);
    for (unsigned i = 0; i < filters->len; i++) {
        const WnChainFilter *filter = g_ptr_array_index(filters, i);
        WnInstance *instance = ending_instance(self,
            wn_span_str(filter->config->name));

        if (instance != NULL && !told[instance->index])
            end_transaction(self, instance->own, NULL);
    }
}

void
wn_chain_txn_free(WnChainTxn *self)
{
    WnChainConnection *connection;

    if (self == NULL)
        return;
    connection = self->connection;
    if (connection->ahead == self)
        connection->ahead = NULL;
    cancel_runs(connection, self);
    cells_free(self->mail, connection->host->instances->len);
    end_transaction_hooks(self);
    g_hash_table_unref(self->results);
    g_free(self->took_part);
    g_free(self->ahead);
    wn_txn_facts_clear(&self->facts);
    wn_snapshot_unref(self->snapshot);
    connection->n_txns--;
    g_free(self);
}
