/* SPDX-License-Identifier: MIT */
#include "core/base/fd.h"
#include "core/base/history.h"
#include "core/base/history_format.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

/* Read at once; above the largest record. */
#define WINDOW_LEN (256 * 1024)
G_STATIC_ASSERT(WINDOW_LEN > sizeof(WnHistoryRecord) + WN_HISTORY_LINE_MAX + 8);

/* Positions are those of the writers: bytes since the beginning, of which the
 * ring holds the last ring_len. */
struct WnHistoryReader {
    int fd;
    uint64_t ring_len;
    uint64_t at;
    uint64_t end;
    uint64_t window_at;
    size_t window_len;
    char *window;
};

WnHistoryReader *
wn_history_reader_new(const char *path, GError **error)
{
    wn_autofd fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    WnHistoryReader *self;
    WnHistoryHeader header;
    struct stat st;

    if (fd < 0) {
        wn_fd_set_error(error, errno, "open", path);
        return NULL;
    }
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)
        || !wn_fd_pread_all(fd, &header, sizeof header, 0)
        || !wn_history_header_fits(&header, st.st_size)) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
            "%s: is no history", path);
        return NULL;
    }
    self = g_new0(WnHistoryReader, 1);
    self->fd = wn_fd_steal(&fd);
    self->ring_len = header.ring_len;
    self->end = atomic_load(&header.head) & ~(uint64_t)(WN_HISTORY_STEP - 1);
    self->at = self->end > self->ring_len ? self->end - self->ring_len : 0;
    self->window_at = self->at;
    self->window = g_malloc(WINDOW_LEN);
    return self;
}

void
wn_history_reader_free(WnHistoryReader *self)
{
    if (self == NULL)
        return;
    wn_fd_close(self->fd);
    g_free(self->window);
    g_free(self);
}

static bool
read_ring(const WnHistoryReader *self, uint64_t position, char *out, size_t len)
{
    uint64_t at = position % self->ring_len;
    size_t first = (size_t)MIN(len, self->ring_len - at);

    return wn_fd_pread_all(self->fd, out, first, WN_HISTORY_HEADER_LEN + at)
           && wn_fd_pread_all(self->fd, out + first, len - first,
               WN_HISTORY_HEADER_LEN);
}

/* That many bytes from at on; NULL: there are not so many, or they cannot be
 * read. */
static const char *
peek(WnHistoryReader *self, size_t len)
{
    if (self->end - self->at < len)
        return NULL;
    if (self->at - self->window_at + len > self->window_len) {
        size_t n = (size_t)MIN(WINDOW_LEN, self->end - self->at);

        self->window_len = 0;
        if (!read_ring(self, self->at, self->window, n))
            return NULL;
        self->window_at = self->at;
        self->window_len = n;
    }
    return self->window + (self->at - self->window_at);
}

static bool
is_record(const WnHistoryReader *self, const WnHistoryRecord *record)
{
    return record->magic == WN_HISTORY_RECORD_MAGIC
           && record->position == self->at && record->len > 0
           && record->len <= WN_HISTORY_LINE_MAX;
}

bool
wn_history_reader_next(WnHistoryReader *self, WnSpan *out_line)
{
    for (;;) {
        const char *bytes = peek(self, sizeof(WnHistoryRecord));
        WnHistoryRecord record;
        WnSpan line;

        if (bytes == NULL)
            return false;
        memcpy(&record, bytes, sizeof record);
        bytes = is_record(self, &record)
                    ? peek(self, wn_history_record_len(record.len))
                    : NULL;
        line = wn_span(bytes != NULL ? bytes + sizeof record : NULL,
            bytes != NULL ? record.len : 0);
        if (bytes != NULL
            && wn_history_record_crc(&record, line) == record.crc) {
            self->at += wn_history_record_len(record.len);
            *out_line = line;
            return true;
        }
        self->at += WN_HISTORY_STEP;
    }
}
