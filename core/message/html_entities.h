/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The character entities of HTML 4 by name, and "apos".
 */

#include "core/base/span.h"

/* name without "&" and ";"; 0 if there is none. */
uint32_t wn_html_entity(WnSpan name);
