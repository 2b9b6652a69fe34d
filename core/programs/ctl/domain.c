/* SPDX-License-Identifier: MIT */

/* winnowctl domain: the effective settings of domains, and what to hand out to
 * whoever runs their DNS and their firewall. */

#include "core/programs/ctl/domain_records.h"
#include "core/programs/ctl/edit.h"
#include "core/programs/ctl/origin.h"
#include "core/programs/ctl/settings.h"

#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/conf/server_setting.h"
#include "core/journal/lenient.h"

#include <stdio.h>

static const WnSetting *
find_setting(const GPtrArray *settings, WnSpan key)
{
    for (guint i = 0; settings != NULL && i < settings->len; i++) {
        const WnSetting *setting = settings->pdata[i];

        if (wn_span_eq(wn_span_str(setting->key), key))
            return setting;
    }
    return NULL;
}

/* An option that is in force, and where it was set. */
typedef struct LinkOption {
    char *key;
    char *value;
    char *from;
} LinkOption;

static void
link_option_free(void *data)
{
    LinkOption *option = data;

    g_free(option->key);
    g_free(option->value);
    g_free(option->from);
    g_free(option);
}

/* found: who says so, NULL: the default. */
static void
add_option(GPtrArray *options, WnSpan key, WnSpan value, const WnSetting *found)
{
    LinkOption *option = g_new0(LinkOption, 1);

    option->key = wn_span_dup(key);
    option->value = wn_span_dup(value);
    option->from = ctl_origin_option(found);
    g_ptr_array_add(options, option);
}

static bool
has_option(const GPtrArray *options, const char *key)
{
    for (guint i = 0; i < options->len; i++)
        if (strcmp(((const LinkOption *)options->pdata[i])->key, key) == 0)
            return true;
    return false;
}

/* The snapshot names what is the link's own.  The rest is of the instance, for
 * all domains, but for options of an action that is not the link's. */
static GPtrArray *
link_options(const CtlSettings *settings, const WnDomainSetting *domain,
    const WnLink *link)
{
    GPtrArray *options = g_ptr_array_new_with_free_func(link_option_free);
    g_autofree char *name = wn_span_dup(link->filter);
    const WnFilterSetting *own = ctl_origin_filter_setting(domain, name);
    const WnFilterConfig *config = wn_config_filter(settings->config, name);
    const GPtrArray *shared = config != NULL ? config->settings : NULL;

    for (uint32_t i = 0; i < link->n_options; i++) {
        const WnSetting *found = NULL;
        WnSpan key, value;

        wn_snapshot_option(settings->snapshot, link, i, &key, &value);
        if (own != NULL)
            found = find_setting(own->settings, key);
        add_option(options, key, value,
            found != NULL ? found : find_setting(shared, key));
    }
    for (guint i = 0; shared != NULL && i < shared->len; i++) {
        const WnSetting *setting = shared->pdata[i];

        if (!g_str_has_prefix(setting->key, "action.")
            && !has_option(options, setting->key))
            add_option(options, wn_span_str(setting->key),
                wn_span_str(setting->value), setting);
    }
    return options;
}

/* Who put the filter into the chain. */
static char *
link_origin(const CtlSettings *settings, CtlOrigins *origins,
    const WnDomainSetting *domain, const char *filter)
{
    const WnFilterSetting *own = ctl_origin_filter_setting(domain, filter);
    const WnFilterConfig *config = wn_config_filter(settings->config, filter);

    if ((own != NULL && own->enabled >= 0)
        || (domain != NULL && domain->filters != NULL))
        return ctl_origin_filter(origins, domain, filter, "enabled");
    return config != NULL ? g_strdup_printf("%s:%u", config->file, config->line)
                          : g_strdup("default");
}

typedef struct Printer {
    bool json;
    WnJson out;
    GString *text;
    const CtlSettings *settings;
    const WnDomainSetting *setting; /* NULL: what the source says is unknown */
    CtlOrigins *origins;
} Printer;

static void
print_value(Printer *printer, const char *key, const char *value,
    const char *origin)
{
    if (printer->json) {
        wn_json_open_object(&printer->out, key);
        wn_json_str(&printer->out, "value", value);
        wn_json_str(&printer->out, "from", origin);
        wn_json_close_object(&printer->out);
    } else {
        g_string_append_printf(printer->text, "%-18s %-30s  %s\n", key,
            value[0] != '\0' ? value : "-", origin);
    }
}

