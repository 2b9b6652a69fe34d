/* SPDX-License-Identifier: MIT */
#pragma once

/* One domain of the mirror as bytes; for mirror.c alone. */

#include "core/base/wire.h"
#include "core/conf/domain_file.h"

void wn_mirror_encode(WnWriter *writer, const WnDomainSetting *domain,
    const GPtrArray *faults);

/* Never NULL: bytes that cannot be a domain give a faulty one, with that as
 * its problem.  problems is nullable. */
WnDomainSetting *wn_mirror_decode(const char *name, WnSpan bytes,
    WnProblems *problems);

/* Whether the domain that these bytes are of is enabled. */
bool wn_mirror_is_enabled(WnSpan bytes);

/* Reports "TABLE/KEY: what is wrong". */
void wn_mirror_report(WnProblems *problems, const char *fault);
