/* SPDX-License-Identifier: MIT */
#include "core/queue/servers_private.h"

#include "core/base/clock.h"
#include "core/queue/ourselves.h"

#define HOSTS_MAX 20
#define ADDRESSES_MAX 16 /* of one host */
#define TTL_MIN_MS 30000
#define FAILURE_TTL_MS 5000

/* What is known is used so long after it came, whatever is still asked for
 * (RFC 8305 §3): its other addresses, and a server that is preferred to it. */
#define ADDRESS_DELAY_MS 50
#define SERVER_DELAY_MS 1000

static void
host_free(gpointer data)
{
    WnServersHost *host = data;

    for (size_t i = 0; i < G_N_ELEMENTS(host->questions); i++)
        if (host->questions[i] != NULL)
            wn_question_cancel(host->questions[i]);
    wn_dane_free(host->dane);
    g_free(host->name);
    g_free(host);
}

static WnServersHost *
add_host(WnServers *self, const char *name, uint16_t port, uint16_t weight)
{
    WnServersHost *host = g_new0(WnServersHost, 1);

    host->servers = self;
    host->name = g_strdup(name);
    host->port = port;
    host->weight = MAX(weight, 1);
    host->tls = self->config.route->tls;
    host->number = (int16_t)self->hosts->len;
    g_ptr_array_add(self->hosts, host);
    return host;
}

static void
set_problem(WnServers *self, const char *name, const char *what)
{
    g_free(self->problem);
    self->problem = g_strdup_printf("%s: %s", name, what);
}

static void
drop_session(WnEndpoint *endpoint)
{
    g_clear_pointer(&endpoint->session, SSL_SESSION_free);
}

static void
endpoint_free(gpointer data)
{
    drop_session(data);
    g_free(data);
}

/* What is known under one name, its TLS policy above all, is no other name's.
 * An MX that is found again has left its endpoint without a host. */
static WnEndpoint *
find_endpoint(const WnServersHost *host, const WnNetaddr *address)
{
    const GPtrArray *endpoints = host->servers->endpoints;

    for (guint i = 0; i < endpoints->len; i++) {
        WnEndpoint *endpoint = endpoints->pdata[i];

        if ((endpoint->host == host || endpoint->host == NULL)
            && wn_netaddr_eq(&endpoint->address, address))
            return endpoint;
    }
    return NULL;
}

static void
add_address(WnServersHost *host, const WnNetaddr *address)
{
    WnServers *self = host->servers;
    WnNetaddr full = *address;
    WnEndpoint *endpoint;

    full.port = host->port;
    if (wn_is_this_relay(self->config.listen, &full)) {
        host->is_us = true;
        set_problem(self, host->name, "is this relay itself");
        return;
    }
    if (!(address->len == 4 ? self->config.v4 : self->config.v6)) {
        self->n_unfit++;
        return;
    }
    if (host->n_addresses == ADDRESSES_MAX)
        return;
    endpoint = find_endpoint(host, &full);
    if (endpoint == NULL) {
        endpoint = g_new0(WnEndpoint, 1);
        endpoint->address = full;
        g_ptr_array_add(self->endpoints, endpoint);
    } else if (endpoint->round == self->round) {
        return;
    }
    if (endpoint->host != host)
        drop_session(endpoint);
    endpoint->host = host;
    endpoint->round = self->round;
    host->n_addresses++;
}

/* Endpoints that nobody names are not used any more, and go when nobody uses
 * them. */
static void
drop_stale(WnServers *self)
{
    for (guint i = self->endpoints->len; i > 0; i--) {
        WnEndpoint *endpoint = self->endpoints->pdata[i - 1];

        endpoint->stale = endpoint->round != self->round;
        if (endpoint->stale && endpoint->n_couriers == 0)
            g_ptr_array_remove_index(self->endpoints, i - 1);
    }
}

static bool
has_endpoint(const WnServers *self)
{
    for (guint i = 0; i < self->endpoints->len; i++)
        if (wn_endpoint_is_usable(self->endpoints->pdata[i]))
            return true;
    return false;
}

static const char *
no_address(const WnServers *self)
{
    if (self->n_unfit == 0)
        return "no usable server address";
    return self->config.v4
               ? "the servers have IPv6 addresses only, the egress pool IPv4"
               : "the servers have IPv4 addresses only, the egress pool IPv6";
}

