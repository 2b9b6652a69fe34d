/* SPDX-License-Identifier: MIT */

/* winnowctl plugin: what is in the plugin folder, and what it declares. */

#include "core/programs/ctl/ctl.h"

#include "core/base/json.h"
#include "core/plugin/loader.h"
#include "core/plugin/module.h"
#include "core/programs/ctl/plugin_docs.h"
#include "core/programs/ctl/plugin_live.h"
#include "core/programs/ctl/plugin_new.h"
#include "core/programs/ctl/plugin_use.h"

#include <stdio.h>

typedef struct Listing {
    bool json;
    GString *out;
    const CtlPluginLive *live; /* NULL: no daemon runs */
    const CtlPluginUse *use;
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

/* The filters of the configuration that use a plugin. */
static GPtrArray *
instances_of(const WnConfig *config, const WnPluginInfo *info)
{
    GPtrArray *names = g_ptr_array_new();

    for (guint i = 0; i < config->filters->len; i++) {
        const WnFilterConfig *filter = config->filters->pdata[i];
        const char *used = info->kind == WN_PLUGIN_FILTER ? filter->plugin
                                                          : filter->action;

        if (g_strcmp0(used, info->name) == 0)
            g_ptr_array_add(names, filter->name);
    }
    g_ptr_array_add(names, NULL);
    return names;
}

static void
print_counts(const Listing *listing, const char *filter)
{
    CtlFilterCounts counts = ctl_plugin_live_get(listing->live, filter);

    g_string_append_printf(listing->out,
        "    %-20s %" G_GINT64_FORMAT " calls, %.3f s, %.3f ms each, "
        "%" G_GINT64_FORMAT " crashes%s\n",
        filter, counts.calls, counts.seconds,
        counts.calls > 0 ? counts.seconds * 1000 / (double)counts.calls : 0.0,
        counts.faults, counts.off ? ", SWITCHED OFF until reload" : "");
}

/* "phrase, subject in 3 domains"; "-": nobody does. */
static char *
used_by(const Listing *listing, const WnPluginInfo *info,
    const GPtrArray *instances)
{
    GString *out = g_string_new(NULL);
    g_autofree char *names = g_strjoinv(", ", (char **)instances->pdata);
    unsigned n = ctl_plugin_use_domains(listing->use, info);

    g_string_append(out, names);
    if (n > 0)
        g_string_append_printf(out, "%s%u domain%s", out->len > 0 ? " in " : "",
            n, n == 1 ? "" : "s");
    if (out->len == 0)
        g_string_append_c(out, '-');
    return g_string_free(out, FALSE);
}

static void
print_info_text(const Listing *listing, const WnPluginInfo *info,
    const GPtrArray *instances)
{
    g_autofree char *names = used_by(listing, info, instances);

    g_string_append_printf(listing->out,
        "%-16s %-7s %-9s ABI %u.%u  used by: %s\n    %s\n", info->name,
        ctl_plugin_kind(info), info->version, (unsigned)WN_ABI_MAJOR,
        info->abi_minor, names, info->path);
    if (listing->live == NULL)
        return;
    if (info->kind == WN_PLUGIN_ACTION) {
        print_counts(listing, info->name);
        return;
    }
    for (guint i = 0; i + 1 < instances->len; i++)
        print_counts(listing, instances->pdata[i]);
}

static void
json_counts(const Listing *listing, const char *filter, WnJson *json)
{
    CtlFilterCounts counts;

    if (listing->live == NULL)
        return;
    counts = ctl_plugin_live_get(listing->live, filter);
    wn_json_int(json, "calls", counts.calls);
    wn_json_int(json, "microseconds", (int64_t)(counts.seconds * 1e6));
    wn_json_int(json, "crashes", counts.faults);
    wn_json_bool(json, "switched_off", counts.off);
}

/* An action is counted as one, whichever filters ask for it. */
static void
json_instances(const Listing *listing, const WnPluginInfo *info,
    const GPtrArray *instances, WnJson *json)
{
    bool filters = info->kind == WN_PLUGIN_FILTER;

    wn_json_open_list(json, "instances");
    for (guint i = 0; i + 1 < instances->len; i++) {
        wn_json_open_object(json, NULL);
        wn_json_str(json, "filter", instances->pdata[i]);
        if (filters)
            json_counts(listing, instances->pdata[i], json);
        wn_json_close_object(json);
    }
    wn_json_close_list(json);
    if (!filters)
        json_counts(listing, info->name, json);
}

static void
print_info(const Listing *listing, const WnConfig *config,
    const WnPluginInfo *info)
{
    g_autoptr(GPtrArray) instances = instances_of(config, info);
    g_autofree char *names = g_strjoinv(", ", (char **)instances->pdata);
    WnJson json;

    if (!listing->json) {
        print_info_text(listing, info, instances);
        return;
    }
    wn_json_init(&json, listing->out);
    wn_json_open_object(&json, NULL);
    wn_json_str(&json, "plugin", info->name);
    wn_json_str(&json, "state", "loaded");
    wn_json_str(&json, "kind", ctl_plugin_kind(info));
    wn_json_str(&json, "version", info->version);
    wn_json_int(&json, "abi_major", WN_ABI_MAJOR);
    wn_json_int(&json, "abi_minor", info->abi_minor);
    wn_json_str(&json, "path", info->path);
    wn_json_str(&json, "summary", info->summary);
    wn_json_str(&json, "used_by", names);
    wn_json_int(&json, "domains", ctl_plugin_use_domains(listing->use, info));
    json_instances(listing, info, instances, &json);
    wn_json_close_object(&json);
    g_string_append_c(listing->out, '\n');
}

static WnExit
list_plugins(const WnCtl *ctl, const WnConfig *config)
{
    g_autoptr(WnLoader) loader = ctl_loader_new(ctl, config);
    g_autoptr(CtlPluginLive) live = ctl_plugin_live_new(config);
    g_autoptr(GString) out = g_string_new(NULL);
    g_autoptr(CtlPluginUse) use = ctl_plugin_use_new(config);
    Listing listing = { .json = ctl->json,
        .out = out,
        .live = live,
        .use = use };
    g_autoptr(WnCatalogue)
        catalogue = wn_loader_catalogue(loader, print_refused, &listing);

    for (unsigned i = 0; i < wn_catalogue_count(catalogue); i++)
        print_info(&listing, config, wn_catalogue_get(catalogue, i));
    fputs(out->str, stdout);
    return listing.n_refused > 0 ? WN_EXIT_NO : WN_EXIT_OK;
}

typedef enum { SHOW_ALL, SHOW_DOCS, SHOW_MARKDOWN } Show;

static WnExit
show_plugin(const WnCtl *ctl, const WnConfig *config, const char *name,
    Show show)
{
    g_autoptr(WnLoader) loader = ctl_loader_new(ctl, config);
    g_autoptr(CtlPluginLive) live = ctl_plugin_live_new(config);
    g_autoptr(GError) error = NULL;
    const WnModule *module = wn_loader_get(loader, name, &error);
    g_autoptr(GString) out = g_string_new(NULL);
    g_autoptr(CtlPluginUse) use = ctl_plugin_use_new(config);
    Listing listing = { .json = false, .out = out, .live = live, .use = use };

    if (module == NULL) {
        fprintf(stderr, "winnowctl: %s\n", error->message);
        return WN_EXIT_NO;
    }
    if (show == SHOW_MARKDOWN) {
        ctl_plugin_docs_markdown(module->info, out);
    } else if (ctl->json) {
        ctl_plugin_docs_json(module->info, out);
    } else {
        if (show == SHOW_ALL) {
            print_info(&listing, config, module->info);
            g_string_append_c(out, '\n');
        }
        ctl_plugin_docs(module->info, out);
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
    bool markdown = strcmp(what, "docs") == 0
                    && ctl_take_flag(ctl, "--markdown");
    bool docs = strcmp(what, "docs") == 0 && ctl->words->len == 2;

    if (strcmp(what, "new") == 0)
        return ctl_plugin_new(ctl);
    if (!list && !show && !docs) {
        fputs("usage: winnowctl plugin list | show P | docs P [--markdown]\n"
              "       winnowctl plugin new NAME [--action] DIR\n",
            stderr);
        return WN_EXIT_USAGE;
    }
    config = ctl_read_config(ctl);
    if (config == NULL)
        return WN_EXIT_NO;
    if (list)
        return list_plugins(ctl, config);
    return show_plugin(ctl, config, ctl->words->pdata[1],
        show       ? SHOW_ALL
        : markdown ? SHOW_MARKDOWN
                   : SHOW_DOCS);
}
