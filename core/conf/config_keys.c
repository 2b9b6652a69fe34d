/* SPDX-License-Identifier: MIT */
#include "core/conf/config_keys.h"

#include <string.h>
#include <unistd.h>

#include "core/base/history.h"
#include "core/base/text.h"
#include "core/conf/names.h"
#include "core/conf/option.h"

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)
#define KIB INT64_C(1024)
#define MIB (KIB * KIB)
#define GIB (KIB * MIB)

#define SMTP_PORT 25
#define DNS_PORT 53
#define METRICS_PORT 9125
#define WORKERS_MAX 256
#define HOSTNAME_SIZE 256

static const char *const isolation_names[] = { "process", "none", NULL };
static const char *const sandbox_names[] = { "off", "try", "require", NULL };
static const char *const bare_names[] = { "refuse", "normalise", NULL };
static const char *const source_names[] = { "files", "mariadb", NULL };
static const char *const log_names[] = { "text", "json", NULL };
static const char *const tls_names[] = { "off", "required", NULL };

typedef char *(*ItemFn)(const char *item, GArray *list);

/* Replaces the list of the member by what fn makes of each item; fn appends
 * to it or says what is wrong. */
static bool
set_array(const char *value, ItemFn fn, void *member, char **out_error)
{
    g_auto(GStrv) items = wn_key_split_list(value);
    GArray **array = member;

    g_array_set_size(*array, 0);
    for (int i = 0; items[i] != NULL; i++) {
        *out_error = fn(items[i], *array);
        if (*out_error != NULL)
            return false;
    }
    if ((*array)->len > 0)
        return true;
    *out_error = g_strdup("a list with at least one entry is required");
    return false;
}

static char *
add_listen(const char *item, GArray *list)
{
    WnNetaddr address;

    if (!wn_netaddr_parse_port(wn_span_str(item), SMTP_PORT, &address)
        || address.port == 0)
        return g_strdup_printf(
            "\"%s\" is not address:port (like 0.0.0.0:25 or [::]:25)", item);
    for (unsigned i = 0; i < list->len; i++) {
        if (wn_netaddr_eq(&g_array_index(list, WnNetaddr, i), &address))
            return g_strdup_printf("\"%s\" is given twice", item);
    }
    g_array_append_val(list, address);
    return NULL;
}

static char *
add_address(const char *item, GArray *list)
{
    WnNetaddr address;

    if (!wn_netaddr_parse(wn_span_str(item), &address))
        return g_strdup_printf("\"%s\" is not an address (like 192.0.2.10)",
            item);
    g_array_append_val(list, address);
    return NULL;
}

static char *
add_network(const char *item, GArray *list)
{
    WnNetwork network;
    char *fault = wn_option_network_fault(item, &network);

    if (fault == NULL)
        g_array_append_val(list, network);
    return fault;
}

static char *
add_retry(const char *item, GArray *list)
{
    int64_t ms;

    if (!wn_text_to_duration_ms(wn_span_str(item), &ms) || ms < SECOND_MS
        || ms > 7 * DAY_MS)
        return g_strdup_printf(
            "\"%s\" is not a duration from 1s to 7d (like 15m)", item);
    g_array_append_val(list, ms);
    return NULL;
}

static bool
set_listen(const WnKeySpec *spec, const char *value, const char *folder,
    void *member, char **out_error)
{
    (void)spec;
    (void)folder;
    return set_array(value, add_listen, member, out_error);
}

static bool
set_addresses(const WnKeySpec *spec, const char *value, const char *folder,
    void *member, char **out_error)
{
    (void)spec;
    (void)folder;
    return set_array(value, add_address, member, out_error);
}

static bool
set_networks(const WnKeySpec *spec, const char *value, const char *folder,
    void *member, char **out_error)
{
    (void)spec;
    (void)folder;
    return set_array(value, add_network, member, out_error);
}

static bool
set_retry(const WnKeySpec *spec, const char *value, const char *folder,
    void *member, char **out_error)
{
    (void)spec;
    (void)folder;
    return set_array(value, add_retry, member, out_error);
}

static unsigned
online_cores(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);

    return (unsigned)CLAMP(n, 1, WORKERS_MAX);
}

static bool
set_workers(const WnKeySpec *spec, const char *value, const char *folder,
    void *member, char **out_error)
{
    unsigned *workers = member;

    if (strcmp(value, "auto") != 0)
        return wn_key_set_unsigned(spec, value, folder, member, out_error);
    *workers = online_cores();
    return true;
}

static bool
set_history(const WnKeySpec *spec, const char *value, const char *folder,
    void *member, char **out_error)
{
    int64_t size;

    if (!wn_key_set_size(spec, value, folder, &size, out_error))
        return false;
    if (size > 0 && size < WN_HISTORY_SIZE_MIN) {
        *out_error = g_strdup_printf("\"%s\" is too small: 0 for none, or at "
                                     "least 1M",
            value);
        return false;
    }
    *(int64_t *)member = size;
    return true;
}

