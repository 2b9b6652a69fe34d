/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Domains in their two forms: U-labels are what people write, A-labels what is
 * looked up and compared (RFC 5890).
 */

#include "core/base/span.h"

#define WN_IDNA_MAX 255

/* The domain in lower case and A-labels, without a dot at its end; an ASCII
 * name is only put in lower case.  False: it has no such form, or too long a
 * one. */
bool wn_domain_to_ascii(WnSpan domain, char out[WN_IDNA_MAX + 1]);
