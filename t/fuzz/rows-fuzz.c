/* SPDX-License-Identifier: MIT */

/*
 * Opens any bytes as a file of rows: refused, or as many rows as it says, in
 * order, each inside the file; and takes the same bytes for a list file.  The
 * checksums are set right first, or the fuzzer would never get past them.
 */

#include "core/base/crc32c.h"
#include "core/base/fd.h"
#include "core/conf/blob.h"
#include "core/sync/row_set.h"

#include <stdlib.h>
#include <unistd.h>

#define HEADER_LEN 64
#define LENGTH_AT 24
#define RECORDS_CRC_AT 36
#define HEADER_CRC_AT 60

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool holds)
{
    if (!holds)
        abort();
}

static void
put_u32(uint8_t *out, uint32_t value)
{
    value = GUINT32_TO_LE(value);
    memcpy(out, &value, sizeof value);
}

static void
repair(uint8_t *bytes, size_t size)
{
    if (size < HEADER_LEN)
        return;
    put_u32(bytes + LENGTH_AT, (uint32_t)(size - HEADER_LEN));
    put_u32(bytes + LENGTH_AT + 4, 0);
    put_u32(bytes + RECORDS_CRC_AT,
        wn_crc32c(0, wn_span(bytes + HEADER_LEN, size - HEADER_LEN)));
    put_u32(bytes + HEADER_CRC_AT, wn_crc32c(0, wn_span(bytes, HEADER_CRC_AT)));
}

static void
walk_table(WnRowsFile *rows, size_t size)
{
    WnSpan fields[WN_ROWS_COLUMNS_MAX], again[WN_ROWS_COLUMNS_MAX];
    size_t offset = 0;
    uint32_t n = 0;

    while (wn_rows_next(rows, &offset, fields)) {
        n++;
        for (unsigned i = 0; i < wn_rows_n_columns(rows); i++)
            check(fields[i].ptr[fields[i].len] == '\0');
        check(wn_rows_at(rows, fields[0].ptr, again));
        check(again[0].ptr == fields[0].ptr && offset <= size);
    }
    check(n == wn_rows_count(rows));
}

static void
read_as_list(int fd, size_t size, WnRowsFile *take_table)
{
    g_autoptr(WnRowSet) set = wn_row_set_new(3);
    g_autofree char *report = NULL;
    WnSpan fields[3], last = WN_SPAN_EMPTY;

    if (take_table != NULL)
        wn_row_set_take_table(set, take_table, "table");
    check(wn_row_set_read(set, fd, size, "list", NULL));
    wn_row_set_sort(set);
    for (size_t i = 0; i < wn_row_set_count(set); i++) {
        wn_row_set_fields(set, i, fields);
        check(fields[0].len > 0 && fields[0].ptr[fields[0].len] == '\0');
        check(strcmp(last.ptr, fields[0].ptr) < 0);
        last = fields[0];
    }
    report = wn_row_set_report(set);
    check(strlen(report) <= WN_BLOB_REPORT_MAX);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree uint8_t *bytes = g_memdup2(data, size);
    WnRowsFile *rows;
    wn_autofd fd = -1;

    repair(bytes, size);
    fd = wn_fd_sealed_memory("fuzz", wn_span(bytes, size));
    if (fd < 0)
        return 0;
    rows = wn_rows_open_fd(fd, "fuzz", NULL);
    if (rows != NULL)
        walk_table(rows, size);
    read_as_list(fd, size, rows);
    return 0;
}
