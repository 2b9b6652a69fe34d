/* SPDX-License-Identifier: MIT */

/*
 * Opens any bytes as a blob: refused, or report and payload lie inside.  The
 * checksums are set right first, or the fuzzer would never get past them.
 */

#include "core/base/crc32c.h"
#include "core/base/fd.h"
#include "core/conf/blob.h"
#include "core/conf/blob_format.h"

#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
repair(uint8_t *bytes, size_t size)
{
    WnBlobHeader header;

    if (size < sizeof header)
        return;
    memcpy(&header, bytes, sizeof header);
    header.crc = 0;
    header.content_crc = wn_crc32c(0,
        wn_span(bytes + sizeof header, size - sizeof header));
    header.crc = wn_crc32c(0, wn_span(&header, sizeof header));
    memcpy(bytes, &header, sizeof header);
}

static void
use_span(WnSpan span)
{
    volatile char sum = 0;

    for (size_t i = 0; i < span.len; i++)
        sum = (char)(sum ^ span.ptr[i]);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree uint8_t *bytes = g_memdup2(data, size);
    g_autoptr(WnBlobFile) blob = NULL;
    wn_autofd fd = -1;

    repair(bytes, size);
    fd = wn_fd_sealed_memory("fuzz", wn_span(bytes, size));
    blob = fd >= 0 ? wn_blob_open_fd(fd, "fuzz", NULL) : NULL;
    if (blob == NULL)
        return 0;
    use_span(wn_blob_report(blob));
    use_span(wn_blob_payload(blob));
    if (wn_blob_payload(blob).len > size || wn_blob_report(blob).len > size
        || ((uintptr_t)wn_blob_payload(blob).ptr & 63) != 0)
        abort();
    return 0;
}