static void
print_simple(Printer *printer, const char *key, const char *value,
    const char *fallback)
{
    g_autofree char *origin = ctl_origin_domain(printer->origins,
        printer->setting, key, strcmp(value, fallback) == 0);

    print_value(printer, key, value, origin);
}

/* A limit that winnow.conf has, too. */
typedef struct Limit {
    const char *key;
    const char *group;
    int64_t own; /* 0: the server's holds */
    int64_t server;
} Limit;

static void
print_limit(Printer *printer, Limit limit)
{
    g_autofree char *value = g_strdup_printf("%" G_GINT64_FORMAT,
        limit.own > 0 ? limit.own : limit.server);
    g_autofree char *origin = limit.own > 0
                                  ? ctl_origin_domain(printer->origins,
                                      printer->setting, limit.key, false)
                                  : ctl_origin_server(printer->origins,
                                      limit.group, limit.key);

    print_value(printer, limit.key, value, origin);
}

static void
print_servers(Printer *printer, const WnDomain *domain)
{
    g_autofree char *origin = ctl_origin_domain(printer->origins,
        printer->setting, "servers", false);
    g_autoptr(GString) value = g_string_new(NULL);

    for (uint32_t i = 0; i < domain->n_servers; i++) {
        WnServer server = wn_snapshot_server(printer->settings->snapshot,
            domain, i);

        g_string_append(value, i > 0 ? "; " : "");
        wn_server_setting_print(value, server.host, server.port, server.weight,
            server.own_tls);
    }
    print_value(printer, "servers", value->str, origin);
}

static void
print_limits(Printer *printer, const WnDomain *domain)
{
    const WnConfig *config = printer->settings->config;

    print_limit(printer,
        (Limit){ "max_message_size", "limits", domain->max_message_size,
            config->max_message_size });
    print_limit(printer,
        (Limit){ "queue_lifetime", "delivery", domain->queue_lifetime_ms / 1000,
            config->lifetime_ms / 1000 });
    print_limit(printer,
        (Limit){ "delay_notice", "delivery", domain->delay_notice_ms / 1000,
            config->delay_notice_ms / 1000 });
}

/* While it is in force: no setting, but for a time it has the last word. */
static void
print_lenient(Printer *printer, const WnDomain *domain)
{
    g_autoptr(WnLenient)
        lenient = wn_lenient_new(printer->settings->config->spool);
    g_autofree char *name = wn_span_dup(domain->name);
    int64_t until = wn_lenient_until(lenient, name);
    g_autofree char *value = NULL;
    char date[WN_DATE_MAX];

    if (until == 0)
        return;
    wn_clock_iso8601(until * 1000, date);
    value = g_strconcat("until ", date, NULL);
    print_value(printer, "treat_5xx_as_temporary", value,
        "winnowctl queue lenient");
}

/* What a policy of dane is for servers without a name. */
static void
print_dane_of_addresses(Printer *printer, const WnDomain *domain)
{
    g_autoptr(GString) origin = g_string_new("dane needs names, not ");
    size_t len = origin->len;

    for (uint32_t i = 0; i < domain->n_servers; i++) {
        WnServer server = wn_snapshot_server(printer->settings->snapshot,
            domain, i);
        g_autofree char *host = wn_span_dup(server.host);

        if (!wn_server_dane_is_may(host, server.own_tls, domain->tls))
            continue;
        g_string_append_printf(origin, "%s%s", origin->len > len ? ", " : "",
            host);
    }
    if (origin->len > len)
        print_value(printer, "tls_of_addresses", "may", origin->str);
}

static void
print_domain_values(Printer *printer, const WnDomain *domain)
{
    g_autofree char *pool = wn_span_dup(domain->egress_pool);
    g_autofree char *contact = wn_span_dup(domain->technical_contact);
    g_autofree char *reject_text = NULL;
    WnClass class_ = { 0 };

    wn_snapshot_class(printer->settings->snapshot, domain->class_id, &class_);
    reject_text = wn_span_dup(class_.reject_text);
    print_servers(printer, domain);
    print_simple(printer, "status", wn_domain_status_name(domain->status),
        "ready");
    print_simple(printer, "delivery",
        domain->delivery == WN_DELIVERY_EVEN ? "even" : "ordered", "even");
    print_simple(printer, "mailboxes",
        domain->mailboxes == WN_MAILBOXES_ANY ? "any" : "listed", "any");
    print_simple(printer, "filter_default",
        domain->filter_default ? "on" : "off", "on");
    print_simple(printer, "tls", wn_tls_policy_name(domain->tls), "may");
    print_dane_of_addresses(printer, domain);
    print_simple(printer, "firewall", domain->firewall ? "true" : "false",
        "false");
    print_simple(printer, "egress_pool", pool, "");
    print_simple(printer, "reject_text", reject_text, "");
    print_simple(printer, "technical_contact", contact, "");
    print_limits(printer, domain);
    print_lenient(printer, domain);
}