static void
give_up(WnServers *self, const char *what)
{
    set_problem(self, self->config.route->mx_domain, what);
    self->state = WN_SERVERS_HOPELESS;
    self->expires_ms = wn_clock_mono_ms() + TTL_MIN_MS;
    self->fn(self->user);
}

/* Our own address among the MX, whatever its name: as with our name.  True:
 * nobody is preferred to us. */
static bool
leads_back(WnServers *self)
{
    const WnServersHost *us = NULL;

    for (guint i = self->hosts->len; i > 0; i--) {
        const WnServersHost *host = self->hosts->pdata[i - 1];

        if (host->is_us)
            us = host;
    }
    if (us == NULL)
        return false;
    for (guint i = 0; i < self->endpoints->len; i++) {
        WnEndpoint *endpoint = self->endpoints->pdata[i];

        if (endpoint->host != NULL
            && endpoint->host->preference >= us->preference)
            endpoint->round = self->round - 1;
    }
    return ((const WnServersHost *)self->hosts->pdata[0])->preference
           == us->preference;
}

static void
conclude(WnServers *self)
{
    int64_t now_ms = wn_clock_mono_ms();
    bool back;

    wn_timer_unset(&self->early);
    back = self->config.route->mx_domain != NULL && leads_back(self);

    drop_stale(self);
    if (back) {
        give_up(self, "its MX is this host");
        return;
    }
    if (has_endpoint(self)) {
        self->state = WN_SERVERS_KNOWN;
        self->expires_ms = MAX(self->expires_ms, now_ms + TTL_MIN_MS);
    } else {
        self->state = WN_SERVERS_UNKNOWN;
        self->expires_ms = now_ms + FAILURE_TTL_MS;
        if (self->problem == NULL)
            self->problem = g_strdup(no_address(self));
    }
    self->fn(self->user);
}

static void
keep_old_addresses(WnServersHost *host)
{
    GPtrArray *endpoints = host->servers->endpoints;

    for (guint i = 0; i < endpoints->len; i++) {
        WnEndpoint *endpoint = endpoints->pdata[i];

        if (endpoint->host == host)
            endpoint->round = host->servers->round;
    }
}

/* Nobody who is still being asked about is preferred to those who are known. */
static bool
knows_the_best(const WnServers *self)
{
    for (guint i = 0; i < self->hosts->len; i++) {
        const WnServersHost *host = self->hosts->pdata[i];

        if (wn_servers_has_usable(self, host))
            return true;
        if (self->config.route->delivery != WN_DELIVERY_EVEN
            && (host->questions[0] != NULL || host->questions[1] != NULL
                || (host->dane != NULL
                    && wn_dane_state(host->dane) == WN_DANE_ASKING)))
            return false;
    }
    return false;
}

/* A name server that does not answer for one must not delay the others. */
static void
begin_early(WnServers *self)
{
    int64_t delay_ms;

    if (!has_endpoint(self))
        return;
    delay_ms = knows_the_best(self) ? ADDRESS_DELAY_MS : SERVER_DELAY_MS;
    if (!wn_timer_is_set(&self->early) || delay_ms == ADDRESS_DELAY_MS)
        wn_timer_set(&self->early, delay_ms);
}

static void
on_early(void *user)
{
    WnServers *self = user;

    self->fn(self->user);
}

static void
take_answer(WnServersHost *host, const WnResolution *answer)
{
    WnServers *self = host->servers;

    for (uint32_t i = 0; i < answer->n_records; i++)
        if (answer->records[i].address.len != 0)
            add_address(host, &answer->records[i].address);
    if (answer->status == WN_RESOLVED_FAILED) {
        host->failed = true;
        set_problem(self, host->name, "DNS lookup failed");
    } else if (answer->status == WN_RESOLVED_NO_NAME) {
        set_problem(self, host->name, "no such name");
    }
    self->expires_ms = MIN(self->expires_ms, answer->expires_ms);
    self->n_pending--;
    if (host->questions[0] == NULL && host->questions[1] == NULL && host->failed
        && host->n_addresses == 0)
        keep_old_addresses(host);
    if (self->n_pending == 0)
        conclude(self);
    else
        begin_early(self);
}

static void
on_aaaa(void *user, const WnResolution *answer)
{
    WnServersHost *host = user;

    host->questions[0] = NULL;
    take_answer(host, answer);
}

