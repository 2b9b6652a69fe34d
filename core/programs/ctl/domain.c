/* SPDX-License-Identifier: MIT */

/* winnowctl domain: the effective settings of domains, and what to hand out to
 * whoever runs their DNS and their firewall. */

#include "core/programs/ctl/domain_records.h"
#include "core/programs/ctl/settings.h"

#include "core/base/json.h"

#include <stdio.h>

/* Where a value comes from, "domains.d/example.com.conf:7" (transfer full). */
static char *
domain_origin(const WnDomainSetting *setting, bool given)
{
    if (!given || setting == NULL)
        return g_strdup("default");
    return g_strdup_printf("%s:%u", setting->file, setting->line);
}

static const WnFilterSetting *
filter_setting(const WnDomainSetting *setting, WnSpan name)
{
    for (guint i = 0; setting != NULL && i < setting->filter_settings->len;
         i++) {
        const WnFilterSetting *filter = setting->filter_settings->pdata[i];

        if (wn_span_eq(wn_span_str(filter->name), name))
            return filter;
    }
    return NULL;
}

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
    option->from = found != NULL
                       ? g_strdup_printf("%s:%u", found->file, found->line)
                       : g_strdup("default");
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
    const WnFilterSetting *own = filter_setting(domain, link->filter);
    g_autofree char *name = wn_span_dup(link->filter);
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

static char *
link_origin(const CtlSettings *settings, const WnDomainSetting *domain,
    const WnLink *link)
{
    const WnFilterSetting *own = filter_setting(domain, link->filter);
    g_autofree char *name = wn_span_dup(link->filter);
    const WnFilterConfig *config = wn_config_filter(settings->config, name);

    if (own != NULL || (domain != NULL && domain->filters != NULL))
        return domain_origin(domain, true);
    return config != NULL ? g_strdup_printf("%s:%u", config->file, config->line)
                          : g_strdup("default");
}