static const char *const link_keys[] = { "position", "action", "on_match",
    "on_error" };

/* What the key is in this chain (transfer full). */
static char *
link_value(const Printer *printer, const WnLink *link, const char *filter,
    const char *key)
{
    const WnFilterSetting *own = ctl_origin_filter_setting(printer->setting,
        filter);
    const WnFilterConfig *config = wn_config_filter(printer->settings->config,
        filter);

    if (strcmp(key, "action") == 0)
        return link->action.len > 0 ? wn_span_dup(link->action)
                                    : g_strdup("none");
    if (strcmp(key, "on_match") == 0)
        return g_strdup(wn_on_match_name(link->on_match));
    if (strcmp(key, "on_error") == 0)
        return g_strdup(wn_on_error_name(link->on_error));
    return g_strdup_printf("%d", own != NULL && own->position >= 0
                                     ? own->position
                                 : config != NULL ? config->position
                                                  : 0);
}

static void
print_origins_json(const Printer *printer, const char *filter, WnJson *json)
{
    wn_json_open_object(json, "origins");
    for (size_t i = 0; i < G_N_ELEMENTS(link_keys); i++) {
        g_autofree char *from = ctl_origin_filter(printer->origins,
            printer->setting, filter, link_keys[i]);

        wn_json_str(json, link_keys[i], from);
    }
    wn_json_close_object(json);
}

static void
print_options_json(const GPtrArray *options, WnJson *json)
{
    wn_json_open_object(json, "options");
    for (guint i = 0; i < options->len; i++) {
        const LinkOption *option = options->pdata[i];

        wn_json_open_object(json, option->key);
        wn_json_str(json, "value", option->value);
        wn_json_str(json, "from", option->from);
        wn_json_close_object(json);
    }
    wn_json_close_object(json);
}

static void
print_link_json(Printer *printer, const WnLink *link)
{
    WnJson *json = &printer->out;
    g_autofree char *filter = wn_span_dup(link->filter);
    g_autofree char *origin = link_origin(printer->settings, printer->origins,
        printer->setting, filter);
    g_autofree char *position = link_value(printer, link, filter, "position");
    g_autoptr(GPtrArray)
        options = link_options(printer->settings, printer->setting, link);

    wn_json_open_object(json, NULL);
    wn_json_str(json, "filter", filter);
    wn_json_int(json, "position", g_ascii_strtoll(position, NULL, 10));
    wn_json_span(json, "action", link->action);
    wn_json_bool(json, "decides_at_rcpt", link->early);
    wn_json_str(json, "on_match", wn_on_match_name(link->on_match));
    wn_json_str(json, "on_error", wn_on_error_name(link->on_error));
    wn_json_str(json, "from", origin);
    print_origins_json(printer, filter, json);
    print_options_json(options, json);
    wn_json_close_object(json);
}

static void
print_link_text(const Printer *printer, const WnLink *link, unsigned number)
{
    GString *out = printer->text;
    g_autofree char *filter = wn_span_dup(link->filter);
    g_autofree char *origin = link_origin(printer->settings, printer->origins,
        printer->setting, filter);
    g_autoptr(GPtrArray)
        options = link_options(printer->settings, printer->setting, link);

    g_string_append_printf(out, "  %u. %-14s%s  %s\n", number, filter,
        link->early ? " at RCPT" : "", origin);
    for (size_t i = 0; i < G_N_ELEMENTS(link_keys); i++) {
        const char *key = link_keys[i];
        g_autofree char *value = link_value(printer, link, filter, key);
        g_autofree char *from = ctl_origin_filter(printer->origins,
            printer->setting, filter, key);

        g_string_append_printf(out, "       %s = %s  %s\n", key, value, from);
    }
    for (guint i = 0; i < options->len; i++) {
        const LinkOption *option = options->pdata[i];

        g_string_append_printf(out, "       %s = %s  %s\n", option->key,
            option->value, option->from);
    }
}

