/* SPDX-License-Identifier: MIT */
#include "core/conf/chain_base.h"

#include <string.h>

#include "core/conf/setting.h"

static void
option_clear(void *data)
{
    WnChainOption *option = data;

    g_free((void *)(uintptr_t)option->key);
    g_free((void *)(uintptr_t)option->value);
}

void
wn_chain_base_free(void *data)
{
    WnChainBase *base = data;

    g_array_unref(base->options);
    g_ptr_array_unref(base->missing);
    g_free(base->group);
    g_free(base);
}

bool
wn_chain_is_given(const GPtrArray *settings, const char *key)
{
    for (unsigned i = 0; settings != NULL && i < settings->len; i++) {
        const WnSetting *setting = g_ptr_array_index(settings, i);

        if (strcmp(setting->key, key) == 0)
            return true;
    }
    return false;
}

static void
find_missing(WnChainBase *base)
{
    const GArray *options = base->plugin->options;

    for (unsigned i = 0; i < options->len; i++) {
        const WnOptionSpec *spec = &g_array_index(options, WnOptionSpec, i);

        if ((spec->flags & WN_OPTION_REQUIRED) != 0
            && !wn_chain_is_given(base->config->settings, spec->name))
            g_ptr_array_add(base->missing, spec->name);
    }
}

static void
collect_options(WnChainBase *base)
{
    WnSettingCheck check = { .plugin = base->plugin, .action = base->action };
    const GPtrArray *settings = base->config->settings;

    for (unsigned i = 0; i < settings->len; i++) {
        const WnSetting *setting = g_ptr_array_index(settings, i);
        const WnOptionSpec *spec = wn_setting_spec(&check, setting->key);
        WnChainOption option;

        /* What is not known, wn_config_check_filters() has reported. */
        if (spec == NULL || !g_str_has_prefix(setting->key, WN_ACTION_PREFIX))
            continue;
        option.key = g_strdup(setting->key);
        option.value = wn_setting_text(setting, spec);
        g_array_append_val(base->options, option);
    }
}

const WnPluginInfo *
wn_chain_find_plugin(const WnCatalogue *catalogue, const char *name,
    WnPluginKind kind)
{
    const WnPluginInfo *info = name != NULL ? wn_catalogue_find(catalogue, name)
                                            : NULL;

    return info != NULL && info->kind == kind ? info : NULL;
}

WnChainBase *
wn_chain_base_new(const WnFilterConfig *config, const WnCatalogue *catalogue)
{
    WnChainBase *base = g_new0(WnChainBase, 1);

    base->config = config;
    base->plugin = wn_chain_find_plugin(catalogue, config->plugin,
        WN_PLUGIN_FILTER);
    base->action = wn_chain_find_plugin(catalogue, config->action,
        WN_PLUGIN_ACTION);
    base->group = g_strconcat("filter ", config->name, NULL);
    base->missing = g_ptr_array_new();
    base->options = g_array_new(FALSE, FALSE, sizeof(WnChainOption));
    g_array_set_clear_func(base->options, option_clear);
    if (base->plugin != NULL)
        find_missing(base);
    collect_options(base);
    return base;
}
