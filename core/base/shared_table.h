/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * 64-bit values under keys, seen by all processes of the relay at once: how
 * much each network has sent, who has called before.
 *
 *    set of 256 bytes:  lock | number of writes | six entries
 *    entry:             128 bits of fingerprint | value | expiry, write | check
 *
 * A sealed memory file.  A key belongs to one set, by its keyed fingerprint,
 * so nobody outside can choose keys that meet in one place.  Where a set is
 * full the entry written longest ago gives way.  WN_SHARED_TABLE_SETS sets
 * hold 1.5 million values in 64 MiB, of which only what is used takes memory.
 *
 * A set is locked for the hundred nanoseconds that its six entries are looked
 * through.  The lock holds the moment it was taken, and is taken away from
 * whoever holds it for WN_SHARED_TABLE_STALE_MS: that process was killed, or
 * stopped in the middle.  What it left half written, or writes when it wakes
 * up, does not fit its check and counts as not there.
 *
 * Times are those of the wall clock, so that they hold after a restart.
 */

#include "core/base/span.h"

#include <glib.h>

#define WN_SHARED_TABLE_SETS (1u << 18)
#define WN_SHARED_TABLE_WAYS 6
#define WN_SHARED_TABLE_KEY_MAX 1024
#define WN_SHARED_TABLE_NAME_MAX 128
#define WN_SHARED_TABLE_STALE_MS 250

typedef struct WnSharedTable WnSharedTable;

/* A new region's descriptor, or -1 with errno.  n_sets is a power of 2. */
int wn_shared_table_create(unsigned n_sets);

/* Maps the region, which stays the caller's; -1 makes a private one.  NULL if
 * fd is no region. */
WnSharedTable *wn_shared_table_new(int fd);
void wn_shared_table_free(WnSharedTable *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnSharedTable, wn_shared_table_free)

/* The value of the key among those of name; 0: there is none.  Name and key
 * are at most as long as the limits above. */
uint64_t wn_shared_table_load(const WnSharedTable *self, WnSpan name,
    WnSpan key);

/* Writes value, to be forgotten after ttl_s seconds (not 0), if it still is
 * expected (0: there is none).  A value of 0 forgets it now.  False: it was
 * another. */
bool wn_shared_table_replace(WnSharedTable *self, WnSpan name, WnSpan key,
    uint64_t expected, uint64_t value, uint32_t ttl_s);

/* To and from a file, over a restart of the process that made the region.
 * Restoring comes before anybody else maps it; from a file that does not check
 * nothing is taken. */
bool wn_shared_table_save(const WnSharedTable *self, const char *path,
    GError **error);
bool wn_shared_table_restore(WnSharedTable *self, const char *path,
    GError **error);
