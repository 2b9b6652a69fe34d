/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Counts how often each filter has brought down its process, and says when one
 * is to be switched off: at the fifth time within a minute.
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define WN_QUARANTINE_FAULTS 5
#define WN_QUARANTINE_WINDOW_MS (60 * 1000)

typedef struct WnQuarantine WnQuarantine;

WnQuarantine *wn_quarantine_new(void);
void wn_quarantine_free(WnQuarantine *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnQuarantine, wn_quarantine_free)

/* True once for each filter: switch it off now. */
bool wn_quarantine_note(WnQuarantine *self, const char *filter, int64_t now_ms);
bool wn_quarantine_holds(const WnQuarantine *self, const char *filter);