static void
on_a(void *user, const WnResolution *answer)
{
    WnServersHost *host = user;

    host->questions[1] = NULL;
    take_answer(host, answer);
}

static void
on_dane(void *user)
{
    WnServersHost *host = user;
    WnServers *self = host->servers;

    if (wn_dane_state(host->dane) == WN_DANE_FAILED)
        set_problem(self, host->name, "DNS lookup of TLSA records failed");
    for (guint i = 0; i < self->endpoints->len; i++)
        if (((WnEndpoint *)self->endpoints->pdata[i])->host == host)
            drop_session(self->endpoints->pdata[i]);
    self->expires_ms = MIN(self->expires_ms, wn_dane_expires(host->dane));
    self->n_pending--;
    if (self->n_pending == 0)
        conclude(self);
    else
        begin_early(self);
}

static void
ask_dane(WnServersHost *host)
{
    WnServers *self = host->servers;

    if (host->tls != WN_TLS_POLICY_DANE)
        return;
    if (host->dane == NULL)
        host->dane = wn_dane_new(self->config.resolver, host->name, host->port,
            on_dane, host);
    self->n_pending++;
    wn_dane_look_up(host->dane);
}

static void
ask_host(WnServersHost *host)
{
    WnServers *self = host->servers;
    WnNetaddr address;

    host->n_addresses = 0;
    host->failed = host->is_us = false;
    if (wn_netaddr_parse(wn_span_str(host->name), &address)) {
        add_address(host, &address);
        return;
    }
    if (self->config.resolver == NULL)
        return;
    self->n_pending += 2;
    host->questions[0] = wn_resolver_ask(self->config.resolver, host->name,
        WN_RR_AAAA, on_aaaa, host);
    host->questions[1] = wn_resolver_ask(self->config.resolver, host->name,
        WN_RR_A, on_a, host);
    ask_dane(host);
}

static void
on_soon(void *user)
{
    conclude(user);
}

static void
ask_hosts(WnServers *self)
{
    for (guint i = 0; i < self->hosts->len; i++)
        ask_host(self->hosts->pdata[i]);
    if (self->n_pending == 0)
        wn_deferred_soon(&self->soon);
}

static gint
compare_preference(gconstpointer a, gconstpointer b)
{
    const WnServersHost *one = *(WnServersHost *const *)a;
    const WnServersHost *other = *(WnServersHost *const *)b;

    if (one->preference != other->preference)
        return one->preference < other->preference ? -1 : 1;
    return (one->load > other->load) - (one->load < other->load);
}

/* Our own name among the MX: it and whatever is not preferred to it would only
 * bring the message back (RFC 5321 §5.1). */
static void
drop_from_ourselves(WnServers *self)
{
    for (guint i = 0; i < self->hosts->len; i++) {
        const WnServersHost *host = self->hosts->pdata[i];
        guint first = i;

        if (g_ascii_strcasecmp(host->name, self->config.hostname) != 0)
            continue;
        while (first > 0
               && ((WnServersHost *)self->hosts->pdata[first - 1])->preference
                      == host->preference)
            first--;
        g_ptr_array_set_size(self->hosts, (gint)first);
        return;
    }
}

static void
take_exchanges(WnServers *self, const WnResolution *answer)
{
    for (uint32_t i = 0; i < answer->n_records; i++) {
        const WnRecord *record = &answer->records[i];
        WnServersHost *host;

        if (record->type != WN_RR_MX || self->hosts->len == HOSTS_MAX
            || record->text_len == 0 || g_str_equal(record->text, "."))
            continue;
        host = add_host(self, record->text, self->config.route->mx_port, 1);
        host->preference = record->preference;
        host->load = g_random_double();
    }
    g_ptr_array_sort(self->hosts, compare_preference);
    drop_from_ourselves(self);
    for (guint i = 0; i < self->hosts->len; i++)
        ((WnServersHost *)self->hosts->pdata[i])->number = (int16_t)i;
}

/* Endpoints outlive the hosts of an earlier answer only while in use. */
static void
forget_hosts(WnServers *self)
{
    for (guint i = 0; i < self->endpoints->len; i++) {
        WnEndpoint *endpoint = self->endpoints->pdata[i];

        endpoint->stale = true;
        endpoint->host = NULL;
    }
    g_ptr_array_set_size(self->hosts, 0);
    self->numbering++;
}

