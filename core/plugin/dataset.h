/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Data sets of plugins: which blobs a configuration needs, how their files are
 * called, and the plugin's functions that make them.  What compiles and
 * publishes them is core/sync/dataset.h; hooks see them through host->data.
 *
 * There is one blob for each distinct list of files: instances and domains
 * that name the same files share it.
 */

#include "core/conf/domain_file.h"
#include "core/conf/problem.h"
#include "core/conf/snapshot.h"
#include "core/plugin/loader.h"
#include "core/plugin/sdk.h"
#include "core/plugin/settings.h"

#define WN_DATASET_COLUMNS_MAX 16

unsigned wn_dataset_count(const WnModule *module);
/* The plugin's declaration, in a struct of this host's size. */
const WnDataset *wn_dataset_get(const WnModule *module, unsigned n);
/* -1: the plugin has none of that name. */
int wn_dataset_find(const WnModule *module, const char *name);
unsigned wn_dataset_n_columns(const WnDataset *dataset);

/* The files that the settings name for a data set (NULL-terminated, transfer
 * full; empty without an option of its name). */
char **wn_dataset_paths(const WnModule *module, unsigned n,
    const WnSettings *settings);
/* The name of the blob's file (transfer full). */
char *wn_dataset_blob_name(const WnModule *module, unsigned n,
    const char *const *paths);

/* The plugin's own functions; what they say of a failure is one clean line. */
char *wn_dataset_refusal(const WnDataset *dataset,
    const WnStr *fields); /* NULL: the row can be used (transfer full) */
bool wn_dataset_compile(const WnDataset *dataset, WnRows *rows, WnSink *sink,
    GError **error);
bool wn_dataset_check(const WnDataset *dataset, WnSpan payload, GError **error);

/* One blob that is needed, and the key that asks for it. */
typedef struct WnBlobNeed {
    char *name; /* of its file */
    const WnModule *module;
    unsigned index; /* of the data set */
    char **paths;   /* absolute, NULL-terminated */
    char *file;     /* the place of the key; NULL, 0: not known */
    unsigned line;
    char *group;
} WnBlobNeed;

WnPlace wn_blob_need_place(const WnBlobNeed *self);

/* Collects what is needed. */
typedef struct WnBlobNeeds WnBlobNeeds;

/* config and loader are borrowed until free. */
WnBlobNeeds *wn_blob_needs_new(const WnConfig *config, WnLoader *loader);
void wn_blob_needs_free(WnBlobNeeds *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnBlobNeeds, wn_blob_needs_free)

/* Remembers where the domain names files, for places. */
void wn_blob_needs_note_domain(WnBlobNeeds *self,
    const WnDomainSetting *domain);
/* Adds what conf.d's enabled filters and the chains of the snapshot need. */
void wn_blob_needs_add(WnBlobNeeds *self, WnSnapshot *snapshot);

unsigned wn_blob_needs_count(const WnBlobNeeds *self);
const WnBlobNeed *wn_blob_needs_get(const WnBlobNeeds *self, unsigned n);
