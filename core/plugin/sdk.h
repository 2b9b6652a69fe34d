/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The plugin ABI as the host includes it: without the conveniences that are
 * compiled into plugins, whose names belong to the core here.
 *
 * WnCall is only ever a handle in core/plugin: what stands behind it is a
 * WnHookCall (call.h).
 */

#define WN_NO_HELPERS
#include <winnow/plugin.h>

#include "core/base/span.h"

/* Spans with a NUL behind them only, unless the SDK says "raw". */
static inline WnStr
wn_sdk_str(WnSpan span)
{
    return (WnStr){ span.ptr, span.len };
}

static inline WnSpan
wn_sdk_span(WnStr text)
{
    return (WnSpan){ text.ptr, text.len };
}
