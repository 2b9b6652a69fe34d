/* SPDX-License-Identifier: MIT */

/*
 * Reads any bytes as a history and as a line of the log.  What is found in the
 * ring is what was appended; the rest is passed over, whatever it is.
 */

#include "core/base/fd.h"
#include "core/base/history.h"
#include "core/base/history_format.h"
#include "core/base/log_line.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define LAST "the line that was appended last"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool holds)
{
    if (!holds)
        abort();
}

/* A file of the least size with these bytes at the end of its ring, and a head
 * that stands behind them. */
static int
make_file(WnSpan bytes)
{
    int fd = memfd_create("history", MFD_CLOEXEC);
    uint64_t ring_len = (uint64_t)WN_HISTORY_SIZE_MIN - WN_HISTORY_HEADER_LEN;
    WnHistoryHeader header = { .version = 1, .ring_len = ring_len };

    memcpy(header.magic, "WNHIST\r\n", sizeof header.magic);
    header.crc = wn_history_header_crc(&header);
    atomic_store(&header.head, ring_len + bytes.len % 64);
    check(fd >= 0 && ftruncate(fd, WN_HISTORY_SIZE_MIN) == 0);
    check(wn_fd_pwrite_all(fd, wn_span(&header, sizeof header), 0));
    check(
        wn_fd_pwrite_all(fd, bytes, (uint64_t)WN_HISTORY_SIZE_MIN - bytes.len));
    return fd;
}

static void
read_ring(WnSpan bytes)
{
    wn_autofd fd = make_file(bytes);
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", fd);
    g_autoptr(WnHistory) history = wn_history_new(fd);
    g_autoptr(WnHistoryReader) reader = NULL;
    uint64_t sum = 0;
    bool found = false;
    WnSpan line;

    check(history != NULL && wn_history_append(history, WN_SPAN(LAST)));
    reader = wn_history_reader_new(path, NULL);
    check(reader != NULL);
    while (wn_history_reader_next(reader, &line)) {
        check(line.len > 0 && line.len <= WN_HISTORY_LINE_MAX);
        sum += wn_history_record_len((uint32_t)line.len);
        found = wn_span_eq(line, WN_SPAN(LAST));
    }
    check(found && sum < (uint64_t)WN_HISTORY_SIZE_MIN);
}

static void
read_line(WnSpan text)
{
    g_autoptr(WnLogLine) line = wn_log_line_parse(text);
    const GArray *fields;

    if (line == NULL)
        return;
    fields = wn_log_line_fields(line);
    check(fields->len >= 2 && fields->len <= WN_LOG_LINE_FIELDS_MAX);
    check(wn_log_line_get(line, "time") != NULL);
    for (guint i = 0; i < fields->len; i++) {
        const WnLogField *field = &g_array_index(fields, WnLogField, i);

        check(field->key[0] != '\0');
        check(wn_log_line_get(line, field->key) != NULL);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    WnSpan bytes = wn_span(data, MIN(size, 64 * 1024));

    read_line(bytes);
    read_ring(bytes);
    return 0;
}
