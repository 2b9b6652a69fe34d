/* SPDX-License-Identifier: MIT */
#pragma once

/* Private to winnowctl: what a plugin declares, for people, for programs and
 * for a manual. */

#include "core/conf/catalogue.h"

const char *ctl_plugin_kind(const WnPluginInfo *info);

void ctl_plugin_docs(const WnPluginInfo *info, GString *out);
void ctl_plugin_docs_json(const WnPluginInfo *info, GString *out);
void ctl_plugin_docs_markdown(const WnPluginInfo *info, GString *out);
