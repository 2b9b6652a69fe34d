/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Private to winnowctl domain: where one value of a domain comes from, as
 * "domains.d/example.com.conf:7", "conf.d/50-geoip.conf:3", "winnow.conf:12",
 * "database:domain_filter/example.com/rbl (revision 1234)" or "default".
 */

#include "core/programs/ctl/settings.h"

typedef struct CtlOrigins CtlOrigins;

/* settings is borrowed until free. */
CtlOrigins *ctl_origins_new(const CtlSettings *settings);
void ctl_origins_free(CtlOrigins *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CtlOrigins, ctl_origins_free)

/* All results are the caller's (transfer full). */

/* Of a key of [domain].  is_default: its value is what holds if nobody says
 * anything. */
char *ctl_origin_domain(CtlOrigins *self, const WnDomainSetting *domain,
    const char *key, bool is_default);

/* Of a limit that winnow.conf has for domains that say nothing. */
char *ctl_origin_server(CtlOrigins *self, const char *group, const char *key);

/* Of enabled, position, action, on_match or on_error of a filter. */
char *ctl_origin_filter(CtlOrigins *self, const WnDomainSetting *domain,
    const char *filter, const char *key);

/* Of an option, whoever has set it; NULL: nobody has. */
char *ctl_origin_option(const WnSetting *setting);

/* What the domain says of the filter, or NULL. */
const WnFilterSetting *ctl_origin_filter_setting(const WnDomainSetting *domain,
    const char *filter);
