/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Where a plugin's compile() writes its blob: a file, through a buffer.  What
 * it writes is bounded, and what it writes over must have been written.
 */

#include "core/plugin/sdk.h"

#include <glib.h>
#include <stdbool.h>

typedef struct WnBlobSink {
    WnSink sdk; /* first: what the plugin holds */
    int fd;
    uint64_t base;      /* the payload's place in the file */
    uint64_t flushed;   /* bytes of the payload that are in the file */
    GByteArray *buffer; /* those behind them */
    uint64_t max;
    const char *fault; /* NULL: all is well */
} WnBlobSink;

void wn_blob_sink_init(WnBlobSink *self, int fd, uint64_t base, uint64_t max);
void wn_blob_sink_clear(WnBlobSink *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(WnBlobSink, wn_blob_sink_clear)

/* Writes what is left in the buffer.  NULL: everything is in the file; else
 * what went wrong, also if compile() has not looked at it. */
const char *wn_blob_sink_finish(WnBlobSink *self);
