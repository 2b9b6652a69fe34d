/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Troubles that come again with every look are told in the log now and then.
 */

#include <glib.h>

/* How often each. */
#define WN_COMPLAINT_MS 60000

typedef struct WnComplaints WnComplaints;

WnComplaints *wn_complaints_new(void);
void wn_complaints_free(WnComplaints *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnComplaints, wn_complaints_free)

void wn_complain(WnComplaints *self, const char *what, const GError *error);
