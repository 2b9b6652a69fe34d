/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * One compiled data set as an immutable, mapped file:
 * state/snapshots/GENERATION/data/PLUGIN.DATASET.HASH, where HASH stands for
 * the list files it is made of.  Compiled in winnow-check, used by
 * winnow-filter and winnowctl explain.
 *
 * The header bears a fingerprint of everything that went into the blob: if it
 * is the same, so is the blob, and the file of an earlier generation serves
 * (a hard link to it).  Opening verifies header, length and checksum once; a
 * file that fails is refused.
 */

#include "core/base/span.h"

#include <glib.h>
#include <sys/types.h>

#define WN_BLOB_MAX (INT64_C(4) << 30)     /* bytes of a payload */
#define WN_BLOB_REPORT_MAX (1024u * 1024u) /* bytes of a report */

typedef struct WnFingerprint {
    uint8_t bytes[32];
} WnFingerprint;

/* What a blob is, besides its bytes. */
typedef struct WnBlobInfo {
    uint32_t format;
    uint64_t rows;
    uint64_t generation; /* that it was compiled for */
    int64_t built;       /* Unix time */
    WnFingerprint fingerprint;
} WnBlobInfo;

typedef struct WnBlobFile WnBlobFile;

/* NULL with error if it cannot be opened or does not check. */
WnBlobFile *wn_blob_open(const char *path, GError **error);
/* The same of a descriptor, which stays the caller's; shown is for errors. */
WnBlobFile *wn_blob_open_fd(int fd, const char *shown, GError **error);
WnBlobFile *wn_blob_ref(WnBlobFile *self);
void wn_blob_unref(WnBlobFile *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnBlobFile, wn_blob_unref)

const WnBlobInfo *wn_blob_info(const WnBlobFile *self);
WnSpan wn_blob_payload(const WnBlobFile *self); /* aligned to 64 */
/* Rows that were left out, one a line: "LINE<tab>FILE<tab>reason"; line 0
 * stands for the whole file. */
WnSpan wn_blob_report(const WnBlobFile *self);
/* Is this the file (as fstat() has it)? */
bool wn_blob_is_file(const WnBlobFile *self, dev_t device, ino_t inode);

/* The fingerprint in a file's header, without a look at the rest.  False: it
 * has none. */
bool wn_blob_read_fingerprint(const char *path, WnFingerprint *out_fingerprint);

/* Makes a blob of a file whose payload has been written at
 * wn_blob_payload_offset(): puts report and header before it. */
bool wn_blob_seal(int fd, const WnBlobInfo *info, WnSpan report,
    const char *shown, GError **error);
