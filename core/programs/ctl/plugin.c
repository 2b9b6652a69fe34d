/* SPDX-License-Identifier: MIT */

/* winnowctl plugin: what is in the plugin folder, and what it declares. */

#include "core/programs/ctl/ctl.h"

#include "core/base/json.h"
#include "core/plugin/loader.h"
#include "core/plugin/module.h"

#include <stdio.h>

static const char *
kind_name(const WnPluginInfo *info)
{
    return info->kind == WN_PLUGIN_FILTER ? "filter" : "action";
}

typedef struct Listing {
    bool json;
    GString *out;
    unsigned n_refused;
} Listing;

static void
print_refused(void *user, const char *name, const char *reason)
{
    Listing *listing = user;
    WnJson json;

    listing->n_refused++;
    if (!listing->json) {
        g_string_append_printf(listing->out, "%-16s refused: %s\n", name,
            reason);
        return;
    }
    wn_json_init(&json, listing->out);
    wn_json_open_object(&json, NULL);
    wn_json_str(&json, "plugin", name);
    wn_json_str(&json, "state", "refused");
    wn_json_str(&json, "reason", reason);
    wn_json_close_object(&json);
    g_string_append_c(listing->out, '\n');
}

/* The filters of the configuration that use a plugin, "rbl, rbl-strict". */
static char *
instances_of(const WnConfig *config, const WnPluginInfo *info)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();

    for (guint i = 0; i < config->filters->len; i++) {
        const WnFilterConfig *filter = config->filters->pdata[i];
        const char *used = info->kind == WN_PLUGIN_FILTER ? filter->plugin
                                                          : filter->action;

        if (g_strcmp0(used, info->name) == 0)
            g_ptr_array_add(names, filter->name);
    }
    g_ptr_array_add(names, NULL);
    return g_strjoinv(", ", (char **)names->pdata);
}

static void
print_info(const Listing *listing, const WnConfig *config,
    const WnPluginInfo *info)
{
    g_autofree char *instances = instances_of(config, info);
    WnJson json;

    if (!listing->json) {
        g_string_append_printf(listing->out,
            "%-16s %-7s %-9s ABI 1.%u  used by: %s\n", info->name,
            kind_name(info), info->version, info->abi_minor,
            instances[0] != '\0' ? instances : "-");
        return;
    }
    wn_json_init(&json, listing->out);
    wn_json_open_object(&json, NULL);
    wn_json_str(&json, "plugin", info->name);
    wn_json_str(&json, "state", "loaded");
    wn_json_str(&json, "kind", kind_name(info));
    wn_json_str(&json, "version", info->version);
    wn_json_int(&json, "abi_major", WN_ABI_MAJOR);
    wn_json_int(&json, "abi_minor", info->abi_minor);
    wn_json_str(&json, "path", info->path);
    wn_json_str(&json, "summary", info->summary);
    wn_json_str(&json, "used_by", instances);
    wn_json_close_object(&json);
    g_string_append_c(listing->out, '\n');
}

static WnExit
list_plugins(const WnCtl *ctl, const WnConfig *config)
{
    g_autoptr(WnLoader) loader = wn_loader_new(config->plugins);
    g_autoptr(GString) out = g_string_new(NULL);
    Listing listing = { .json = ctl->json, .out = out };
    g_autoptr(WnCatalogue)
        catalogue = wn_loader_catalogue(loader, print_refused, &listing);

    for (unsigned i = 0; i < wn_catalogue_count(catalogue); i++)
        print_info(&listing, config, wn_catalogue_get(catalogue, i));
    fputs(out->str, stdout);
    return listing.n_refused > 0 ? WN_EXIT_NO : WN_EXIT_OK;
}

static void
print_limits(const WnOptionSpec *option, GString *out)
{
    if (option->min == 0 && option->max == 0)
        return;
    g_string_append_printf(out, ", %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT,
        option->min, option->max);
}

