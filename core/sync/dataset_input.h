/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The files that a blob is made of, open, and their fingerprint together with
 * that of the plugin.
 */

#include "core/conf/blob.h"
#include "core/plugin/dataset.h"
#include "core/sync/row_set.h"

#include <sys/stat.h>

typedef struct WnDatasetInput WnDatasetInput;

/* NULL with error if a file cannot be opened or is no regular one. */
WnDatasetInput *wn_dataset_input_open(const WnBlobNeed *need,
    const WnConfig *config, GError **error);
void wn_dataset_input_free(WnDatasetInput *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnDatasetInput, wn_dataset_input_free)

/* Neither a file nor a row of a table. */
bool wn_dataset_input_is_empty(const WnDatasetInput *self);
const WnFingerprint *wn_dataset_input_fingerprint(const WnDatasetInput *self);

/* All rows, sorted (transfer full); NULL with error if one of the files cannot
 * be read or has changed since it was opened. */
WnRowSet *wn_dataset_input_read(WnDatasetInput *self, GError **error);
