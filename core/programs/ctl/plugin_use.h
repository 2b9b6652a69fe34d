/* SPDX-License-Identifier: MIT */
#pragma once

/* Private to winnowctl: how many domains use a plugin, by the settings as they
 * are written: the groups of conf.d and what domains say of them. */

#include "core/conf/catalogue.h"
#include "core/conf/config.h"

typedef struct CtlPluginUse CtlPluginUse;

/* Reads the domains; config is borrowed until free. */
CtlPluginUse *ctl_plugin_use_new(const WnConfig *config);
void ctl_plugin_use_free(CtlPluginUse *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CtlPluginUse, ctl_plugin_use_free)

/* A filter that is in their chain; an action of a filter that is. */
unsigned ctl_plugin_use_domains(const CtlPluginUse *self,
    const WnPluginInfo *info);
