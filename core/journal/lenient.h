/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Domains whose servers' permanent refusals are taken for temporary ones until
 * a time: the server was installed anew, knows nobody yet, and would have all
 * its mail returned.  Kept in the spool as "lenient", a line "DOMAIN UNIX-TIME"
 * each; ends by itself.
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct WnLenient WnLenient;

/* A file that cannot be read counts as none, and is told of in the log. */
WnLenient *wn_lenient_new(const char *spool);
void wn_lenient_free(WnLenient *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnLenient, wn_lenient_free)

/* The domain (lower case) until then (Unix time); a time that is over takes it
 * out.  False with error: it could not be kept, and nothing has changed. */
bool wn_lenient_set(WnLenient *self, const char *domain, int64_t until,
    GError **error);

/* Unix time until which it holds; 0: it does not. */
int64_t wn_lenient_until(const WnLenient *self, const char *domain);

/* Those that hold, sorted by name (transfer container). */
GPtrArray *wn_lenient_domains(const WnLenient *self);