static bool
set_metrics(const WnKeySpec *spec, const char *value, const char *folder,
    void *member, char **out_error)
{
    WnNetaddr address = { .len = 0 };

    (void)spec;
    (void)folder;
    if (strcmp(value, "none") != 0
        && (!wn_netaddr_parse_port(wn_span_str(value), METRICS_PORT, &address)
            || address.port == 0)) {
        *out_error = g_strdup_printf(
            "\"%s\" is not address:port (like 127.0.0.1:9125) or none", value);
        return false;
    }
    *(WnNetaddr *)member = address;
    return true;
}

static bool
set_log(const WnKeySpec *spec, const char *value, const char *folder,
    void *member, char **out_error)
{
    unsigned form;

    if (!wn_key_set_name(spec, value, folder, &form, out_error))
        return false;
    *(bool *)member = form == 1;
    return true;
}

static bool
set_dns_servers(const WnKeySpec *spec, const char *value, const char *folder,
    void *member, char **out_error)
{
    g_auto(GStrv) items = wn_key_split_list(value);

    for (int i = 0; items[i] != NULL; i++) {
        WnNetaddr address;

        if (wn_netaddr_parse_port(wn_span_str(items[i]), DNS_PORT, &address)
            && address.port != 0)
            continue;
        *out_error =
            g_strdup_printf("\"%s\" is not address:port (like 127.0.0.1:53)",
                items[i]);
        return false;
    }
    return wn_key_set_text(spec, value, folder, member, out_error);
}

/* Stored as the name, once it is known to be one. */
static bool
set_tls_name(const WnKeySpec *spec, const char *value, const char *folder,
    void *member, char **out_error)
{
    unsigned index;

    return wn_key_set_name(spec, value, folder, &index, out_error)
           && wn_key_set_text(spec, value, folder, member, out_error);
}

#define KEY(name, setter, member, ...)                                        \
    {                                                                         \
        .key = (name), .set = (setter), .offset = offsetof(WnConfig, member), \
        ##__VA_ARGS__                                                         \
    }

static const WnKeySpec server_keys[] = {
    KEY("hostname", wn_key_set_domain_name, hostname),
    KEY("listen", set_listen, listen),
    KEY("user", wn_key_set_text, user),
    KEY("workers", set_workers, workers, .min = 1, .max = WORKERS_MAX),
    KEY("isolation", wn_key_set_name, isolation, .names = isolation_names),
    KEY("sandbox", wn_key_set_name, sandbox, .names = sandbox_names),
    KEY("spool", wn_key_set_path, spool),
    KEY("state", wn_key_set_path, state),
    KEY("run", wn_key_set_path, run),
    KEY("plugins", wn_key_set_path, plugins),
    KEY("tls_certificate", wn_key_set_path, tls_certificate),
    KEY("tls_key", wn_key_set_path, tls_key),
    KEY("proxy_from", set_networks, proxy_from),
    KEY("metrics", set_metrics, metrics),
    KEY("bare_newlines", wn_key_set_name, bare_newlines, .names = bare_names),
    KEY("log", set_log, log_json, .names = log_names),
    KEY("history", set_history, history, .max = WN_HISTORY_SIZE_MAX),
};

static const WnKeySpec limit_keys[] = {
    KEY("max_message_size", wn_key_set_size, max_message_size, .min = KIB,
        .max = 2 * GIB - 1),
    KEY("max_recipients", wn_key_set_unsigned, max_recipients, .min = 1,
        .max = 100000),
    KEY("max_connections", wn_key_set_unsigned, max_connections, .min = 1,
        .max = 1000000),
    KEY("max_connections_per_client", wn_key_set_unsigned,
        max_connections_per_client, .min = 1, .max = 1000000),
    KEY("min_free_space", wn_key_set_size, min_free_space, .min = 0,
        .max = GIB * KIB * KIB),
    KEY("filter_memory", wn_key_set_size, filter_memory, .min = 0,
        .max = GIB * KIB),
};

static const WnKeySpec dns_keys[] = {
    KEY("servers", set_dns_servers, dns_servers),
};

static const WnKeySpec settings_keys[] = {
    KEY("source", wn_key_set_name, source, .names = source_names),
    KEY("interval", wn_key_set_duration, interval_ms, .min = 100,
        .max = DAY_MS),
};

static const WnKeySpec mariadb_keys[] = {
    KEY("hosts", wn_key_set_list, mariadb_hosts),
    KEY("database", wn_key_set_text, mariadb_database),
    KEY("user", wn_key_set_text, mariadb_user),
    KEY("password_file", wn_key_set_path, mariadb_password_file),
    KEY("tls", set_tls_name, mariadb_tls, .names = tls_names),
    KEY("tls_ca", wn_key_set_path, mariadb_tls_ca),
};

static const char *const without_8bitmime_names[] = { "send", "bounce", NULL };

