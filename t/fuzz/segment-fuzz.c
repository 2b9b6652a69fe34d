/* SPDX-License-Identifier: MIT */

/*
 * Recovery of a segment from any bytes: always ends, moves forward, hands out
 * only records whose CRC is right, and finds the same records whatever is known
 * to be durable.
 */

#include "core/base/crc32c.h"
#include "core/base/fd.h"
#include "core/journal/make.h"
#include "core/journal/segment.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool holds)
{
    if (!holds)
        abort();
}

/* How many records are found; each is verified a second time. */
static unsigned
scan(int fd, uint64_t size, uint64_t durable, bool check_body)
{
    g_autoptr(GByteArray) envelope = g_byte_array_new();
    uint64_t offset = WN_SEGMENT_HEADER_LEN;
    unsigned n = 0;

    for (;;) {
        WnRecordHeader header;
        uint64_t before = offset;
        WnScanStatus status = wn_segment_scan(fd, &offset, durable, check_body,
            &header, envelope);

        check(offset >= before);
        switch (status) {
        case WN_SCAN_RECORD:
            check(offset <= size);
            check(offset == header.offset + wn_record_len(&header));
            check(envelope->len == header.envelope_len);
            check(!check_body
                  || wn_segment_body_is_intact(fd, &header,
                      wn_span(envelope->data, envelope->len)));
            n++;
            break;
        case WN_SCAN_DAMAGED:
            check(offset > before);
            break;
        case WN_SCAN_SEAL:
        case WN_SCAN_TAIL:
        case WN_SCAN_ERROR:
            return n;
        }
    }
}

static void
put_u64(uint8_t *out, uint64_t value)
{
    value = GUINT64_TO_LE(value);
    memcpy(out, &value, sizeof value);
}

/* Makes right the CRC that stands in 64 bytes as if it were zero. */
static void
repair_crc(uint8_t *bytes, size_t at, size_t covered)
{
    uint32_t crc;

    memset(bytes + at, 0, sizeof crc);
    crc = GUINT32_TO_LE(wn_crc32c(0, wn_span(bytes, covered)));
    memcpy(bytes + at, &crc, sizeof crc);
}

/* Without help no input would get past the CRCs: gives what begins like a
 * record its place, the secret and a right header CRC (see record.h). */
static void
repair(uint8_t *bytes, size_t size)
{
    const uint64_t secret = 7;

    if (size < WN_SEGMENT_HEADER_LEN)
        return;
    memcpy(bytes, WN_SEGMENT_MAGIC, strlen(WN_SEGMENT_MAGIC));
    put_u64(bytes + 8, secret);
    repair_crc(bytes, WN_SEGMENT_HEADER_LEN - 4, WN_SEGMENT_HEADER_LEN - 4);
    for (size_t at = WN_SEGMENT_HEADER_LEN; at + WN_RECORD_HEADER_LEN <= size;
         at += 8) {
        if (memcmp(bytes + at, "WNR1", 4) != 0)
            continue;
        put_u64(bytes + at + 48, secret);
        put_u64(bytes + at + 56, at);
        repair_crc(bytes + at, 40, WN_RECORD_HEADER_LEN);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    wn_autofd fd = memfd_create("segment", MFD_CLOEXEC);
    g_autofree uint8_t *bytes = g_memdup2(data, size);
    unsigned n_checked;

    if (size > 0 && data[size - 1] % 8 != 0)
        repair(bytes, size);
    check(fd >= 0 && wn_fd_pwrite_all(fd, wn_span(bytes, size), 0));
    n_checked = scan(fd, size, UINT64_MAX, true);
    check(scan(fd, size, UINT64_MAX, false) >= n_checked);
    check(scan(fd, size, size, true) >= n_checked);
    check(lseek(fd, 0, SEEK_CUR) == 0);
    return 0;
}
