/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Private to winnowctl: the settings as the daemon would use them, without a
 * daemon: made afresh from domains.d where that is the source, else the
 * snapshot that was published last.
 */

#include "core/conf/snapshot.h"
#include "core/plugin/loader.h"
#include "core/programs/ctl/ctl.h"

typedef struct CtlSettings {
    WnConfig *config;
    WnLoader *loader;
    WnCatalogue *catalogue;
    WnSnapshot *snapshot;
    uint64_t generation; /* of the published snapshot that says the same; 0:
                          * what is published, if anything, says otherwise */
    GPtrArray *domains;  /* WnDomainSetting: what the source says, with its
                          * places; NULL: not known */
} CtlSettings;

/* False after the problems were printed. */
bool ctl_settings_load(WnCtl *ctl, CtlSettings *out_settings);
void ctl_settings_clear(CtlSettings *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(CtlSettings, ctl_settings_clear)

/* What the domain's file says, or NULL. */
const WnDomainSetting *ctl_settings_domain(const CtlSettings *self,
    const char *name);
