/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What must hold of a domain's own settings before they get into a snapshot,
 * whichever source they come from: names, servers that mail can be sent to and
 * that are not this relay itself, an egress pool that exists.
 */

#include "core/conf/domain_file.h"

typedef struct WnDomainCheck WnDomainCheck;

/* config is borrowed until free. */
WnDomainCheck *wn_domain_check_new(const WnConfig *config);
void wn_domain_check_free(WnDomainCheck *self);

/* False: problems were added.  A domain with firewall and without egress_pool
 * gets the only pool there is; control characters in reject_text become
 * spaces. */
bool wn_domain_check(const WnDomainCheck *self, WnDomainSetting *domain,
    WnProblems *problems);
