/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Makes blobs: reads list files and table rows, has the plugin check each row
 * and compile all of them, and has it check the result.  Runs in winnow-check,
 * a throw-away process, and in winnowctl explain.
 *
 *    files, table ──► fingerprint ──same──► a published blob: link, or map it
 *                          │
 *                          └─other─► rows ─► check_row ─► compile ─► check
 */

#include "core/conf/blob.h"
#include "core/plugin/dataset.h"

typedef struct WnDatasetJob {
    const WnConfig *config;
    uint64_t generation; /* that the blobs are compiled for */
    const char *folder;  /* where files of blobs go; NULL: memory files */

    /* Where a failure goes if a published blob of that name can stand in, or
     * the settings do not come from files; NULL: nothing stands in, everything
     * goes to problems. */
    WnProblems *kept;
    WnProblems *problems; /* the rest; refused rows as warnings */

    /* Told of each call into a plugin, and with NULL after it (nullable); while
     * rows are read, again and again. */
    void (*trace)(void *user, const char *plugin, const char *hook,
        uint64_t rows);
    void *trace_user;
} WnDatasetJob;

typedef enum {
    WN_DATASET_NONE,    /* nothing to make it of */
    WN_DATASET_SAME,    /* a published one has the same fingerprint */
    WN_DATASET_NEW,     /* compiled now */
    WN_DATASET_STANDIN, /* it failed, the last published one stands in */
    WN_DATASET_FAILED
} WnDatasetResult;

/* One blob (out_blob transfer full; NULL with NONE and FAILED).  Rows that were
 * refused are told with NEW, and with SAME where no folder is given. */
WnDatasetResult wn_dataset_make(const WnDatasetJob *job, const WnBlobNeed *need,
    WnBlobFile **out_blob);

/* All of them, into the folder, which is made if there is any. */
void wn_dataset_make_all(const WnDatasetJob *job, const WnBlobNeeds *needs);
