/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * How many of something each address has at this moment, summed over several
 * processes: the connections of a client at all winnow-smtp together.
 *
 *               process 0   process 1   ...
 *    192.0.2.1      2           1          -> 3
 *    192.0.2.7      -           5          -> 5
 *
 * A memory file with a column for each process.  A process writes its own
 * column only and empties it when it begins: whoever had it before is dead and
 * so are its connections.  Nobody locks; a sum is taken of what the columns
 * hold at that moment.  Two processes that count at the same time may both see
 * the sum of both, so a limit is never passed.
 *
 * A column has room for WN_SHARED_COUNTS_SLOTS addresses; one for which there
 * is no room is not counted.  Addresses stand in it as keyed fingerprints, so
 * nobody outside can choose some that meet in one place.
 */

#include "core/base/netaddr.h"

#define WN_SHARED_COUNTS_SLOTS 8192
#define WN_SHARED_COUNTS_COLUMNS_MAX 1024

typedef struct WnSharedCounts WnSharedCounts;

/* A new region's descriptor, or -1 with errno. */
int wn_shared_counts_create(unsigned n_columns);

/* Maps the region, which stays the caller's, and takes the column; -1 makes a
 * private region with one column.  NULL if fd is no region or has no such
 * column. */
WnSharedCounts *wn_shared_counts_new(int fd, unsigned column);
void wn_shared_counts_free(WnSharedCounts *self); /* empties the column */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnSharedCounts, wn_shared_counts_free)

/* Counts one more; the sum with it.  Ports are not looked at. */
uint64_t wn_shared_counts_add(WnSharedCounts *self, const WnNetaddr *address);
void wn_shared_counts_remove(WnSharedCounts *self, const WnNetaddr *address);

uint64_t wn_shared_counts_sum(const WnSharedCounts *self,
    const WnNetaddr *address);
