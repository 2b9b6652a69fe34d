/* SPDX-License-Identifier: MIT */
#include "core/programs/ctl/plugin_use.h"

#include "core/conf/domain_file.h"
#include "core/programs/ctl/origin.h"
#include "core/sync/mirror.h"

struct CtlPluginUse {
    const WnConfig *config;
    GPtrArray *domains; /* WnDomainSetting */
};

static void
on_domain(void *user, WnDomainSetting *take_domain)
{
    g_ptr_array_add(user, take_domain);
}

CtlPluginUse *
ctl_plugin_use_new(const WnConfig *config)
{
    CtlPluginUse *self = g_new0(CtlPluginUse, 1);
    g_autoptr(WnProblems) seen = wn_problems_new();
    g_autofree char *folder = g_build_filename(config->folder, "domains.d",
        NULL);
    g_autoptr(WnMirror) mirror = NULL;

    self->config = config;
    self->domains = g_ptr_array_new_with_free_func(
        (GDestroyNotify)wn_domain_setting_free);
    if (config->source == WN_SOURCE_FILES) {
        wn_domain_files_read(folder, seen, on_domain, self->domains);
        return self;
    }
    mirror = wn_mirror_read(config->state, NULL);
    if (mirror != NULL)
        wn_mirror_each(mirror, seen, on_domain, self->domains);
    return self;
}

void
ctl_plugin_use_free(CtlPluginUse *self)
{
    if (self == NULL)
        return;
    g_ptr_array_unref(self->domains);
    g_free(self);
}

/* A list of filters is the domain's last word. */
static bool
is_enabled(const WnDomainSetting *domain, const WnFilterConfig *filter,
    const WnFilterSetting *own)
{
    if (domain->filters != NULL)
        return g_strv_contains((const char *const *)domain->filters,
            filter->name);
    return own != NULL && own->enabled >= 0 ? own->enabled > 0
                                            : filter->enabled;
}

static bool
uses(const WnDomainSetting *domain, const WnFilterConfig *filter,
    const WnPluginInfo *info)
{
    const WnFilterSetting *own = ctl_origin_filter_setting(domain,
        filter->name);
    const char *action = own != NULL && own->action != NULL ? own->action
                                                            : filter->action;

    if (!is_enabled(domain, filter, own))
        return false;
    return g_strcmp0(info->name,
               info->kind == WN_PLUGIN_FILTER ? filter->plugin : action)
           == 0;
}

unsigned
ctl_plugin_use_domains(const CtlPluginUse *self, const WnPluginInfo *info)
{
    const GPtrArray *filters = self->config->filters;
    unsigned n = 0;

    for (guint i = 0; i < self->domains->len; i++) {
        const WnDomainSetting *domain = self->domains->pdata[i];
        bool found = false;

        for (guint j = 0; j < filters->len && !found; j++)
            found = uses(domain, filters->pdata[j], info);
        n += found;
    }
    return n;
}