static void
print_option(const WnPluginInfo *info, const WnOptionSpec *option, GString *out)
{
    const char *prefix = info->kind == WN_PLUGIN_ACTION ? "action." : "";

    g_string_append_printf(out, "%s%s (%s", prefix, option->name,
        wn_option_kind_name(option->kind));
    print_limits(option, out);
    if ((option->flags & WN_OPTION_FILE) != 0)
        g_string_append(out, ", names a file");
    if ((option->flags & WN_OPTION_PER_DOMAIN) != 0)
        g_string_append(out, ", per domain");
    g_string_append(out, ")\n");
    g_string_append_printf(out, "    %s\n", option->help);
    if (option->choices != NULL) {
        g_autofree char *choices = g_strjoinv(" | ", option->choices);

        g_string_append_printf(out, "    one of: %s\n", choices);
    }
    if ((option->flags & WN_OPTION_REQUIRED) != 0)
        g_string_append(out, "    required\n");
    else
        g_string_append_printf(out, "    default: %s\n",
            option->fallback[0] != '\0' ? option->fallback : "(empty)");
}

static void
print_docs(const WnPluginInfo *info, GString *out)
{
    g_string_append_printf(out, "%s %s - %s\n%s plugin by %s, %s\n\n",
        info->name, info->version, info->summary, kind_name(info), info->author,
        info->license);
    if (info->options->len == 0)
        g_string_append(out, "It has no options.\n");
    for (guint i = 0; i < info->options->len; i++)
        print_option(info, &g_array_index(info->options, WnOptionSpec, i), out);
}

static void
print_docs_json(const WnPluginInfo *info, GString *out)
{
    WnJson json;

    wn_json_init(&json, out);
    wn_json_open_object(&json, NULL);
    wn_json_str(&json, "plugin", info->name);
    wn_json_str(&json, "kind", kind_name(info));
    wn_json_str(&json, "version", info->version);
    wn_json_str(&json, "summary", info->summary);
    wn_json_str(&json, "author", info->author);
    wn_json_str(&json, "license", info->license);
    wn_json_str(&json, "path", info->path);
    wn_json_open_list(&json, "options");
    for (guint i = 0; i < info->options->len; i++) {
        const WnOptionSpec *option = &g_array_index(info->options, WnOptionSpec,
            i);

        wn_json_open_object(&json, NULL);
        wn_json_str(&json, "name", option->name);
        wn_json_str(&json, "type", wn_option_kind_name(option->kind));
        wn_json_str(&json, "help", option->help);
        wn_json_str(&json, "default", option->fallback);
        wn_json_bool(&json, "per_domain",
            (option->flags & WN_OPTION_PER_DOMAIN) != 0);
        wn_json_bool(&json, "required",
            (option->flags & WN_OPTION_REQUIRED) != 0);
        wn_json_close_object(&json);
    }
    wn_json_close_list(&json);
    wn_json_close_object(&json);
    g_string_append_c(out, '\n');
}

static WnExit
show_plugin(const WnCtl *ctl, const WnConfig *config, const char *name,
    bool docs_only)
{
    g_autoptr(WnLoader) loader = wn_loader_new(config->plugins);
    g_autoptr(GError) error = NULL;
    const WnModule *module = wn_loader_get(loader, name, &error);
    g_autoptr(GString) out = g_string_new(NULL);
    Listing listing = { .json = false, .out = out };

    if (module == NULL) {
        fprintf(stderr, "winnowctl: %s\n", error->message);
        return WN_EXIT_NO;
    }
    if (ctl->json) {
        print_docs_json(module->info, out);
    } else {
        if (!docs_only) {
            print_info(&listing, config, module->info);
            g_string_append_printf(out, "%s\n\n", module->info->path);
        }
        print_docs(module->info, out);
    }
    fputs(out->str, stdout);
    return WN_EXIT_OK;
}

WnExit
ctl_plugin(WnCtl *ctl)
{
    g_autoptr(WnConfig) config = NULL;
    const char *what = ctl->words->len > 0 ? ctl->words->pdata[0] : "";
    bool list = strcmp(what, "list") == 0 && ctl->words->len == 1;
    bool show = strcmp(what, "show") == 0 && ctl->words->len == 2;
    bool docs = strcmp(what, "docs") == 0 && ctl->words->len == 2;

    if (!list && !show && !docs) {
        fputs("usage: winnowctl plugin list | show P | docs P\n", stderr);
        return WN_EXIT_USAGE;
    }
    config = ctl_read_config(ctl);
    if (config == NULL)
        return WN_EXIT_NO;
    if (list)
        return list_plugins(ctl, config);
    return show_plugin(ctl, config, ctl->words->pdata[1], docs);
}