static void
print_chain(Printer *printer, const WnDomain *domain)
{
    const CtlSettings *settings = printer->settings;
    WnClass class_;

    if (!wn_snapshot_class(settings->snapshot, domain->class_id, &class_))
        return;
    if (printer->json)
        wn_json_open_list(&printer->out, "filters");
    else
        g_string_append(printer->text, "\nfilters, in this order:\n");
    for (uint32_t i = 0; i < class_.n_links; i++) {
        WnLink link = wn_snapshot_link(settings->snapshot, &class_, i);

        if (printer->json)
            print_link_json(printer, &link);
        else
            print_link_text(printer, &link, i + 1);
    }
    if (printer->json)
        wn_json_close_list(&printer->out);
}

static WnExit
show_domain(WnCtl *ctl, const CtlSettings *settings, const char *name)
{
    g_autofree char *lower = g_ascii_strdown(name, -1);
    g_autoptr(CtlOrigins) origins = ctl_origins_new(settings);
    g_autoptr(GString) out = g_string_new(NULL);
    Printer printer = { .json = ctl->json,
        .text = out,
        .settings = settings,
        .setting = ctl_settings_domain(settings, lower),
        .origins = origins };
    WnDomain domain;

    if (!wn_snapshot_domain(settings->snapshot, wn_span_str(lower), &domain)) {
        fprintf(stderr, "winnowctl: %s is not one of the domains\n", lower);
        return WN_EXIT_NO;
    }
    wn_json_init(&printer.out, out);
    if (ctl->json) {
        wn_json_open_object(&printer.out, NULL);
        wn_json_str(&printer.out, "domain", lower);
    }
    print_domain_values(&printer, &domain);
    print_chain(&printer, &domain);
    if (ctl->json) {
        domain_records_json(settings->config, &domain, &printer.out);
        wn_json_close_object(&printer.out);
        g_string_append_c(out, '\n');
    } else {
        domain_records_text(settings->config, &domain, out);
    }
    fputs(out->str, stdout);
    return WN_EXIT_OK;
}

static WnExit
list_domains(const WnCtl *ctl, const CtlSettings *settings)
{
    g_autoptr(GString) out = g_string_new(NULL);

    for (uint32_t i = 0; i < wn_snapshot_n_domains(settings->snapshot); i++) {
        WnDomain domain;
        WnClass class_;
        WnJson json;

        if (!wn_snapshot_domain_at(settings->snapshot, i, &domain)
            || !wn_snapshot_class(settings->snapshot, domain.class_id, &class_))
            continue;
        wn_json_init(&json, out);
        if (!ctl->json) {
            g_string_append_printf(out,
                "%-40.*s %-12s servers %u, filters %u\n", (int)domain.name.len,
                domain.name.ptr, wn_domain_status_name(domain.status),
                domain.n_servers, class_.n_links);
            continue;
        }
        wn_json_open_object(&json, NULL);
        wn_json_span(&json, "domain", domain.name);
        wn_json_str(&json, "status", wn_domain_status_name(domain.status));
        wn_json_int(&json, "servers", domain.n_servers);
        wn_json_int(&json, "filters", class_.n_links);
        wn_json_close_object(&json);
        g_string_append_c(out, '\n');
    }
    fputs(out->str, stdout);
    return WN_EXIT_OK;
}

WnExit
ctl_domain(WnCtl *ctl)
{
    const char *what = ctl->words->len > 0 ? ctl->words->pdata[0] : "";
    bool list = strcmp(what, "list") == 0 && ctl->words->len == 1;
    bool show = strcmp(what, "show") == 0 && ctl->words->len == 2;
    g_auto(CtlSettings) settings = { 0 };
    WnExit status;

    if (ctl_domain_edit(ctl, &status))
        return status;
    if (!list && !show) {
        fputs("usage: winnowctl domain list | show D | add | set | unset | "
              "remove\n",
            stderr);
        return WN_EXIT_USAGE;
    }
    if (!ctl_settings_load(ctl, &settings))
        return WN_EXIT_NO;
    return list ? list_domains(ctl, &settings)
                : show_domain(ctl, &settings, ctl->words->pdata[1]);
}
