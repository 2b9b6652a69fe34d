/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The blobs of one snapshot, by name.  Each is opened when it is first asked
 * for and stays open, so that all who hold the snapshot see the same one.
 *
 * One that cannot be used is logged once, and that of the nearest earlier
 * generation serves in its place; where the generation itself has been removed
 * meanwhile, that of the nearest later one.
 */

#include "core/conf/blob.h"

typedef struct WnBlobShelf WnBlobShelf;

/* snapshots is the folder of the generations; NULL: there are only those that
 * are put here. */
WnBlobShelf *wn_blob_shelf_new(const char *snapshots, uint64_t generation);
void wn_blob_shelf_free(WnBlobShelf *self);

/* Borrowed until the shelf is freed; NULL: there is none of that name. */
WnBlobFile *wn_blob_shelf_get(WnBlobShelf *self, const char *name);

/* Puts a blob here under that name. */
void wn_blob_shelf_put(WnBlobShelf *self, const char *name,
    WnBlobFile *take_blob);

/* Adds all that are open here to the set, of WnBlobFile, each once. */
void wn_blob_shelf_collect(const WnBlobShelf *self, GHashTable *set);

/* From now on a file that the other shelf has open is not opened and verified
 * again.  The other one may be freed. */
void wn_blob_shelf_learn(WnBlobShelf *self, const WnBlobShelf *other);