static const WnKeySpec delivery_keys[] = {
    KEY("retry", set_retry, retry_ms),
    KEY("lifetime", wn_key_set_duration, lifetime_ms, .min = SECOND_MS,
        .max = 60 * DAY_MS),
    KEY("delay_notice", wn_key_set_duration, delay_notice_ms, .min = SECOND_MS,
        .max = 60 * DAY_MS),
    KEY("connect_timeout", wn_key_set_duration, connect_timeout_ms,
        .min = SECOND_MS, .max = HOUR_MS),
    KEY("reply_timeout", wn_key_set_duration, reply_timeout_ms,
        .min = SECOND_MS, .max = HOUR_MS),
    KEY("message_timeout", wn_key_set_duration, message_timeout_ms,
        .min = SECOND_MS, .max = HOUR_MS),
    KEY("without_8bitmime", wn_key_set_name, without_8bitmime,
        .names = without_8bitmime_names),
};

static const WnKeySpec egress_keys[] = {
    { .key = "addresses",
        .set = set_addresses,
        .offset = offsetof(WnEgressConfig, addresses) },
};

#define TABLE(array)                 \
    {                                \
        (array), G_N_ELEMENTS(array) \
    }

static const struct {
    const char *group;
    WnKeyTable table;
} tables[] = {
    { "server", TABLE(server_keys) },
    { "limits", TABLE(limit_keys) },
    { "dns", TABLE(dns_keys) },
    { "settings", TABLE(settings_keys) },
    { "mariadb", TABLE(mariadb_keys) },
    { "delivery", TABLE(delivery_keys) },
};

static const char *const group_names[] = { "server", "limits", "dns",
    "settings", "mariadb", "delivery", "egress", "filter", NULL };

const WnKeyTable *
wn_config_keys(const char *group)
{
    for (size_t i = 0; i < G_N_ELEMENTS(tables); i++) {
        if (strcmp(tables[i].group, group) == 0)
            return &tables[i].table;
    }
    return NULL;
}

WnKeyTable
wn_config_egress_keys(void)
{
    return WN_KEY_TABLE(egress_keys);
}

const char *const *
wn_config_group_names(void)
{
    return group_names;
}

/* This machine's name, if it is one that can be said in SMTP. */
static char *
default_hostname(void)
{
    char host[HOSTNAME_SIZE];
    char domain[HOSTNAME_SIZE];
    g_autofree char *joined = NULL;
    g_autofree char *fault = NULL;
    char *name;

    if (gethostname(host, sizeof(host)) != 0)
        return g_strdup("localhost.localdomain");
    host[sizeof(host) - 1] = '\0';
    if (strchr(host, '.') == NULL && getdomainname(domain, sizeof(domain)) == 0
        && domain[0] != '\0' && domain[0] != '(')
        joined = g_strconcat(host, ".", domain, NULL);
    else
        joined = g_strdup(host);
    if (!wn_domain_name_parse(joined, &name, &fault))
        return g_strdup("localhost.localdomain");
    return name;
}

static void
set_default_lists(WnConfig *config)
{
    static const int64_t retry_ms[] = { MINUTE_MS, 5 * MINUTE_MS,
        15 * MINUTE_MS, 30 * MINUTE_MS };

    config->listen = g_array_new(FALSE, FALSE, sizeof(WnNetaddr));
    g_free(add_listen("0.0.0.0:25", config->listen));
    g_free(add_listen("[::]:25", config->listen));
    config->proxy_from = g_array_new(FALSE, FALSE, sizeof(WnNetwork));
    config->retry_ms = g_array_new(FALSE, FALSE, sizeof(int64_t));
    g_array_append_vals(config->retry_ms, retry_ms, G_N_ELEMENTS(retry_ms));
}

void
wn_config_set_defaults(WnConfig *config)
{
    set_default_lists(config);
    config->hostname = default_hostname();
    config->workers = online_cores();
    config->isolation = WN_ISOLATION_PROCESS;
    config->sandbox = WN_SANDBOX_TRY;
    config->spool = g_strdup("/var/spool/winnow");
    config->state = g_strdup("/var/lib/winnow");
    config->run = g_strdup("/run/winnow");
    config->plugins = g_strdup(WN_PLUGINDIR);
    config->bare_newlines = WN_BARE_REFUSE;
    config->log_json = true;
    config->history = 64 * MIB;
    config->max_message_size = 50 * MIB;
    config->max_recipients = 1000;
    config->max_connections = 10000;
    config->max_connections_per_client = 50;
    config->min_free_space = 256 * MIB;
    config->filter_memory = 2 * GIB;
    config->dns_servers = g_strdup("127.0.0.1:53");
    config->source = WN_SOURCE_FILES;
    config->interval_ms = 10 * SECOND_MS;
    config->mariadb_tls = g_strdup("required");
    config->lifetime_ms = 5 * DAY_MS;
    config->delay_notice_ms = 4 * HOUR_MS;
    config->connect_timeout_ms = 30 * SECOND_MS;
    config->reply_timeout_ms = 5 * MINUTE_MS;
    config->message_timeout_ms = 10 * MINUTE_MS;
}