static void
keep_all_addresses(WnServers *self)
{
    for (guint i = 0; i < self->hosts->len; i++)
        keep_old_addresses(self->hosts->pdata[i]);
}

static void
on_mx(void *user, const WnResolution *answer)
{
    WnServers *self = user;
    const WnRoute *route = self->config.route;

    self->mx = NULL;
    if (answer->status == WN_RESOLVED_NO_NAME) {
        give_up(self, "no such domain");
        return;
    }
    if (answer->status == WN_RESOLVED_FAILED) {
        set_problem(self, route->mx_domain, "DNS lookup of MX failed");
        keep_all_addresses(self);
        self->expires_ms = answer->expires_ms;
        conclude(self);
        return;
    }
    forget_hosts(self);
    self->expires_ms = MIN(self->expires_ms, answer->expires_ms);
    if (answer->status == WN_RESOLVED_FOUND)
        take_exchanges(self, answer);
    else
        add_host(self, route->mx_domain, route->mx_port, 1);
    if (self->hosts->len > 0)
        ask_hosts(self);
    else
        give_up(self, "accepts no mail (RFC 7505), or its MX is this host");
}

static bool
ask_mx(WnServers *self)
{
    const char *domain = self->config.route->mx_domain;
    size_t len = strlen(domain);
    WnNetaddr address;

    /* An address literal has no MX. */
    if (domain[0] == '[' && domain[len - 1] == ']') {
        WnSpan text = wn_span_slice(wn_span_str(domain), 1, len - 2);
        g_autofree char *name = NULL;

        if (wn_span_case_starts(text, WN_SPAN("ipv6:")))
            text = wn_span_slice(text, 5, text.len);
        if (!wn_netaddr_parse(text, &address))
            return false;
        name = wn_span_dup(text);
        forget_hosts(self);
        add_host(self, name, self->config.route->mx_port, 1);
        ask_hosts(self);
        return true;
    }
    if (self->config.resolver == NULL)
        return false;
    self->mx = wn_resolver_ask(self->config.resolver, domain, WN_RR_MX, on_mx,
        self);
    return true;
}

static void
on_no_way(void *user)
{
    give_up(user, "no mail domain");
}

void
wn_servers_refresh(WnServers *self)
{
    if (self->state == WN_SERVERS_RESOLVING
        || (self->state != WN_SERVERS_NEW
            && wn_clock_mono_ms() < self->expires_ms))
        return;
    self->state = WN_SERVERS_RESOLVING;
    self->expires_ms = INT64_MAX;
    self->n_pending = 0;
    self->n_unfit = 0;
    self->round++;
    g_clear_pointer(&self->problem, g_free);
    if (self->config.route->mx_domain == NULL) {
        ask_hosts(self);
    } else if (!ask_mx(self)) {
        self->soon.fn = on_no_way;
        wn_deferred_soon(&self->soon);
    }
}

void
wn_servers_use_config(WnServers *self, const WnServersConfig *config)
{
    self->config = *config;
}

WnServers *
wn_servers_new(const WnServersConfig *config, WnServersFn fn, void *user)
{
    WnServers *self = g_new0(WnServers, 1);
    const GPtrArray *servers = config->route->servers;

    self->config = *config;
    self->fn = fn;
    self->user = user;
    self->hosts = g_ptr_array_new_with_free_func(host_free);
    self->endpoints = g_ptr_array_new_with_free_func(endpoint_free);
    wn_deferred_init(&self->soon, config->loop, on_soon, self);
    wn_timer_init(&self->early, config->loop, on_early, self);
    for (guint i = 0; i < servers->len; i++) {
        const WnServerSetting *server = servers->pdata[i];

        add_host(self, server->host, server->port, server->weight)
            ->tls = wn_server_tls(server->own_tls, config->route->tls);
    }
    return self;
}

void
wn_servers_free(WnServers *self)
{
    if (self == NULL)
        return;
    wn_deferred_unset(&self->soon);
    wn_timer_clear(&self->early);
    if (self->mx != NULL)
        wn_question_cancel(self->mx);
    g_ptr_array_unref(self->hosts);
    g_ptr_array_unref(self->endpoints);
    g_free(self->problem);
    g_free(self);
}

WnServersState
wn_servers_state(const WnServers *self)
{
    return self->state;
}

const char *
wn_servers_problem(const WnServers *self)
{
    return self->problem != NULL ? self->problem : "no server is up";
}