typedef struct Printer {
    bool json;
    WnJson out;
    GString *text;
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
print_simple(Printer *printer, const WnDomainSetting *setting, const char *key,
    const char *value, const char *fallback)
{
    g_autofree char *origin = domain_origin(setting,
        strcmp(value, fallback) != 0);

    print_value(printer, key, value, origin);
}

/* A limit of the domain's own, else the server's. */
static void
print_limit(Printer *printer, const WnDomainSetting *setting, const char *key,
    int64_t own, int64_t server)
{
    g_autofree char *value = g_strdup_printf("%" G_GINT64_FORMAT,
        own > 0 ? own : server);
    g_autofree char *origin = domain_origin(setting, own > 0);

    print_value(printer, key, value, origin);
}

static void
print_servers(const CtlSettings *settings, const WnDomain *domain,
    const WnDomainSetting *setting, Printer *printer)
{
    g_autofree char *origin = domain_origin(setting, true);
    g_autoptr(GString) value = g_string_new(NULL);

    for (uint32_t i = 0; i < domain->n_servers; i++) {
        WnServer server = wn_snapshot_server(settings->snapshot, domain, i);

        g_string_append_printf(value, "%s%.*s:%u", i > 0 ? "; " : "",
            (int)server.host.len, server.host.ptr, server.port);
    }
    print_value(printer, "servers", value->str, origin);
}

static void
print_domain_values(const CtlSettings *settings, const WnDomain *domain,
    const WnDomainSetting *setting, Printer *printer)
{
    g_autofree char *pool = wn_span_dup(domain->egress_pool);
    const WnConfig *config = settings->config;

    print_servers(settings, domain, setting, printer);
    print_simple(printer, setting, "status",
        wn_domain_status_name(domain->status), "ready");
    print_simple(printer, setting, "delivery",
        domain->delivery == WN_DELIVERY_EVEN ? "even" : "ordered", "even");
    print_simple(printer, setting, "mailboxes",
        domain->mailboxes == WN_MAILBOXES_ANY ? "any" : "listed", "any");
    print_simple(printer, setting, "filter_default",
        domain->filter_default ? "on" : "off", "on");
    print_simple(printer, setting, "tls", wn_tls_policy_name(domain->tls),
        "may");
    print_simple(printer, setting, "firewall",
        domain->firewall ? "true" : "false", "false");
    print_simple(printer, setting, "egress_pool", pool, "");
    print_limit(printer, setting, "max_message_size", domain->max_message_size,
        config->max_message_size);
    print_limit(printer, setting, "queue_lifetime",
        domain->queue_lifetime_ms / 1000, config->lifetime_ms / 1000);
    print_limit(printer, setting, "delay_notice",
        domain->delay_notice_ms / 1000, config->delay_notice_ms / 1000);
}

static void
print_link_json(const CtlSettings *settings, const WnDomainSetting *setting,
    const WnLink *link, WnJson *json)
{
    g_autofree char *origin = link_origin(settings, setting, link);
    g_autoptr(GPtrArray) options = link_options(settings, setting, link);

    wn_json_open_object(json, NULL);
    wn_json_span(json, "filter", link->filter);
    wn_json_span(json, "action", link->action);
    wn_json_bool(json, "decides_at_rcpt", link->early);
    wn_json_str(json, "on_match", wn_on_match_name(link->on_match));
    wn_json_str(json, "on_error", wn_on_error_name(link->on_error));
    wn_json_str(json, "from", origin);
    wn_json_open_object(json, "options");
    for (guint i = 0; i < options->len; i++) {
        const LinkOption *option = options->pdata[i];

        wn_json_open_object(json, option->key);
        wn_json_str(json, "value", option->value);
        wn_json_str(json, "from", option->from);
        wn_json_close_object(json);
    }
    wn_json_close_object(json);
    wn_json_close_object(json);
}

static void
print_link_text(const CtlSettings *settings, const WnDomainSetting *setting,
    const WnLink *link, unsigned number, GString *out)
{
    g_autofree char *origin = link_origin(settings, setting, link);
    g_autofree char *action = wn_span_dup(link->action);
    g_autoptr(GPtrArray) options = link_options(settings, setting, link);

    g_string_append_printf(out,
        "  %u. %-14.*s %-16s on_match=%s on_error=%s%s"
        "  %s\n",
        number, (int)link->filter.len, link->filter.ptr,
        action[0] != '\0' ? action : "(report only)",
        wn_on_match_name(link->on_match), wn_on_error_name(link->on_error),
        link->early ? " at RCPT" : "", origin);
    for (guint i = 0; i < options->len; i++) {
        const LinkOption *option = options->pdata[i];

        g_string_append_printf(out, "       %s = %s  %s\n", option->key,
            option->value, option->from);
    }
}

static void
print_chain(const CtlSettings *settings, const WnDomain *domain,
    const WnDomainSetting *setting, Printer *printer)
{
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
            print_link_json(settings, setting, &link, &printer->out);
        else
            print_link_text(settings, setting, &link, i + 1, printer->text);
    }
    if (printer->json)
        wn_json_close_list(&printer->out);
}

static WnExit
show_domain(WnCtl *ctl, const CtlSettings *settings, const char *name)
{
    g_autofree char *lower = g_ascii_strdown(name, -1);
    const WnDomainSetting *setting = ctl_settings_domain(settings, lower);
    g_autoptr(GString) out = g_string_new(NULL);
    Printer printer = { .json = ctl->json, .text = out };
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
    print_domain_values(settings, &domain, setting, &printer);
    print_chain(settings, &domain, setting, &printer);
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

    if (!list && !show) {
        fputs("usage: winnowctl domain list | show D\n", stderr);
        return WN_EXIT_USAGE;
    }
    if (!ctl_settings_load(ctl, &settings))
        return WN_EXIT_NO;
    return list ? list_domains(ctl, &settings)
                : show_domain(ctl, &settings, ctl->words->pdata[1]);
}
